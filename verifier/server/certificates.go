package server

import (
	"crypto/tls"
	"net"
	"sync"
	"time"

	"github.com/curfew-project/curfew/verifier/config"
)

// certificates are what the listeners speak TLS with. They change when the configuration or a file does: connections that are open go on
// with what they began with. It is safe for concurrent use.
type certificates struct {
	expires func(listener string, at time.Time)

	mu sync.RWMutex
	of pairs
}

// pairs are TLS configurations, by listener. A listener without one speaks plain HTTP.
type pairs map[string]*tls.Config

// The listeners, as the metrics call them.
const (
	publicListener   = "public"
	operatorListener = "operator"
)

func newCertificates(expires func(listener string, at time.Time)) *certificates {
	return &certificates{expires: expires}
}

// prepare reads the files that a configuration names.
func (c *certificates) prepare(file config.Config) (pairs, error) {
	next := pairs{}
	for listener, of := range map[string]*config.TLS{publicListener: file.PublicTLS(), operatorListener: file.OperatorTLS} {
		if of == nil {
			continue
		}
		ready, err := of.Load()
		if err != nil {
			return nil, err
		}
		next[listener] = ready
	}
	return next, nil
}

// commit puts what was prepared in force, from the next connection on.
func (c *certificates) commit(next pairs) {
	c.mu.Lock()
	c.of = next
	c.mu.Unlock()
	for listener, one := range next {
		if leaf := one.Certificates[0].Leaf; leaf != nil {
			c.expires(listener, leaf.NotAfter)
		}
	}
}

func (c *certificates) get(listener string) *tls.Config {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.of[listener]
}

// over encrypts a listener where there is something to encrypt it with. That it is encrypted at all stays as it is until a restart.
func (c *certificates) over(listener string, plain net.Listener) net.Listener {
	first := c.get(listener)
	if first == nil {
		return plain
	}
	return tls.NewListener(plain, &tls.Config{
		MinVersion: tls.VersionTLS12, NextProtos: first.NextProtos,
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
			if now := c.get(listener); now != nil {
				return now, nil
			}
			return first, nil // tls has gone from the file: a restart is needed for that
		},
	})
}
