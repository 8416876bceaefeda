// Package ledger keeps what administrators decide and the audit in one SQLite file, for a single verifier: every revision of every
// document (C1), and the chain of the audit's entries (C5). A change and its entries are one transaction. For several verifiers there is
// another store.
//
// Where the chain begins and ends is noted apart from the entries and sealed with the verifier's key, in the transaction that adds to
// them: who can write the file and has no key cannot cut off the end unnoticed. Who puts back an older copy of the whole file can; only
// what was exported or forwarded before shows it.
package ledger

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync/atomic"

	"github.com/curfew-project/curfew/verifier/audit"
	"github.com/curfew-project/curfew/verifier/settings"
	"github.com/curfew-project/curfew/verifier/store/sqlitefile"
)

// Options are what a Store needs besides its file.
type Options struct {
	// Seal gives a seal of a text that only the verifier can make.
	Seal func(text string) (seal string)
	// Sealed reports whether a seal is one that Seal gave for the text, with the verifier's key now or an earlier one.
	Sealed func(text, seal string) bool
	// Logger gets failures to write, recoveries from them, and what shows that the file was tampered with. nil means none.
	Logger *slog.Logger
}

// Store is a ledger. Settings and Audit are its two sides. It is safe for concurrent use.
type Store struct {
	file    sqlitefile.File
	options Options
	log     *slog.Logger
	lock    *os.File

	db     *sql.DB       // the writer's
	conn   *sql.Conn     // its one connection
	insert *sql.Stmt     // of an entry, on conn
	turn   chan struct{} // holds one while somebody writes
	reads  *sql.DB       // nobody who reads waits for the writer
	walks  *sql.DB       // nor for somebody who takes an export slowly

	failure atomic.Pointer[sqlitefile.FileError] // of the last try to write, or nil
	closed  atomic.Bool
}

// ErrClosed is returned by every method after Close.
var ErrClosed = errors.New("the ledger is closed")

const (
	mostReads = 4
	mostWalks = 2
)

// Open opens the ledger in the file at path, or creates one where there is no file; the folder must exist. Its errors are
// *sqlitefile.FileError (ErrCorrupt, ErrForeign, ErrNewer, ErrLocked, ErrReadOnly, ErrFull, ErrFailed), or ctx's.
//
// It reads all settings and the end of the audit, not all of it: that would take seconds for each million entries, at every
// start. A page of the audit that is damaged shows when it is read, as ErrCorrupt; what was altered shows to audit.Verify.
func Open(ctx context.Context, path string, options Options) (*Store, error) {
	switch {
	case options.Seal == nil:
		return nil, errors.New("ledger: Seal is nil; it must be given")
	case options.Sealed == nil:
		return nil, errors.New("ledger: Sealed is nil; it must be given")
	}
	file, err := kind.At(path)
	if err != nil {
		return nil, err
	}
	s := &Store{file: file, options: options, log: options.Logger, turn: make(chan struct{}, 1)}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if err := s.open(ctx); err != nil {
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return nil, errors.Join(err, s.release())
	}
	return s, nil
}

func (s *Store) open(ctx context.Context) (err error) {
	if s.lock, err = s.file.Lock(); err != nil {
		return err
	}
	if err := s.file.Prepare(ctx, s.begin); err != nil {
		return err
	}
	if s.db, err = s.file.Connect(1); err != nil {
		return err
	}
	if s.conn, err = s.db.Conn(ctx); err != nil {
		return s.file.Problem(err)
	}
	checked := func(int) []string { return []string{"revisions", "chain_ends"} }
	if _, err := s.file.Inspect(ctx, s.conn, checked); err != nil {
		return err
	}
	if s.insert, err = s.conn.PrepareContext(ctx, insertEntry); err != nil {
		return s.file.Problem(err)
	}
	if s.reads, err = s.file.Connect(mostReads, "query_only(ON)"); err != nil {
		return err
	}
	if s.walks, err = s.file.Connect(mostWalks, "query_only(ON)"); err != nil {
		return err
	}
	err = s.transact(ctx, func(ctx context.Context) error {
		// Sealed with today's key, so that an earlier one can go. What another key has sealed stays as it is until something is added: who
		// opened the file with the wrong key has not spoiled it.
		_, sealed, err := s.readNote(ctx, s.conn)
		if err == nil && sealed {
			err = s.add(ctx, nil)
		}
		if err != nil {
			return err
		}
		return s.probe(ctx)
	})
	if err != nil {
		return err
	}
	_, err = s.Settings().Latest(ctx)
	return err
}

// Settings is the side of the administrators' decisions.
func (s *Store) Settings() settings.Store { return revisions{s} }

// Audit is the side of the audit.
func (s *Store) Audit() audit.Store { return entries{s} }

// Close releases the file, when whoever writes is done. Everything is durable already. It returns ErrClosed when the ledger is closed
// already.
func (s *Store) Close() error {
	if s.closed.Swap(true) {
		return ErrClosed
	}
	s.turn <- struct{}{} // for good
	return s.release()
}

func (s *Store) release() error {
	var all []error
	if s.insert != nil {
		all = append(all, s.insert.Close())
	}
	if s.conn != nil {
		all = append(all, s.conn.Close())
	}
	for _, db := range []*sql.DB{s.walks, s.reads, s.db} {
		if db != nil {
			all = append(all, db.Close())
		}
	}
	if s.lock != nil { // last: until here the file is ours
		all = append(all, s.lock.Close())
	}
	return errors.Join(all...)
}

// Ready says why the ledger cannot keep what it would acknowledge, or nil. After a failure it tries to write.
func (s *Store) Ready(ctx context.Context) error {
	if err := s.usable(ctx); err != nil {
		return err
	}
	if s.failure.Load() == nil {
		return nil
	}
	return s.transact(ctx, s.probe)
}

func (s *Store) probe(ctx context.Context) error {
	_, err := s.conn.ExecContext(ctx, sqlitefile.Probe)
	return err
}

func (s *Store) usable(ctx context.Context) error {
	if s.closed.Load() {
		return ErrClosed
	}
	return ctx.Err()
}

// transact makes changes in one transaction, one caller after the other. ctx is for waiting; a transaction that has begun is not cut
// short, so that its caller is told what became of it.
func (s *Store) transact(ctx context.Context, change func(ctx context.Context) error) error {
	if err := s.usable(ctx); err != nil {
		return err
	}
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	case <-ctx.Done():
		return ctx.Err()
	}
	if err := s.usable(ctx); err != nil {
		return err
	}
	ctx = context.WithoutCancel(ctx)
	_, err := s.conn.ExecContext(ctx, "BEGIN IMMEDIATE")
	if err == nil {
		if err = change(ctx); err == nil {
			_, err = s.conn.ExecContext(ctx, "COMMIT")
		}
		if err != nil {
			s.conn.ExecContext(ctx, "ROLLBACK") // fails when SQLite has rolled back by itself, as it does for a full disk
		}
	}
	switch {
	case errors.Is(err, errUnchanged):
		return nil
	case errors.Is(err, settings.ErrConflict):
		return err
	case err != nil:
		failure := s.file.Problem(err)
		if s.failure.Swap(failure) == nil {
			s.log.Error("ledger_write_failed", "path", s.file.Path, "error", failure)
		}
		return failure
	}
	if s.failure.Swap(nil) != nil {
		s.log.Info("ledger_written_again", "path", s.file.Path)
	}
	return nil
}

// errUnchanged ends a transaction that has nothing to change.
var errUnchanged = errors.New("nothing to change")

// unread is the error of a reading of the file that failed with err.
func (s *Store) unread(ctx context.Context, err error) error {
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case s.closed.Load():
		return ErrClosed
	}
	return s.file.Problem(err)
}

// damaged is the error for what no verifier can have written.
func (s *Store) damaged(format string, args ...any) error {
	return s.file.Refuse(sqlitefile.ErrCorrupt, fmt.Errorf(format, args...))
}
