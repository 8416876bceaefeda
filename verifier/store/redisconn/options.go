// Package redisconn is how the verifier talks to Redis 7 or Valkey: one client for a standalone server, a cluster or a server that
// Sentinel watches, with a bound on every command, scripts, typed errors, and subscriptions that prove that they still hear.
package redisconn

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"time"

	"github.com/redis/rueidis"
)

// Options say where Redis is and who asks. Only Addresses is needed.
type Options struct {
	// Addresses are host:port, or unix:/path of a socket: the server, some nodes of a cluster, or with Sentinel some sentinels. At
	// least one. Several without Sentinel are nodes of a cluster; one may be either, and the server says which.
	Addresses []string
	// Sentinel is the name of the master that the sentinels at Addresses watch; empty without Sentinel.
	Sentinel string
	// SentinelUsername and SentinelPasswordFile are for the sentinels themselves, where those ask for a password.
	SentinelUsername, SentinelPasswordFile string
	// Username is the ACL user; empty means Redis's default user.
	Username string
	// PasswordFile holds the user's password, of which a final line break is no part; empty means none. It is read anew for each
	// connection, so a password can be changed without a restart.
	PasswordFile string
	// TLS says that connections are encrypted; nil means that they are not.
	TLS *TLS
	// Timeout bounds each command, its waiting in line included: 50ms to 30s. 0 means DefaultTimeout.
	Timeout time.Duration
	// Replicated demands of what RunKept writes that a replica has it, where there is any.
	Replicated bool
}

// DefaultTimeout is long for Redis, where a command takes less than a millisecond, and short for somebody who waits for a page.
const DefaultTimeout = time.Second

// TLS names the files of an encrypted connection. The client's own are read at each handshake, so that renewed ones are used without a
// restart; CAFile is read once.
type TLS struct {
	CAFile            string // PEM, who may vouch for the server; empty means the system's
	CertFile, KeyFile string // PEM, the client's own, where the server asks for one; both or none
	ServerName        string // what the server's certificate must say; empty means the host of the address
}

// ErrOptions is in the tree of every error about options.
var ErrOptions = errors.New("redis options")

func (o Options) validate() error {
	if len(o.Addresses) == 0 {
		return fmt.Errorf("%w: addresses is empty; needed: at least one host:port or unix:/path", ErrOptions)
	}
	for _, address := range o.Addresses {
		if path, unix := strings.CutPrefix(address, "unix:"); unix {
			if path == "" || len(o.Addresses) > 1 || o.Sentinel != "" {
				return fmt.Errorf("%w: address %q; allowed: unix:/path of one server, alone", ErrOptions, address)
			}
		} else if host, port, err := net.SplitHostPort(address); err != nil || host == "" || port == "" {
			return fmt.Errorf("%w: address %q; allowed: host:port or unix:/path", ErrOptions, address)
		}
	}
	if o.Timeout != 0 && (o.Timeout < 50*time.Millisecond || o.Timeout > 30*time.Second) {
		return fmt.Errorf("%w: timeout is %s; allowed: 50ms to 30s", ErrOptions, o.Timeout)
	}
	if o.TLS != nil && (o.TLS.CertFile == "") != (o.TLS.KeyFile == "") {
		return fmt.Errorf("%w: a certificate and its key belong together: %q, %q", ErrOptions, o.TLS.CertFile, o.TLS.KeyFile)
	}
	return nil
}

// Unencrypted gives the first address to which passwords and everything else goes over a network as it is; empty where none does.
func (o Options) Unencrypted() string {
	if o.TLS != nil {
		return ""
	}
	for _, address := range o.Addresses {
		host, _, err := net.SplitHostPort(address)
		if err != nil || host == "localhost" || net.ParseIP(host).IsLoopback() { // an error: it is a socket
			continue
		}
		return address
	}
	return ""
}

func (o Options) timeout() time.Duration {
	if o.Timeout == 0 {
		return DefaultTimeout
	}
	return o.Timeout
}

// client translates the options; files that cannot be read are found here and not at the first command.
func (o Options) client() (rueidis.ClientOption, error) {
	if err := o.validate(); err != nil {
		return rueidis.ClientOption{}, err
	}
	addresses := make([]string, len(o.Addresses))
	for i, address := range o.Addresses {
		addresses[i] = strings.TrimPrefix(address, "unix:")
	}
	option := rueidis.ClientOption{
		InitAddress: addresses, ClientName: "curfew", ClientSetInfo: rueidis.DisableClientSetInfo,
		DisableCache: true,
		// One connection to a node and a short pause between writes: what many goroutines ask at once goes out together. Measured under
		// load, an update takes 9 µs of processor time instead of 15, and twice as many are done.
		PipelineMultiplex: -1, MaxFlushDelay: 20 * time.Microsecond,
		// Those that wait for a replica (RunKept) have connections of their own meanwhile, and so has each subscription.
		BlockingPoolSize: 128, BlockingPoolMinSize: 4, BlockingPoolCleanup: time.Minute,
		Dialer:             net.Dialer{Timeout: o.timeout(), KeepAlive: o.timeout()},
		ConnWriteTimeout:   2 * o.timeout(),
		ReadBufferEachConn: 1 << 16, WriteBufferEachConn: 1 << 16,
		Sentinel: rueidis.SentinelOption{
			MasterSet: o.Sentinel, Username: o.SentinelUsername, TopologyRefreshInterval: 5 * time.Second, ClientName: "curfew",
			Dialer: net.Dialer{Timeout: o.timeout(), KeepAlive: o.timeout()},
		},
		ClusterOption: rueidis.ClusterOption{ShardsRefreshInterval: 10 * time.Second, MaxMovedRedirections: 8},
	}
	if strings.HasPrefix(o.Addresses[0], "unix:") {
		option.ForceSingleClient = true
		option.DialCtxFn = dialUnix
	}
	if o.PasswordFile != "" {
		if _, err := password(o.PasswordFile); err != nil {
			return option, err
		}
		option.AuthCredentialsFn = func(rueidis.AuthCredentialsContext) (rueidis.AuthCredentials, error) {
			secret, err := password(o.PasswordFile)
			return rueidis.AuthCredentials{Username: o.Username, Password: secret}, err
		}
	}
	if o.SentinelPasswordFile != "" {
		secret, err := password(o.SentinelPasswordFile)
		if err != nil {
			return option, err
		}
		option.Sentinel.Password = secret
	}
	if o.TLS != nil {
		config, err := o.TLS.config()
		if err != nil {
			return option, err
		}
		option.TLSConfig, option.Sentinel.TLSConfig = config, config
	}
	return option, nil
}

func password(file string) (string, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("%w: password file: %w", ErrOptions, err)
	}
	secret := strings.TrimSuffix(strings.TrimSuffix(string(text), "\n"), "\r")
	if secret == "" {
		return "", fmt.Errorf("%w: password file %s is empty", ErrOptions, file)
	}
	return secret, nil
}

func (t *TLS) config() (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: t.ServerName}
	if t.CAFile != "" {
		pool, err := t.pool()
		if err != nil {
			return nil, err
		}
		config.RootCAs = pool
	}
	if t.CertFile != "" {
		if _, err := t.own(nil); err != nil {
			return nil, err
		}
		config.GetClientCertificate = t.own
	}
	return config, nil
}

func (t *TLS) pool() (*x509.CertPool, error) {
	text, err := os.ReadFile(t.CAFile)
	if err != nil {
		return nil, fmt.Errorf("%w: CA file: %w", ErrOptions, err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("%w: CA file %s has no certificate in PEM", ErrOptions, t.CAFile)
	}
	return pool, nil
}

func (t *TLS) own(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
	pair, err := tls.LoadX509KeyPair(t.CertFile, t.KeyFile)
	if err != nil {
		return nil, fmt.Errorf("%w: certificate: %w", ErrOptions, err)
	}
	return &pair, nil
}
