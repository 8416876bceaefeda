package config

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/curfew-project/curfew/shared/policy"
)

// TLS is how a listener is encrypted. What the files hold, and which they are, can change while the verifier runs.
type TLS struct {
	CertFile string `yaml:"cert_file"` // PEM: the certificate, and those between it and the root
	KeyFile  string `yaml:"key_file"`  // PEM
	// ClientCAFile has the authorities, in PEM, of which a client needs a certificate; empty: none is asked for. Only operator_tls has it.
	ClientCAFile string `yaml:"client_ca_file"`
}

// PublicTLS is TLS for browsers, which are not asked for a certificate.
type PublicTLS struct {
	TLS `yaml:",inline" without:"client_ca_file"`
}

// RateLimits are how much one client may ask of this process (P8). A second on average, and at once after a pause.
type RateLimits struct {
	Address      float64 `yaml:"address"`
	AddressBurst Whole   `yaml:"address_burst"`
	Session      float64 `yaml:"session"`
	SessionBurst Whole   `yaml:"session_burst"`
}

// Bounds of the rates, of connections and of the time for stopping.
const (
	leastLimit, mostLimit             = 0.1, 100_000.0
	leastBurst, mostBurst             = 1, 1_000_000
	leastConnections, mostConnections = 16, 1_000_000
	leastStop, mostStop               = time.Second, 10 * time.Minute
	maxProxies                        = 256
)

// UnixSocket is the prefix of an address that is the path of a socket.
const UnixSocket = "unix:"

// address says what is allowed where an address to listen on is none, or nothing.
func address(text string) (allowed string) {
	if path, ok := strings.CutPrefix(text, UnixSocket); ok {
		if path == "" {
			return "unix: and the path of a socket"
		}
		return ""
	}
	_, port, err := net.SplitHostPort(text)
	if number, portErr := strconv.Atoi(port); err != nil || portErr != nil || number < 0 || number > 65535 {
		return "host:port, such as 127.0.0.1:8480, or unix: and the path of a socket"
	}
	return ""
}

// Proxies are trusted_proxies as they are understood. The configuration must have been checked.
func (c Config) Proxies() []netip.Prefix {
	all := make([]netip.Prefix, 0, len(c.TrustedProxies))
	for _, text := range c.TrustedProxies {
		if prefix, ok := proxies(text); ok {
			all = append(all, prefix)
		}
	}
	return all
}

// proxies reads an address or a range of them.
func proxies(text string) (netip.Prefix, bool) {
	if one, err := netip.ParseAddr(text); err == nil && one.Zone() == "" {
		return netip.PrefixFrom(one.Unmap(), one.Unmap().BitLen()), true
	}
	prefix, err := netip.ParsePrefix(text)
	return prefix, err == nil && prefix == prefix.Masked() && !prefix.Addr().Is4In6()
}

func (c Config) validateService(b block) {
	for i, text := range c.TrustedProxies {
		if prefix, ok := proxies(text); !ok {
			b.addItem("trusted_proxies", i, "is %q; allowed: an address, or a range such as 10.1.0.0/16", text)
		} else if prefix.Bits() == 0 {
			b.addItem("trusted_proxies", i, "is %q, which is everybody; allowed: addresses of reverse proxies", text)
		}
	}
	if n := len(c.TrustedProxies); n > maxProxies {
		b.add("trusted_proxies", "has %d entries; allowed: up to %d", n, maxProxies)
	}
	if n := c.MaxConnections; n < leastConnections || n > mostConnections {
		b.add("max_connections", "is %d; allowed: %d to %d", n, leastConnections, mostConnections)
	}
	if d := time.Duration(c.StopTimeout); d < leastStop || d > mostStop {
		b.add("stop_timeout", "is %s; allowed: %s to %s", policy.Format(d), policy.Format(leastStop), policy.Format(mostStop))
	}
	limits := b.below("rate_limits", "rate_limits")
	limits.name = ""
	for _, rate := range []struct {
		key   string
		value float64
	}{{"address", c.RateLimits.Address}, {"session", c.RateLimits.Session}} {
		if !(rate.value >= leastLimit && rate.value <= mostLimit) {
			limits.tell(rate.key, fmt.Errorf("rate_limits.%s is %g; allowed: %g to %g a second", rate.key, rate.value, leastLimit, mostLimit))
		}
	}
	for _, burst := range []struct {
		key   string
		value Whole
	}{{"address_burst", c.RateLimits.AddressBurst}, {"session_burst", c.RateLimits.SessionBurst}} {
		if burst.value < leastBurst || burst.value > mostBurst {
			limits.tell(burst.key, fmt.Errorf("rate_limits.%s is %d; allowed: %d to %d", burst.key, burst.value, leastBurst, mostBurst))
		}
	}
	for _, of := range c.certificates() {
		if of.CertFile == "" || of.KeyFile == "" {
			b.add(of.key, "has cert_file %q and key_file %q; allowed: a file for both", of.CertFile, of.KeyFile)
		}
	}
}

// certificate is a listener that is encrypted.
type certificate struct {
	key string
	*TLS
}

// certificates are the listeners that are encrypted, always in the same order.
func (c Config) certificates() []certificate {
	var all []certificate
	if c.TLS != nil {
		all = append(all, certificate{"tls", &c.TLS.TLS})
	}
	if c.OperatorTLS != nil {
		all = append(all, certificate{"operator_tls", c.OperatorTLS})
	}
	return all
}

// Load reads the files. The result is for a server: TLS 1.2 or newer, with the ciphers that Go takes for safe.
func (t TLS) Load() (*tls.Config, error) {
	pair, err := tls.LoadX509KeyPair(t.CertFile, t.KeyFile)
	if err != nil {
		return nil, fmt.Errorf("cert_file %s and key_file %s: %w", t.CertFile, t.KeyFile, err)
	}
	of := &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}}
	if t.ClientCAFile == "" {
		return of, nil
	}
	text, err := os.ReadFile(t.ClientCAFile)
	if err != nil {
		return nil, fmt.Errorf("client_ca_file: %w", err)
	}
	of.ClientCAs = x509.NewCertPool()
	if !of.ClientCAs.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("client_ca_file %s has no certificate; allowed: certificates in PEM", t.ClientCAFile)
	}
	of.ClientAuth = tls.RequireAndVerifyClientCert
	return of, nil
}

// readCertificates tells the listeners whose files cannot be used.
func (c Config) readCertificates(b block) {
	for _, of := range c.certificates() {
		if _, err := of.Load(); err != nil {
			b.tell(of.key, fmt.Errorf("%s: %w", of.key, err))
		}
	}
}

// certificateFiles are those that a change of is noticed.
func (c Config) certificateFiles() []string {
	var all []string
	for _, of := range c.certificates() {
		all = append(all, of.CertFile, of.KeyFile)
		if of.ClientCAFile != "" {
			all = append(all, of.ClientCAFile)
		}
	}
	return all
}

// PublicTLS is how listen is encrypted, or nil.
func (c Config) PublicTLS() *TLS {
	if c.TLS == nil {
		return nil
	}
	return &c.TLS.TLS
}
