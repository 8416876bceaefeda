package keyring

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"time"
)

// Watcher keeps a ring true to its file. It compares what the file holds, because times and inodes tell nothing certain of mounted files.
// It is not safe for concurrent use; the ring is.
type Watcher struct {
	path string
	ring *Ring
	told [sha256.Size]byte // what was taken or refused last
	seen [sha256.Size]byte // what was there at the last look
}

// NewWatcher makes a watcher for a ring that LoadFile loaded from a file.
func NewWatcher(path string, ring *Ring) *Watcher { return &Watcher{path: path, ring: ring} }

// Look takes a changed file at the second look at which it is there, so that one that is being written is not half taken, and lets the
// ring use the key whose time has come. It reports whether anything of that has changed. An error is told once, and the ring goes on with
// the keys that it has: a file that is gone or broken, or that lacks the key in use, signs nobody out before a restart. Who exchanges keys
// adds one, has it used, and only then takes the old one away.
func (w *Watcher) Look(now time.Time) (changed bool, err error) {
	text, err := readOwn(w.path)
	is := sha256.Sum256(append([]byte("text "), text...))
	if err != nil {
		is = sha256.Sum256([]byte("error " + err.Error()))
	}
	settled := is == w.seen
	w.seen = is
	turned := w.ring.Turn(now)
	if !settled || is == w.told {
		return turned, nil
	}
	w.told = is
	var next *Ring
	if err == nil {
		next, err = readRing(w.path, text, now)
	}
	if err == nil {
		err = next.lacks(w.path, w.ring)
	}
	if err != nil {
		return turned, err
	}
	if next.same(w.ring) {
		return turned, nil
	}
	w.ring.Take(next)
	return true, nil
}

// ErrLacks is in the tree of the error for a file that lacks the key in use.
var ErrLacks = errors.New("the key in use is not in it")

// lacks is an error where the ring of a file has not the key that another ring uses.
func (r *Ring) lacks(path string, other *Ring) error {
	used := other.use().id
	for _, k := range r.now.Load().keys {
		if k.id == used {
			return nil
		}
	}
	return fmt.Errorf("key file %s lacks key %x: %w; put it back, or restart the verifier to go on without it", path, used, ErrLacks)
}

// same reports whether two rings have the same keys and use the same one.
func (r *Ring) same(other *Ring) bool {
	a, b := r.now.Load(), other.now.Load()
	if len(a.list) != len(b.list) {
		return false
	}
	for i := range a.list {
		if a.list[i] != b.list[i] {
			return false
		}
	}
	return true
}
