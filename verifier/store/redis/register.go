package redis

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"
)

// register reads the register of those who answer from memory. Callers who come while it is being read share the next reading.
type register struct {
	store *Store
	mu    sync.Mutex
	busy  bool
	next  *reading
}

type reading struct {
	done chan struct{}
	err  error

	names    map[incarnation]string // to their entries
	master   sight
	promoted bool          // it was a replica before
	complete bool          // nobody is missing who may answer from memory
	longest  time.Duration // of all leases
}

func (r *register) read(ctx context.Context) (*reading, error) {
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
		return mine, mine.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// run reads until nobody waits.
func (r *register) run(one *reading) {
	for one != nil {
		one.err = r.store.registered(context.Background(), one)
		close(one.done)
		r.mu.Lock()
		one, r.next = r.next, nil
		r.busy = one != nil
		r.mu.Unlock()
	}
}

// The fields of the register that are not a verifier's name.
const (
	longestField = "longest" // the longest lease, in milliseconds, that any verifier has had here
	masterField  = "master"  // the master whose register lacks nobody: see held
)

// registered asks who answers from memory. The script is refused by a master that has lost its replicas, as a write is.
func (s *Store) registered(ctx context.Context, into *reading) error {
	answer, err := s.conn.Run(ctx, registered, []string{s.layout.replicas()}, nil).ToArray()
	if err != nil {
		return s.conn.Problem("register", err)
	}
	if len(answer) != 3 {
		return s.conn.Problem("register", fmt.Errorf("%d answers; want 3", len(answer)))
	}
	var errs [3]error
	into.master.id, errs[0] = answer[0].ToString()
	promoted, err := answer[1].ToString()
	errs[1] = err
	found, err := answer[2].AsStrMap()
	errs[2] = err
	if err := errors.Join(errs[:]...); err != nil {
		return s.conn.Problem("register", err)
	}
	into.master = s.saw(into.master.id)
	into.promoted = promoted != "-1"
	into.complete = found[masterField] == into.master.id
	into.longest = s.lease
	if ms, err := strconv.ParseInt(found[longestField], 10, 64); err == nil {
		into.longest = max(into.longest, time.Duration(ms)*time.Millisecond)
	}
	into.names = make(map[incarnation]string, len(found))
	for name, entry := range found {
		var of incarnation
		if copy(of[:], name) == len(of) && len(name) == len(of) {
			into.names[of] = entry
			into.longest = max(into.longest, leaseOf(entry))
		}
	}
	return nil
}

// An entry of the register is a number that its verifier raises, and how long that one's lease is: others wait for that, not for their own.
func registration(number uint64, lease time.Duration) string {
	return strconv.FormatUint(number, 10) + " " + strconv.FormatInt(lease.Milliseconds(), 10)
}

// leaseOf takes what it cannot read for the longest that is allowed.
func leaseOf(entry string) time.Duration {
	_, text, _ := strings.Cut(entry, " ")
	ms, err := strconv.ParseInt(text, 10, 64)
	if err != nil || ms < 0 || ms > mostLease.Milliseconds() {
		return mostLease
	}
	return time.Duration(ms) * time.Millisecond
}
