package main

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"

	"github.com/curfew-project/curfew/examples/demo/provider"
	"github.com/curfew-project/curfew/examples/inprocess"
	"github.com/curfew-project/curfew/examples/inprocess/inprocesstest"
	"github.com/curfew-project/curfew/verifier/api/apitest"
	"github.com/curfew-project/curfew/wasm/chrome"
	"github.com/curfew-project/curfew/wasm/needs"
)

// clock runs like the real one until it is stopped; then the test moves it, in step with a browser's virtual time.
type clock struct {
	mu      sync.Mutex
	base    time.Time
	started time.Time // zero when stopped
}

func newClock() *clock {
	now := time.Now()
	return &clock{base: now, started: now}
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.started.IsZero() {
		return c.base
	}
	return c.base.Add(time.Since(c.started))
}

func (c *clock) stop() {
	now := c.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.base, c.started = now, time.Time{}
}

func (c *clock) run() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.started = time.Now()
}

func (c *clock) advance(length time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.base = c.base.Add(length)
}

// running is the whole demo on real ports.
type running struct {
	*demo
	clock   *clock
	log     *lines
	streams atomic.Int64 // event streams that are open
}

// lines collects the verifier's log.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// untilLogged waits for what the verifier does in the background.
func (r *running) untilLogged(t *testing.T, text string) {
	t.Helper()
	needs.Until(t, "the verifier to log "+text, func() bool { return strings.Contains(r.log.String(), text) })
}

func start(t *testing.T) *running {
	t.Helper()
	r := &running{clock: newClock(), log: &lines{}}
	inprocesstest.Start(t, r.clock.Now, slog.New(slog.NewTextHandler(r.log, nil)), r.countStreams, func(o inprocess.Options) (inprocess.Example, error) {
		var err error
		if r.demo, err = newDemo(context.Background(), o); err != nil {
			return inprocess.Example{}, err
		}
		return r.Example, nil
	})
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the verifier's log:\n%s", r.log)
		}
	})
	return r
}

func (r *running) countStreams(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		if request.URL.Path == "/.curfew/events" {
			r.streams.Add(1)
			defer r.streams.Add(-1)
		}
		next.ServeHTTP(w, request)
	})
}

// untilStreams waits until so many pages can be told of an end at once.
func (r *running) untilStreams(t *testing.T, want int64) {
	t.Helper()
	needs.UntilEqual(t, "open event streams", want, r.streams.Load)
}

// apart opens a tab that shares nothing with the browser's other tabs, like another person's browser.
func apart(t *testing.T, browser context.Context) context.Context {
	t.Helper()
	own, leave := chromedp.NewContext(browser, chromedp.WithNewBrowserContext())
	t.Cleanup(leave)
	if err := chromedp.Do(own); err != nil {
		t.Fatalf("opening a browser context: %v", err)
	}
	return chrome.Tab(t, own)
}

// Expressions about what a page shows. The dialog and the cover are in the open shadow root of <curfew-agent>.
const (
	shadow     = `document.querySelector("curfew-agent")?.shadowRoot`
	warning    = shadow + `?.querySelector("dialog[part=dialog][open]")`
	covered    = shadow + `?.querySelector("dialog[part=cover][open]")`
	passwordIn = `document.querySelector("input[type=password]")`
)

func button(label string) string {
	return `[...(` + shadow + `?.querySelectorAll("dialog[open] button") ?? [])].find(b => b.textContent === "` + label + `")`
}

// signIn goes from a protected page to the password form, fills it in and ends on the protected page.
func (r *running) signIn(t *testing.T, tab context.Context, url string) {
	t.Helper()
	r.signInAs(t, tab, users[0], url)
}

func (r *running) signInAs(t *testing.T, tab context.Context, who provider.User, url string) {
	t.Helper()
	chrome.Go(t, tab, url)
	r.sendPassword(t, tab, who)
	chrome.Until(t, tab, `location.pathname.startsWith("/patients")`)
	chrome.Until(t, tab, `globalThis.curfew?.state === "armed"`)
}

func (r *running) enterPassword(t *testing.T, tab context.Context) {
	t.Helper()
	r.sendPassword(t, tab, users[0])
	chrome.Until(t, tab, `location.pathname.startsWith("/patients")`)
}

func (r *running) sendPassword(t *testing.T, tab context.Context, who provider.User) {
	t.Helper()
	chrome.Until(t, tab, passwordIn)
	err := chromedp.Do(tab,
		chromedp.SetValue("input[type=text], input[type=email], input[name=username]", who.Name),
		chromedp.SetValue("input[type=password]", who.Password),
		chromedp.Click("form button[type=submit], form button"),
	)
	if err != nil {
		t.Fatalf("entering the password: %v", err)
	}
}

// cookie is the browser's cookie of that name, as somebody who copies the profile would read it.
func cookie(t *testing.T, tab context.Context, name string) string {
	t.Helper()
	got, err := chromedp.Call(tab, network.GetCookies, network.GetCookiesParams{})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range got.Cookies {
		if c.Name == name {
			return c.Value
		}
	}
	t.Fatalf("no cookie %s", name)
	return ""
}

// get asks the application or the verifier with a cookie and nothing else.
func (r *running) get(t *testing.T, path, cookie string) apitest.Answer {
	t.Helper()
	return r.getAt(t, r.short, path, cookie)
}

func (r *running) getAt(t *testing.T, origin, path, cookie string) apitest.Answer {
	t.Helper()
	request, err := http.NewRequest(http.MethodGet, origin+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.AddCookie(&http.Cookie{Name: "curfew", Value: cookie})
	return apitest.New(t, origin).Do(request)
}
