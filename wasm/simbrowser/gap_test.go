package simbrowser

import (
	"slices"
	"testing"
	"time"

	"github.com/curfew-project/curfew/wasm/host"
)

// A13: what the loader does before the agent: the first event after a gap covers the page with the agent's words and calls gap, all
// other events of the page's life call seen or wake.
func TestA13_GapIsCoveredFirst(t *testing.T) {
	w, p := agentless(t)
	tab := p.tab
	var heard []string
	for _, name := range []string{"wake", "seen", "gap"} {
		p.loader.object.Define(name, p.realm.NewFunc("", func(host.Call) (host.Value, error) {
			heard = append(heard, name)
			return host.Undefined, nil
		}))
	}
	p.loader.object.Define("checking", p.realm.NewArray(host.String("Et øjeblik…"), host.String("Vi ser efter.")))
	steps := []struct {
		name   string
		do     func()
		heard  []string
		screen string
	}{
		{"activity in time", func() { must(t, tab.MoveMouse()) }, nil, "page"},
		{"hidden", tab.Hide, []string{"wake"}, "page"},
		{"seen", func() { must(t, tab.Show()) }, []string{"seen", "seen"}, "page"},
		{"late", func() { pass(t, w, time.Second+lateSeen*time.Millisecond+2*time.Millisecond); must(t, tab.Key()) }, []string{"gap"}, "cover: Et øjeblik…"},
		{"asleep", func() { must(t, w.Sleep(tab.browser, 6*time.Second)); must(t, tab.Key()) }, []string{"gap"}, "cover: Et øjeblik…"},
		{"a little asleep", func() { must(t, w.Sleep(tab.browser, 4*time.Second)); must(t, tab.Key()) }, nil, "page"},
		{"clock set back", func() { tab.browser.SetClock(-6 * time.Second); must(t, tab.Key()) }, []string{"gap"}, "cover: Et øjeblik…"},
		{"hidden and late", func() { tab.Hide(); pass(t, w, 20*time.Second) }, []string{"wake"}, "page"},
		{"thawed", func() { tab.Freeze(); must(t, tab.Thaw()) }, []string{"wake", "gap"}, "cover: Et øjeblik…"},
		{"shown", func() { must(t, tab.Show()) }, []string{"seen", "seen"}, "page"},
	}
	for _, s := range steps {
		heard = nil
		on(t, p, "uncover")
		on(t, p, "expect", host.Number(1000), host.Number(0))
		s.do()
		if !slices.Equal(heard, s.heard) || tab.Screen() != s.screen {
			t.Errorf("%s: called %q, want %q; the screen shows %q, want %q", s.name, heard, s.heard, tab.Screen(), s.screen)
		}
	}
	// The session's end is a limit without any patience.
	heard = nil
	on(t, p, "uncover")
	on(t, p, "expect", host.Number(60_000), host.Number(2000))
	pass(t, w, 2001*time.Millisecond)
	must(t, tab.Key())
	if !slices.Equal(heard, []string{"gap"}) {
		t.Errorf("after the end: called %q", heard)
	}
	if len(tab.Problems()) > 0 {
		t.Error(tab.Problems())
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
