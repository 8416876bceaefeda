package provider

import (
	"context"
	"errors"
	"sync"
	"time"
)

// cache keeps what was last read from an address of the provider. One goroutine reads for all that wait, and whoever waits does so
// no longer than its own ctx. What was read before stays in use while it cannot be read again.
type cache[T any] struct {
	now   func() time.Time
	pause time.Duration // the least time from a failed attempt to the next, and between two that other makes
	read  func(context.Context) (*T, error)
	// report hears how a reading went, before those who wait for it: not of one that failed while what was read before serves.
	report func(error)

	mu     sync.Mutex
	value  *T
	at     time.Time     // when value was read
	fault  error         // why the last attempt failed; nil when it did not
	failed time.Time     // when it did
	rest   time.Duration // how long to leave the provider alone after that
	asked  [askers]time.Time
	call   *call[T]
}

// maxRest bounds how long a provider is left alone because it asked for that: people wait to sign in.
const maxRest = time.Minute

// asker tells apart who may have something read again, so that none uses up another's attempts.
type asker int

const (
	solicited   asker = iota // for what the provider itself just answered
	unsolicited              // for a token that anybody may have sent
	askers
)

type call[T any] struct {
	done  chan struct{}
	value *T
	err   error
}

// get returns what there is, and has it read again when it is old, without waiting for that. When there is nothing it waits for
// the first reading; after a failed one it gives that one's error until the pause is over.
func (c *cache[T]) get(ctx context.Context) (*T, error) {
	c.mu.Lock()
	resting := c.fault != nil && within(c.now(), c.failed, c.rest)
	if c.value != nil {
		defer c.mu.Unlock()
		if c.call == nil && !resting && !within(c.now(), c.at, lifetime) {
			c.start(ctx, true)
		}
		return c.value, nil
	}
	if c.call == nil {
		if resting {
			defer c.mu.Unlock()
			return nil, c.fault
		}
		c.start(ctx, false)
	}
	return c.wait(ctx)
}

// other returns something newer than what was had, and has it read again for that. ok is false when the asker had it read during
// the pause already.
func (c *cache[T]) other(ctx context.Context, had *T, by asker) (value *T, ok bool, err error) {
	c.mu.Lock()
	if c.value != had {
		defer c.mu.Unlock()
		return c.value, true, nil
	}
	if c.call == nil {
		now := c.now()
		if asked := c.asked[by]; !asked.IsZero() && within(now, asked, c.pause) {
			c.mu.Unlock()
			return nil, false, nil
		}
		c.asked[by] = now
		c.start(ctx, false)
	}
	value, err = c.wait(ctx)
	return value, err == nil, err
}

// probe has it read whatever its age, and waits for that.
func (c *cache[T]) probe(ctx context.Context) error {
	c.mu.Lock()
	if c.call == nil {
		c.start(ctx, false)
	}
	_, err := c.wait(ctx)
	return err
}

// last is what was read last, or nil.
func (c *cache[T]) last() *T {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.value
}

// within reports whether less than length has passed. A clock that was set back must not make anything last.
func within(now, since time.Time, length time.Duration) bool {
	passed := now.Sub(since)
	return passed >= 0 && passed < length
}

// start begins a reading, which goes on when the one who asked for it has gone. Nobody waits for an idle one.
func (c *cache[T]) start(ctx context.Context, idle bool) {
	current := &call[T]{done: make(chan struct{})}
	c.call = current
	go func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
		defer cancel()
		value, err := c.read(ctx)
		c.mu.Lock()
		if err == nil {
			c.value, c.at = value, c.now()
		} else {
			c.failed, c.rest = c.now(), c.pause
			if f := (*Fault)(nil); errors.As(err, &f) {
				c.rest = min(max(c.pause, f.RetryAfter), maxRest)
			}
		}
		c.fault, c.call = err, nil
		c.mu.Unlock()
		if err == nil || !idle {
			c.report(err)
		}
		current.value, current.err = value, err
		close(current.done)
	}()
}

// wait releases the lock and waits for the reading under way.
func (c *cache[T]) wait(ctx context.Context) (*T, error) {
	current := c.call
	c.mu.Unlock()
	select {
	case <-current.done:
		return current.value, current.err
	case <-ctx.Done():
		return nil, gone(ctx)
	}
}
