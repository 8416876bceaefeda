package loader_test

import (
	"slices"
	"testing"

	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/wasm/firefox"
	"github.com/curfew-project/curfew/wasm/needs"
)

// Several tabs and windows of one Firefox are one session.
func TestFirefox_Tabs(t *testing.T) {
	t.Parallel()
	browser := firefox.New(t)
	for _, c := range []struct {
		name string
		run  func(*testing.T, *firefox.Browser)
	}{
		{"A14_OneTabSends", firefoxOneTabSends},
		{"A14_TheVisibleTabLeads", firefoxVisibleTabLeads},
		{"A14_OneStayExtendsOnce", firefoxOneStay},
		{"A14_SignOutCoversAll", firefoxSignOutCoversAll},
	} {
		t.Run(c.name, func(t *testing.T) { c.run(t, browser) })
	}
}

// One window sends, for all; what is done in another one counts; and when the one that sends is closed, another one goes on at once.
func firefoxOneTabSends(t *testing.T, browser *firefox.Browser) {
	var (
		s             *site
		first, second *firefox.Page
		pressed       int64
	)
	undisturbed(t, func(wrong complaint) float64 {
		s = newSite(t)
		s.set(func(s *site) { s.interval = 1000 })
		first, _ = openFirefox(t, s, browser, watchdog)
		second = windowFirefox(t, s, browser, "/second", watchdog)
		for _, b := range untilNumber(t, s, 5) {
			if b.Idle != wire.MaxIdle {
				t.Errorf("nobody touched a page, and one claims activity %d ms ago", b.Idle)
			}
		}
		firefox.Press(t, second, "a")
		pressed = clockNow(s)
		needs.Until(t, "the activity of the second window", func() bool { return lastActive(s) > pressed-1000 })
		untilNumber(t, s, 3)
		if late := lastActive(s) - pressed; late > slack {
			t.Errorf("a key that was pressed once counts until %d ms later", late)
		}
		onlyFrom(s, "/back", wrong)
		if n := refusals(s); n != 1 {
			wrong("%d requests were refused, want only the first of all", n)
		}
		return max(firefox.Eval[float64](t, first, `latest`), firefox.Eval[float64](t, second, `latest`))
	})

	n := len(s.allBeats())
	closed := clockNow(s)
	firefox.Close(t, first)
	untilSender(t, s, "/second")
	for _, b := range beatsAfter(s, n) {
		if took := b.At - closed; from(s, b) == "/second" && took > 5000 {
			t.Errorf("the other window took the lead after %d ms", took)
		} else if from(s, b) == "/second" {
			break
		}
	}
	untilNumber(t, s, 2)
	if late := lastActive(s) - pressed; late > slack {
		t.Errorf("the change of the lead extended the session by %d ms", late)
	}
	if state := firefox.Eval[string](t, second, `curfew.state`); state != "armed" {
		t.Errorf("the page is %q", state)
	}
}

// A tab that hides the one that leads takes the lead, and keeps it beside a window that is seen as well.
func firefoxVisibleTabLeads(t *testing.T, browser *firefox.Browser) {
	s := newSite(t)
	s.set(func(s *site) { s.interval = 1000 })
	first, _ := openFirefox(t, s, browser, "")
	second := firefox.Tab(t, browser)
	firefox.Go(t, second, s.URL+"/second")
	firefox.Until(t, second, `globalThis.curfew?.state === "armed"`)
	if !firefox.Eval[bool](t, first, `document.visibilityState === "hidden"`) {
		t.Fatal("the first tab is seen")
	}
	untilSender(t, s, "/second")
	windowFirefox(t, s, browser, "/third", "")
	for _, b := range untilNumber(t, s, 3) {
		if from(s, b) != "/second" {
			t.Errorf("%s took the lead from a tab that is seen", from(s, b))
		}
	}
	firefox.Show(t, first)
	n := len(s.allBeats())
	needs.Until(t, "one that is seen to lead", func() bool {
		return slices.ContainsFunc(beatsAfter(s, n), func(b beat) bool { return from(s, b) != "/second" })
	})
	if n := refusals(s); n > 3 {
		t.Errorf("%d requests were refused", n)
	}
}

func firefoxOneStay(t *testing.T, browser *firefox.Browser) {
	for i, name := range []string{"in the leader", "in another"} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			s.set(func(s *site) { s.interval = 1000 })
			first, _ := openFirefox(t, s, browser, "")
			windows := []*firefox.Page{first, windowFirefox(t, s, browser, "/second", "")}
			s.warnInactivity(100_000)
			for _, tab := range windows {
				firefox.Until(t, tab, warns)
			}
			firefox.ClickOn(t, windows[i], inRoot(firstButton))
			chosen := clockNow(s)
			for _, tab := range windows {
				firefox.Until(t, tab, `!`+warns)
			}
			untilNumber(t, s, 4)
			if n, late := stays(s), lastActive(s)-chosen; n != 1 || late > slack {
				t.Errorf("%d choices were sent, and the session was extended to %d ms after the click", n, late)
			}
		})
	}
}

func firefoxSignOutCoversAll(t *testing.T, browser *firefox.Browser) {
	s := newSite(t)
	s.set(func(s *site) { s.interval = 500 })
	first, _ := openFirefox(t, s, browser, "")
	beside := firefox.Tab(t, browser)
	firefox.Go(t, beside, s.URL+"/beside")
	firefox.Until(t, beside, `globalThis.curfew?.state === "armed"`)
	needs.Until(t, "the tab that is seen to lead", func() bool {
		return slices.ContainsFunc(s.allBeats(), func(b beat) bool { return from(s, b) == "/beside" })
	})
	window := windowFirefox(t, s, browser, "/window", "")
	s.set(func(s *site) { s.interval = 60_000 })
	n := untilQuiet(t, s)
	firefox.Eval[any](t, window, `void curfew.signOut()`)
	for _, tab := range []*firefox.Page{beside, first} {
		firefox.Until(t, tab, `curfew.state === "ended"`)
	}
	asked := beatsAfter(s, n) // later they ask whether somebody has signed in anew
	for _, tab := range []*firefox.Page{beside, first} {
		wantCoveredFirefox(t, tab)
	}
	for _, b := range asked {
		t.Errorf("%s asked the verifier", from(s, b))
	}
	firefox.Until(t, window, `location.pathname === "/bye"`)
}
