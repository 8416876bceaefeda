package loader_test

import (
	"context"
	"testing"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"

	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/wasm/chrome"
)

// nextIdle is what the next heartbeat that begins from now on claims as idle time.
func nextIdle(t testing.TB, s *site) int64 {
	t.Helper()
	untilNumber(t, s, 2) // the first one may have begun before
	beats := s.allBeats()
	return beats[len(beats)-1].Idle
}

func move(t testing.TB, tab context.Context, x, y float64) {
	t.Helper()
	if err := chromedp.Do(tab, chromedp.MouseEvent(input.DispatchMouseEventTypeMouseMoved, x, y)); err != nil {
		t.Fatal(err)
	}
}

// pretends is what a script does to look like a person.
const pretends = `
	const make = { PointerEvent: ["pointerdown", "pointermove"], KeyboardEvent: ["keydown"], WheelEvent: ["wheel"], Event: ["touchstart", "touchmove", "scroll"] };
	for (const name in make) for (const kind of make[name]) for (const target of [window, document, document.body]) {
		target.dispatchEvent(new globalThis[name](kind, { bubbles: true, screenX: Math.random() * 1e3 }));
	}
	document.body.style.height = "9000px";
	scrollTo(0, 500);
	document.getElementById("work").click();
	document.getElementById("work").focus();
`

// D1: only what a person did is activity. Scripts cannot make it up, and neither can a page that moves under a resting pointer.
func TestD1_OnlyPeopleAreActive(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.set(func(s *site) { s.interval = 200 })
	tab, _ := open(t, s, chrome.New(t))
	const idle = int64(wire.MaxIdle)

	if got := nextIdle(t, s); got != idle {
		t.Fatalf("a page that nobody touched claims %d ms, want none", got)
	}
	chrome.Eval[any](t, tab, `void (() => {`+pretends+`
		// A page that asks as a frame does gets hold of no listener.
		let stolen;
		document.dispatchEvent(new CustomEvent("curfew:frame", { detail: { addEventListener(_, f) { stolen = f; } } }));
		window.addEventListener = document.addEventListener = (_, f) => { stolen = f; };
		stolen?.({ isTrusted: true });
	})()`)
	if got := nextIdle(t, s); got != idle {
		t.Errorf("scripted events and scrolling count as activity %d ms ago", got)
	}
	move(t, tab, 300, 300) // the first one: nobody knows where the pointer was
	move(t, tab, 300, 300)
	chrome.Eval[any](t, tab, `void scrollTo(0, 0)`)
	if got := nextIdle(t, s); got != idle {
		t.Errorf("a pointer that rests counts as activity %d ms ago", got)
	}
	move(t, tab, 301, 300)
	if got := nextIdle(t, s); got > 5_000 {
		t.Errorf("a moved pointer counts as activity %d ms ago", got)
	}
}

// Each kind of input counts.
func TestInputIsActivity(t *testing.T) {
	t.Parallel()
	browser := chrome.New(t)
	for name, act := range map[string]func(t testing.TB, tab context.Context){
		"key":   func(t testing.TB, tab context.Context) { press(t, tab, "a") },
		"click": func(t testing.TB, tab context.Context) { click(t, tab, `document.body`) },
		"wheel": func(t testing.TB, tab context.Context) {
			_, err := chromedp.Call(tab, input.DispatchMouseEvent, input.DispatchMouseEventParams{Type: input.DispatchMouseEventTypeMouseWheel, X: 50, Y: 50, DeltaX: 1, DeltaY: 10})
			if err != nil {
				t.Fatal(err)
			}
		},
		"touch": func(t testing.TB, tab context.Context) {
			if err := chromedp.Do(tab, chromedp.TapXY(50, 50)); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			s.set(func(s *site) { s.interval = 200 })
			tab, _ := open(t, s, browser)
			act(t, tab)
			if got := nextIdle(t, s); got > 5_000 {
				t.Errorf("it counts as activity %d ms ago", got)
			}
		})
	}
}

// A13: the first event after a gap that passed the session's end is covered within that very event, before the page sees it.
func TestA13_LateEventIsCoveredFirst(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.set(func(s *site) { s.interval = 1000 })
	tab, _ := open(t, s, chrome.New(t))
	untilBeats(t, s, 2) // by the second one, the agent has heard of the session's end
	chrome.Eval[any](t, tab, `void (() => {
		const now = Date.now;
		Date.now = () => now() + 2 * 3600e3; // as if the machine had slept for two hours
		addEventListener("keydown", () => {
			globalThis.covered = document.querySelector("curfew-agent")?.shadowRoot.querySelector("[part=cover]")?.open === true;
		}, true);
	})()`)
	s.set(func(s *site) { s.ended = wire.Inactivity })
	press(t, tab, "a")
	if !chrome.Eval[bool](t, tab, `covered`) {
		t.Error("the page saw the event uncovered")
	}
	chrome.Until(t, tab, `curfew.state === "ended"`)
}

// A10: a page that includes the script by the name that web resources know takes part, and including it twice makes no second
// agent.
func TestA10_WebResourceTakesPart(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	tab, _ := open(t, s, chrome.New(t))
	s.set(func(s *site) { s.interval = 200 })
	chrome.Go(t, tab, s.URL+"/WebResources/page")
	chrome.Until(t, tab, `curfew.state === "armed"`)
	press(t, tab, "a")
	if got := nextIdle(t, s); got > 5_000 {
		t.Errorf("a key counts as activity %d ms ago", got)
	}
	wantOneAgent(t, s, tab, `0`)
}

// wantOneAgent checks that one agent was loaded, in the page or in a frame of it, and that nobody else sends.
func wantOneAgent(t testing.TB, s *site, tab context.Context, others string) {
	t.Helper()
	const loads = `performance.getEntriesByType("resource").filter(e => e.name.endsWith(".wasm")).length`
	if got := chrome.Eval[int](t, tab, loads+" + "+others); got != 1 {
		t.Errorf("%d agents were loaded, want one", got)
	}
	beats := s.allBeats()
	for i := 1; i < len(beats); i++ {
		if beats[i].Seq <= beats[i-1].Seq {
			t.Fatalf("two agents send: seq %d after %d", beats[i].Seq, beats[i-1].Seq)
		}
	}
}

// A14: a frame of the same origin that includes the script is watched by the page's agent, whichever of their scripts runs first,
// and sends nothing itself. What is done in it counts.
func TestA14_FramesAreWatchedByTheTopPage(t *testing.T) {
	t.Parallel()
	browser := chrome.New(t)
	for name, path := range map[string]string{"page first": "/", "frame first": "/late/page"} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			tab, _ := open(t, s, browser)
			s.set(func(s *site) {
				s.interval = 200
				s.body = `<h1>Top</h1><iframe src="/inner" style="width:400px;height:200px"></iframe>`
			})
			// The inner page is the same page, whose own frame would be endless.
			chrome.BeforeLoad(t, tab, `if (self !== top) addEventListener("DOMContentLoaded", () => document.querySelector("iframe")?.remove())`)
			chrome.Go(t, tab, s.URL+path)
			chrome.Until(t, tab, `curfew.state === "armed" && frames[0].curfew?.state === "armed"`)
			if got := nextIdle(t, s); got != wire.MaxIdle {
				t.Fatalf("nobody touched it, and it claims %d ms", got)
			}
			click(t, tab, `document.querySelector("iframe")`)
			press(t, tab, "a")
			if got := nextIdle(t, s); got > 5_000 {
				t.Errorf("a key in the frame counts as activity %d ms ago", got)
			}
			wantOneAgent(t, s, tab, `frames[0].performance.getEntriesByType("resource").filter(e => e.name.endsWith(".wasm")).length`)
		})
	}
}
