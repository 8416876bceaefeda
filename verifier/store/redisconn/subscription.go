package redisconn

import (
	"context"
	"errors"
	"sync"

	"github.com/redis/rueidis"
)

// Subscription hears channels of sharded pub/sub (SSUBSCRIBE): a script can publish in the step in which it writes, on the node
// that has the keys. It never comes back by itself: once anything of it is lost, all of it is, and who needs one takes a new one.
type Subscription struct {
	conn *Conn
	lost chan struct{}

	mu    sync.Mutex
	parts []part
	why   error // set before lost is closed
}

// part is the connection to one master.
type part struct {
	client  rueidis.DedicatedClient
	release func()
}

// Subscribe hears channels until something is lost or it is closed. It returns when every channel is subscribed. hear is called in the
// order in which a node published, by one goroutine for each node, and must not block or use c: until it returns nothing more
// is read from that node.
func (c *Conn) Subscribe(ctx context.Context, channels []string, hear func(channel, message string)) (*Subscription, error) {
	places, err := c.place(ctx, channels)
	if err != nil {
		return nil, err
	}
	s := &Subscription{conn: c, lost: make(chan struct{})}
	for _, at := range places {
		if err := s.add(ctx, at, hear); err != nil {
			s.lose(err)
			return nil, c.Problem("SSUBSCRIBE", err)
		}
	}
	return s, nil
}

func (s *Subscription) add(ctx context.Context, at place, hear func(channel, message string)) error {
	client, release := at.client.Dedicate()
	if !s.keep(part{client, release}) {
		client.Close()
		release()
		return s.why
	}
	broken := client.SetPubSubHooks(rueidis.PubSubHooks{
		OnMessage: func(m rueidis.PubSubMessage) { hear(m.Channel, m.Message) },
		OnSubscription: func(m rueidis.PubSubSubscription) {
			if m.Kind == "sunsubscribe" { // the slot has moved to another node
				s.lose(errors.New("channel " + m.Channel + " has moved"))
			}
		},
	})
	go func() {
		err := <-broken
		if err == nil {
			err = ErrClosed
		}
		s.lose(err)
	}()
	commands := make([]rueidis.Completed, len(at.channels))
	for i, channel := range at.channels { // one by one: a command may not have channels of several slots
		commands[i] = client.B().Ssubscribe().Channel(channel).Build()
	}
	ctx, cancel := context.WithTimeout(ctx, s.conn.timeout)
	defer cancel()
	for _, result := range client.DoMulti(ctx, commands...) {
		if err := result.Error(); err != nil {
			return err
		}
	}
	return nil
}

// Ping proves that the subscription hears: when it returns nil, hear has returned for every message that a node published before it
// answered. It takes one round trip to each node, within the timeout; a failure loses the subscription.
func (s *Subscription) Ping(ctx context.Context) error {
	select {
	case <-s.lost:
		return s.conn.Problem("PING", s.why)
	default:
	}
	bound, cancel := context.WithTimeout(ctx, s.conn.timeout)
	defer cancel()
	errs := make(chan error, len(s.parts))
	for _, p := range s.parts {
		go func() { errs <- p.client.Do(bound, p.client.B().Ping().Build()).Error() }()
	}
	for range s.parts {
		if err := <-errs; err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			s.lose(err)
			return s.conn.Problem("PING", err)
		}
	}
	return nil
}

// Lost is closed when messages may be missed from now on.
func (s *Subscription) Lost() <-chan struct{} { return s.lost }

// Close ends the subscription.
func (s *Subscription) Close() { s.lose(ErrClosed) }

func (s *Subscription) keep(p part) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.why == nil {
		s.parts = append(s.parts, p)
	}
	return s.why == nil
}

func (s *Subscription) lose(why error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.why != nil {
		return
	}
	s.why = why
	close(s.lost)
	go func(parts []part) { // never by the goroutine that reads: it would wait for itself
		for _, p := range parts {
			p.client.Close()
			p.release()
		}
	}(s.parts)
}
