package embedded

import (
	"context"
	"database/sql"
	"log/slog"
	"time"

	"github.com/curfew-project/curfew/verifier/session"
	"github.com/curfew-project/curfew/verifier/store/sqlitefile"
)

// writer is the one goroutine that writes. A change that somebody waits for is committed at once, together with all that
// came meanwhile; activity follows every interval, in portions, so that a sign-out never waits behind a minute's worth of
// heartbeats. While writing fails it tries again once an interval, so that a full disk costs no CPU.
type writer struct {
	store   *Store
	conn    *sql.Conn
	every   time.Duration
	logger  *slog.Logger
	stopped chan struct{}
	final   error // valid when stopped is closed: why something could not be written

	begin, commit, rollback, probe *sql.Stmt
	insert, setSecrets             *sql.Stmt
	change, setProvider            *sql.Stmt
	activity, lastEnd              *sql.Stmt
	removeSession, removeOfSession *sql.Stmt
	mark, marked, sweep            *sql.Stmt
	statements                     []*sql.Stmt // all of them

	due []*record // activity that is being written, portion by portion
}

// portion is how much activity goes into one transaction: some 20 milliseconds.
const portion = 2048

func newWriter(ctx context.Context, s *Store, conn *sql.Conn, every time.Duration, logger *slog.Logger) (*writer, error) {
	w := &writer{store: s, conn: conn, every: every, logger: logger, stopped: make(chan struct{})}
	for _, statement := range []struct {
		into **sql.Stmt
		text string
	}{
		{&w.begin, "BEGIN IMMEDIATE"},
		{&w.commit, "COMMIT"},
		{&w.rollback, "ROLLBACK"},
		{&w.probe, sqlitefile.Probe},
		{&w.insert, `INSERT INTO sessions (name, auth_time, active, seq, session_timeout, session_warning,
			inactivity_timeout, inactivity_warning, any_activity_stays, session_floor, inactivity_floor, ended_at, reason,
			check_at, check_next, check_bypassed, check_stay, check_by, lapses, row,
			id, environment, issuer, subject, provider_sid, key, began, client) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)`},
		{&w.setSecrets, "INSERT INTO secrets (row, sealed) VALUES (?,?) ON CONFLICT DO UPDATE SET sealed = excluded.sealed"},
		{&w.change, `UPDATE sessions SET name=?, auth_time=?, active=?, seq=?, session_timeout=?, session_warning=?,
			inactivity_timeout=?, inactivity_warning=?, any_activity_stays=?, session_floor=?, inactivity_floor=?, ended_at=?, reason=?,
			check_at=?, check_next=?, check_bypassed=?, check_stay=?, check_by=?, lapses=? WHERE row=?`},
		{&w.setProvider, "UPDATE sessions SET provider_sid=?1 WHERE row=?2 AND provider_sid<>?1"}, // apart, or every change would write the index
		{&w.activity, "UPDATE sessions SET active=?, seq=? WHERE row=?"},
		{&w.lastEnd, `INSERT INTO last_ends (environment, issuer, subject, ended_at) VALUES (?,?,?,?)
			ON CONFLICT DO UPDATE SET ended_at = max(ended_at, excluded.ended_at)`},
		{&w.removeSession, "DELETE FROM sessions WHERE row=?"},
		{&w.removeOfSession, "DELETE FROM secrets WHERE row=?"},
		{&w.mark, `INSERT INTO marks (key, at, until) VALUES (?,?,?)
			ON CONFLICT DO UPDATE SET at = excluded.at, until = excluded.until WHERE until <= excluded.at`},
		{&w.marked, "SELECT at FROM marks WHERE key=?"},
		{&w.sweep, sweepMarks},
	} {
		prepared, err := conn.PrepareContext(ctx, statement.text)
		if err != nil {
			w.closeStatements()
			return nil, err
		}
		*statement.into = prepared
		w.statements = append(w.statements, prepared)
	}
	return w, nil
}

func (w *writer) run() {
	defer close(w.stopped)
	timer := time.NewTimer(w.every)
	timer.Stop()
	armed, tick := false, false
	for {
		waited, lazy, flush, closed := w.store.queue.look()
		failing := w.store.failure.Load() != nil
		if !armed && (lazy || failing) {
			timer.Reset(w.every)
			armed = true
		}
		select { // here too, or a stream of changes that must be durable would keep activity from ever being due
		case <-timer.C:
			armed, tick = false, true
		default:
		}
		switch {
		case closed:
			timer.Stop()
			w.stop()
			return
		case flush:
			w.write(true)
		case failing && tick, !failing && (tick && lazy || waited || len(w.due) > 0):
			if tick {
				w.due = append(w.due, w.store.queue.takeLazy()...)
			}
			tick = false
			w.write(false)
		default:
			tick = false
			select {
			case <-w.store.queue.wake:
			case <-timer.C:
				armed, tick = false, true
			}
		}
	}
}

// closeStatements lets SQLite close the connection: while one statement is open it keeps the file.
func (w *writer) closeStatements() {
	for _, statement := range w.statements {
		statement.Close()
	}
}

func (w *writer) stop() {
	w.final = w.write(true)
	w.closeStatements()
	if err := w.conn.Close(); w.final == nil && err != nil {
		w.final = w.store.file.Problem(err)
	}
	last := w.store.queue.take() // what the final write could not write waits in here
	last.err = session.ErrClosed
	close(last.done)
}

// write commits the open batch and a portion of the activity that is due, or all activity there is.
func (w *writer) write(all bool) error {
	if all {
		w.due = append(w.due, w.store.queue.takeLazy()...)
	}
	now := w.due
	if !all && len(now) > portion {
		now = now[:portion]
	}
	taken := w.store.queue.take()
	written, err := w.transact(taken, now)
	if err != nil {
		failure := w.store.file.Problem(err)
		w.fail(taken, written, failure)
		taken.err = failure
	} else {
		if w.due = w.due[len(now):]; len(w.due) == 0 {
			w.due = nil
		}
		w.succeed(taken)
	}
	close(taken.done)
	return taken.err
}

func (w *writer) transact(taken *batch, lazy []*record) (written []*record, err error) {
	ctx := context.Background() // a transaction serves many callers: none of them can cancel it
	failing := w.store.failure.Load() != nil
	if len(taken.ops) == 0 && len(taken.errands) == 0 && len(lazy) == 0 && !failing {
		return nil, nil
	}
	if _, err := w.begin.ExecContext(ctx); err != nil {
		return nil, err
	}
	if failing { // a transaction that happens to write nothing proves nothing
		_, err = w.probe.ExecContext(ctx)
	}
	if err == nil {
		written, err = w.apply(ctx, taken.ops, lazy)
	}
	for i := 0; err == nil && i < len(taken.errands); i++ {
		err = taken.errands[i](ctx, w)
	}
	if err == nil {
		_, err = w.commit.ExecContext(ctx)
	}
	if err != nil {
		w.rollback.ExecContext(ctx) // fails when SQLite has rolled back by itself, as it does for a full disk
	}
	return written, err
}

// apply writes changes in the order in which they came, then activity. It gives the records whose dirty flag it took.
func (w *writer) apply(ctx context.Context, ops []op, lazy []*record) (written []*record, err error) {
	for _, next := range ops {
		if next.kind == removal {
			for _, statement := range []*sql.Stmt{w.removeSession, w.removeOfSession} {
				if _, err := statement.ExecContext(ctx, next.record.row); err != nil {
					return written, err
				}
			}
			continue
		}
		snapshot, wasDirty, _ := w.read(next.record)
		if wasDirty {
			written = append(written, next.record)
		}
		if err := w.applyWhole(ctx, next, snapshot); err != nil {
			return written, err
		}
	}
	for _, r := range lazy {
		snapshot, wasDirty, isGone := w.read(r)
		if !wasDirty || isGone {
			continue
		}
		written = append(written, r)
		if _, err := w.activity.ExecContext(ctx, snapshot.State.Active, int64(snapshot.Seq), r.row); err != nil {
			return written, err
		}
	}
	return written, nil
}

// read takes a record as it is now, and its dirty flag.
func (w *writer) read(r *record) (snapshot session.Session, wasDirty, isGone bool) {
	at := w.store.shard(r.id)
	at.mu.Lock()
	defer at.mu.Unlock()
	wasDirty, isGone = r.is(dirty), r.is(gone)
	r.flags &^= dirty
	return r.session(w.store.reasons), wasDirty, isGone
}

func (w *writer) applyWhole(ctx context.Context, next op, s session.Session) error {
	of, set := s.State, s.State.Settings
	values := []any{s.Name, s.AuthTime, of.Active, int64(s.Seq), millis(set.SessionTimeout), millis(set.SessionWarning),
		millis(set.InactivityTimeout), millis(set.InactivityWarning), set.AnyActivityStays, of.SessionFloor, of.InactivityFloor,
		of.EndedAt, string(of.Reason), s.Check.At, s.Check.Next, s.Check.Bypassed, s.Check.Stay, of.CheckBy, of.Lapses, next.record.row}
	if next.kind == creation {
		values = append(values, s.ID.String(), s.User.Environment, s.User.Issuer, s.User.Subject, s.Provider, s.Key[:], of.Began, string(s.Client))
		if _, err := w.insert.ExecContext(ctx, values...); err != nil {
			return err
		}
	} else {
		if _, err := w.change.ExecContext(ctx, values...); err != nil {
			return err
		}
		if _, err := w.setProvider.ExecContext(ctx, s.Provider, next.record.row); err != nil {
			return err
		}
	}
	if next.kind == sealing || next.secrets != "" {
		if _, err := w.setSecrets.ExecContext(ctx, next.record.row, string(next.secrets)); err != nil {
			return err
		}
	}
	if of.EndedAt == 0 {
		return nil
	}
	_, err := w.lastEnd.ExecContext(ctx, s.User.Environment, s.User.Issuer, s.User.Subject, of.EndedAt)
	return err
}

// succeed shows created sessions and notes what is durable now.
func (w *writer) succeed(taken *batch) {
	for _, done := range taken.ops {
		at := w.store.shard(done.record.id)
		at.mu.Lock()
		if done.kind == creation {
			w.store.show(at, done.record)
		}
		if done.record.pending == taken {
			done.record.pending = nil
			w.store.moving.settle(done.record)
		}
		at.mu.Unlock()
	}
	if w.store.failure.Swap(nil) != nil {
		w.logger.Info("session_store_written_again", "path", w.store.file.Path)
	}
}

// fail takes back created sessions, which nobody has seen, and keeps everything else for the next try: an ending stays in
// force although its caller is told that it is not durable. What the failed commit may have left of a creation on
// the disk is removed by the next try too. Errands are not tried again: their callers are told that they failed.
func (w *writer) fail(taken *batch, written []*record, failure *sqlitefile.FileError) {
	if w.store.failure.Swap(failure) == nil {
		w.logger.Error("session_store_write_failed", "path", w.store.file.Path, "error", failure)
	}
	again := make([]op, 0, len(taken.ops))
	for _, failed := range taken.ops {
		if failed.kind == creation {
			at := w.store.shard(failed.record.id)
			at.mu.Lock()
			failed.record.flags |= gone
			w.store.drop(at, failed.record)
			at.mu.Unlock()
			failed = op{kind: removal, record: failed.record}
		}
		again = append(again, failed)
	}
	for _, r := range written { // each is in one of the lists still
		at := w.store.shard(r.id)
		at.mu.Lock()
		r.flags |= dirty
		at.mu.Unlock()
	}
	now := w.store.queue.putBack(again)
	for _, waits := range again {
		at := w.store.shard(waits.record.id)
		at.mu.Lock()
		if waits.record.pending == taken {
			waits.record.pending = now
		}
		at.mu.Unlock()
	}
}
