package redisconn_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/curfew-project/curfew/verifier/store/redisconn"
	"github.com/curfew-project/curfew/verifier/store/redistest"
	"github.com/curfew-project/curfew/wasm/needs"
)

func open(t *testing.T, options redisconn.Options) *redisconn.Conn {
	t.Helper()
	if options.Timeout == 0 {
		options.Timeout = 20 * time.Second
	}
	conn, err := redisconn.Open(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	return conn
}

func to(servers ...*redistest.Server) redisconn.Options {
	var o redisconn.Options
	for _, s := range servers {
		o.Addresses = append(o.Addresses, s.Address)
	}
	return o
}

func file(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestOptionsAreRefusedByName(t *testing.T) {
	for text, o := range map[string]redisconn.Options{
		"addresses is empty":               {},
		`address "nowhere"`:                {Addresses: []string{"nowhere"}},
		`address ":6379"`:                  {Addresses: []string{":6379"}},
		`address "unix:"`:                  {Addresses: []string{"unix:"}},
		`address "unix:/s"`:                {Addresses: []string{"unix:/s", "b:1"}},
		"timeout is 1ms":                   {Addresses: []string{"a:1"}, Timeout: time.Millisecond},
		"timeout is 1m0s":                  {Addresses: []string{"a:1"}, Timeout: time.Minute},
		"password file: open /nowhere":     {Addresses: []string{"a:1"}, PasswordFile: "/nowhere"},
		"is empty":                         {Addresses: []string{"a:1"}, PasswordFile: file(t, "\n")},
		"a certificate and its key belong": {Addresses: []string{"a:1"}, TLS: &redisconn.TLS{CertFile: "c"}},
		"CA file: open /nowhere":           {Addresses: []string{"a:1"}, TLS: &redisconn.TLS{CAFile: "/nowhere"}},
		"has no certificate":               {Addresses: []string{"a:1"}, TLS: &redisconn.TLS{CAFile: file(t, "no PEM")}},
		"certificate: open /nowhere":       {Addresses: []string{"a:1"}, TLS: &redisconn.TLS{CertFile: "/nowhere", KeyFile: "/nowhere"}},
	} {
		if _, err := redisconn.Open(t.Context(), o); !errors.Is(err, redisconn.ErrOptions) || !strings.Contains(err.Error(), text) {
			t.Errorf("Open of %+v: %v; want ErrOptions that says %q", o, err, text)
		}
	}
}

func TestNobodyThere(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	server.Kill()
	if _, err := redisconn.Open(t.Context(), to(server)); !errors.Is(err, redisconn.ErrUnreachable) {
		t.Errorf("Open where nobody listens: %v", err)
	}
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := redisconn.Open(cancelled, to(server)); err == nil {
		t.Error("Open with an ended context succeeded")
	}
}

func TestUnixSocketAndScripts(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	conn := open(t, redisconn.Options{Addresses: []string{"unix:" + server.Socket}})
	script := redisconn.NewScript(`return redis.call('INCR', KEYS[1]) + ARGV[1]`)
	for i := range int64(3) {
		if got, err := conn.Run(t.Context(), script, []string{"k"}, []string{"10"}).AsInt64(); err != nil || got != i+11 {
			t.Errorf("Run: %d, %v; want %d", got, err, i+11)
		}
		if i == 1 {
			server.Do("SCRIPT", "FLUSH") // as a restart does
		}
	}
	server.Do("SCRIPT", "FLUSH")
	calls := []redisconn.Call{{Script: script, Keys: []string{"k"}, Args: []string{"0"}}, {Script: script, Keys: []string{"k"}, Args: []string{"0"}}}
	for i, result := range conn.RunMulti(t.Context(), calls) {
		if got, err := result.AsInt64(); err != nil || got != int64(i)+4 {
			t.Errorf("RunMulti: %d, %v; want %d", got, err, i+4)
		}
	}
}

func TestProblemsHaveTypes(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	conn := open(t, to(server))
	reply := redisconn.NewScript(`return redis.error_reply(ARGV[1])`)
	for text, kind := range map[string]error{
		"OOM command not allowed when used memory > 'maxmemory'.": redisconn.ErrFull, "READONLY You can't write against a read only replica.": redisconn.ErrReadOnly,
		"NOPERM no": redisconn.ErrDenied, "MISCONF Errors writing to the AOF file: No space left on device": redisconn.ErrUnwritable,
		"CLUSTERDOWN The cluster is down": redisconn.ErrNotReady, "WHAT is this": redisconn.ErrFailed,
	} {
		err := conn.Problem("step", conn.Run(t.Context(), reply, nil, []string{text}).Error())
		var typed *redisconn.Error
		if !errors.As(err, &typed) || typed.Kind != kind || typed.What != "step" || !strings.Contains(err.Error(), text[:5]) {
			t.Errorf("%s: %v; want %v", text, err, kind)
		}
	}
	if err := conn.Problem("step", conn.Do(t.Context(), conn.B().Get().Key("nothing").Build()).Error()); err == nil || errors.As(err, new(*redisconn.Error)) {
		t.Errorf("a missing key is a problem: %v", err)
	}
}

// A password may be changed while connections live: new ones take the new one.
func TestPasswordFileIsReadAnew(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	server.Do("ACL", "SETUSER", "ada", "on", ">old", "+@all", "~*", "&*")
	o := to(server)
	o.Username, o.PasswordFile = "ada", file(t, "old\n")
	conn := open(t, o)
	server.Do("ACL", "SETUSER", "ada", "<old", ">new")
	if err := os.WriteFile(o.PasswordFile, []byte("new\r\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	server.Do("CLIENT", "KILL", "USER", "ada")
	needs.Until(t, "the new password to be used", func() bool { return conn.Do(t.Context(), conn.B().Set().Key("k").Value("v").Build()).Error() == nil })
}

// Ping is a fence: what was published before has been heard when it returns. On a cluster each channel is heard on its own node.
func TestSubscriptionHearsInOrderAndPingProvesIt(t *testing.T) {
	t.Parallel()
	for name, servers := range map[string][]*redistest.Server{"one server": {redistest.Start(t)}, "cluster": redistest.Cluster(t, 3)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn := open(t, to(servers...))
			var channels []string
			heard := map[string]*atomic.Int64{}
			for i := range 20 {
				channels = append(channels, fmt.Sprintf("{c%d}", i))
				heard[channels[i]] = &atomic.Int64{}
			}
			sub, err := conn.Subscribe(t.Context(), channels, func(channel, message string) {
				if n := heard[channel].Add(1); message != fmt.Sprint(n) {
					t.Errorf("message %s is number %d", message, n)
				}
			})
			if err != nil {
				t.Fatal(err)
			}
			for n := int64(1); n <= 50; n++ {
				for _, channel := range channels {
					if err := conn.Do(t.Context(), conn.B().Spublish().Channel(channel).Message(fmt.Sprint(n)).Build()).Error(); err != nil {
						t.Fatal(err)
					}
				}
				if err := sub.Ping(t.Context()); err != nil {
					t.Fatal(err)
				}
				for _, channel := range channels {
					if got := heard[channel].Load(); got != n {
						t.Fatalf("%d messages of %s were heard at the answer; want %d", got, channel, n)
					}
				}
			}
			servers[0].Do("CLIENT", "KILL", "TYPE", "pubsub")
			<-sub.Lost()
			if err := sub.Ping(t.Context()); err == nil {
				t.Error("a lost subscription answers")
			}
			sub.Close()
			again, err := conn.Subscribe(t.Context(), channels, func(string, string) {})
			if err != nil {
				t.Fatalf("another subscription: %v", err)
			}
			again.Close()
			<-again.Lost()
		})
	}
}

func TestSlotIsRediss(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, "--cluster-enabled", "yes")
	for _, key := range []string{"", "a", "{user1000}.following", "foo{}{bar}", "foo{{bar}}zap", "foo{bar}{zap}", "{x", "}{", "{curfew:0ff}s:\x00\xff{", "123456789"} {
		if got, want := fmt.Sprint(redisconn.Slot(key)), server.Do("CLUSTER", "KEYSLOT", key); got != want {
			t.Errorf("slot of %q is %s; Redis says %s", key, got, want)
		}
	}
}
