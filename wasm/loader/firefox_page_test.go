package loader_test

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/wasm/firefox"
	"github.com/curfew-project/curfew/wasm/needs"
)

// The agent in one page of Firefox: it arms, keeps its key, counts what people do, covers, speaks languages, watches frames and fails closed.
func TestFirefox_Page(t *testing.T) {
	t.Parallel()
	browser := firefox.New(t)
	t.Logf("in %s", browserName(t, browser))
	for _, c := range []struct {
		name string
		run  func(*testing.T, *firefox.Browser)
	}{
		{"D5_B3_ArmsUnderTheStrictPolicy", firefoxArms},
		{"B3_KeyIsKept", firefoxKeepsTheKey},
		{"D1_OnlyPeopleAreActive", firefoxCountsPeople},
		{"D5_EndCoversThePage", firefoxCovers},
		{"C7_PageLanguage", firefoxSpeaks},
		{"A10_A14_Frame", firefoxWatchesFrames},
		{"D5_FailureCoversThePage", firefoxFailsClosed},
	} {
		t.Run(c.name, func(t *testing.T) { c.run(t, browser) })
	}
}

func browserName(t *testing.T, browser *firefox.Browser) string {
	return firefox.Eval[string](t, firefox.Tab(t, browser), `navigator.userAgent`)
}

func firefoxArms(t *testing.T, browser *firefox.Browser) {
	s := newSite(t)
	s.set(func(s *site) { s.body, s.interval = work, 300 })
	tab, console := openFirefox(t, s, browser, noteViolations)
	knowsFirefox(t, tab)
	if got := firefox.Eval[string](t, tab, `location.search`); got != "?a=1&b=%C3%A6" {
		t.Errorf("came back to search %q", got)
	}
	clean := func(when string) {
		t.Helper()
		// Firefox looks for an icon by itself, and reports to the page that the policy forbids that.
		for line := range strings.Lines(firefox.Eval[string](t, tab, `localStorage.violations ?? ""`)) {
			if !strings.HasPrefix(line, "img-src "+s.URL+"/favicon.ico") {
				t.Errorf("%s the policy was violated: %s", when, line)
			}
		}
		for _, e := range console.Entries() {
			if e.Level != "log" && e.Level != "info" && !strings.Contains(e.Text, "/favicon.ico") {
				t.Errorf("%s on the console: %+v", when, e)
			}
		}
	}
	clean("arming")
	s.warnInactivity(100_000)
	firefox.Until(t, tab, warns)
	clean("warning")
	s.set(func(s *site) { s.ended = wire.EndedByAdmin })
	firefox.Until(t, tab, `curfew.state === "ended"`)
	clean("covering")
	// What finds nothing must be able to: a violation is noted.
	const provoke = `(() => { try { document.createElement("script").text = "1" } catch {} return "trustedTypes" in globalThis })()`
	if !firefox.Eval[bool](t, tab, provoke) {
		t.Log("this Firefox has no Trusted Types: require-trusted-types-for means nothing to it")
		return
	}
	firefox.Until(t, tab, `localStorage.violations?.includes("require-trusted-types-for")`)
}

func firefoxKeepsTheKey(t *testing.T, browser *firefox.Browser) {
	s := newSite(t)
	var mu sync.Mutex
	keys := map[string]int{}
	inner := s.Config.Handler
	s.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if token := r.Header.Get(wire.HeaderProof); strings.HasSuffix(r.URL.Path, "/heartbeat") && strings.Count(token, ".") == 2 {
			key := thumbprint(t, token)
			mu.Lock()
			keys[key]++
			mu.Unlock()
		}
		inner.ServeHTTP(w, r)
	})
	tab, _ := openFirefox(t, s, browser, "")
	for range 2 {
		untilNumberOf(t, s, func() { firefox.Reload(t, tab) })
		firefox.Until(t, tab, `globalThis.curfew?.state === "armed"`)
	}
	untilNumberOf(t, s, func() { windowFirefox(t, s, browser, "/second", "") })
	mu.Lock()
	defer mu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.key == "" || len(keys) != 1 || keys[s.key] < 3 {
		t.Errorf("heartbeats were signed by %v, and the sign-in by %q", keys, s.key)
	}
}

// untilNumberOf waits for a heartbeat that comes of something.
func untilNumberOf(t testing.TB, s *site, do func()) {
	t.Helper()
	n := len(s.allBeats())
	do()
	needs.Until(t, "a heartbeat", func() bool { return len(s.allBeats()) > n })
}

func firefoxCountsPeople(t *testing.T, browser *firefox.Browser) {
	s := newSite(t)
	s.set(func(s *site) { s.interval = 200 })
	tab, _ := openFirefox(t, s, browser, "")
	const idle = int64(wire.MaxIdle)
	if got := nextIdle(t, s); got != idle {
		t.Fatalf("a page that nobody touched claims %d ms, want none", got)
	}
	firefox.Eval[any](t, tab, `void (() => {`+pretends+`})()`)
	if got := nextIdle(t, s); got != idle {
		t.Errorf("scripted events and scrolling count as activity %d ms ago", got)
	}
	firefox.Move(t, tab, 300, 300) // the first one: nobody knows where the pointer was
	firefox.Move(t, tab, 300, 300)
	firefox.Eval[any](t, tab, `void scrollTo(0, 0)`)
	if got := nextIdle(t, s); got != idle {
		t.Errorf("a pointer that rests counts as activity %d ms ago", got)
	}
	for _, c := range []struct {
		name string
		act  func()
	}{
		{"a moved pointer", func() { firefox.Move(t, tab, 305, 300) }},
		{"a key", func() { firefox.Press(t, tab, "a") }},
		{"the wheel", func() { firefox.Wheel(t, tab, 300, 300, 40) }},
		{"a click", func() { firefox.Click(t, tab, 305, 300) }},
		{"a finger", func() { firefox.Touch(t, tab, 200, 200) }},
	} {
		waitFirefox(t, tab, 600) // so that what was done before is older
		began := time.Now()
		c.act()
		if got := nextIdle(t, s); got > time.Since(began).Milliseconds()+100 {
			t.Errorf("%s counts as activity %d ms ago", c.name, got)
		}
	}
}

func firefoxCovers(t *testing.T, browser *firefox.Browser) {
	s := newSite(t)
	s.set(func(s *site) { s.interval = 300 })
	tab, _ := openFirefox(t, s, browser, "")
	knowsFirefox(t, tab)
	shotFirefox(t, tab, "armed")
	if !firefox.Eval[bool](t, tab, `find("Blood group")`) {
		t.Error("the test cannot tell what is found")
	}
	firefox.Eval[any](t, tab, `void getSelection().removeAllRanges()`)
	s.set(func(s *site) { s.ended = wire.Inactivity })
	firefox.Until(t, tab, `curfew.state === "ended"`)
	wantCoveredFirefox(t, tab)
	shotFirefox(t, tab, "ended")
	if title := firefox.Eval[string](t, tab, `document.title`); contains(title, "Clinic") {
		t.Errorf("the tab is still called %q", title)
	}
	firefox.Press(t, tab, firefox.Escape)
	for range 3 {
		firefox.Press(t, tab, firefox.TabKey)
	}
	wantCoveredFirefox(t, tab)
	s.set(func(s *site) { s.ended = "" })
	firefox.ClickOn(t, tab, inRoot(`root.querySelector("[part=cover] button")`))
	firefox.Until(t, tab, `globalThis.curfew?.state === "armed" && location.pathname === "/back"`)
}

func firefoxSpeaks(t *testing.T, browser *firefox.Browser) {
	for lang, want := range map[string]struct{ host, minutes, countdown string }{
		"fr": {"fr ltr", "2 minutes", `/^[01]:\d\d$/`},
		"da": {"da ltr", "2 minutter", `/^[01]:\d\d$/`},
		"ar": {"ar rtl", "دقيقتان", `/^\p{Nd}:\p{Nd}{2}$/u`},
	} {
		t.Run(lang, func(t *testing.T) {
			texts := textsOf(t, lang)
			s := newSite(t)
			s.speaks(t, tags...)
			tab, console := openFirefox(t, s, browser, "")
			s.pageIn(lang)
			s.warnInactivity(95_000)
			firefox.Go(t, tab, s.URL)
			firefox.Until(t, tab, inRoot(`root.querySelector("dialog").open && root.getElementById("title").textContent === `+quote(texts["inactivity.title"])))
			for what, expect := range map[string]string{
				hostIs: want.host,
				inRoot(`root.getElementById("body").textContent`):                                texts["inactivity.body"],
				inRoot(`[...root.querySelectorAll("button")].map(b => b.textContent).join("|")`): texts["button.stay"] + "|" + texts["button.sign_out"],
				inRoot(`getComputedStyle(root.querySelector("dialog")).direction`):               strings.Fields(want.host)[1],
			} {
				if got := firefox.Eval[string](t, tab, what); got != expect {
					t.Errorf("%s is %q, want %q", what, got, expect)
				}
			}
			if said := firefox.Eval[string](t, tab, inRoot(`root.getElementById("announce").textContent`)); !contains(said, want.minutes) {
				t.Errorf("it says %q, want %q in it", said, want.minutes)
			}
			if !firefox.Eval[bool](t, tab, inRoot(want.countdown+`.test(root.querySelector("[part=countdown]").textContent)`)) {
				t.Errorf("the countdown is %q", firefox.Eval[string](t, tab, inRoot(`root.querySelector("[part=countdown]").textContent`)))
			}
			shotFirefox(t, tab, "inactivity "+lang)
			s.set(func(s *site) { s.ended = wire.EndedByAdmin })
			firefox.Go(t, tab, s.URL)
			firefox.Until(t, tab, inRoot(`root.querySelector("dialog[part=cover]")?.textContent.includes(`+quote(texts["ended.ended_by_admin"])+`)`))
			for _, e := range console.Entries() {
				if e.Level == "exception" || contains(e.Text, "Curfew") {
					t.Errorf("the console says %v", e)
				}
			}
		})
	}
}

func firefoxWatchesFrames(t *testing.T, browser *firefox.Browser) {
	for name, head := range map[string]string{"page first": tag, "frame first": `<script src="/late/ClientGlobalContext.js.aspx" async></script>`} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			tab, _ := openFirefox(t, s, browser, "")
			s.set(func(s *site) {
				s.interval = 200
				s.pages = map[string]string{"/top": html(head, "<h1>Top</h1>"+frame("/inner")), "/inner": html(tag, "<h1>Inner</h1>")}
			})
			firefox.Go(t, tab, s.URL+"/top")
			firefox.Until(t, tab, armed("window")+` && `+armed(inner))
			firefox.Eval[any](t, tab, `void `+inner+`.document.dispatchEvent(new KeyboardEvent("keydown", { bubbles: true }))`)
			if got := nextIdle(t, s); got != wire.MaxIdle {
				t.Errorf("nobody touched it, and it claims %d ms", got)
			}
			firefox.Eval[any](t, tab, `void `+inner+`.focus()`)
			began := time.Now()
			firefox.Press(t, tab, "a")
			if got := nextIdle(t, s); got > time.Since(began).Milliseconds()+100 {
				t.Errorf("a key in the frame counts as activity %d ms ago", got)
			}
			if got := firefox.Eval[int](t, tab, agents); got != 1 {
				t.Errorf("%d agents run, want one", got)
			}
			s.set(func(s *site) { s.ended = wire.EndedByAdmin })
			firefox.Until(t, tab, inner+`.curfew.state === "ended"`)
			wantCoveredFirefox(t, tab)
		})
	}
}

func firefoxFailsClosed(t *testing.T, browser *firefox.Browser) {
	for name, c := range map[string]struct {
		wrong         func(*site)
		script        string
		says, caution string
	}{
		"policy forbids WebAssembly": {func(s *site) { s.policy = strings.ReplaceAll(strictPolicy, " 'wasm-unsafe-eval'", "") }, "", "'wasm-unsafe-eval'", "Try again"},
		"policy forbids fetch":       {func(s *site) { s.policy = strings.ReplaceAll(strictPolicy, "connect-src 'self'", "connect-src 'none'") }, "", "connect-src", "connection"},
		"changed bytes":              {func(s *site) { s.damage = true }, "", "(integrity)", "Try again"},
		"IndexedDB that throws":      {func(s *site) {}, `IDBFactory.prototype.open = () => { throw new DOMException("no", "SecurityError") }`, "blocked", "private browsing"},
		"no WebCrypto":               {func(s *site) {}, `Object.defineProperty(Crypto.prototype, "subtle", { value: undefined })`, "WebCrypto is missing", "Try again"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			s.set(c.wrong)
			tab := firefox.Tab(t, browser)
			console := firefox.Listen(t, tab)
			if c.script != "" {
				firefox.BeforeLoad(t, tab, c.script)
			}
			firefox.Go(t, tab, s.URL)
			firefox.Until(t, tab, `globalThis.curfew?.state === "failed"`)
			wantCoveredFirefox(t, tab)
			if !console.Has("error", c.says) {
				t.Errorf("the console does not say %q: %+v", c.says, console.Entries())
			}
			if shown := firefox.Eval[string](t, tab, inRoot(`root.querySelector("[part=cover]").innerText`)); !contains(shown, c.caution) || !contains(shown, "cannot be shown right now") {
				t.Errorf("the cover says %q", shown)
			}
			if n := len(s.allBeats()); n > 0 {
				t.Errorf("%d heartbeats were sent", n)
			}
		})
	}
}
