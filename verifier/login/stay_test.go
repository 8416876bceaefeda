package login_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/verifier/login"
	"github.com/curfew-project/curfew/verifier/login/oidctest"
	"github.com/curfew-project/curfew/verifier/settings"
)

// A7: the sign-in page asks whether to stay signed in, and the choice reaches the session.
func TestA7_StaySignedIn(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{login: login.Options{AskStay: true}})
	p := w.person(w.clinic, oidctest.Alice())
	answer := p.Get("/.curfew/sign-in?return_to=/patients%3Fq%3Da%26b")
	page := string(answer.Body)
	if strings.Contains(page, "<script") || !strings.Contains(page, `type="checkbox"`) || strings.Contains(page, "checked") {
		t.Errorf("the question acts by itself, or is answered already: %s", page)
	}
	if !strings.Contains(page, `name="return_to" value="/patients?q=a&amp;b"`) || strings.Contains(page, `name="again"`) {
		t.Errorf("the form does not keep where to go: %s", page)
	}
	if csp := answer.Header.Get("Content-Security-Policy"); !strings.Contains(csp, "form-action 'self'") {
		t.Errorf("the form cannot be sent: %s", csp)
	}
	if !strings.Contains(string(p.Get("/.curfew/sign-in?again=1").Body), `name="again" value="1"`) {
		t.Error("the form forgets again=1")
	}
	for query, want := range map[string]bool{"continue=1&stay=1": true, "continue=1": false, "continue=1&stay=on": false} {
		answer := p.Get("/.curfew/sign-in?" + query)
		if page := string(answer.Body); !strings.Contains(page, `data-mode="sign-in"`) || strings.Contains(page, `data-stay="1"`) != want {
			t.Errorf("%s: %s", query, page)
		}
		if csp := answer.Header.Get("Content-Security-Policy"); !strings.Contains(csp, "form-action 'none'") {
			t.Errorf("%s: a page without a form may send one: %s", query, csp)
		}
	}
	// Nobody else answers for the person.
	for _, site := range []string{"cross-site", "same-site"} {
		answer := p.from("/.curfew/sign-in?continue=1&stay=1", "Sec-Fetch-Site", site)
		if strings.Contains(string(answer.Body), "data-mode") {
			t.Errorf("a link from %s chose to stay signed in", site)
		}
	}

	for stay, want := range map[string]bool{"1": true, "": false, "0": false} {
		w.pass(time.Second)
		p := w.person(w.clinic, oidctest.Alice())
		address, _ := p.authorize(p.begin(url.Values{"return_to": {"/"}, wire.FieldStay: {stay}}))
		if answer := p.Get(address); answer.StatusCode != http.StatusSeeOther {
			t.Fatalf("the callback answered %d %s", answer.StatusCode, text(answer))
		}
		all := w.sessions(w.clinic, "sub-alice")
		if got := all[len(all)-1].Check.Stay; got != want {
			t.Errorf("stay=%q: the session has %v", stay, got)
		}
	}
}

// A7, B1: the choice outlasts the way back for credentials.
func TestA7_StayAndCredentials(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{login: login.Options{AskStay: true}})
	p := w.signedIn(w.clinic, oidctest.Alice())
	w.pass(2 * time.Second)
	p.SignOut(nil)
	w.pass(2 * time.Second)
	p.DropCookies()
	address, _ := p.authorize(p.begin(url.Values{"return_to": {"/"}, wire.FieldStay: {"1"}}))
	address, asked := p.authorize(p.Get(address).Header.Get("Location"))
	p.Get(address)
	p.checkIs("sub-alice")
	if s := w.sessions(w.clinic, "sub-alice"); !asked || len(s) != 2 || !s[1].Check.Stay {
		t.Errorf("password asked for: %v, sessions %+v", asked, s)
	}
}

// A7: it is neither asked nor taken where it is switched off or would mean nothing.
func TestA7_StayIsNotAskedInVain(t *testing.T) {
	t.Parallel()
	own := ownApplication()
	own.AskStay = true
	for name, o := range map[string]options{
		"off":              {},
		"bypassed":         {login: login.Options{AskStay: true}, env: func(e *settings.Environment) { e.Check.Bypass = true }},
		"own applications": {login: own},
	} {
		w := newWorld(t, o)
		p := w.person(w.clinic, oidctest.Alice())
		for _, query := range []string{"", "?continue=1&stay=1"} {
			if page := string(p.Get("/.curfew/sign-in" + query).Body); strings.Contains(page, "checkbox") || strings.Contains(page, "data-stay") {
				t.Errorf("%s: %s", name, page)
			}
		}
		if name != "off" {
			continue
		}
		address, _ := p.authorize(p.begin(url.Values{"return_to": {"/"}, wire.FieldStay: {"1"}}))
		p.Get(address)
		if s := w.sessions(w.clinic, "sub-alice"); len(s) != 1 || s[0].Check.Stay {
			t.Errorf("the choice was taken although nobody asked: %+v", s)
		}
	}
}

// Pages that cannot be framed, kept or sent elsewhere; and a browser with a living session resumes it.
func TestSignInPage(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{login: login.Options{AskStay: true}})
	p := w.person(w.clinic, oidctest.Alice())
	address, _ := p.authorize(p.begin(url.Values{"return_to": {"/patients"}}))
	p.Get(address)
	p.checkIs("sub-alice")
	for query, want := range map[string]string{
		"?return_to=/a%3Fb":            "/.curfew/resume?return_to=%2Fa%3Fb",
		"?continue=1&return_to=/a%3Fb": "/.curfew/resume?return_to=%2Fa%3Fb",
	} {
		if answer := p.Get("/.curfew/sign-in" + query); answer.Header.Get("Location") != want {
			t.Errorf("%s with a living session: %d to %q", query, answer.StatusCode, answer.Header.Get("Location"))
		}
	}
	for _, header := range [][2]string{{"Sec-Fetch-Site", "cross-site"}, {"Sec-Purpose", "prefetch;prerender"}} {
		answer := p.from("/.curfew/sign-in?again=1&continue=1", header[0], header[1])
		if !strings.HasPrefix(answer.Header.Get("Location"), "/.curfew/resume") {
			t.Errorf("%v: a link replaces a living session: %d", header, answer.StatusCode)
		}
	}
	for _, path := range []string{"sign-in?again=1", "sign-in?again=1&continue=1", "resume", "sign-out", "sign-out?scope=ask", "callback?state=x"} {
		h := p.Get("/.curfew/" + path).Header
		if h.Get("Cache-Control") != "no-store" || !strings.Contains(h.Get("Content-Security-Policy"), "frame-ancestors 'none'") ||
			!strings.Contains(h.Get("Content-Security-Policy"), "default-src 'none'") || h.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: %v", path, h)
		}
		want := "no-referrer"
		if path == "sign-out" { // its own requests say what it ends
			want = "same-origin"
		}
		if got := h.Get("Referrer-Policy"); got != want {
			t.Errorf("%s: Referrer-Policy %q, want %q", path, got, want)
		}
	}
}
