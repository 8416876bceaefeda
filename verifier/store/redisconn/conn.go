package redisconn

import (
	"context"
	"crypto/tls"
	"net"
	"sync/atomic"
	"time"

	"github.com/redis/rueidis"
)

// Conn talks to one Redis, whatever its topology. Its methods may be called by any number of goroutines; concurrent commands share
// round trips.
type Conn struct {
	client  rueidis.Client
	timeout time.Duration
	where   string
	closed  atomic.Bool

	replicated bool        // Options.Replicated
	replicas   atomic.Bool // whether there are any
}

// Open connects. Its errors are of ErrOptions or *Error, or ctx's.
func Open(ctx context.Context, options Options) (*Conn, error) {
	option, err := options.client()
	if err != nil {
		return nil, err
	}
	c := &Conn{timeout: options.timeout(), where: options.Addresses[0], replicated: options.Replicated}
	c.replicas.Store(options.Sentinel != "")
	type opened struct {
		client rueidis.Client
		err    error
	}
	done := make(chan opened, 1)
	go func() { // rueidis takes no context here
		client, err := rueidis.NewClient(option)
		done <- opened{client, err}
	}()
	select {
	case got := <-done:
		if got.err != nil {
			return nil, c.Problem("connect", got.err)
		}
		c.client = got.client
	case <-ctx.Done():
		go func() {
			if got := <-done; got.err == nil {
				got.client.Close()
			}
		}()
		return nil, ctx.Err()
	}
	if err := c.Do(ctx, c.B().Ping().Build()).Error(); err != nil {
		c.Close()
		return nil, c.Problem("PING", err)
	}
	if err := c.FindReplicas(ctx); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

func dialUnix(ctx context.Context, path string, dialer *net.Dialer, config *tls.Config) (net.Conn, error) {
	conn, err := dialer.DialContext(ctx, "unix", path)
	if err != nil || config == nil {
		return conn, err
	}
	return tls.Client(conn, config), nil
}

// B builds commands. A command is for one Do or DoMulti.
func (c *Conn) B() rueidis.Builder { return c.client.B() }

// Do runs one command within the timeout. Give its error to Problem before it goes up.
func (c *Conn) Do(ctx context.Context, command rueidis.Completed) rueidis.RedisResult {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	return c.client.Do(ctx, command)
}

// DoMulti runs commands, each on the node that has its key, together and within one timeout. Those of one slot run in their order.
func (c *Conn) DoMulti(ctx context.Context, commands ...rueidis.Completed) []rueidis.RedisResult {
	if len(commands) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	return c.client.DoMulti(ctx, commands...)
}

// Cluster says whether keys are spread over several masters.
func (c *Conn) Cluster() bool { return c.client.Mode() == rueidis.ClientModeCluster }

// Close ends all connections. Commands in flight fail.
func (c *Conn) Close() {
	c.closed.Store(true)
	c.client.Close()
}
