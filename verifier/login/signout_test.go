package login_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/curfew-project/curfew/shared/proof"
	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/verifier/api/apitest"
	"github.com/curfew-project/curfew/verifier/login/oidctest"
	"github.com/curfew-project/curfew/verifier/settings"
)

// signOutFrom signs out as the agent does on a page of this address.
func (p *person) signOutFrom(page string) apitest.Answer {
	p.w.t.Helper()
	return p.signOutWith(page, nil)
}

func (p *person) signOutWith(page string, form url.Values) apitest.Answer {
	p.w.t.Helper()
	asked := p.Refusal(p.Post("/.curfew/heartbeat", nil))
	request, err := http.NewRequest(http.MethodPost, p.At("sign-out"), strings.NewReader(form.Encode()))
	p.w.must(err)
	if form != nil {
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	request.Header.Set(wire.HeaderProof, p.Token(p.w.t, proof.Claims{JTI: "jti", HTM: http.MethodPost, HTU: p.At("sign-out"), IAT: 1, Nonce: asked.Nonce,
		Heartbeat: &proof.Heartbeat{SID: asked.SID, Seq: asked.Seq + 1}}))
	if page != "" {
		request.Header.Set("Referer", page)
	}
	return p.Do(request)
}

// B4: a sign-out ends the user's sessions in all browsers, or here only by choice, and never another user's.
func TestB4_SignOutScopes(t *testing.T) {
	t.Parallel()
	for _, hereOnly := range []bool{false, true} {
		w := newWorld(t, options{env: func(e *settings.Environment) { e.SignOut.HereOnly = hereOnly }})
		byDefault, other := "signed_out_elsewhere", "sub-alice"
		if hereOnly {
			byDefault = "sub-alice"
		}
		bob := w.signedIn(w.clinic, oidctest.Bob())
		page := w.clinic.Origin + "/.curfew/sign-out"
		for name, c := range map[string]struct {
			signOut func(*person) apitest.Answer
			second  string // what check says in the user's other browser
		}{
			"default":             {func(p *person) apitest.Answer { return p.signOutFrom("") }, byDefault},
			"page":                {func(p *person) apitest.Answer { return p.signOutFrom(page) }, byDefault},
			"page, here":          {func(p *person) apitest.Answer { return p.signOutFrom(page + "?scope=browser") }, other},
			"page, everywhere":    {func(p *person) apitest.Answer { return p.signOutFrom(page + "?scope=everywhere") }, "signed_out_elsewhere"},
			"application's page":  {func(p *person) apitest.Answer { return p.signOutFrom(w.clinic.Origin + "/a?scope=browser") }, byDefault},
			"a page that is like": {func(p *person) apitest.Answer { return p.signOutFrom(page + "s?scope=browser") }, byDefault},
			"another origin": {func(p *person) apitest.Answer {
				return p.signOutFrom("https://evil.example/.curfew/sign-out?scope=browser")
			}, byDefault},
			"field, here": {func(p *person) apitest.Answer {
				answer, _, _ := p.SignOut(url.Values{"scope": {"browser"}})
				return answer
			}, other},
			"field before page": {func(p *person) apitest.Answer {
				return p.signOutWith(page+"?scope=everywhere", url.Values{"scope": {"browser"}})
			}, other},
			"field, everywhere": {func(p *person) apitest.Answer {
				answer, _, _ := p.SignOut(url.Values{"scope": {"everywhere"}})
				return answer
			}, "signed_out_elsewhere"},
		} {
			first, second := w.signedIn(w.clinic, oidctest.Alice()), w.signedIn(w.clinic, oidctest.Alice())
			w.pass(time.Second)
			if answer := c.signOut(first); answer.StatusCode != http.StatusOK {
				t.Errorf("hereOnly %v, %s: answered %d %s", hereOnly, name, answer.StatusCode, answer.Body)
			}
			first.checkIs("signed_out")
			second.checkIs(c.second)
			if t.Failed() {
				t.Fatalf("that was with hereOnly %v, %s", hereOnly, name)
			}
			if c.second == other {
				second.signOutFrom("")
			}
			w.pass(2 * time.Second)
		}
		bob.checkIs("sub-bob")

		p := w.signedIn(w.clinic, oidctest.Alice())
		answer, _, _ := p.SignOut(url.Values{"scope": {"nowhere"}})
		isRefusal(t, "a scope that there is not", p, answer, 400, wire.BadRequest)
		isRefusal(t, "a page with one", p, p.signOutFrom(page+"?scope=nowhere"), 400, wire.BadRequest)
		isRefusal(t, "a page with a broken query", p, p.signOutFrom(page+"?scope=%zz"), 400, wire.BadRequest)
		p.checkIs("sub-alice")
	}
}

// B4: the provider is told, with all that it needs, and the page afterwards says what is known and nothing else.
func TestB4_SignOutAtTheProvider(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	p := w.signedIn(w.clinic, oidctest.Alice())
	if answer := p.Get("/.curfew/signed-out"); !strings.Contains(text(answer), "You are signed in") {
		t.Errorf("somebody's link to the page, with a living session: %s", text(answer))
	}
	answer, to, refusal := p.SignOut(nil)
	if refusal.Error != "" {
		t.Fatalf("%+v", refusal)
	}
	if header := answer.Header.Get("Clear-Site-Data"); header != "" {
		t.Errorf("Clear-Site-Data %q, which nobody asked for", header)
	}
	for key, want := range map[string]string{"client_id": "clinic", "post_logout_redirect_uri": p.At("signed-out")} {
		if got := param(t, to.Location, key); got != want {
			t.Errorf("%s is %q, want %q", key, got, want)
		}
	}
	if !strings.HasPrefix(to.Location, w.clinic.at.Issuer) || param(t, to.Location, "id_token_hint") == "" || len(param(t, to.Location, "state")) < 22 {
		t.Errorf("the provider's address is %s", to.Location)
	}
	before := text(p.Get("/.curfew/signed-out"))
	back := oidctest.Logout(t, p.site, to.Location)
	if !strings.HasPrefix(back, p.At("signed-out?")) {
		t.Fatalf("the provider sends the browser to %s", back)
	}
	const told = "sign-in service has signed you out too"
	for name, c := range map[string]struct {
		p       *person
		address string
		want    string
		not     string
	}{
		"back from the provider":   {p, back, "signed out in all your browsers. Your organisation’s " + told, ""},
		"another state":            {p, change(t, back, "state", "x"), "You can close this window now", told},
		"no state":                 {p, change(t, back, "state", ""), "You can close this window now", told},
		"another browser":          {w.person(w.clinic, oidctest.Alice()), back, "You have been signed out You can close this window now", told},
		"another browser, no more": {w.person(w.clinic, oidctest.Alice()), p.At("signed-out"), "You have been signed out You can close this window now", "all your browsers"},
	} {
		if says := text(c.p.Get(c.address)); !strings.Contains(says, c.want) || c.not != "" && strings.Contains(says, c.not) {
			t.Errorf("%s: %s", name, says)
		}
	}
	if strings.Contains(before, told) {
		t.Errorf("before the provider was asked: %s", before)
	}
	if _, asked := p.callback("/"); !asked {
		t.Error("the provider still knows the user")
	}

	// What the cookie knows does not outlive its time, and a planted one says nothing.
	w.pass(10 * time.Minute)
	if says := text(p.Get(back)); strings.Contains(says, told) {
		t.Errorf("ten minutes later: %s", says)
	}
	stranger := w.person(w.clinic, oidctest.Alice())
	stranger.SetCookie("curfew-signout", "AAAA")
	if says := text(stranger.Get("/.curfew/signed-out")); !strings.Contains(says, "You can close this window now") {
		t.Errorf("a planted cookie: %s", says)
	}
}

// B4: the state is new each time, and what the page says of the scope is what happened.
func TestB4_SignOutHereSaysSo(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	states := map[string]bool{}
	for range 2 {
		p := w.signedIn(w.clinic, oidctest.Alice())
		w.pass(2 * time.Second)
		_, to, _ := p.SignOut(url.Values{"scope": {"browser"}})
		states[param(t, to.Location, "state")] = true
		back := oidctest.Logout(t, p.site, to.Location)
		if says := text(p.Get(back)); !strings.Contains(says, "signed out in this browser. Your sessions in other browsers go on.") {
			t.Errorf("the page says %s", says)
		}
		w.pass(2 * time.Second)
	}
	if len(states) != 2 {
		t.Errorf("states %v", states)
	}
}

// B4: an ID token so long that the address would be more than the agent takes is left out: the provider then asks the person.
func TestB4_LongHint(t *testing.T) {
	t.Parallel()
	alice := oidctest.Alice()
	alice.Claims = map[string]any{"groups": strings.Repeat("g", 5650)}
	w := newWorld(t, options{provider: oidctest.Options{Users: []oidctest.User{alice}}})
	p := w.signedIn(w.clinic, alice)
	_, to, refusal := p.SignOut(nil)
	if refusal.Error != "" || param(t, to.Location, "id_token_hint") != "" || param(t, to.Location, "state") == "" {
		t.Fatalf("%+v, an address of %d bytes", refusal, len(to.Location))
	}
	if back := oidctest.Logout(t, p.site, to.Location); !strings.Contains(text(p.Get(back)), "signed you out too") {
		t.Errorf("the provider leads to %s", back)
	}
}

// B4: a provider without an end-session address, or one that does not answer, gets the local part and an honest page.
func TestB4_ProviderThatCannotBeTold(t *testing.T) {
	t.Parallel()
	honest := func(w *world, p *person) {
		t.Helper()
		_, to, refusal := p.SignOut(nil)
		if refusal.Error != "" || !strings.HasPrefix(to.Location, "/.curfew/signed-out") {
			t.Fatalf("%+v, to %q", refusal, to.Location)
		}
		p.checkIs("signed_out")
		says := text(p.Get(to.Location))
		if !strings.Contains(says, "signed out in all your browsers.") || !strings.Contains(says, "may still know you: close the browser if others use this computer") {
			t.Errorf("the page says %s", says)
		}
		if says := text(p.Get("/.curfew/signed-out?state=")); strings.Contains(says, "signed you out too") {
			t.Errorf("an empty state: %s", says)
		}
	}
	w := newWorld(t, options{provider: oidctest.Options{NoEndSession: true}})
	honest(w, w.signedIn(w.clinic, oidctest.Alice()))

	// A verifier that has just started knows nothing of a provider that is down.
	w = newWorld(t, options{})
	p := w.signedIn(w.clinic, oidctest.Alice())
	w.clinic.at.Stop(t)
	w.restart()
	honest(w, p)
	if !strings.Contains(w.log.String(), "provider_not_told") {
		t.Errorf("the log does not say so:\n%s", w.log)
	}
	w.clinic.at.Restart(t)
}

// B4: Clear-Site-Data is sent where the key has proved that the person means it, and nowhere else.
func TestB4_ClearSiteData(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{env: func(e *settings.Environment) { e.SignOut.Clear = []string{"cookies", "storage"} }})
	p := w.signedIn(w.clinic, oidctest.Alice())
	const clear = `"cookies", "storage"`
	for _, path := range []string{"sign-in?again=1", "sign-out", "sign-out?scope=ask", "signed-out", "resume", "callback", "check"} {
		if got := p.Get("/.curfew/" + path).Header.Get("Clear-Site-Data"); got != "" {
			t.Errorf("GET %s sends Clear-Site-Data %s", path, got)
		}
	}
	for name, answer := range map[string]apitest.Answer{
		"a sign-out without a proof":  p.Post("/.curfew/sign-out", nil),
		"a sign-out with a bad proof": p.Post("/.curfew/sign-out", nil, "a.b.c"),
		"a heartbeat":                 p.Post("/.curfew/heartbeat", nil),
	} {
		if got := answer.Header.Get("Clear-Site-Data"); got != "" {
			t.Errorf("%s sends Clear-Site-Data %s", name, got)
		}
	}
	answer, to, _ := p.SignOut(nil)
	if got := answer.Header.Get("Clear-Site-Data"); got != clear {
		t.Errorf("the sign-out sends Clear-Site-Data %s", got)
	}
	// A browser drops the cookie of the same answer with all others. Then nothing is claimed.
	p.DropCookies()
	if says := text(p.Get(oidctest.Logout(t, p.site, to.Location))); says != "You have been signed out You can close this window now. Sign in" {
		t.Errorf("without cookies the page says %s", says)
	}
	// B1: the cookie is gone, the mark of the user is not.
	w.pass(time.Second)
	p.signIn()
}

// Another site cannot sign anybody out by a link; the person can choose what to end.
func TestB4_LinksFromOtherSites(t *testing.T) {
	t.Parallel()
	for _, hereOnly := range []bool{false, true} {
		w := newWorld(t, options{env: func(e *settings.Environment) { e.SignOut.HereOnly = hereOnly }})
		p := w.signedIn(w.clinic, oidctest.Alice())
		asks := func(name string, answer apitest.Answer) {
			t.Helper()
			page := string(answer.Body)
			all, here := strings.Index(page, `href="/.curfew/sign-out?scope=everywhere"`), strings.Index(page, `href="/.curfew/sign-out?scope=browser"`)
			if strings.Contains(page, "data-mode") || all < 0 || here < 0 || (here < all) != hereOnly || !strings.Contains(page, "Stay signed in") {
				t.Errorf("hereOnly %v, %s: %s", hereOnly, name, text(answer))
			}
		}
		for _, header := range [][2]string{{"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Site", "same-site"}, {"Sec-Purpose", "prefetch;prerender"}} {
			asks(header[1], p.from("/.curfew/sign-out", header[0], header[1]))
			asks(header[1], p.from("/.curfew/sign-out?scope=browser", header[0], header[1]))
		}
		asks("ask", p.Get("/.curfew/sign-out?scope=ask"))
		asks("unknown", p.Get("/.curfew/sign-out?scope=nothing"))
		for _, query := range []string{"", "?scope=browser", "?scope=everywhere"} {
			if page := string(p.from("/.curfew/sign-out"+query, "Sec-Fetch-Site", "same-origin").Body); !strings.Contains(page, `data-mode="sign-out"`) {
				t.Errorf("the application's own link %q does not sign out: %s", query, page)
			}
		}
		p.checkIs("sub-alice")
		if answer := w.person(w.clinic, oidctest.Alice()).Get("/.curfew/sign-out"); answer.Header.Get("Location") != "/.curfew/signed-out" {
			t.Errorf("without a session: %d", answer.StatusCode)
		}
	}
}
