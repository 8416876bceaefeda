package loader_test

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/wasm/chrome"
)

// pair is an application and another one, of another site, whose page it has in a frame.
type pair struct {
	top, other *site
	tab        context.Context
}

// newPair opens the application's page with a frame of the other's. The frame's page has a head, beside which a script says on the
// outermost page how it is; each site's operator allows the other unless change says otherwise.
func newPair(t *testing.T, browser context.Context, head string, change func(p *pair)) *pair {
	t.Helper()
	p := &pair{top: newSite(t), other: newSite(t)}
	p.otherAt("localhost")
	for _, s := range []*site{p.top, p.other} {
		s.policy = strings.Replace(s.policy, "; require-trusted-types-for 'script'", "", 1)
		s.policy = strings.Replace(s.policy, "script-src 'self'", "script-src 'self' 'unsafe-inline'", 1)
		s.policy = strings.Replace(s.policy, "frame-src 'self'", "frame-src *", 1)
		s.policy = strings.Replace(s.policy, "frame-ancestors 'self'", "frame-ancestors *", 1)
		s.interval = 200
	}
	p.top.pages = map[string]string{"/top": html(hearing+tag, "<h1>Top</h1>"+frame(p.other.URL+"/framed"))}
	p.other.pages = map[string]string{"/framed": html(head, "<h1>Framed</h1>")}
	if change != nil {
		change(p)
	}
	p.tab, _ = open(t, p.top, browser)
	chrome.Go(t, p.tab, p.top.URL+"/top")
	if strings.Contains(p.top.pages["/top"], tag) {
		chrome.Until(t, p.tab, armed("window"))
	}
	return p
}

// otherAt gives the other application's host a name: localhost is another site than 127.0.0.1, of which another port is only another origin.
func (p *pair) otherAt(host string) {
	at, err := url.Parse(p.other.URL)
	if err != nil {
		p.other.t.Fatal(err)
	}
	p.other.URL = "http://" + host + ":" + at.Port()
	p.top.personal.Frames, p.other.personal.Frames = []string{p.other.URL}, []string{p.top.URL}
}

const (
	// hearing collects in the outermost page what its frames say for the test.
	hearing = `<script>globalThis.told = []; addEventListener("message", (e) => { if (e.data.test) told.push(e.data.test) })</script>`
	// telling says on the outermost page when the agent of this one is armed.
	telling = `<script>{ const timer = setInterval(() => { if (curfew?.state !== "armed") return; clearInterval(timer); top.postMessage({ test: "armed" }, "*") }, 20) }</script>`
	reports = `<script src="/.curfew/agent.js" data-mode="frame"></script>` + telling
	guards  = tag + telling
	// forged talks to the window above as the agent does, but says what it wants.
	forged = `<script>
const tell = (test) => top.postMessage({ test }, "*");
globalThis.greet = (to, token = crypto.randomUUID()) => {
	addEventListener("message", (e) => {
		if (e.data !== "curfew:welcome " + token) return;
		globalThis.port = e.ports[0];
		port.onmessage = (e) => tell(e.data);
		port.onclose = () => tell("closed");
		tell("welcome");
	});
	to.postMessage("curfew:hello " + token, "*");
};
addEventListener("message", (e) => { if (e.data.run) (0, eval)(e.data.run) });
tell("loaded");
</script>`
)

// run runs a script in the frame of a forged page.
func (p *pair) run(t testing.TB, script string) {
	t.Helper()
	chrome.Eval[any](t, p.tab, `void frames[0].postMessage({ run: `+"`"+script+"`"+` }, "*")`)
}

func toldOf(what string) string { return `told.some((text) => text.startsWith("` + what + `"))` }

// forgedPair has a frame whose forged page is linked.
func forgedPair(t *testing.T, browser context.Context) *pair {
	t.Helper()
	p := newPair(t, browser, forged, forging)
	chrome.Until(t, p.tab, toldOf("loaded"))
	p.run(t, `greet(parent)`)
	chrome.Until(t, p.tab, toldOf("welcome"))
	return p
}

func forging(p *pair) {
	p.other.policy = strings.Replace(p.other.policy, "'unsafe-inline'", "'unsafe-inline' 'unsafe-eval'", 1)
}

// A10: activity in a frame of another origin counts in the page, and the page's in the frame, each in its own session.
func TestA10_FrameOfAnotherOriginTakesPart(t *testing.T) {
	t.Parallel()
	for name, host := range map[string]string{"another site": "localhost", "the same site": "127.0.0.1"} {
		t.Run(name, func(t *testing.T) {
			p := newPair(t, chrome.New(t), guards, func(p *pair) {
				p.otherAt(host)
				p.top.pages["/top"] = html(hearing+tag, "<h1>Top</h1>"+frame(p.other.URL+"/.curfew/sign-in"))
				p.other.goTo = "/framed" // its key is made in the frame: browsers keep one for each pair of sites
			})
			chrome.Until(t, p.tab, toldOf("armed"))
			for _, s := range []*site{p.top, p.other} {
				if got := nextIdle(t, s); got != wire.MaxIdle {
					t.Fatalf("nobody touched it, and it claims %d ms", got)
				}
			}
			click(t, p.tab, `document.querySelector("iframe")`)
			wantIdle(t, p.other, "the frame after a click in it")
			wantIdle(t, p.top, "the page after a click in its frame")

			wait(t, p.tab, "11000") // the frame was not told of anything yet, but the page was
			move(t, p.tab, 300, 5)
			move(t, p.tab, 310, 8)
			wantIdle(t, p.top, "the page after a move")
			wantIdle(t, p.other, "the frame after a move in the page")
		})
	}
}

// wantIdle waits for a heartbeat that tells of activity just now.
func wantIdle(t testing.TB, s *site, what string) {
	t.Helper()
	got := int64(0)
	for began := time.Now(); time.Since(began) < 10*time.Second; {
		if got = nextIdle(t, s); got < 2_000 {
			return
		}
	}
	t.Errorf("%s: the last activity was %d ms ago", what, got)
}

// A10: a page that only reports is asked before the warning, and its activity keeps it away; once it shows, activity does not.
func TestA10_ReportingFrameIsAsked(t *testing.T) {
	t.Parallel()
	p := newPair(t, chrome.New(t), reports, nil)
	chrome.Until(t, p.tab, toldOf("armed"))
	p.top.warnInactivity(p.top.settings.InactivityWarning + 12_000)
	wait(t, p.tab, "6000")
	click(t, p.tab, `document.querySelector("iframe")`)
	wantIdle(t, p.top, "the page after a click in the frame")
	wait(t, p.tab, "9000")
	if chrome.Eval[bool](t, p.tab, `!(`+pageIsSeen+`)`) {
		t.Error("it warns a person who is active in the frame")
	}
	if n := len(p.other.allBeats()); n > 0 {
		t.Errorf("a page that only reports sent %d heartbeats", n)
	}
	p.top.warnInactivity(60_000)
	chrome.Go(t, p.tab, p.top.URL+"/top") // it forgets what was done
	chrome.Until(t, p.tab, inRoot(`root.querySelector("dialog[part=dialog]")?.open`))
	click(t, p.tab, `document.querySelector("iframe")`)
	wait(t, p.tab, "3000")
	if chrome.Eval[bool](t, p.tab, pageIsSeen) {
		t.Error("activity closed a warning that only a choice answers (A4)")
	}
}

// A10: "Stay signed in" in the page answers the warning of the frame too. Each sends it once.
func TestA10_StayIsTold(t *testing.T) {
	t.Parallel()
	p := newPair(t, chrome.New(t), guards, func(p *pair) {
		p.top.pages["/top"] = html(hearing+tag, "<h1>Top</h1>"+frame(p.other.URL+"/.curfew/sign-in"))
		p.other.goTo = "/framed"
	})
	chrome.Until(t, p.tab, toldOf("armed"))
	p.other.warnInactivity(60_000)
	p.top.warnInactivity(60_000)
	chrome.Until(t, p.tab, inRoot(`root.querySelector("dialog[part=dialog]")?.open`))
	wait(t, p.tab, "1500")
	click(t, p.tab, `document.querySelector("curfew-agent").shadowRoot.querySelector("button")`)
	chrome.Until(t, p.tab, pageIsSeen)
	wait(t, p.tab, "1500")
	for name, s := range map[string]*site{"page": p.top, "frame": p.other} {
		stays := 0
		for _, b := range s.allBeats() {
			if b.Stay {
				stays++
			}
		}
		if stays != 1 {
			t.Errorf("the %s told its verifier %d times that the person stays, want once", name, stays)
		}
	}
}

// A10: who gets no channel, whatever it says.
func TestA10_WhoIsRefused(t *testing.T) {
	t.Parallel()
	browser := chrome.New(t)
	// A greeting of the page itself. Its own origin is allowed, so that only its place can be what is wrong with it.
	const ofItself = "the page itself"
	for name, c := range map[string]struct {
		change func(p *pair)
		greet  string
	}{
		"an origin that the page's operator does not allow": {func(p *pair) { p.top.personal.Frames = []string{"https://labs.example"} }, `greet(parent)`},
		"another port of an allowed host":                   {func(p *pair) { p.top.personal.Frames = []string{p.other.URL + "0"} }, `greet(parent)`},
		"everybody where nobody is allowed":                 {func(p *pair) { p.top.personal.Frames = nil }, `greet(parent)`},
		"an origin that only looks alike":                   {func(p *pair) { p.top.personal.Frames = []string{"*", "/", p.other.URL + "/"} }, `greet(parent)`},
		"a sandboxed frame, which has no origin": {func(p *pair) {
			p.top.pages["/top"] = strings.Replace(p.top.pages["/top"], "<iframe", `<iframe sandbox="allow-scripts"`, 1)
		}, `greet(parent, "00000000-0000-4000-8000-000000000000")`},
		"a token of another length": {nil, `greet(parent, "1")`},
		"a token that is huge":      {nil, `greet(parent, "1".repeat(5e6))`},
		"another word":              {nil, `parent.postMessage("curfew:howdy " + crypto.randomUUID(), "*")`},
		"a message that is no text": {nil, `for (const data of [null, 1, {}, ["curfew:hello"], new Uint8Array(1e6)]) parent.postMessage(data ?? 0, "*")`},
		ofItself:                    {func(p *pair) { p.top.personal.Frames = []string{p.other.URL, p.top.URL} }, `postMessage("curfew:hello " + crypto.randomUUID(), "*")`},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPair(t, browser, forged, func(p *pair) {
				forging(p)
				if c.change != nil {
					c.change(p)
				}
			})
			chrome.Until(t, p.tab, toldOf("loaded"))
			p.run(t, `addEventListener("message", (e) => { if (String(e.data).startsWith("curfew:welcome")) tell("welcome") }); tell("listens")`)
			chrome.Until(t, p.tab, toldOf("listens")) // an answer that comes before would be lost
			// What a script of the page makes up itself is no message of the frame's.
			chrome.Eval[any](t, p.tab, `void dispatchEvent(new MessageEvent("message", { origin: "`+p.other.URL+`", source: frames[0], data: "curfew:hello 00000000-0000-4000-8000-000000000000" }))`)
			if name == ofItself {
				chrome.Eval[any](t, p.tab, `void addEventListener("message", (e) => { if (String(e.data).startsWith("curfew:welcome")) told.push("welcome") })`)
				chrome.Eval[any](t, p.tab, `void `+c.greet)
			} else {
				p.run(t, c.greet)
			}
			wait(t, p.tab, "700")
			if chrome.Eval[bool](t, p.tab, toldOf("welcome")) {
				t.Error("it got a channel")
			}
			if state := chrome.Eval[string](t, p.tab, `curfew.state`); state != "armed" {
				t.Error("the page is", state)
			}
		})
	}
}

// A10: only a frame below is answered: not the window above, not one beside, not one that was opened.
func TestA10_OnlyFramesBelowAreAnswered(t *testing.T) {
	t.Parallel()
	browser := chrome.New(t, chrome.Flag("disable-popup-blocking", true))
	// The outermost page is the forged one, and greets the guarded page in its frame; so does a frame beside that.
	p := newPair(t, browser, forged, func(p *pair) {
		forging(p)
		p.other.pages["/above"] = html(hearing+forged, frame(p.other.URL+"/framed")+frame(p.top.URL+"/top"))
		p.top.pages["/top"] = html(telling+tag, "<h1>Top</h1>")
	})
	chrome.Go(t, p.tab, p.other.URL+"/above")
	chrome.Until(t, p.tab, toldOf("armed")+` && `+toldOf("loaded"))
	chrome.Eval[any](t, p.tab, `void greet(frames[1])`)
	p.run(t, `greet(parent.frames[1])`)
	wait(t, p.tab, "700")
	if chrome.Eval[bool](t, p.tab, toldOf("welcome")) {
		t.Error("a window that is no frame below got a channel")
	}

	opener := newPair(t, browser, forged, forging)
	chrome.Until(t, opener.tab, toldOf("loaded"))
	chrome.Eval[any](t, opener.tab, `void addEventListener("click", () => { globalThis.opened = open("`+opener.other.URL+`/framed") }, { once: true })`)
	click(t, opener.tab, `document.querySelector("h1")`)
	chrome.Until(t, opener.tab, `globalThis.opened`)
	chrome.Until(t, opener.tab, toldOf("loaded"))
	wait(t, opener.tab, "1000")
	chrome.Eval[any](t, opener.tab, `void opened.postMessage({ run: "globalThis.tell = 0; addEventListener('message', (e) => opener.postMessage({ test: 'opened: ' + e.data }, '*')); opener.postMessage('curfew:hello 00000000-0000-4000-8000-000000000000', '*'); opener.postMessage({ test: 'greeted' }, '*')" }, "*")`)
	chrome.Until(t, opener.tab, toldOf("greeted"))
	wait(t, opener.tab, "700")
	if chrome.Eval[bool](t, opener.tab, toldOf("opened: curfew:welcome")) {
		t.Error("a window that the page opened got a channel")
	}
}

// A10: what a linked page says is bounded in every way, and gives it no power over the session.
func TestA10_LinkedPageIsNotTrusted(t *testing.T) {
	t.Parallel()
	browser := chrome.New(t)
	for name, c := range map[string]struct {
		say    string
		counts bool // it is activity
		ends   bool // of the link
	}{
		"activity now":                {`port.postMessage("acted " + Date.now() + " 100")`, true, false},
		"activity that is an old one": {`port.postMessage("acted " + (Date.now() - 5000) + " 100")`, false, false},
		"no activity":                 {`port.postMessage("acted " + Date.now() + " 31622400000")`, false, false},
		"negative":                    {`port.postMessage("acted " + Date.now() + " -5")`, false, true},
		"not a number":                {`port.postMessage("acted now 0")`, false, true},
		"the verifier's words":        {`port.postMessage("over " + Date.now() + " s1 signed_out")`, false, true},
		"doubt":                       {`port.postMessage("doubt " + Date.now())`, false, true},
		"an object":                   {`port.postMessage({ kind: "acted" })`, false, true},
		"something huge":              {`port.postMessage("acted ".repeat(3e6))`, false, true},
		"a choice without a warning":  {`port.postMessage("ask " + Date.now() + " 31622400000 1 0")`, false, false},
		"a flood":                     {`for (let i = 0; i < 500; i++) port.postMessage("acted " + Date.now() + " 31622400000")`, false, true},
	} {
		t.Run(name, func(t *testing.T) {
			p := forgedPair(t, browser)
			p.run(t, c.say)
			wait(t, p.tab, "700")
			if got := nextIdle(t, p.top); (got != wire.MaxIdle) != c.counts {
				t.Errorf("the page claims activity %d ms ago", got)
			}
			if got := chrome.Eval[bool](t, p.tab, toldOf("bye")); got != c.ends {
				t.Errorf("the link has ended: %v, want %v", got, c.ends)
			}
			for _, b := range p.top.allBeats() {
				if b.Stay {
					t.Error("it stayed signed in without a warning")
				}
			}
			if state := chrome.Eval[string](t, p.tab, `curfew.state`); state != "armed" {
				t.Error("the page is", state)
			}
		})
	}
}

// P4: a session that has ended stays ended, whatever a linked page says.
func TestA10_EndedStaysEnded(t *testing.T) {
	t.Parallel()
	p := forgedPair(t, chrome.New(t))
	p.top.set(func(s *site) { s.ended = wire.Inactivity })
	chrome.Until(t, p.tab, `curfew.state === "ended"`)
	sent := len(p.top.allBeats())
	p.run(t, `port.postMessage("acted " + Date.now() + " 0"); port.postMessage("ask " + Date.now() + " 0 1 0")`)
	wait(t, p.tab, "1500")
	if state := chrome.Eval[string](t, p.tab, `curfew.state`); state != "ended" {
		t.Error("the page is", state)
	}
	if got := len(p.top.allBeats()); got != sent {
		t.Errorf("%d heartbeats after the end", got-sent)
	}
	wantCovered(t, p.tab)
}

// counting counts the channels' ends that the page makes and closes.
const counting = `globalThis.made = 0; globalThis.shut = 0; { const C = MessageChannel; globalThis.MessageChannel = class extends C { constructor() { super(); made++; const close = this.port1.close; this.port1.close = function () { shut++; close.call(this) } } } }`

// A10: a frame that is removed, or goes elsewhere, leaves no channel open; one that greets again has one.
func TestA10_NoChannelOutlivesItsFrame(t *testing.T) {
	t.Parallel()
	browser := chrome.New(t)
	for name, c := range map[string]struct {
		head string
		then string
		made int
	}{
		"removed":     {forged, `document.querySelector("iframe").remove()`, 1},
		"navigated":   {reports, `document.querySelector("iframe").src = "/bye"`, 1},
		"reloaded":    {reports, `document.querySelector("iframe").src += "?"`, 2},
		"greets anew": {forged, `frames[0].postMessage({ run: "greet(parent)" }, "*")`, 2},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPair(t, browser, c.head, forging)
			chrome.BeforeLoad(t, p.tab, counting)
			chrome.Go(t, p.tab, p.top.URL+"/top?")
			chrome.Go(t, p.tab, p.top.URL+"/top")
			if chrome.Until(t, p.tab, armed("window")+` && (`+toldOf("loaded")+` || `+toldOf("armed")+`)`); c.head == forged {
				p.run(t, `greet(parent)`)
			}
			chrome.Until(t, p.tab, `made === 1 && shut === 0`)
			wait(t, p.tab, "300")
			chrome.Eval[any](t, p.tab, `void (`+c.then+`)`)
			chrome.Until(t, p.tab, fmt.Sprintf(`shut === 1 && made === %d`, c.made))
			wait(t, p.tab, "300")
			if made, closed := chrome.Eval[int](t, p.tab, `made`), chrome.Eval[int](t, p.tab, `shut`); made != c.made || closed != 1 {
				t.Errorf("%d channels were made and %d closed, want %d and 1", made, closed, c.made)
			}
		})
	}
}

// A13: pages that come back from the back/forward cache link anew; the old channel is dead.
func TestA13_LinksEndInTheBackForwardCache(t *testing.T) {
	t.Parallel()
	p := newPair(t, chrome.New(t), reports, nil)
	chrome.BeforeLoad(t, p.tab, counting)
	chrome.Go(t, p.tab, p.top.URL+"/top?")
	chrome.Until(t, p.tab, toldOf("armed")+` && made === 1`)
	chrome.Eval[any](t, p.tab, `void (globalThis.same = true)`)
	chrome.Go(t, p.tab, p.top.URL+"/bye")
	chrome.Back(t, p.tab)
	chrome.Until(t, p.tab, `location.pathname === "/top" && `+armed("window"))
	if !chrome.Eval[bool](t, p.tab, `globalThis.same`) {
		t.Fatal("the page was loaded anew, so this test says nothing")
	}
	chrome.Until(t, p.tab, `made === 2 && shut === 1`)
	chrome.Until(t, p.tab, pageIsSeen)
	p.top.warnInactivity(p.top.settings.InactivityWarning + 8_000)
	wait(t, p.tab, "1500")
	click(t, p.tab, `document.querySelector("iframe")`)
	wantIdle(t, p.top, "the page after a click in the frame")
}

// Nothing is sent, and no timer runs, while nobody does anything.
func TestA10_QuietLinksAreQuiet(t *testing.T) {
	t.Parallel()
	p := newPair(t, chrome.New(t), forged, forging)
	p.top.set(func(s *site) { s.interval = 60_000 })
	chrome.Go(t, p.tab, p.top.URL+"/top?")
	chrome.Until(t, p.tab, armed("window")+` && `+toldOf("loaded"))
	p.run(t, `greet(parent)`)
	chrome.Until(t, p.tab, toldOf("welcome"))
	chrome.Eval[any](t, p.tab, `void (globalThis.calls = 0, globalThis.called = performance.now(), (() => { const now = Date.now; Date.now = () => (calls++, called = performance.now(), now()) })())`)
	chrome.Until(t, p.tab, `performance.now() - called > 2000`) // what comes of the beginning is over
	chrome.Eval[any](t, p.tab, `void (globalThis.calls = 0, told.length = 0)`)
	wait(t, p.tab, "8000")
	if got := chrome.Eval[string](t, p.tab, `told.join()`); got != "" {
		t.Errorf("a page with nothing to tell said %q", got)
	}
	if calls := chrome.Eval[int](t, p.tab, `calls`); calls > 0 {
		t.Errorf("it looked at the clock %d times", calls)
	}
}
