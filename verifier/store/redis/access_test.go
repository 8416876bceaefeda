package redis_test

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/curfew-project/curfew/verifier/session"
	"github.com/curfew-project/curfew/verifier/store/redis"
	"github.com/curfew-project/curfew/verifier/store/redisconn"
	"github.com/curfew-project/curfew/verifier/store/redistest"
	"github.com/curfew-project/curfew/wasm/needs"
)

// P7: a Redis that may lose sessions is refused, and the refusal names the setting, its value and what is needed.
func TestP7_WhatRedisMustBe(t *testing.T) {
	t.Parallel()
	master := redistest.Start(t)
	for name, c := range map[string]struct {
		server     *redistest.Server
		durability redis.Durability
		want       error
		text       string
	}{
		"evicts":                  {redistest.Start(t, "--maxmemory-policy", "allkeys-lru"), "", redis.ErrEvicts, `maxmemory-policy is "allkeys-lru"; needed: noeviction`},
		"evicts, by permission":   {redistest.Start(t, "--maxmemory-policy", "volatile-ttl"), redis.DurabilityOperator, redis.ErrEvicts, `"volatile-ttl"; needed: noeviction`},
		"is read-only":            {redistest.Start(t).Replica(), "", redisconn.ErrReadOnly, `role is "slave"; needed: master`},
		"keeps nothing":           {redistest.Start(t, "--appendonly", "no"), "", redis.ErrNotDurable, `appendonly is no; needed: yes`},
		"may lose a second":       {redistest.Start(t, "--appendfsync", "everysec"), "", redis.ErrNotDurable, `appendfsync is everysec; needed: always`},
		"may lose, by permission": {redistest.Start(t, "--appendonly", "no"), redis.DurabilityOperator, nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			o := options(c.server)
			o.Durability = c.durability
			var log strings.Builder
			o.Logger = slog.New(slog.NewTextHandler(&log, nil))
			store, err := redis.Open(t.Context(), o)
			if err == nil {
				store.Close()
			}
			if !errors.Is(err, c.want) || c.want != nil && !strings.Contains(err.Error(), c.text) {
				t.Errorf("Open: %v; want %v that says %s", err, c.want, c.text)
			}
			if c.want == nil && !strings.Contains(log.String(), "redis_not_durable") {
				t.Errorf("the log does not say what Redis may lose: %s", log.String())
			}
		})
	}
	t.Run("changed later", func(t *testing.T) {
		store := open(t, options(master))
		master.Do("CONFIG", "SET", "maxmemory-policy", "allkeys-random")
		if err := store.Ready(t.Context()); !errors.Is(err, redis.ErrEvicts) {
			t.Errorf("Ready: %v", err)
		}
	})
}

// A connection that anybody on the way can read and change is told of.
func TestUnencryptedIsSaid(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	for host, want := range map[string]bool{"0.0.0.0": true, "127.0.0.1": false, "localhost": false} { // the first is no loopback, and leads there
		var log strings.Builder
		o := options(server)
		o.Redis.Addresses = []string{strings.Replace(server.Address, "127.0.0.1", host, 1)}
		o.Logger = slog.New(slog.NewTextHandler(&log, nil))
		store, err := redis.Open(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		store.Close()
		if got := strings.Contains(log.String(), "redis_not_encrypted"); got != want {
			t.Errorf("%s without TLS is told of: %t; want %t: %s", host, got, want, log.String())
		}
	}
	o := options(server)
	o.Redis.Addresses, o.Redis.TLS = []string{"redis.internal:6379"}, &redisconn.TLS{}
	if got := o.Redis.Unencrypted(); got != "" {
		t.Errorf("with TLS %q is said to be unencrypted", got)
	}
}

// P1, P7: a master with replicas must stop without them, and soon.
func TestP7_WhatAMasterWithReplicasMustBe(t *testing.T) {
	t.Parallel()
	master := redistest.Start(t)
	master.Replica()
	for _, c := range []struct {
		toWrite, maxLag string
		durability      redis.Durability
		text            string // empty: it is taken
	}{
		{"0", "2", "", "min-replicas-to-write is 0; needed: 1 or more"},
		{"1", "0", "", "min-replicas-max-lag is 0; needed: 1 to 5"},
		{"1", "10", "", "min-replicas-max-lag is 10; needed: 1 to 5"},
		{"1", "5", "", ""},
		{"0", "2", redis.DurabilityOperator, ""},
	} {
		master.Do("CONFIG", "SET", "min-replicas-to-write", c.toWrite, "min-replicas-max-lag", c.maxLag)
		needs.Until(t, "the replica to count", func() bool { return replication(master, "min_slaves_good_slaves") != "0" })
		o := options(master)
		o.Durability = c.durability
		store, err := redis.Open(t.Context(), o)
		if err == nil {
			store.Close()
		}
		if c.text == "" && err != nil || c.text != "" && (!errors.Is(err, redis.ErrNotDurable) || !strings.Contains(err.Error(), c.text)) {
			t.Errorf("min-replicas-to-write %s, min-replicas-max-lag %s, durability %q: %v; want %q", c.toWrite, c.maxLag, c.durability, err, c.text)
		}
	}
}

// The user that README describes can do all that the store needs, and no more is asked for.
func TestACLUserOfREADME(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	for _, line := range readmeACL(t) {
		if got := server.Do(strings.Fields("ACL SETUSER " + strings.TrimPrefix(line, "user "))...); got != "OK" {
			t.Fatalf("ACL SETUSER: %s", got)
		}
	}
	vouch(redis.DefaultPrefix, server)
	server.Do("ACL", "SETUSER", "default", "off")
	o := options(server)
	o.Prefix = ""
	o.Redis.Username, o.Redis.PasswordFile = "curfew", filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(o.Redis.PasswordFile, []byte("secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	store := open(t, o)
	for n := range 3 {
		create(t, store, n)
		update(t, store, n, acting(start))
	}
	update(t, store, 0, ending(start))
	for name, call := range map[string]func() error{
		"Ready":      func() error { return store.Ready(t.Context()) },
		"Secrets":    func() error { _, _, err := store.Secrets(t.Context(), numbered(1).ID, start); return err },
		"SetSecrets": func() error { _, err := store.SetSecrets(t.Context(), numbered(1).ID, "x", start); return err },
		"ByUser":     func() error { _, err := store.ByUser(t.Context(), numbered(1).User, start); return err },
		"ByProvider": func() error {
			_, err := store.ByProvider(t.Context(), "crm", "https://login.example", "sid-1", start)
			return err
		},
		"Scan":    func() error { return store.Scan(t.Context(), "", start, func(session.Session) bool { return true }) },
		"Mark":    func() error { _, _, err := store.Mark(t.Context(), session.NewKey("a"), start+1, start); return err },
		"Marked":  func() error { _, _, err := store.Marked(t.Context(), session.NewKey("a"), start); return err },
		"LastEnd": func() error { _, err := store.LastEnd(t.Context(), numbered(1).User, start); return err },
		"Count":   func() error { _, err := store.Count(t.Context(), start); return err },
	} {
		if err := call(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := store.Expire(t.Context(), start+40*minute, 9); err != nil {
		t.Errorf("Expire: %v", err)
	}
	if _, err := store.Forget(t.Context(), start+60*minute, start+60*minute); err != nil {
		t.Errorf("Forget: %v", err)
	}
	o.Redis.PasswordFile = filepath.Join(t.TempDir(), "wrong")
	if err := os.WriteFile(o.Redis.PasswordFile, []byte("wrong"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := redis.Open(t.Context(), o); !errors.Is(err, redisconn.ErrDenied) {
		t.Errorf("Open with a wrong password: %v; want ErrDenied", err)
	}
}

// readmeACL gives the lines of README that begin with "user curfew".
func readmeACL(t *testing.T) (lines []string) {
	text, err := os.ReadFile("../../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "user curfew ") {
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	if len(lines) != 1 {
		t.Fatalf("README has %d lines for Redis's ACL file; want 1", len(lines))
	}
	return lines
}

func TestTLS(t *testing.T) {
	t.Parallel()
	files, strange := redistest.NewCertificates(t), redistest.NewCertificates(t)
	server := redistest.StartTLS(t, files)
	o := options(server)
	for name, c := range map[string]struct {
		tls  *redisconn.TLS
		good bool
	}{
		"its authority and our certificate": {&redisconn.TLS{CAFile: files.CA, CertFile: files.Cert, KeyFile: files.Key}, true},
		"another name":                      {&redisconn.TLS{CAFile: files.CA, CertFile: files.Cert, KeyFile: files.Key, ServerName: "elsewhere.example"}, false},
		"another authority":                 {&redisconn.TLS{CAFile: strange.CA, CertFile: files.Cert, KeyFile: files.Key}, false},
		"no certificate":                    {&redisconn.TLS{CAFile: files.CA}, false},
		"a stranger's certificate":          {&redisconn.TLS{CAFile: files.CA, CertFile: strange.Cert, KeyFile: strange.Key}, false},
		"no TLS":                            {nil, false},
	} {
		o.Redis.TLS = c.tls
		store, err := redis.Open(t.Context(), o)
		if (err == nil) != c.good {
			t.Errorf("%s: %v; want success %t", name, err, c.good)
		}
		if err != nil {
			continue
		}
		create(t, store, 1)
		remembers(t, server, store, 1)
		store.Close()
	}
}
