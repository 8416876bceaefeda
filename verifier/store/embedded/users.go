package embedded

import (
	"hash/maphash"
	"sync"

	"github.com/curfew-project/curfew/verifier/session"
)

// users indexes sessions by user and keeps the users' last ends. Its locks are taken after a shard's, never before.
type users struct {
	seed, second maphash.Seed
	stripes      [64]stripe
}

type stripe struct {
	mu    sync.RWMutex
	first table          // by user: one of the user's sessions, from which the others hang
	marks map[mark]int64 // the last end of every user who ever had one; never dropped (B1)
}

// mark stands for a user in 128 bits under two random keys, a third of what the names take. Two users of one mark would
// make one of them sign in later than necessary, never earlier.
type mark [2]uint64

func newUsers() *users {
	u := &users{seed: maphash.MakeSeed(), second: maphash.MakeSeed()}
	for i := range u.stripes {
		u.stripes[i].first.hash = func(r *record) uint64 { return maphash.Comparable(u.seed, r.user()) }
		u.stripes[i].marks = map[mark]int64{}
	}
	return u
}

func (u *users) locate(user session.User) (*stripe, uint64) {
	hash := maphash.Comparable(u.seed, user)
	return &u.stripes[hash%uint64(len(u.stripes))], hash
}

// add indexes a record that is not in the index.
func (u *users) add(r *record) {
	of := r.user()
	at, hash := u.locate(of)
	at.mu.Lock()
	defer at.mu.Unlock()
	match := func(other *record) bool { return other.belongsTo(of) }
	if head := at.first.get(hash, match); head != nil { // the newest goes second, so that the table need not change
		r.prev, r.next = head, head.next
		if head.next != nil {
			head.next.prev = r
		}
		head.next = r
		return
	}
	at.first.put(hash, r, match)
}

func (u *users) remove(r *record) {
	of := r.user()
	at, hash := u.locate(of)
	at.mu.Lock()
	defer at.mu.Unlock()
	match := func(other *record) bool { return other == r }
	switch {
	case r.prev != nil:
		r.prev.next = r.next
	case r.next != nil:
		at.first.put(hash, r.next, match)
	default:
		at.first.remove(hash, match)
	}
	if r.next != nil {
		r.next.prev = r.prev
	}
	r.next, r.prev = nil, nil
}

// rename gives a record another name and provider session ID. The caller holds its shard. The index reads a record's user
// out of the same string under its own lock alone.
func (u *users) rename(r *record, s session.Session) {
	at, _ := u.locate(s.User)
	at.mu.Lock()
	defer at.mu.Unlock()
	r.setText(s)
}

// of gives a user's records and last end. The caller locks each record's shard to read it, and finds those that are
// gone by then.
func (u *users) of(user session.User) (records []*record, lastEnd int64) {
	at, hash := u.locate(user)
	at.mu.RLock()
	defer at.mu.RUnlock()
	for r := at.first.get(hash, func(r *record) bool { return r.belongsTo(user) }); r != nil; r = r.next {
		records = append(records, r)
	}
	return records, at.marks[mark{hash, maphash.Comparable(u.second, user)}]
}

// ended raises the user's last end.
func (u *users) ended(user session.User, end int64) {
	at, hash := u.locate(user)
	key := mark{hash, maphash.Comparable(u.second, user)}
	at.mu.Lock()
	defer at.mu.Unlock()
	if end > at.marks[key] {
		at.marks[key] = end
	}
}
