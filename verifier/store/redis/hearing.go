package redis

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"github.com/curfew-project/curfew/verifier/session"
	"github.com/curfew-project/curfew/verifier/store/redisconn"
)

// A verifier answers Get from memory only while it provably hears every change, and that proof is a lease:
//
//   - Scripts publish each change of anything but activity, in the step that makes it.
//   - A verifier that hears registers in Redis under a name of its own, and renews that every quarter of the lease by raising a number. Its
//     lease runs from the instant before it asked. When anything of its subscription is lost, or a renewal is late, it forgets all that it
//     knew and begins again under another name.
//   - Who made a change acknowledges it when everybody who was in the register after the change has said that they applied it, or is no
//     longer there, or has not raised its number for a whole lease of its own as measured here: its lease has then run out (told.go).
//   - By a master that may lack names, nobody acknowledges anything before those leases have run out (master.go).
//
// So nobody's memory outlives the acknowledgement of a change. No clock of Redis is in this, and of the verifiers' own only how fast they go.
type hearing struct {
	name   incarnation
	master string // where it is registered
	lease  atomic.Pointer[lease]
}

// incarnation names a verifier from one beginning of its hearing to its end.
type incarnation [16]byte

// lease is until when what is in memory may be used.
type lease struct{ until time.Time }

// holds compares both of Go's clocks: the monotonic one stands still while the machine sleeps, the other may be set back.
func (h *hearing) holds(now time.Time) bool {
	if h == nil {
		return false
	}
	l := h.lease.Load()
	return l != nil && now.Before(l.until) && now.Round(0).Before(l.until.Round(0))
}

// extend is told when a renewal was begun. The tenth is for clocks that go at different speeds.
func (h *hearing) extend(begun time.Time, length time.Duration) {
	h.lease.Store(&lease{begun.Add(length - length/10)})
}

// deaf is since when nothing is heard, and why.
type deaf struct {
	since time.Time
	why   error
}

// ErrDeaf is in the tree of Ready's error for a verifier that has not heard of changes for a while, though Redis answers: it asks Redis at
// each request, and what it ends itself cannot be confirmed.
var ErrDeaf = errors.New("changes are not heard")

// patience, in leases, is how long that may take when a connection was lost.
const patience = 5

func (s *Store) hearsAgain() error {
	d := s.deaf.Load()
	if d == nil || s.clock().Sub(d.since) < patience*s.lease {
		return nil
	}
	return &redisconn.Error{What: "hear", Where: s.where, Kind: ErrDeaf, Err: d.why}
}

// listen hears until the store is closed, and again whenever that is lost. first gets how the first attempt went.
func (s *Store) listen(ctx context.Context, first chan<- error) {
	defer close(s.listened)
	told := false
	for pause := s.lease / 8; ; {
		began, err := s.hear(ctx, func() {
			s.deaf.Store(nil)
			if !told {
				told = true
				first <- nil
			} else {
				s.logger.Info("changes_heard_again")
			}
		})
		if !told {
			first <- err
			return
		}
		if ctx.Err() != nil {
			return
		}
		since := s.clock()
		if d := s.deaf.Load(); d != nil {
			since = d.since
		}
		s.deaf.Store(&deaf{since, err})
		if began {
			s.logger.Warn("changes_not_heard", "error", err)
			pause = s.lease / 8
		} else {
			pause = min(2*pause, 2*s.lease)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
	}
}

// hear is one incarnation. It returns when that is over.
func (s *Store) hear(ctx context.Context, began func()) (ok bool, err error) {
	h := &hearing{}
	if _, err := io.ReadFull(s.random, h.name[:]); err != nil {
		return false, err
	}
	sub, err := s.conn.Subscribe(ctx, append(s.channels(), s.layout.acks(h.name)), func(channel, message string) { s.heard(h, channel, message) })
	if err != nil {
		return false, err
	}
	defer sub.Close()
	number := uint64(0)
	if err := s.renew(ctx, h, sub, &number); err != nil {
		return false, err
	}
	s.hearing.Store(h)
	s.cache.clear()
	defer s.strikeOwn(h)
	defer s.hearing.Store(nil)
	began()
	tick := time.NewTicker(s.lease / 4)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return true, ctx.Err()
		case <-sub.Lost():
			return true, sub.Ping(ctx)
		case <-tick.C:
			if err := s.renew(ctx, h, sub, &number); err != nil {
				return true, err
			}
		}
	}
}

var (
	errLate    = errors.New("a renewal came too late")
	errNotMine = errors.New("redis does not have what it had: it was restarted, emptied or restored")
)

// renew proves that the subscription hears and renews the lease.
func (s *Store) renew(ctx context.Context, h *hearing, sub *redisconn.Subscription, number *uint64) error {
	ctx, cancel := context.WithTimeout(ctx, s.lease)
	defer cancel()
	begun := s.clock()
	if err := sub.Ping(ctx); err != nil {
		return err
	}
	last := ""
	if *number > 0 {
		last = registration(*number, s.lease)
	}
	*number++
	args := []string{string(h.name[:]), last, registration(*number, s.lease), decimal(s.lease.Milliseconds())}
	run := s.conn.Run
	if last == "" { // whoever takes the master's place must have the name
		run = s.conn.RunKept
	}
	answer, err := run(ctx, renew, []string{s.layout.replicas()}, args).ToMessage()
	if err != nil {
		return s.conn.Problem("renew", err)
	}
	master, err := answer.ToString()
	if err == nil && h.master == "" {
		h.master = s.saw(master).id
	}
	switch {
	case err != nil || master != h.master: // 0 is no text
		return errNotMine
	case *number > 1 && !h.holds(s.clock()):
		return errLate // others may count this name as gone
	}
	h.extend(begun, s.lease)
	return nil
}

// strikeOwn takes a name out of the register that is used no more, so that nobody waits for it.
func (s *Store) strikeOwn(h *hearing) {
	s.hearing.Store(nil)
	s.cache.clear()
	ctx, cancel := context.WithTimeout(context.Background(), s.lease/2)
	defer cancel()
	s.conn.Do(ctx, s.conn.B().Hdel().Key(s.layout.replicas()).Field(string(h.name[:])).Build())
}

// A message on a partition's channel is who wants to be told, a number of theirs, and the record as it is now.
const messageAt = 16 + 8

func message(to incarnation, token uint64, record string) string {
	return string(binary.BigEndian.AppendUint64(to[:], token)) + record
}

// heard is called by the goroutine that reads the connection: it must not wait for Redis.
func (s *Store) heard(h *hearing, channel, text string) {
	if channel == s.layout.acks(h.name) {
		s.told.acknowledged(text)
		return
	}
	in, ok := s.byChannel[channel]
	if !ok || len(text) < messageAt {
		return
	}
	r, err := decode(text[messageAt:])
	if err != nil { // of a later version: nothing of this partition can be trusted
		s.cache.heard[in].Add(1)
		s.cache.clear()
		s.logger.Error("session_change_unreadable", "error", err)
	} else {
		s.cache.apply(&r, in)
	}
	var to incarnation
	copy(to[:], text)
	if to != h.name && to != (incarnation{}) {
		s.acks.add(to, h.name, binary.BigEndian.Uint64([]byte(text[16:messageAt])))
		if err == nil && s.changed != nil {
			s.changed(r.Session)
		}
	}
}

func (s *Store) channels() []string {
	all := make([]string, len(s.keys))
	for i, k := range s.keys {
		all[i] = k.channel
	}
	return all
}

// hears gives the hearing under which Get may be answered from memory now, or nil.
func (s *Store) hears() *hearing {
	if h := s.hearing.Load(); h.holds(s.clock()) {
		return h
	}
	return nil
}

// remembered finds a living session in memory whose deadline has not passed, while that is sure.
func (s *Store) remembered(id session.ID, now int64) (session.Session, bool) {
	h := s.hears() // before the cache is read: what is there then was true at this instant or later
	if h == nil {
		return session.Session{}, false
	}
	e, ok := s.cache.get(id)
	if !ok || e.as != h || e.ends <= now {
		return session.Session{}, false
	}
	return e.Session, true
}

func (n incarnation) String() string { return fmt.Sprintf("%x", n[:4]) }
