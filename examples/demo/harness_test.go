package main

import (
	"context"
	"crypto/rand"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"

	"github.com/curfew-project/curfew/wasm/chrome"
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
	clock *clock
	log   *lines

	appServer, loginServer *httptest.Server
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

func start(t *testing.T) *running {
	t.Helper()
	r := &running{clock: newClock(), log: &lines{}}
	open := func() net.Listener {
		l, err := listen(0)
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	app, login := open(), open()
	var err error
	r.demo, err = newDemo(context.Background(), options{
		AppPort: portOf(app), LoginPort: portOf(login), Data: t.TempDir(), Now: r.clock.Now, Random: rand.Reader,
		Log: slog.New(slog.NewTextHandler(r.log, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	serve := func(l net.Listener, handler http.Handler) *httptest.Server {
		server := httptest.NewUnstartedServer(handler)
		server.Listener.Close()
		server.Listener = l
		server.Start()
		t.Cleanup(server.Close)
		return server
	}
	t.Cleanup(func() { r.Close() })
	r.appServer, r.loginServer = serve(app, r.App), serve(login, r.Login)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the verifier's log:\n%s", r.log)
		}
	})
	return r
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
	chrome.Go(t, tab, url)
	r.enterPassword(t, tab)
	chrome.Until(t, tab, `globalThis.curfew?.state === "armed"`)
}

func (r *running) enterPassword(t *testing.T, tab context.Context) {
	t.Helper()
	chrome.Until(t, tab, passwordIn)
	err := chromedp.Do(tab,
		chromedp.SetValue("input[type=text], input[type=email], input[name=username]", users[0].Name),
		chromedp.SetValue("input[type=password]", users[0].Password),
		chromedp.Click("form button[type=submit], form button"),
	)
	if err != nil {
		t.Fatalf("entering the password: %v", err)
	}
	chrome.Until(t, tab, `location.pathname.startsWith("/patients")`)
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

// answer is a response whose body has been read.
type answer struct {
	*http.Response
	body []byte
}

// get asks the application or the verifier with a cookie and nothing else.
func (r *running) get(t *testing.T, path, cookie string) answer {
	t.Helper()
	request, err := http.NewRequest(http.MethodGet, r.short+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.AddCookie(&http.Cookie{Name: "curfew", Value: cookie})
	response, err := (&http.Client{CheckRedirect: stay}).Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{response, body}
}

// stay follows no redirect.
func stay(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
