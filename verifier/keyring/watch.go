package keyring

import (
	"crypto/sha256"
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
// the keys that it has: a file that is gone or broken signs nobody out before a restart.
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
	if err != nil {
		return turned, err
	}
	if next.same(w.ring) {
		return turned, nil
	}
	w.ring.Take(next)
	return true, nil
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
