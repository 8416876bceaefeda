package config

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Store is where sessions, settings and the audit are kept: in files of the data directory, or where there is Redis in that.
type Store struct {
	Redis *Redis `yaml:"redis"` // nil: files
}

// Redis is a Redis 7 or Valkey that several verifiers can share.
type Redis struct {
	Addresses            []string  `yaml:"addresses"`
	Sentinel             string    `yaml:"sentinel"` // the name of the master; empty: the addresses are no sentinels
	SentinelUsername     string    `yaml:"sentinel_username"`
	SentinelPasswordFile string    `yaml:"sentinel_password_file"`
	Username             string    `yaml:"username"`
	PasswordFile         string    `yaml:"password_file"`
	TLS                  *RedisTLS `yaml:"tls"` // nil: connections are not encrypted
	Prefix               string    `yaml:"prefix"`
	Timeout              Length    `yaml:"timeout"`
	Lease                Length    `yaml:"lease"`
	Durability           string    `yaml:"durability"`
}

// RedisTLS is how connections to Redis are encrypted.
type RedisTLS struct {
	CAFile     string `yaml:"ca_file"` // empty: the system's
	CertFile   string `yaml:"cert_file"`
	KeyFile    string `yaml:"key_file"`
	ServerName string `yaml:"server_name"`
}

// What store.redis.durability can be.
const (
	DurabilityRequired = "required"
	DurabilityOperator = "operator"
)

const (
	leastRedisTimeout, mostRedisTimeout = 50 * time.Millisecond, 30 * time.Second
	leastLease, mostLease               = 200 * time.Millisecond, 10 * time.Second
	maxAddresses                        = 64
)

func (r *Redis) initial() {
	r.Prefix, r.Timeout, r.Lease, r.Durability = "curfew", Length(time.Second), Length(time.Second), DurabilityRequired
}

var redisPrefix = regexp.MustCompile(`^[a-z0-9_-]{1,64}$`)

func (s Store) validate(b block) {
	r := s.Redis
	if r == nil {
		return
	}
	if n := len(r.Addresses); n == 0 || n > maxAddresses {
		b.add("redis.addresses", "has %d entries; allowed: 1 to %d, each host:port, or one unix: and the path of a socket", n, maxAddresses)
	}
	for i, address := range r.Addresses {
		host, port, err := net.SplitHostPort(address)
		if path, unix := strings.CutPrefix(address, UnixSocket); unix {
			if !filepath.IsAbs(path) || len(r.Addresses) > 1 || r.Sentinel != "" {
				b.addItem("redis.addresses", i, "is %q; allowed: unix: and the whole path of a socket, alone and without sentinel", address)
			}
		} else if err != nil || host == "" || port == "" {
			b.addItem("redis.addresses", i, "is %q; allowed: host:port, such as redis.internal:6379", address)
		} else if slices.Contains(r.Addresses[:i], address) {
			b.addItem("redis.addresses", i, "is %q, which stands twice; allowed: each once", address)
		}
	}
	if r.Sentinel == "" && (r.SentinelUsername != "" || r.SentinelPasswordFile != "") {
		b.add("redis.sentinel", "is empty; allowed with sentinel_username or sentinel_password_file: the name of the master")
	}
	if r.Username != "" && r.PasswordFile == "" {
		b.add("redis.password_file", "is empty; allowed with username: a file with the password")
	}
	if r.TLS != nil && (r.TLS.CertFile == "") != (r.TLS.KeyFile == "") {
		b.add("redis.tls", "has cert_file %q and key_file %q; allowed: a file for both, or neither", r.TLS.CertFile, r.TLS.KeyFile)
	}
	if !redisPrefix.MatchString(r.Prefix) {
		b.add("redis.prefix", "is %q; allowed: 1 to 64 of a-z, 0-9, _ and -", r.Prefix)
	}
	if r.Durability != DurabilityRequired && r.Durability != DurabilityOperator {
		b.add("redis.durability", "is %q; allowed: %s or %s", r.Durability, DurabilityRequired, DurabilityOperator)
	}
	for _, one := range []struct {
		key                string
		value, least, most time.Duration
	}{
		{"redis.timeout", time.Duration(r.Timeout), leastRedisTimeout, mostRedisTimeout},
		{"redis.lease", time.Duration(r.Lease), leastLease, mostLease},
	} {
		if one.value < one.least || one.value > one.most {
			b.add(one.key, "is %s; allowed: %s to %s", one.value, one.least, one.most)
		}
	}
}

// paths visits the files of the store.
func (s Store) paths(visit func(path string, value *string)) {
	r := s.Redis
	if r == nil {
		return
	}
	visit("store.redis.password_file", &r.PasswordFile)
	visit("store.redis.sentinel_password_file", &r.SentinelPasswordFile)
	if r.TLS != nil {
		visit("store.redis.tls.ca_file", &r.TLS.CAFile)
		visit("store.redis.tls.cert_file", &r.TLS.CertFile)
		visit("store.redis.tls.key_file", &r.TLS.KeyFile)
	}
}

// secrets visits the files with passwords.
func (s Store) secrets(visit func(path, name, file string, read func() (string, error))) {
	if s.Redis == nil {
		return
	}
	for _, one := range []struct{ key, file string }{
		{"password_file", s.Redis.PasswordFile}, {"sentinel_password_file", s.Redis.SentinelPasswordFile},
	} {
		if one.file != "" {
			visit("store.redis."+one.key, "store", one.file, func() (string, error) { return readSecret("redis."+one.key, one.file) })
		}
	}
}

// readCertificates tells the files that cannot be used for encrypted connections.
func (s Store) readCertificates(b block) {
	if s.Redis == nil || s.Redis.TLS == nil {
		return
	}
	of := s.Redis.TLS
	if of.CertFile != "" {
		if _, err := tls.LoadX509KeyPair(of.CertFile, of.KeyFile); err != nil {
			b.tell("store.redis.tls", fmt.Errorf("store.redis.tls: cert_file %s and key_file %s: %w", of.CertFile, of.KeyFile, err))
		}
	}
	if of.CAFile != "" {
		text, err := os.ReadFile(of.CAFile)
		if err == nil && !x509.NewCertPool().AppendCertsFromPEM(text) {
			err = fmt.Errorf("%s has no certificate; allowed: certificates in PEM", of.CAFile)
		}
		if err != nil {
			b.tell("store.redis.tls.ca_file", fmt.Errorf("store.redis.tls.ca_file: %w", err))
		}
	}
}
