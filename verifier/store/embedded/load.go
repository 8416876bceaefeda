package embedded

import (
	"container/heap"
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/curfew-project/curfew/shared/deadline"
	"github.com/curfew-project/curfew/shared/policy"
	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/verifier/session"
	"github.com/curfew-project/curfew/verifier/store/sqlitefile"
)

// load reads every session and every last end into memory. Nothing else has the store yet, so nothing is locked.
func (s *Store) load(ctx context.Context, conn *sql.Conn) error {
	if err := s.loadSessions(ctx, conn); err != nil {
		return s.file.Problem(err)
	}
	for i := range s.shards {
		heap.Init(&s.shards[i].living)
		heap.Init(&s.shards[i].ended)
	}
	rows, err := conn.QueryContext(ctx, "SELECT environment, issuer, subject, ended_at FROM last_ends")
	if err != nil {
		return s.file.Problem(err)
	}
	defer rows.Close()
	for rows.Next() {
		var user session.User
		var end int64
		if err := rows.Scan(&user.Environment, &user.Issuer, &user.Subject, &end); err != nil {
			return s.file.Refuse(sqlitefile.ErrCorrupt, err) // a value of another type
		}
		if user == everybody {
			s.everybodyEnded = end
			continue
		}
		s.users.ended(user, end)
	}
	if err := rows.Err(); err != nil {
		return s.file.Problem(err)
	}
	return nil
}

func (s *Store) loadSessions(ctx context.Context, conn *sql.Conn) error {
	rows, err := conn.QueryContext(ctx, `SELECT row, id, environment, issuer, subject, name, provider_sid, key, auth_time, began,
		active, seq, session_timeout, session_warning, inactivity_timeout, inactivity_warning, any_activity_stays,
		session_floor, inactivity_floor, ended_at, reason, check_at, check_next, check_bypassed, check_stay, check_by, lapses,
		client FROM sessions ORDER BY row`)
	if err != nil {
		return err
	}
	defer rows.Close()
	var (
		row, seq, timeout, warning, idle, idleWarning int64
		id, reason, client                            string
		key                                           sql.RawBytes
		anyStays                                      bool
		user                                          session.User
		name, provider                                string
		authTime                                      int64
		check                                         session.Check
		state                                         deadline.State
	)
	for rows.Next() {
		if err := rows.Scan(&row, &id, &user.Environment, &user.Issuer, &user.Subject, &name, &provider, &key, &authTime, &state.Began,
			&state.Active, &seq, &timeout, &warning, &idle, &idleWarning, &anyStays,
			&state.SessionFloor, &state.InactivityFloor, &state.EndedAt, &reason,
			&check.At, &check.Next, &check.Bypassed, &check.Stay, &state.CheckBy, &state.Lapses, &client); err != nil {
			return s.file.Refuse(sqlitefile.ErrCorrupt, err) // a value of another type
		}
		state.Settings = policy.Settings{
			SessionTimeout: length(timeout), SessionWarning: length(warning),
			InactivityTimeout: length(idle), InactivityWarning: length(idleWarning), AnyActivityStays: anyStays,
		}
		state.Reason = wire.Reason(reason)
		loaded := session.Session{
			User: user, Name: name, AuthTime: authTime, Provider: provider, Client: policy.Client(client),
			Check: check, Seq: uint64(seq), State: state,
		}
		if loaded.ID, err = session.ParseID(id); err == nil {
			err = loaded.Validate()
		}
		if err == nil && copy(loaded.Key[:], key) != len(key) || len(key) != len(loaded.Key) {
			err = fmt.Errorf("its key has %d bytes", len(key))
		}
		if err == nil {
			err = s.adopt(loaded, row)
		}
		if err != nil {
			return s.file.Refuse(sqlitefile.ErrCorrupt, fmt.Errorf("session in row %d: %w", row, err))
		}
		s.lastRow.Store(row)
	}
	return rows.Err()
}

// adopt puts a loaded session into memory; the heaps are put in order afterwards.
func (s *Store) adopt(loaded session.Session, row int64) error {
	at := s.shard(loaded.ID)
	if s.lookup(at, loaded.ID) != nil {
		return errors.New("its ID occurs twice")
	}
	r := newRecord(loaded, row)
	r.set(loaded, s.reasons)
	s.insert(at, r)
	s.users.add(r)
	r.due, _ = r.ends()
	into := &at.living
	if r.endedAt != 0 {
		into = &at.ended
		s.users.ended(r.user(), r.endedAt)
	}
	r.place = int32(len(*into))
	*into = append(*into, r)
	return nil
}
