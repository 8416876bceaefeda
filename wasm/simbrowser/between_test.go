package simbrowser

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/curfew-project/curfew/wasm/host"
)

// What only the simulated browser can be told to do. Its steps have these verbs too: pass, hang and sleep with a length, discard,
// reload.
func TestSimulatedSteps(t *testing.T) {
	for name, c := range map[string]struct {
		set        func(b *Browser)
		transcript string
	}{
		"a page that hangs keeps its lock and gets everything later": {nil, `a open
b open
a listen a1 C
b listen b1 C
a lock L a0
    a: a0 has L
a hang 10s
b lock L b0
b post b1 one
a later 10 timer
b post b1 two
a pass 8s
a pass 5s
    a: a1: one, timer, a1: two
a release a0
    a: a0 done a0
    b: b0 has L
`},
		"a hang of a hang": {nil, `a open
a hang 1s
a hang 5s
a later 10 timer
a pass 2s
a pass 3s
    a: timer
`},
		"a discarded tab frees its lock and is loaded again when it is shown": {nil, `a open
b open
a lock L a1
    a: a1 has L
b lock L b1
a hide
    a: visibilitychange hidden
a discard
    b: b1 has L
a show
    a: loaded
`},
		"a crashed tab is empty until it is loaded again": {nil, `a open
b open
a listen a1 C
b listen b1 C
a crash
b post b1 one
a reload
a listen a2 C
b post b1 two
    a: a2: two
`},
		"a page that is loaded again frees its locks": {nil, `a open
b open
a lock L a1
    a: a1 has L
b lock L b1
a reload
    b: b1 has L
`},
		"nothing arrives while the machine sleeps": {nil, `a open
b open
a listen a1 C
b listen b1 C
a later 60000 timer
a sleep 2m
b post b1 one
    a: a1: one
a pass 1m
    a: timer
`},
		"where a frozen page's messages are queued": {func(b *Browser) { b.QueuesForFrozen = true }, `a open
b open
a listen a1 C
b listen b1 C
a freeze
b post b1 one
b post b1 two
a thaw
    a: visibilitychange hidden, freeze hidden, resume hidden, a1: one, a1: two
`},
		"timers of a hidden page wait, messages do not": {nil, `a open
b open
a listen a1 C
b listen b1 C
a hide
    a: visibilitychange hidden
a pass 6m
a later 1 timer
b post b1 one
    a: a1: one
a pass 30s
a pass 30s
    a: timer
`},
		"the back/forward cache forgets after ten minutes": {nil, `a open
b open
a lock L a1
    a: a1 has L
b lock L b1
a away
a pass 9m
a pass 2m
    b: b1 has L
a back
    a: pageshow visible
`},
		"a page that hangs is not kept": {nil, `a open
a hang 10s
a away
a back
    a: pageshow visible
`},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSimulated(t, 1)
			if c.set != nil {
				c.set(s.browser)
			}
			compare(t, "simulated", play(s, c.transcript), c.transcript)
			for _, tab := range s.tabs {
				for _, problem := range tab.Problems() {
					t.Error(problem)
				}
			}
		})
	}
}

// Messages take up to five milliseconds, and each page gets those of another one in their order; with the same seed, at the same times.
func TestDelivery(t *testing.T) {
	run := func(seed uint64) (order, times string) {
		s := newSimulated(t, seed)
		for _, name := range []string{"a", "b", "c"} {
			s.do(name, "open", nil)
			s.do(name, "listen", []string{name + "1", "C"})
		}
		s.settle()
		began := s.browser.clock.Mono
		for i := range 20 {
			s.do("a", "post", []string{"a1", fmt.Sprint(i)})
		}
		var out, at []string
		st := s.pages[s.tabs["b"].page]
		for s.browser.clock.Mono-began < int64(maxDelivery) {
			s.pass(10 * time.Microsecond)
			for _, said := range st.said {
				out, at = append(out, said), append(at, fmt.Sprint(s.browser.clock.Mono-began))
			}
			st.said = nil
		}
		return strings.Join(out, " "), strings.Join(at, " ")
	}
	var want []string
	for i := range 20 {
		want = append(want, fmt.Sprintf("b1: %d", i))
	}
	order, times := run(3)
	if order != strings.Join(want, " ") {
		t.Errorf("arrived: %s", order)
	}
	if _, again := run(3); again != times {
		t.Errorf("from the same seed at other times:\n%s\n%s", times, again)
	}
	if _, other := run(4); other == times {
		t.Error("from another seed at the same times")
	}
	if first, last, _ := strings.Cut(times, " "); first == last[strings.LastIndexByte(last, ' ')+1:] {
		t.Errorf("all at once: %s", times)
	}
}

// A frozen page that handles a message does so to the end, promises included, and is frozen again.
func TestFrozenPageHandlesAMessageToItsEnd(t *testing.T) {
	s := newSimulated(t, 1)
	for _, name := range []string{"a", "b"} {
		s.do(name, "open", nil)
		s.do(name, "listen", []string{name + "1", "C"})
	}
	p := s.tabs["a"].page
	r := p.realm
	var done []string
	err := s.pages[p].channels["a1"].Set("onmessage", r.NewFunc("", func(host.Call) (host.Value, error) {
		r.Then(r.Resolved(host.Undefined), func(host.Value) error { done = append(done, "promise"); return nil }, nil)
		r.SetTimeout(time.Millisecond, func() error { done = append(done, "timer"); return nil })
		return host.Undefined, nil
	}))
	if err != nil {
		t.Fatal(err)
	}
	s.do("a", "freeze", nil)
	s.do("b", "post", []string{"b1", "now"})
	s.pass(time.Minute)
	if !slices.Equal(done, []string{"promise"}) || !r.Frozen() {
		t.Errorf("while the page is frozen, what ran is %q", done)
	}
	s.do("a", "thaw", nil)
	s.pass(time.Second)
	if !slices.Equal(done, []string{"promise", "timer"}) {
		t.Errorf("after it all, what ran is %q", done)
	}
}

// The back/forward cache keeps six pages of a tab, those left last.
func TestBackForwardCacheIsBounded(t *testing.T) {
	s := newSimulated(t, 1)
	s.do("a", "open", nil)
	for range cachedPages + 2 {
		s.do("a", "away", nil)
	}
	var kept []bool
	for _, e := range s.tabs["a"].back {
		kept = append(kept, e.page != nil)
	}
	if want := []bool{false, false, true, true, true, true, true, true}; !slices.Equal(kept, want) {
		t.Errorf("kept are %v, want %v", kept, want)
	}
}

// Origins and profiles share nothing.
func TestOriginsAreApart(t *testing.T) {
	s := newSimulated(t, 1)
	s.do("a", "open", nil)
	w := s.browser.world
	w.Serve("https://other.example", w.sites[site])
	other := s.browser.Open("https://other.example/")
	s.pass(0)
	s.tabs["b"], s.names = other, append(s.names, "b")
	s.begin(other.page)
	far := newSimulated(t, 2)
	far.browser = w.NewBrowser("two", 0)
	far.do("c", "open", nil)
	got := play(s, `a listen a1 C
b listen b1 C
a lock L a0
b lock L b0
a post a1 one
a store n 1
b read n
`) + play(far, "c lock L c0\nc listen c1 C\nc read n\n")
	compare(t, "simulated", got, `a listen a1 C
b listen b1 C
a lock L a0
    a: a0 has L
b lock L b0
    b: b0 has L
a post a1 one
a store n 1
b read n
    b: read null
c lock L c0
    c: c0 has L
c listen c1 C
c read n
    c: read null
`)
}

func TestStorageIsBounded(t *testing.T) {
	s := newSimulated(t, 1)
	s.do("a", "open", nil)
	st := s.pages[s.tabs["a"].page]
	if err := st.do("store", []string{"small", "kept"}); err != nil {
		t.Fatal(err)
	}
	if err := st.do("store", []string{"big", strings.Repeat("x", maxStorage)}); err == nil || !strings.HasPrefix(err.Error(), "QuotaExceededError") {
		t.Errorf("storing too much: %v", err)
	}
	if err := st.do("store", []string{"small", strings.Repeat("x", maxStorage-len("small"))}); err != nil {
		t.Errorf("replacing by what just fits: %v", err)
	}
}

// A browser may lack things.
func TestLacks(t *testing.T) {
	for _, name := range []string{"BroadcastChannel", "localStorage", "navigator", "locks"} {
		s := newSimulated(t, 1)
		s.browser.Lacks = []string{name}
		s.do("a", "open", nil)
		g := s.tabs["a"].page.realm.Global()
		for _, other := range []string{"BroadcastChannel", "localStorage", "navigator"} {
			if got := g.Has(other); got == (other == name) {
				t.Errorf("without %s: %s is there: %v", name, other, got)
			}
		}
		if v, _ := g.Get("navigator"); name != "navigator" {
			if got := v.(*host.Object).Has("locks"); got == (name == "locks") {
				t.Errorf("without %s: navigator.locks is there: %v", name, got)
			}
		}
	}
}

// Two windows, a duplicate and what a tab shows.
func TestTabs(t *testing.T) {
	s := newSimulated(t, 1)
	s.do("a", "open", nil)
	a := s.tabs["a"]
	s.do("a", "away", nil)
	twin := a.Duplicate()
	s.pass(time.Second)
	if twin.Address() != site+"/away" || !slices.Equal(twin.History(), a.History()) || twin.page == a.page || twin.Screen() != "page" {
		t.Errorf("the duplicate is at %s with %q and shows %q", twin.Address(), twin.History(), twin.Screen())
	}
	if !twin.page.visible() || !a.page.visible() {
		t.Error("two windows are not visible at once")
	}
	if err := twin.Back(); err != nil || twin.Address() == site+"/" {
		t.Errorf("back is at once at %s (%v), but the page has to be loaded", twin.Address(), err)
	}
	s.pass(time.Second)
	if twin.Address() != site+"/" {
		t.Errorf("back led to %s", twin.Address())
	}
	if err := twin.Back(); err == nil {
		t.Error("went back beyond the beginning")
	}
	if err := twin.Discard(); err == nil {
		t.Error("a visible tab was discarded")
	}
	a.Crash()
	if got := a.Screen(); got != "no page: crashed" {
		t.Errorf("a crashed tab shows %q", got)
	}
	if err := a.Key(); err == nil {
		t.Error("pressed a key in a crashed tab")
	}
	a.Reload()
	s.pass(time.Second)
	if got := a.Screen(); got != "page" || a.Address() != site+"/away" {
		t.Errorf("after Reload it shows %q at %s", got, a.Address())
	}
	a.Close()
	if slices.Contains(s.browser.tabs, a) || !slices.Contains(s.browser.tabs, twin) {
		t.Error("the wrong tab was closed")
	}
}
