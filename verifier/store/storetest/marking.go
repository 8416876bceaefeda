package storetest

import (
	"fmt"
	"math"
	"sync"
	"sync/atomic"

	"github.com/curfew-project/curfew/verifier/session"
)

func key(name string) session.Key { return session.NewKey("test", name) }

var marking = []check{
	{"Mark/IsFirstOnce", func(f fixture) {
		f.unmarked("a", start)
		f.mark("a", start+100, start, start, true)
		f.marked("a", start, start)
		f.mark("a", start+100, start+1, start, false)
		f.marked("a", start+99, start)
		f.unmarked("b", start)
		f.mark("b", start+100, start+2, start+2, true)
	}},

	{"Mark/ExpiresAtItsInstant", func(f fixture) {
		f.mark("a", start+100, start, start, true)
		f.mark("a", start+200, start+99, start, false)
		f.marked("a", start+99, start)
		f.unmarked("a", start+100)
		f.unmarked("a", start+1000)
		f.mark("a", start+200, start+100, start+100, true)
		f.marked("a", start+199, start+100)
		f.unmarked("a", start+200)
	}},

	{"Mark/AgainChangesNothing", func(f fixture) {
		f.mark("a", start+100, start, start, true)
		f.mark("a", start+1000, start+1, start, false)
		f.mark("a", start+2, start+1, start, false)
		f.marked("a", start+99, start)
		f.unmarked("a", start+100)
	}},

	{"Mark/ExpiredAlready", func(f fixture) {
		f.mark("a", start, start, start, true)
		f.unmarked("a", start)
		f.mark("a", start-5, start, start, true)
		f.mark("a", start+1, start, start, true)
		f.mark("a", start-5, start, start, false)
		f.marked("a", start, start)
	}},

	{"Mark/ForALongTime", func(f fixture) {
		f.mark("a", math.MaxInt64, start, start, true)
		f.marked("a", start+1000*24*hour, start)
	}},

	{"Mark/EveryByteOfTheKeyCounts", func(f fixture) {
		all := []session.Key{{}}
		for i := range len(session.Key{}) {
			all = append(all, session.Key{}, session.Key{})
			all[len(all)-1][i], all[len(all)-2][i] = 1, 0xff
		}
		for i, of := range all {
			if at, first, err := f.store.Mark(f.ctx, of, start+hour, start+int64(i)); at != start+int64(i) || !first || err != nil {
				f.Fatalf("Mark of %x: %d, %t, %v; want it to be first", of, at, first, err)
			}
		}
		for i, of := range all {
			if at, ok, err := f.store.Marked(f.ctx, of, start); at != start+int64(i) || !ok || err != nil {
				f.Fatalf("Marked of %x: %d, %t, %v; want %d", of, at, ok, err, start+int64(i))
			}
		}
	}},

	{"Mark/OneOfManyIsFirst", func(f fixture) {
		for round := range int64(10) { // the same key each time: the last round's mark has just expired
			now := start + round*minute
			var all sync.WaitGroup
			var firsts atomic.Int32
			var winner atomic.Int64
			told := make([]int64, 16)
			for i := range told {
				all.Go(func() {
					at, first, err := f.store.Mark(f.ctx, key("a"), now+minute, now+int64(i))
					if told[i] = at; err != nil {
						f.Errorf("Mark: %v", err)
					}
					if first {
						firsts.Add(1)
						winner.Store(at)
						if at != now+int64(i) {
							f.Errorf("the first mark is at %d; want %d", at, now+int64(i))
						}
					}
					if got, ok, err := f.store.Marked(f.ctx, key("a"), now); got != at || !ok || err != nil {
						f.Errorf("Marked after Mark: %d, %t, %v; want %d", got, ok, err, at)
					}
				})
			}
			all.Wait()
			if firsts.Load() != 1 {
				f.Fatalf("%d of %d were first; want 1", firsts.Load(), len(told))
			}
			for _, at := range told {
				if at != winner.Load() {
					f.Errorf("a caller was told that the mark is at %d; it is at %d", at, winner.Load())
				}
			}
		}
	}},

	{"Forget/DropsExpiredMarksUncounted", func(f fixture) {
		f.create(sample(1, user("ada"), start))
		f.end(id(1), start+1)
		for i := range 20 {
			f.mark(fmt.Sprint(i), start+int64(i), start-1, start-1, true)
		}
		f.forget(start+2, start+10, 1)
		f.forget(start+2, start+10, 0)
		for i := range 20 {
			if name := fmt.Sprint(i); i > 10 {
				f.marked(name, start+10, start-1)
				f.mark(name, start+100, start+10, start-1, false)
			} else {
				f.unmarked(name, start+10)
				f.mark(name, start+100, start+10, start+10, true)
			}
		}
		f.forget(start+1000*hour, start+11, 0) // before is for sessions, not for marks
		f.marked("19", start+11, start-1)
	}},
}

// mark fails unless Mark gives this.
func (f fixture) mark(name string, until, now, at int64, first bool) {
	f.Helper()
	if gotAt, gotFirst, err := f.store.Mark(f.ctx, key(name), until, now); gotAt != at || gotFirst != first || err != nil {
		f.Fatalf("Mark of %q: at +%d, first %t, %v; want +%d, %t", name, gotAt-start, gotFirst, err, at-start, first)
	}
}

func (f fixture) marked(name string, now, at int64) {
	f.Helper()
	if got, ok, err := f.store.Marked(f.ctx, key(name), now); got != at || !ok || err != nil {
		f.Fatalf("Marked of %q: at +%d, %t, %v; want +%d", name, got-start, ok, err, at-start)
	}
}

func (f fixture) unmarked(name string, now int64) {
	f.Helper()
	if got, ok, err := f.store.Marked(f.ctx, key(name), now); ok || err != nil {
		f.Fatalf("Marked of %q: at +%d, %t, %v; want no mark", name, got-start, ok, err)
	}
}
