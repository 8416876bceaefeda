package redis

import (
	"context"
	"encoding/binary"
	"errors"
	"sync"
	"time"

	"github.com/curfew-project/curfew/verifier/session"
	"github.com/curfew-project/curfew/verifier/store/redisconn"
)

// told is who has said that they applied which of this verifier's changes.
type told struct {
	mu      sync.Mutex
	last    uint64
	waiting map[uint64]*telling
}

// telling is one change that others are to hear of.
type telling struct {
	token   uint64
	in      partition
	record  string
	by      map[incarnation]bool
	arrived chan struct{} // holds one when somebody has said so
}

// begin comes before the change, whose acknowledgements may be faster than its answer.
func (t *told) begin(in partition) *telling {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.last++
	of := &telling{token: t.last, in: in, by: map[incarnation]bool{}, arrived: make(chan struct{}, 1)}
	t.waiting[of.token] = of
	return of
}

func (t *told) end(of *telling) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.waiting, of.token)
}

// acknowledged reads a message on the channel of acknowledgements: who says so, and the numbers.
func (t *told) acknowledged(text string) {
	if len(text) < 16 {
		return
	}
	var by incarnation
	copy(by[:], text)
	t.mu.Lock()
	defer t.mu.Unlock()
	for at := 16; at+8 <= len(text); at += 8 {
		if of := t.waiting[binary.BigEndian.Uint64([]byte(text[at:at+8]))]; of != nil {
			of.by[by] = true
			select {
			case of.arrived <- struct{}{}:
			default:
			}
		}
	}
}

// open reports whether a change is still to be confirmed.
func (t *told) open(of *telling) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.waiting[of.token] != nil
}

func (t *told) has(of *telling, by incarnation) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return of.by[by]
}

// ErrUnconfirmed is in the tree of the error for a change that is in Redis, but that another verifier or a replica did not confirm in time:
// it is not acknowledged, and everybody else refuses or hears of it at the latest when that one's lease has run out.
var ErrUnconfirmed = errors.New("a change is not confirmed by every verifier or by no replica")

// everybody waits until all who answer from memory have applied some changes, or do so no more. It is to be called after the changes.
func (s *Store) everybody(ctx context.Context, changes []*telling) error {
	if len(changes) == 0 {
		return nil
	}
	others, err := s.register.read(ctx)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, 4*s.lease+others.longest+max(0, s.held(others)), ErrUnconfirmed)
	defer cancel()
	late := func(err error) error {
		if context.Cause(ctx) == ErrUnconfirmed {
			return &redisconn.Error{What: "confirm", Where: s.where, Kind: ErrUnconfirmed, Err: err}
		}
		return err
	}
	own := s.hearing.Load()
	since := map[incarnation]time.Time{} // when an entry that has not changed was first seen
	entries := map[incarnation]string{}
	from := s.clock()
	for name, entry := range others.names {
		since[name], entries[name] = from, entry
	}
	again := time.NewTicker(s.lease / 4)
	defer again.Stop()
	for {
		held, arrived := s.held(others), (chan struct{})(nil)
		if open := s.missing(changes, entries, own); open != nil {
			arrived = open.arrived
		} else if held <= 0 {
			if !others.complete {
				s.vouch(ctx, others.master.id)
			}
			return nil
		}
		select {
		case <-arrived:
			continue
		case <-ctx.Done():
			return late(ctx.Err())
		case <-again.C:
		}
		master := others.master.id
		if others, err = s.register.read(ctx); err != nil {
			return late(err)
		}
		if others.master.id != master { // which may have lost the change, too
			return &redisconn.Error{What: "confirm", Where: s.where, Kind: ErrUnconfirmed, Err: errNotMine}
		}
		at := s.clock()
		for name, entry := range entries {
			switch fresh, there := others.names[name]; {
			case !there:
				delete(entries, name)
			case fresh != entry:
				entries[name], since[name] = fresh, at
			case at.Sub(since[name]) >= leaseOf(entry): // it has run out
				delete(entries, name)
				s.conn.Run(ctx, strike, []string{s.layout.replicas()}, []string{string(name[:]), entry})
			}
		}
		own = s.hearing.Load()
		s.repeat(ctx, changes, entries, own)
	}
}

// missing gives a change that somebody has not confirmed yet, or nil.
func (s *Store) missing(changes []*telling, others map[incarnation]string, own *hearing) *telling {
	for _, of := range changes {
		for name := range others {
			if (own == nil || name != own.name) && !s.told.has(of, name) {
				return of
			}
		}
	}
	return nil
}

// repeat publishes again what was not confirmed: the first time the answer may have gone to a name that this verifier no longer has.
func (s *Store) repeat(ctx context.Context, changes []*telling, others map[incarnation]string, own *hearing) {
	if own == nil {
		return
	}
	for _, of := range changes {
		if s.missing([]*telling{of}, others, own) == nil {
			continue
		}
		s.publish(ctx, of) // who does not hear this one is asked again
	}
}

// publish says what a change was, outside of the script that made it.
func (s *Store) publish(ctx context.Context, of *telling) error {
	return s.conn.Do(ctx, s.conn.B().Spublish().Channel(s.keys[of.in].channel).Message(message(s.ownName(), of.token, of.record)).Build()).Error()
}

// tell publishes records that others may not have heard of, and waits for everybody.
func (s *Store) tell(ctx context.Context, some []placed) error {
	if err := s.keepAgain(ctx, some); err != nil {
		return err
	}
	var changes []*telling
	for _, r := range some {
		of := s.told.begin(r.in)
		defer s.told.end(of)
		of.record = r.encode()
		changes = append(changes, of)
		if err := s.publish(ctx, of); err != nil {
			return s.conn.Problem("SPUBLISH", err)
		}
	}
	return s.everybody(ctx, changes)
}

// keepAgain makes sure that a replica has records as they are, where there are replicas: whoever wrote them may not know.
func (s *Store) keepAgain(ctx context.Context, some []placed) error {
	if !s.conn.Replicas() || len(some) == 0 {
		return nil
	}
	calls := make([]redisconn.Call, len(some))
	for i, r := range some {
		calls[i] = redisconn.Call{Script: again, Keys: []string{s.keys[r.in].recordOf(r.ID)}, Args: []string{string(r.stamp.append(nil))}}
	}
	for _, result := range s.conn.RunMultiKept(ctx, calls) {
		if same, err := result.AsInt64(); err != nil {
			return err
		} else if same != 1 {
			return &redisconn.Error{What: "confirm", Where: s.where, Kind: ErrUnconfirmed, Err: errNotMine}
		}
	}
	return nil
}

// ownName is who to tell; nobody while this verifier hears nothing.
func (s *Store) ownName() (name incarnation) {
	if h := s.hearing.Load(); h != nil {
		name = h.name
	}
	return name
}

// settle makes sure that an end that Redis has is one that everybody has heard of, before anybody is told of it here.
func (s *Store) settle(ctx context.Context, r *stored, in partition) error {
	return s.settleAll(ctx, []placed{{r, in}})
}

// settleAll is settle for those of some that have ended.
func (s *Store) settleAll(ctx context.Context, some []placed) error {
	var open []placed
	for _, r := range some {
		if r.State.EndedAt == 0 {
			continue
		}
		s.cache.apply(r.stored, r.in)
		if !r.confirmed {
			open = append(open, r)
		}
	}
	if err := s.tell(ctx, open); err != nil {
		return err
	}
	for _, r := range open {
		s.confirm(r.stored, r.in)
	}
	return nil
}

// doubts are sessions with a change from here that may be in Redis and that nobody has acknowledged. Beyond some it is any.
type doubts struct {
	mu  sync.Mutex
	of  map[session.ID]bool
	any bool
}

const mostDoubts = 10_000

func (d *doubts) add(id session.ID) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.of) >= mostDoubts {
		d.of, d.any = nil, true
	}
	if d.of == nil {
		d.of = map[session.ID]bool{}
	}
	d.of[id] = true
}

func (d *doubts) has(id session.ID) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.any || d.of[id]
}

func (d *doubts) drop(id session.ID) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.of, id)
}

// confirm notes in Redis that everybody has heard of an end, for the next who asks. Nobody waits for it, and it may be lost.
func (s *Store) confirm(r *stored, in partition) {
	noted := *r
	noted.confirmed = true
	call := redisconn.Call{Script: confirm, Keys: []string{s.keys[in].recordOf(r.ID)}, Args: []string{string(r.stamp.append(nil)), string([]byte{noted.flags()})}}
	s.later.add(call)
}
