package config

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const serviceBlock = `listen: unix:run/curfew.sock
operator_listen: 127.0.0.1:0
tls: {cert_file: site.pem, key_file: site.key}
operator_tls: {cert_file: op.pem, key_file: op.key, client_ca_file: ca.pem}
trusted_proxies: [10.1.0.0/16, 192.0.2.9, "2001:db8::/32"]
max_connections: 500
rate_limits: {address: 0.5, address_burst: 3, session: 20, session_burst: 40}
stop_timeout: 90s
environments:
  - id: a
    origin: https://a.example
    provider: {issuer: https://login.example, client_id: a}
`

func TestTheServiceIsRead(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "curfew.yaml")
	if err := os.WriteFile(path, []byte(serviceBlock), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := Source{Path: path, Environ: []string{"CURFEW_RATE_LIMITS__SESSION=30", "CURFEW_OPERATOR_TLS__KEY_FILE=/elsewhere/op.key"}}.Load()
	if err != nil {
		t.Fatal(err)
	}
	if want := "unix:" + dir + "/run/curfew.sock"; c.Listen != want {
		t.Errorf("listen is %q; want %q", c.Listen, want)
	}
	if c.TLS.CertFile != dir+"/site.pem" || c.OperatorTLS.ClientCAFile != dir+"/ca.pem" || c.OperatorTLS.KeyFile != "/elsewhere/op.key" {
		t.Errorf("%+v, %+v", c.TLS, c.OperatorTLS)
	}
	if got := c.Proxies(); len(got) != 3 || got[1].String() != "192.0.2.9/32" {
		t.Errorf("trusted proxies %v", got)
	}
	if want := (RateLimits{0.5, 3, 30, 40}); c.RateLimits != want || c.MaxConnections != 500 || c.StopTimeout != Length(90*time.Second) {
		t.Errorf("%+v, %d, %v", c.RateLimits, c.MaxConnections, c.StopTimeout)
	}
}

func TestWhatIsWrongWithTheServiceIsNamed(t *testing.T) {
	for name, c := range map[string]struct{ from, to, want string }{
		"no address":       {"unix:run/curfew.sock", "nowhere", `[1:9] listen is "nowhere"; allowed: host:port, such as 127.0.0.1:8480, or unix: and the path of a socket`},
		"no socket":        {"unix:run/curfew.sock", "'unix:'", `[1:9] listen is "unix:"; allowed: unix: and the path of a socket`},
		"port":             {"127.0.0.1:0", "127.0.0.1:70000", `[2:18] operator_listen is "127.0.0.1:70000"; allowed: host:port`},
		"no key":           {"key_file: site.key", "key_file: ''", `[3:6] tls has cert_file "site.pem" and key_file ""; allowed: a file for both`},
		"public client CA": {"key_file: site.key", "client_ca_file: ca.pem", `unknown field "client_ca_file" in tls; allowed: cert_file, key_file`},
		"everybody":        {"10.1.0.0/16", "0.0.0.0/0", `[5:19] trusted_proxies is "0.0.0.0/0", which is everybody; allowed: addresses of reverse proxies`},
		"no range":         {"10.1.0.0/16", "10.1.2.3/16", `[5:19] trusted_proxies is "10.1.2.3/16"; allowed: an address, or a range such as 10.1.0.0/16`},
		"a name":           {"192.0.2.9", "proxy.example", `trusted_proxies is "proxy.example"; allowed: an address`},
		"few connections":  {"500", "15", "[6:18] max_connections is 15; allowed: 16 to 1000000"},
		"no rate":          {"address: 0.5", "address: 0", "[7:24] rate_limits.address is 0; allowed: 0.1 to 100000 a second"},
		"NaN":              {"session: 20", "session: NaN", "rate_limits.session is NaN; allowed: 0.1"},
		"no burst":         {"session_burst: 40", "session_burst: 0", "rate_limits.session_burst is 0; allowed: 1 to 1000000"},
		"no time":          {"stop_timeout: 90s", "stop_timeout: 11m", "[8:15] stop_timeout is 11m; allowed: 1s to 10m"},
	} {
		if !strings.Contains(serviceBlock, c.from) {
			t.Fatalf("%s: %q is not there", name, c.from)
		}
		_, err := Parse([]byte(strings.Replace(serviceBlock, c.from, c.to, 1)))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v; want %s", name, err, c.want)
		}
	}
}

// writePair writes a certificate that signs itself, and its key.
func writePair(t *testing.T, cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, DNSNames: []string{"localhost"},
		NotBefore: time.Unix(0, 0), NotAfter: time.Unix(1<<33, 0), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	for path, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: raw}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// A pair that does not fit, or is not there, is as wrong as a secret that cannot be read; a change of it is noticed.
func TestCertificatesAreReadLikeSecrets(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "curfew.yaml")
	if err := os.WriteFile(path, []byte(serviceBlock), 0o600); err != nil {
		t.Fatal(err)
	}
	at := func(name string) string { return filepath.Join(dir, name) }
	writePair(t, at("site.pem"), at("site.key"))
	writePair(t, at("op.pem"), at("other.key"))
	writePair(t, at("ca.pem"), at("op.key"))
	c, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	want := "operator_tls: cert_file " + at("op.pem") + " and key_file " + at("op.key") + ": tls: private key does not match public key"
	if err := c.Readable(); err == nil || !strings.Contains(err.Error(), want) {
		t.Fatalf("%v; want %s", err, want)
	}
	var taken, refused int
	w := NewWatcher(Source{Path: path}, c, func(Config) { taken++ }, func(error) { refused++ })
	w.Look()
	w.Look()
	if taken+refused != 0 {
		t.Fatal("something was told although nothing changed")
	}
	writePair(t, at("op.pem"), at("op.key"))
	w.Look()
	w.Look()
	if taken != 1 || refused != 0 {
		t.Fatalf("a pair that fits: taken %d times, refused %d times", taken, refused)
	}
	if err := os.WriteFile(at("ca.pem"), []byte("none"), 0o600); err != nil {
		t.Fatal(err)
	}
	w.Look()
	w.Look()
	if taken != 1 || refused != 1 {
		t.Fatalf("a file without an authority: taken %d times, refused %d times", taken, refused)
	}
	ready, err := c.TLS.Load()
	if err != nil || ready.MinVersion != tls.VersionTLS12 || ready.ClientAuth != tls.NoClientCert {
		t.Errorf("%+v, %v", ready, err)
	}
}

func TestReloadTakesAnotherFileAndNotTheEndOfTLS(t *testing.T) {
	c, err := Parse([]byte(serviceBlock))
	if err != nil {
		t.Fatal(err)
	}
	other := c
	other.TLS = &PublicTLS{TLS{CertFile: "b.pem", KeyFile: "b.key"}}
	other.TrustedProxies, other.RateLimits = nil, RateLimits{}
	if keys := NeedsRestart(c, other); len(keys) != 0 {
		t.Errorf("a restart is needed for %v", keys)
	}
	other.TLS = nil
	if keys := NeedsRestart(c, other); len(keys) != 1 || keys[0] != "tls" {
		t.Errorf("a restart is needed for %v; want tls", keys)
	}
}
