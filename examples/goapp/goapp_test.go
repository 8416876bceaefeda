package main

import (
	"context"
	"crypto/rand"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"

	"github.com/curfew-project/curfew/examples/inprocess"
	"github.com/curfew-project/curfew/verifier/admin"
	"github.com/curfew-project/curfew/wasm/chrome"
	"github.com/curfew-project/curfew/wasm/needs"
)

// TestMain lets the test's own program be the application's process.
func TestMain(m *testing.M) {
	if os.Getenv(asApplication) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// running is the whole example, with a verifier's clock that can be moved on.
type running struct {
	*back
	ahead atomic.Int64
}

func start(t *testing.T) *running {
	t.Helper()
	var open [3]*httptest.Server
	for i := range open {
		open[i] = httptest.NewUnstartedServer(nil)
		l, err := inprocess.Listen(0)
		if err != nil {
			t.Fatal(err)
		}
		open[i].Listener.Close()
		open[i].Listener = l
	}
	r := &running{}
	var err error
	r.back, err = newBack(t.Context(), open[0].Listener, open[1].Listener, inprocess.Options{Data: t.TempDir(), Random: rand.Reader,
		Log: slog.New(slog.DiscardHandler), Now: func() time.Time { return time.Now().Add(time.Duration(r.ahead.Load())) }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.verifier.Close() })
	open[1].Config.Handler, open[2].Config.Handler = r.login, r.verifier.Public()
	for _, s := range open[1:] {
		s.Start()
		t.Cleanup(s.Close)
	}
	ctx, stop := context.WithCancel(context.Background())
	go r.verifier.Run(ctx)
	child, err := r.application(ctx, open[0].Listener, open[2].Listener.Addr().String(), os.Stderr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(); child.Wait() })
	open[0].Listener.Close() // it is the application's now
	return r
}

const covered = `document.querySelector("curfew-agent")?.shadowRoot?.querySelector("dialog[part=cover][open]")`

func (r *running) signIn(t *testing.T, tab context.Context) {
	t.Helper()
	chrome.Go(t, tab, r.origin+"/")
	chrome.Until(t, tab, `document.querySelector("input[type=password]")`)
	if err := chromedp.Do(tab, chromedp.SetValue("input[name=username]", user.Name), chromedp.SetValue("input[type=password]", user.Password),
		chromedp.Click("form button")); err != nil {
		t.Fatal(err)
	}
	chrome.Until(t, tab, `location.origin === "`+r.origin+`" && curfew?.state === "armed"`)
}

func (r *running) session(t *testing.T) admin.SessionView {
	t.Helper()
	list, err := r.verifier.Admin().Sessions(t.Context(), admin.Actor{Name: "test", All: true}, admin.SessionQuery{Environment: "notes"})
	if err != nil || len(list.Sessions) != 1 {
		t.Fatalf("%+v, %v", list, err)
	}
	return list.Sessions[0]
}

// add adds a note as a script would: the browser does not take it for what a person did.
func add(t *testing.T, tab context.Context, text string) {
	t.Helper()
	chrome.Eval[any](t, tab, `void (document.querySelector("#note").value = "`+text+`", document.querySelector("#add").click())`)
}

const signed = `import("/.curfew/api.js").then(({ fetch }) => `

// P4, P6, D1: an application in another process lets nobody through whose session has ended, and its API takes only requests that the
// page has signed; they keep nothing alive. All of it under the strictest policy, in a real browser.
func TestP4_AnotherProcess(t *testing.T) {
	t.Parallel()
	r := start(t)
	tab := chrome.Tab(t, chrome.New(t))
	console := chrome.Listen(t, tab)
	r.signIn(t, tab)
	add(t, tab, "Fed the fish")
	chrome.Until(t, tab, `document.querySelector("#notes li")?.textContent === "Fed the fish" && document.querySelector("#count").textContent === "1"`)

	// The cookie alone opens no API, so that no other site can send a request (CSRF), and signed requests go to no other origin.
	if got := chrome.Eval[string](t, tab, `fetch("/api/notes").then(async (a) => a.status + " " + (await a.json()).error)`); got != "401 invalid_token" {
		t.Errorf("by the cookie alone: %s", got)
	}
	elsewhere := strings.Replace(r.origin, "localhost", "127.0.0.1", 1)
	if got := chrome.Eval[string](t, tab, signed+`fetch("`+elsewhere+`/api/notes")).then(() => "sent", (e) => e.name)`); got != "TypeError" {
		t.Errorf("to another origin: %s", got)
	}
	// What a request carried is good for nothing else, also for somebody who has read all of it.
	heard := make(chan network.Headers, 1)
	err := chromedp.Listen(tab, func(e any) {
		if sent, ok := e.(*network.EventRequestWillBeSent); ok && strings.HasSuffix(sent.Request.URL, "/api/notes?mark") && sent.Request.Method == "GET" {
			select {
			case heard <- sent.Request.Headers:
			default:
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := chromedp.Call(tab, network.Enable, network.EnableParams{}); err != nil {
		t.Fatal(err)
	}
	if got := chrome.Eval[int](t, tab, signed+`fetch("/api/notes?mark").then((a) => a.status))`); got != 200 {
		t.Fatalf("a signed request: %d", got)
	}
	stolen := <-heard
	for target, want := range map[string]string{"/api/notes": "invalid_dpop_proof", "/api/other": "invalid_dpop_proof"} {
		request, err := http.NewRequest(http.MethodGet, r.origin+target, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"Authorization", "DPoP"} {
			value, _ := stolen[name].(string)
			if value == "" {
				t.Fatalf("the page sent %v", stolen)
			}
			request.Header.Set(name, value)
		}
		answer, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if challenge := answer.Header.Get("WWW-Authenticate"); answer.StatusCode != 401 || !strings.Contains(challenge, want) {
			t.Errorf("what was sent to /api/notes?mark, again to %s: %d %s", target, answer.StatusCode, challenge)
		}
	}

	// Nonces grow old; the page gets another one and repeats the request by itself.
	r.ahead.Store(int64(70 * time.Second))
	if got := chrome.Eval[int](t, tab, signed+`fetch("/api/notes").then((a) => a.status))`); got != 200 {
		t.Errorf("with an old nonce: %d", got)
	}

	// D1: nobody has touched the page since, however much its scripts ask.
	before := r.session(t)
	for range 20 {
		if got := chrome.Eval[int](t, tab, signed+`fetch("/api/notes", { method: "POST", body: "by a script" }).then((a) => a.status))`); got != 204 {
			t.Fatalf("a signed request: %d", got)
		}
	}
	if after := r.session(t); after.Ends != before.Ends || after.Active != before.Active || before.Ends == 0 {
		t.Errorf("requests to the API moved the deadline from %d to %d", before.Ends, after.Ends)
	}

	cookies, err := chromedp.Call(tab, network.GetCookies, network.GetCookiesParams{})
	if err != nil {
		t.Fatal(err)
	}
	get := func(path string) int {
		t.Helper()
		request, err := http.NewRequest(http.MethodGet, r.origin+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range cookies.Cookies {
			request.AddCookie(&http.Cookie{Name: c.Name, Value: c.Value})
		}
		answer, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		return answer.StatusCode
	}
	for range 3 { // and the application keeps the verdict
		if status := get("/style.css"); status != 200 {
			t.Errorf("before the end: %d", status)
		}
	}
	chrome.Eval[any](t, tab, `void (globalThis.stream = new EventSource("/live"))`)
	chrome.Until(t, tab, `stream.readyState === EventSource.OPEN`)
	if err := r.verifier.Admin().EndSession(t.Context(), admin.Actor{Name: "test", All: true}, before.ID); err != nil {
		t.Fatal(err)
	}
	if status := get("/style.css"); status != 401 {
		t.Errorf("the next request after the end: %d", status)
	}
	if got := chrome.Eval[string](t, tab, signed+`fetch("/api/notes").then(async (a) => a.status + " " + (await a.json()).reason))`); got != "401 ended_by_admin" {
		t.Errorf("a signed request after the end: %s", got)
	}
	chrome.Until(t, tab, covered)
	chrome.Until(t, tab, `stream.readyState === EventSource.CLOSED`) // it was cut off, and refused when the browser tried again
	for _, e := range console.Errors() {
		if !strings.HasPrefix(e.Text, "Failed to load resource: the server responded with a status of 401") && !strings.Contains(e.Text, "EventSource") &&
			!strings.Contains(e.Text, "ERR_INCOMPLETE_CHUNKED_ENCODING") {
			t.Error("on the console:", e)
		}
	}
	needs.Until(t, "a navigation to lead to the sign-in", func() bool {
		chrome.Go(t, tab, r.origin+"/")
		return chrome.Eval[bool](t, tab, `location.origin !== "`+r.origin+`" || location.pathname.startsWith("/.curfew/")`)
	})
}
