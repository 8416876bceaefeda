// Package embedded keeps sessions in memory and in one SQLite file: for a single verifier. Memory answers every read but those of
// secrets, of marks and by the provider's session ID; the file makes what was acknowledged survive kill -9 and power loss. One
// goroutine writes, and commits together what arrived while it was committing. For several verifiers on the same sessions there is
// another store.
package embedded

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"hash/maphash"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/verifier/session"
	"github.com/curfew-project/curfew/verifier/store/sqlitefile"
)

// Options are what can be chosen about a Store. The zero value is good.
type Options struct {
	// FlushEvery is how long activity may wait to be written: 1ms to 900ms, because it is to be durable within a second.
	// 0 means DefaultFlushEvery.
	FlushEvery time.Duration
	// Logger gets failures to write and recoveries from them. nil means none.
	Logger *slog.Logger
}

// DefaultFlushEvery leaves half of the second for the writing itself.
const DefaultFlushEvery = 500 * time.Millisecond

// Store is a session.Store. Its methods may be called by any number of goroutines.
type Store struct {
	file    sqlitefile.File
	lock    *os.File
	db      *sql.DB // the writer's
	reads   *reader
	reasons []wire.Reason

	seed    maphash.Seed
	shards  [128]shard
	users   *users
	lastRow atomic.Int64
	moving  moving
	// everybodyEnded is an end that counts for every user, since the store was restored from a backup; 0: it was not.
	everybodyEnded int64

	queue   queue
	writer  *writer
	failure atomic.Pointer[sqlitefile.FileError] // what keeps the writer from writing, or nil
	closed  atomic.Bool

	unreported unreported
}

// shard is a part of the sessions under one lock.
type shard struct {
	mu     sync.RWMutex
	byID   table
	living dueHeap // by first deadline
	ended  dueHeap // by end
}

var _ session.Store = (*Store)(nil)

// Open opens the store in the file at path, or creates one where there is no file; the folder must exist. It loads every session,
// about a million in a few seconds. Its errors are *sqlitefile.FileError (ErrCorrupt, ErrForeign, ErrNewer, ErrLocked, ErrReadOnly,
// ErrFull, ErrFailed), or ctx's.
func Open(ctx context.Context, path string, options Options) (*Store, error) {
	every := options.FlushEvery
	if every == 0 {
		every = DefaultFlushEvery
	}
	if every < time.Millisecond || every > 900*time.Millisecond {
		return nil, fmt.Errorf("session store: FlushEvery is %s; allowed: 1ms to 900ms", every)
	}
	logger := options.Logger
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	file, err := kind.At(path)
	if err != nil {
		return nil, err
	}
	s := &Store{file: file, reasons: wire.Reasons(), seed: maphash.MakeSeed(), users: newUsers()}
	for i := range s.shards {
		s.shards[i].byID.hash = func(r *record) uint64 { return s.hash(r.id) }
	}
	if err := s.open(ctx, every, logger); err != nil {
		return nil, errors.Join(err, s.release())
	}
	go s.writer.run()
	return s, nil
}

func (s *Store) open(ctx context.Context, every time.Duration, logger *slog.Logger) (err error) {
	if s.lock, err = s.file.Lock(); err != nil {
		return err
	}
	if err := s.file.Prepare(ctx, nil); err != nil {
		return err
	}
	if s.db, err = s.file.Connect(1); err != nil {
		return err
	}
	conn, err := s.db.Conn(ctx)
	if err != nil {
		return s.file.Problem(err)
	}
	if err = inspect(ctx, s.file, conn); err == nil {
		err = s.load(ctx, conn)
	}
	if err != nil {
		return errors.Join(err, conn.Close())
	}
	if s.reads, err = newReader(ctx, s.file); err != nil {
		return errors.Join(s.file.Problem(err), conn.Close())
	}
	s.queue.init()
	s.writer, err = newWriter(ctx, s, conn, every, logger)
	if err != nil {
		return errors.Join(s.file.Problem(err), conn.Close())
	}
	return nil
}

// Close writes everything that waits, and releases the file. It returns an error when something could not be written, and
// ErrClosed when the store is closed already.
func (s *Store) Close() error {
	if s.closed.Swap(true) {
		return session.ErrClosed
	}
	s.queue.close()
	<-s.writer.stopped
	err := s.writer.final
	return errors.Join(err, s.release())
}

func (s *Store) release() error {
	var all []error
	if s.reads != nil {
		all = append(all, s.reads.close())
	}
	if s.db != nil {
		all = append(all, s.db.Close())
	}
	if s.lock != nil { // last: until here the file is ours
		all = append(all, s.lock.Close())
	}
	return errors.Join(all...)
}

// Ready says why the store cannot keep what it would acknowledge, or nil. Whoever writes meanwhile gets an error.
func (s *Store) Ready(ctx context.Context) error {
	if err := s.usable(ctx); err != nil {
		return err
	}
	return s.failed()
}

// Flush makes all activity durable that was acknowledged before it was called.
func (s *Store) Flush(ctx context.Context) error {
	if err := s.usable(ctx); err != nil {
		return err
	}
	waiting, err := s.queue.hurry()
	if err != nil {
		return err
	}
	return waiting.wait(ctx)
}

func (s *Store) usable(ctx context.Context) error {
	if s.closed.Load() {
		return session.ErrClosed
	}
	return ctx.Err()
}

func (s *Store) failed() error {
	if failure := s.failure.Load(); failure != nil {
		return failure
	}
	return nil
}

func (s *Store) hash(id session.ID) uint64 { return maphash.Bytes(s.seed, id[:]) }

func (s *Store) shard(id session.ID) *shard { return &s.shards[s.hash(id)%uint64(len(s.shards))] }

// lookup gives the record of an ID, even a hidden one. The caller holds the shard.
func (s *Store) lookup(at *shard, id session.ID) *record {
	return at.byID.get(s.hash(id), func(r *record) bool { return r.id == id })
}

// insert adds a record whose ID is free. The caller holds the shard.
func (s *Store) insert(at *shard, r *record) {
	at.byID.put(s.hash(r.id), r, func(*record) bool { return false })
}

// drop removes a record. The caller holds the shard.
func (s *Store) drop(at *shard, r *record) {
	at.byID.remove(s.hash(r.id), func(other *record) bool { return other == r })
}
