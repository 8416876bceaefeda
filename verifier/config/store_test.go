package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const storeRest = `
environments:
  - {id: records, origin: "https://records.example", provider: {issuer: "https://login.example", client_id: r}}
`

func TestStoreIsInFilesUnlessThereIsRedis(t *testing.T) {
	c, err := Parse([]byte(storeRest))
	if err != nil || c.Store.Redis != nil {
		t.Fatalf("%+v, %v", c.Store, err)
	}
	path := filepath.Join(t.TempDir(), "curfew.yaml")
	text := "store:\n  redis:\n    addresses: [r1:6379, \"[::1]:6379\"]\n    username: curfew\n    password_file: secret\n    tls: {ca_file: ca.pem}\n" + storeRest
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err = Source{Path: path, Environ: []string{"CURFEW_STORE__REDIS__PREFIX=main", "CURFEW_STORE__REDIS__LEASE=500ms", "CURFEW_STORE__REDIS__TLS__SERVER_NAME=redis"}}.Load()
	if err != nil {
		t.Fatal(err)
	}
	r := c.Store.Redis
	if r.Prefix != "main" || r.Lease != Length(500*time.Millisecond) || r.Timeout != Length(time.Second) || r.Durability != DurabilityRequired || len(r.Addresses) != 2 ||
		r.PasswordFile != filepath.Join(filepath.Dir(path), "secret") || r.TLS.CAFile != filepath.Join(filepath.Dir(path), "ca.pem") || r.TLS.ServerName != "redis" {
		t.Errorf("%+v %+v", r, r.TLS)
	}
	err = c.Readable()
	for _, want := range []string{"store: redis.password_file", "store.redis.tls.ca_file: open"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Readable: %v; want %q", err, want)
		}
	}
	other := c
	changed := *r
	changed.Durability = DurabilityOperator
	other.Store.Redis = &changed
	if keys := NeedsRestart(c, other); len(keys) != 1 || keys[0] != "store" {
		t.Errorf("NeedsRestart says %q", keys)
	}
}

func TestStoreIsCheckedStrictly(t *testing.T) {
	for text, want := range map[string]string{
		"{}": "redis.addresses has 0 entries", "{addresses: [r1]}": `redis.addresses is "r1"; allowed: host:port`,
		"{addresses: ['a:1', 'a:1']}": "stands twice", `{addresses: ["unix:/s", "a:1"]}`: "alone", `{addresses: ["unix:s"]}`: "whole path",
		"{addresses: ['a:1'], timeout: 1ms}":              "redis.timeout is 1ms; allowed: 50ms to 30s",
		"{addresses: ['a:1'], lease: 1m}":                 "redis.lease is 1m0s; allowed: 200ms to 10s",
		"{addresses: ['a:1'], durability: best}":          `redis.durability is "best"; allowed: required or operator`,
		"{addresses: ['a:1'], prefix: \"{x}\"}":           `redis.prefix is "{x}"`,
		"{addresses: ['a:1'], username: u}":               "redis.password_file is empty",
		"{addresses: ['a:1'], tls: {cert_file: c}}":       "redis.tls has cert_file",
		"{addresses: ['a:1'], sentinel_username: u}":      "redis.sentinel is empty",
		"{addresses: ['a:1'], password: hunter2}":         `unknown field "password" in store.redis`,
		"{addresses: ['a:1'], sentinel_password_file: f}": "redis.sentinel is empty",
	} {
		_, err := Parse([]byte("store: {redis: " + text + "}\n" + storeRest))
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "1:") {
			t.Errorf("%s: %v; want %q with its place", text, err, want)
		}
	}
}
