// Package redisledger keeps what administrators decide and the audit in Redis 7 or Valkey, for several verifiers at once: every revision of
// every document (C1), and one chain of the audit's entries (C5) that all of them add to. A change and its entries are one script. It is
// package ledger's counterpart for many, with the same seal of the chain's ends and the same words for what was tampered with.
//
// A verifier that adds to the chain says which end it goes on from. When another was faster, the script changes nothing and tells the new
// end. All keys are in one slot of a cluster: a chain is one line, and its rate is that of one Redis.
package redisledger

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"

	"github.com/curfew-project/curfew/verifier/audit"
	"github.com/curfew-project/curfew/verifier/settings"
	"github.com/curfew-project/curfew/verifier/store/redisconn"
)

// Options are what a Store needs besides its connection.
type Options struct {
	// Prefix begins every key, so that several deployments can share a Redis; "curfew" where it is empty.
	Prefix string
	// Seal gives a seal of a text that only the verifiers can make.
	Seal func(text string) (seal string)
	// Sealed reports whether a seal is one that Seal gave for the text, here or at another verifier, with the key now or an earlier one.
	Sealed func(text, seal string) bool
	// Refuse, which can be nil, says why nothing may be added behind an end whose seal is not known: another verifier that runs has keys
	// which this one does not have. With nil from it, such an end was tampered with.
	Refuse func(seal string) error
	// Logger gets failures to write, recoveries from them, and what shows that somebody has tampered with the data. nil means none.
	Logger *slog.Logger
}

// Store is a ledger. Settings and Audit are its two sides. It is safe for concurrent use, here and at other verifiers.
type Store struct {
	conn    *redisconn.Conn
	options Options
	log     *slog.Logger
	keys    keys

	turn chan struct{} // holds one while somebody writes; guards what follows
	seen *seen         // as of the last script; nil: not known
	last audit.Link    // the furthest end that this verifier has seen vouched for
	sent []sent        // what may or may not have been added

	failure atomic.Pointer[error] // of the last try to write, or nil
	closed  atomic.Bool
}

var (
	// ErrClosed is returned by every method after Close.
	ErrClosed = errors.New("the ledger is closed")
	// ErrCorrupt is in the tree of the error for what no verifier can have written.
	ErrCorrupt = errors.New("the ledger in redis is damaged")
	// ErrTrimmed is the error of a Walk that was so slow that entries were dropped before it came to them.
	ErrTrimmed = errors.New("entries were dropped while they were read; begin again")
)

// keys are the names of all keys, which share a slot.
type keys struct {
	state     string // hash: end and seal of the chain, how far it was swept, and the version of each document as "v:<environment>"
	entries   string // stream: entry n has the ID n-0, and one field with its line
	revisions string // hash: "<version>:<environment>" to a revision
	walks     string // sorted set: who walks, until when
	changes   string // channel: a message for each change of a document
	index     string // begins the keys by which entries are found
}

func keysOf(prefix string) keys {
	if prefix == "" {
		prefix = "curfew"
	}
	of := func(name string) string { return "{" + prefix + ":ledger}" + name }
	return keys{of("state"), of("entries"), of("revisions"), of("walks"), of("changes"), of("by:")}
}

// Changes is the channel of sharded pub/sub on which each change of a document is told, once it is in force. The message says nothing:
// whoever hears it reads.
func Changes(prefix string) string { return keysOf(prefix).changes }

// Open opens the ledger, or begins one where there is none. The connection stays the caller's. Its errors are *redisconn.Error, of
// ErrCorrupt, Refuse's, or ctx's. It does not read all of the audit: what was altered shows to audit.Verify.
func Open(ctx context.Context, conn *redisconn.Conn, options Options) (*Store, error) {
	switch {
	case options.Seal == nil:
		return nil, errors.New("redisledger: Seal is nil; it must be given")
	case options.Sealed == nil:
		return nil, errors.New("redisledger: Sealed is nil; it must be given")
	}
	s := &Store{conn: conn, options: options, log: options.Logger, keys: keysOf(options.Prefix), turn: make(chan struct{}, 1)}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if options.Refuse == nil {
		s.options.Refuse = func(string) error { return nil }
	}
	now, err := s.look(ctx)
	if err != nil {
		return nil, err
	}
	// Sealed with today's key, so that an earlier one can go. What another key has sealed stays as it is until something is added.
	if now.empty() || now.sealed {
		if err := s.write(ctx, change{}); err != nil {
			return nil, err
		}
	} else if err := s.options.Refuse(now.seal); err != nil {
		return nil, err
	}
	_, err = s.Settings().Latest(ctx)
	return s, err
}

// Settings is the side of the administrators' decisions.
func (s *Store) Settings() settings.Store { return revisions{s} }

// Audit is the side of the audit.
func (s *Store) Audit() audit.Store { return entries{s} }

// Close makes every method refuse, when whoever writes is done. Everything is durable already. It returns ErrClosed when the ledger is
// closed already.
func (s *Store) Close() error {
	if s.closed.Swap(true) {
		return ErrClosed
	}
	s.turn <- struct{}{} // for good
	return nil
}

var probe = redisconn.NewScript(`redis.call('HSET', KEYS[1], 'probe', '1') return 1`)

// Ready says why the ledger cannot keep what it would acknowledge, or nil. After a failure it tries to write.
func (s *Store) Ready(ctx context.Context) error {
	if err := s.usable(ctx); err != nil {
		return err
	}
	if err := s.conn.FindReplicas(ctx); err != nil {
		return err
	}
	if s.failure.Load() == nil {
		_, err := s.look(ctx)
		return err
	}
	return s.told(s.problem("probe", s.conn.RunKept(ctx, probe, []string{s.keys.state}, nil).Error()))
}

func (s *Store) usable(ctx context.Context) error {
	if s.closed.Load() {
		return ErrClosed
	}
	return ctx.Err()
}

func (s *Store) problem(what string, err error) error { return s.conn.Problem("ledger: "+what, err) }

// told notes whether writing works, and says so when that has changed.
func (s *Store) told(err error) error {
	if err == nil {
		if s.failure.Swap(nil) != nil {
			s.log.Info("ledger_written_again", "path", s.keys.state)
		}
		return nil
	}
	if s.failure.Swap(&err) == nil {
		s.log.Error("ledger_write_failed", "path", s.keys.state, "error", err)
	}
	return err
}

func damaged(format string, args ...any) error {
	return fmt.Errorf("%w: %w", ErrCorrupt, fmt.Errorf(format, args...))
}
