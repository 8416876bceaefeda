package redis

import (
	"context"
	"encoding/binary"
	"errors"
	"sync"
	"time"

	"github.com/redis/rueidis"

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

// ErrUnconfirmed is in the tree of the error for a change that is in Redis, but that another verifier did not confirm in time: it is not
// acknowledged, and everybody else refuses or hears of it at the latest when that one's lease has run out.
var ErrUnconfirmed = errors.New("a change is not confirmed by every verifier")

// everybody waits until all who answer from memory have applied some changes, or do so no more. It is to be called after the changes.
func (s *Store) everybody(ctx context.Context, changes []*telling) error {
	if len(changes) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeoutCause(ctx, 5*s.lease, ErrUnconfirmed)
	defer cancel()
	others, err := s.register.read(ctx)
	if err != nil {
		return err
	}
	own := s.hearing.Load()
	since := map[incarnation]time.Time{} // when a number that has not moved was first seen
	numbers := map[incarnation]string{}
	from := s.clock()
	for name, number := range others {
		since[name], numbers[name] = from, number
	}
	again := time.NewTicker(s.lease / 4)
	defer again.Stop()
	for {
		open := s.missing(changes, numbers, own)
		if open == nil {
			return nil
		}
		select {
		case <-open.arrived:
			continue
		case <-ctx.Done():
			if context.Cause(ctx) == ErrUnconfirmed {
				return &redisconn.Error{What: "confirm", Where: s.where, Kind: ErrUnconfirmed, Err: ctx.Err()}
			}
			return ctx.Err()
		case <-again.C:
		}
		now, err := s.register.read(ctx)
		if err != nil {
			return err
		}
		at := s.clock()
		for name, number := range numbers {
			switch fresh, there := now[name]; {
			case !there:
				delete(numbers, name)
			case fresh != number:
				numbers[name], since[name] = fresh, at
			case at.Sub(since[name]) >= s.lease: // its lease has run out
				delete(numbers, name)
				s.conn.Run(ctx, strike, []string{s.layout.replicas()}, []string{string(name[:]), number})
			}
		}
		own = s.hearing.Load()
		s.repeat(ctx, changes, numbers, own)
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

// tell publishes a record that others may not have heard of, and waits for everybody.
func (s *Store) tell(ctx context.Context, r *stored, in partition) error {
	of := s.told.begin(in)
	defer s.told.end(of)
	of.record = r.encode()
	if err := s.publish(ctx, of); err != nil {
		return s.conn.Problem("SPUBLISH", err)
	}
	return s.everybody(ctx, []*telling{of})
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
	s.cache.apply(r, in)
	if r.confirmed {
		return nil
	}
	if err := s.tell(ctx, r, in); err != nil {
		return err
	}
	s.confirm(r, in)
	return nil
}

// confirm notes in Redis that everybody has heard of an end, for the next who asks. Nobody waits for it, and it may be lost.
func (s *Store) confirm(r *stored, in partition) {
	noted := *r
	noted.confirmed = true
	call := redisconn.Call{Script: confirm, Keys: []string{s.keys[in].recordOf(r.ID)}, Args: []string{string(r.stamp.append(nil)), string([]byte{noted.flags()})}}
	s.later.add(call)
}

// register reads the register of those who answer from memory. Callers who come while it is being read share the next reading.
type register struct {
	store *Store
	mu    sync.Mutex
	busy  bool
	next  *reading
}

type reading struct {
	done  chan struct{}
	names map[incarnation]string
	err   error
}

func (r *register) read(ctx context.Context) (map[incarnation]string, error) {
	r.mu.Lock()
	if r.next == nil {
		r.next = &reading{done: make(chan struct{})}
	}
	mine := r.next
	if !r.busy {
		r.busy = true
		r.next = nil
		go r.run(mine)
	}
	r.mu.Unlock()
	select {
	case <-mine.done:
		return mine.names, mine.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// run reads until nobody waits.
func (r *register) run(one *reading) {
	for one != nil {
		one.names, one.err = r.store.registered(context.Background())
		close(one.done)
		r.mu.Lock()
		one, r.next = r.next, nil
		r.busy = one != nil
		r.mu.Unlock()
	}
}

func (s *Store) registered(ctx context.Context) (map[incarnation]string, error) {
	found, err := s.conn.Do(ctx, s.conn.B().Hgetall().Key(s.layout.replicas()).Build()).AsStrMap()
	if err != nil {
		return nil, s.conn.Problem("HGETALL", err)
	}
	names := make(map[incarnation]string, len(found))
	for name, number := range found {
		var of incarnation
		if copy(of[:], name) == len(of) && len(name) == len(of) {
			names[of] = number
		}
	}
	return names, nil
}

// acks are acknowledgements that wait to be sent.
type acks struct {
	mu   sync.Mutex
	to   map[[2]incarnation][]byte // by whom to tell and under which name
	wake chan struct{}
}

func (a *acks) add(to, by incarnation, token uint64) {
	a.mu.Lock()
	pair := [2]incarnation{to, by}
	a.to[pair] = binary.BigEndian.AppendUint64(a.to[pair], token)
	a.mu.Unlock()
	select {
	case a.wake <- struct{}{}:
	default:
	}
}

func (a *acks) take() map[[2]incarnation][]byte {
	a.mu.Lock()
	defer a.mu.Unlock()
	taken := a.to
	a.to = map[[2]incarnation][]byte{}
	return taken
}

// acknowledge sends them until the store is closed. One that is lost is asked for again.
func (s *Store) acknowledge(ctx context.Context) {
	defer close(s.acknowledging)
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.acks.wake:
		}
		commands := s.conn.B()
		var all []rueidis.Completed
		for pair, tokens := range s.acks.take() {
			all = append(all, commands.Spublish().Channel(s.layout.acks(pair[0])).Message(string(pair[1][:])+string(tokens)).Build())
		}
		s.conn.DoMulti(ctx, all...)
	}
}

// later runs calls for which nobody waits. Beyond some, they are dropped.
type later struct{ calls chan redisconn.Call }

func (l later) add(call redisconn.Call) {
	select {
	case l.calls <- call:
	default:
	}
}

func (s *Store) runLater(ctx context.Context) {
	defer close(s.ranLater)
	for {
		select {
		case <-ctx.Done():
			return
		case call := <-s.later.calls:
			calls := []redisconn.Call{call}
			for more := true; more && len(calls) < 256; {
				select {
				case call := <-s.later.calls:
					calls = append(calls, call)
				default:
					more = false
				}
			}
			s.conn.RunMulti(ctx, calls)
		}
	}
}
