package proxiedtest

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/curfew-project/curfew/examples/proxied"
	"github.com/curfew-project/curfew/wasm/chrome"
)

const (
	covered = `document.querySelector("curfew-agent")?.shadowRoot.querySelector("dialog[part=cover][open]")`
	armed   = `globalThis.curfew?.state === "armed"`
)

// Browser is what a person in Chromium sees of each proxy.
func Browser(t *testing.T, s *Site) {
	tab := chrome.Tab(t, chrome.New(t))
	t.Run("D4_SignInAndBackToTheFragment", func(t *testing.T) { s.toTheFragment(t, tab) })
	t.Run("D4_StaleCookieIsRenewedInOneRound", func(t *testing.T) { s.oneRound(t, tab) })
	t.Run("P1_SocketAndPageEndTogether", func(t *testing.T) { s.together(t, tab) })
}

// note is a place in a page: the server never sees what follows the #.
const note = "/orders/1042?tab=notes#note-2"

func (s *Site) isAt(address string) string {
	return `location.href === "` + s.Origin + address + `" && document.querySelector(":target")?.id === "note-2" && ` + armed
}

// toTheFragment: a link with query and fragment leads there, by way of the sign-in and the provider, and the page is guarded although
// nobody changed it.
func (s *Site) toTheFragment(t *testing.T, tab context.Context) {
	chrome.Go(t, tab, s.Origin+note)
	s.password(t, tab)
	chrome.Until(t, tab, s.isAt(note))
	if name := chrome.Eval[string](t, tab, `document.getElementById("user").textContent`); name != proxied.User.DisplayName {
		t.Errorf("the application greets %q", name)
	}
}

func (s *Site) password(t *testing.T, tab context.Context) {
	t.Helper()
	chrome.Until(t, tab, `document.querySelector("input[type=password]")`)
	if err := chromedp.Do(tab,
		chromedp.SetValue("input[name=username]", proxied.User.Name),
		chromedp.SetValue("input[type=password]", proxied.User.Password),
		chromedp.Click("form button"),
	); err != nil {
		t.Fatal(err)
	}
}

// oneRound: whoever comes with a stale cookie of a living session is asked for nothing and is soon where they wanted to be.
func (s *Site) oneRound(t *testing.T, tab context.Context) {
	chrome.Go(t, tab, "about:blank") // the page is closed, and nobody renews the cookie
	s.pass(25 * time.Second)
	s.forget()
	chrome.Go(t, tab, s.Origin+note)
	chrome.Until(t, tab, s.isAt(note))
	for path, want := range map[string]int{"/.curfew/resume": 1, "/.curfew/sign-in": 0, "/.curfew/callback": 0} {
		if got := s.askedFor(path); got != want {
			t.Errorf("%s was asked for %d times, want %d", path, got, want)
		}
	}
}

// together: the page's own WebSocket is closed and the page is covered when somebody signs out elsewhere; what the page asks for then is
// refused typed, and where they go next asks for the password.
func (s *Site) together(t *testing.T, tab context.Context) {
	chrome.Go(t, tab, s.Origin+"/")
	chrome.Until(t, tab, armed)
	chrome.Eval[any](t, tab, `void document.getElementById("talk").click()`)
	chrome.Until(t, tab, `parseInt(document.getElementById("talked").textContent) > 1`)
	chrome.Eval[any](t, tab, `void document.getElementById("count").click()`)
	chrome.Until(t, tab, `document.getElementById("counted").textContent === "3 orders"`)
	v := s.visitor(t)
	v.signIn("/")
	v.signOut()
	chrome.Until(t, tab, covered)
	chrome.Until(t, tab, `document.getElementById("talked").textContent.startsWith("closed after")`)
	if got := chrome.Eval[int](t, tab, `fetch("/api/orders", { redirect: "manual" }).then((answer) => answer.status)`); got != http.StatusUnauthorized {
		t.Errorf("the page's fetch gets %d after the end", got)
	}
	chrome.Go(t, tab, s.Origin+note)
	s.password(t, tab)
	chrome.Until(t, tab, s.isAt(note))
}
