package login_test

import (
	"bytes"
	"errors"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/verifier/api/apitest"
	"github.com/curfew-project/curfew/verifier/audit"
	"github.com/curfew-project/curfew/verifier/engine"
	"github.com/curfew-project/curfew/verifier/login/oidctest"
	"github.com/curfew-project/curfew/verifier/session"
)

const sessionsPage = "/.curfew/sessions"

// User agents as browsers send them.
const (
	firefoxOnWindows = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:132.0) Gecko/20100101 Firefox/132.0"
	safariOnIPhone   = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1"
)

// agent sends a user agent, and what a proxy on this machine says of where the browser is.
type agent struct{ name, address string }

func (a agent) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("User-Agent", a.name)
	if a.address != "" {
		r.Header.Set("X-Forwarded-For", a.address)
	}
	return http.DefaultTransport.RoundTrip(r)
}

// on is a person who has signed in with a browser of that user agent.
func (w *world) on(at place, who oidctest.User, userAgent, address string) *person {
	w.t.Helper()
	p := w.person(at, who)
	p.Client.Transport = agent{userAgent, address}
	p.signIn()
	return p
}

// begun is somebody at the clinic with a session that no sign-in led to.
func (w *world) begun(subject, userAgent string) *person {
	w.t.Helper()
	_, cookie, err := w.Begin(w.t.Context(), w.clinic.Environment, engine.SignIn{
		Who: session.Identity{Issuer: w.clinic.at.Issuer, Subject: subject, AuthTime: w.clock().Unix()}, Where: engine.Where{UserAgent: userAgent},
	})
	w.must(err)
	p := w.person(w.clinic, oidctest.Alice())
	origin, err := url.Parse(p.Origin)
	w.must(err)
	p.Client.Jar.SetCookies(origin, []*http.Cookie{{Name: "curfew", Value: cookie, Path: "/"}})
	return p
}

// sessionID is the ID of the session that a person's cookie names.
func (p *person) sessionID() string {
	p.w.t.Helper()
	return p.Refusal(p.Post("/.curfew/heartbeat", nil)).SID
}

var tokenField = regexp.MustCompile(`<input type="hidden" name="token" value="([^"]+)">`)

// formToken is the one on a person's page of sessions.
func (p *person) formToken() string {
	p.w.t.Helper()
	found := tokenField.FindSubmatch(p.Get(sessionsPage).Body)
	if found == nil {
		p.w.t.Fatal("the page has no token")
	}
	return string(found[1])
}

// ends presses the button for one session, or for others.
func (p *person) ends(which string) apitest.Answer {
	p.w.t.Helper()
	return p.Post(sessionsPage, url.Values{"token": {p.formToken()}, "end": {which}})
}

// words is what a page says, with a space wherever a tag is.
func words(answer apitest.Answer) string {
	answer.Body = bytes.ReplaceAll(answer.Body, []byte("<"), []byte(" <"))
	return text(answer)
}

// done expects the answer to what was carried out: a way back to the list, so that reloading does nothing again.
func done(t testing.TB, name string, answer apitest.Answer) {
	t.Helper()
	if to := answer.Header.Get("Location"); answer.StatusCode != http.StatusSeeOther || to != sessionsPage+"#done" {
		t.Errorf("%s: answered %d to %q: %s", name, answer.StatusCode, to, text(answer))
	}
}

// B6: the page says of each living session on what it began, where, when, and when somebody was last active, and which one this is.
func TestB6_OwnSessionsPage(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	w.signedIn(w.clinic, oidctest.Bob())
	desk := w.on(w.clinic, oidctest.Alice(), firefoxOnWindows, "198.51.100.1, 203.0.113.9")
	only := words(desk.Get(sessionsPage))
	if !strings.Contains(only, "You are signed in nowhere else") || strings.Contains(only, "Sign out there") || strings.Contains(only, "Sign out everywhere else") {
		t.Errorf("one session: %s", only)
	}
	w.pass(61 * time.Minute / 2)
	phone := w.on(w.clinic, oidctest.Alice(), safariOnIPhone, "2001:db8::17")
	strange := w.on(w.clinic, oidctest.Alice(), `<b>"x"`, "no address")
	if _, refusal := desk.Heartbeat(); refusal.Error != "" {
		t.Fatal(refusal.Error)
	}
	over := w.on(w.clinic, oidctest.Alice(), "over", "")
	over.SignOut(url.Values{"scope": {"browser"}})

	answer := desk.Get(sessionsPage)
	page := words(answer)
	for name, want := range map[string]string{
		"this":    "Firefox on Windows This browser Signed in 2024-05-06 12:00 UTC Last active 2024-05-06 12:30 UTC Network address 203.0.113.9 Sign out",
		"phone":   "Safari on iPhone Signed in 2024-05-06 12:30 UTC Last active 2024-05-06 12:30 UTC Network address 2001:db8::17 Sign out there",
		"unknown": "A browser Signed in 2024-05-06 12:30 UTC Last active 2024-05-06 12:30 UTC Network address",
		"button":  "Sign out everywhere else",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("%s: the page does not say %q:\n%s", name, want, page)
		}
	}
	if strings.Contains(page, "nowhere else") || strings.Contains(string(answer.Body), "<b>") || strings.Count(page, "Signed in 2024") != 3 {
		t.Errorf("the page says %s", answer.Body)
	}
	if !strings.HasPrefix(page[strings.Index(page, "Firefox"):], "Firefox on Windows This browser") || strings.Index(page, "Firefox") > strings.Index(page, "Safari") {
		t.Error("this session is not the first")
	}
	// The page is guarded like any of the application, and nobody may keep or frame it.
	if !strings.Contains(string(answer.Body), `<script src="/.curfew/agent.js" async></script>`) {
		t.Error("the page is not guarded")
	}
	csp := answer.Header.Get("Content-Security-Policy")
	if !strings.Contains(csp, "default-src 'none'") || !strings.Contains(csp, "form-action 'self'") || !strings.Contains(csp, "frame-ancestors 'none'") ||
		answer.Header.Get("Cache-Control") != "no-store" || answer.Header.Get("Referrer-Policy") != "same-origin" {
		t.Errorf("headers %v", answer.Header)
	}
	for name, p := range map[string]*person{"phone": phone, "strange": strange} {
		if page := words(p.Get(sessionsPage)); strings.Count(page, "This browser") != 1 || strings.Count(page, "Sign out there") != 2 {
			t.Errorf("%s: %s", name, page)
		}
	}
}

// B6: what a user ends is refused from its next request on, and its open page is told.
func TestB6_UserEndsAnotherSession(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	desk, phone, tablet := w.signedIn(w.clinic, oidctest.Alice()), w.signedIn(w.clinic, oidctest.Alice()), w.signedIn(w.clinic, oidctest.Alice())
	bob := w.signedIn(w.clinic, oidctest.Bob())
	watch, err := w.Watch(t.Context(), w.clinic.Environment, phone.Cookie("curfew"))
	w.must(err)
	defer watch.Stop()
	w.pass(time.Second)
	id := phone.sessionID()
	done(t, "one", desk.ends(id))
	phone.checkIs("signed_out_elsewhere")
	select {
	case reason := <-watch.Ended:
		if reason != wire.SignedOutElsewhere {
			t.Errorf("its page was told %s", reason)
		}
	default:
		t.Error("its page was not told")
	}
	done(t, "one that ended meanwhile", desk.ends(id))
	for _, p := range []*person{desk, tablet} {
		p.checkIs("sub-alice")
	}
	w.pass(2 * time.Second)
	again := w.signedIn(w.clinic, oidctest.Alice()) // B1: with credentials
	done(t, "all others", desk.ends("others"))
	for _, p := range []*person{tablet, again} {
		p.checkIs("signed_out_elsewhere")
	}
	desk.checkIs("sub-alice")
	bob.checkIs("sub-bob")
	if ended := w.sessions(w.clinic, "sub-alice"); len(ended) != 4 {
		t.Errorf("%d sessions", len(ended))
	}
	if !w.recorded(audit.Ended, "") {
		t.Error("the audit has no end")
	}
}

// B6: nothing but another session of the same user in the same environment can be ended, and every refusal looks the same.
func TestB6_NothingElseIsEnded(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	alice, other := w.signedIn(w.clinic, oidctest.Alice()), w.signedIn(w.clinic, oidctest.Alice())
	bob, atBank := w.signedIn(w.clinic, oidctest.Bob()), w.signedIn(w.bank, oidctest.Alice())
	body := ""
	for _, c := range []struct{ name, id string }{
		{"another user's", bob.sessionID()}, {"another environment's", atBank.sessionID()}, {"its own", alice.sessionID()},
		{"nobody's", strings.Repeat("A", 22)}, {"none", ""}, {"no ID", "other"}, {"too long", strings.Repeat("A", 2000)}, {"an address", "../sign-out"},
	} {
		answer := alice.ends(c.id)
		if answer.StatusCode != http.StatusBadRequest || !strings.Contains(text(answer), "This list was out of date, so nobody was signed out") {
			t.Errorf("%s: answered %d %s", c.name, answer.StatusCode, text(answer))
		}
		if body == "" {
			body = string(answer.Body)
		}
		if string(answer.Body) != body {
			t.Errorf("%s: the answer differs:\n%s\n%s", c.name, answer.Body, body)
		}
	}
	token := alice.formToken()
	for name, form := range map[string]url.Values{
		"nothing": {"token": {token}}, "two": {"token": {token}, "end": {other.sessionID(), other.sessionID()}},
	} {
		if answer := alice.Post(sessionsPage, form); answer.StatusCode != http.StatusBadRequest {
			t.Errorf("%s: answered %d", name, answer.StatusCode)
		}
	}
	alice.checkIs("sub-alice")
	other.checkIs("sub-alice")
	bob.checkIs("sub-bob")
	atBank.checkIs("sub-alice")
}

// B6: a form that is not from the session's own page ends nothing.
func TestB6_FormsAreTheSessionsOwn(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	alice, other := w.signedIn(w.clinic, oidctest.Alice()), w.signedIn(w.clinic, oidctest.Alice())
	bob, atBank := w.signedIn(w.clinic, oidctest.Bob()), w.signedIn(w.bank, oidctest.Alice())
	own := alice.formToken()
	for name, token := range map[string]string{
		"none": "", "forged": "x" + own[1:], "cut": own[:len(own)-1], "another session's": other.formToken(), "another user's": bob.formToken(),
		"another environment's": atBank.formToken(), "a cookie": alice.Cookie("curfew"),
	} {
		answer := alice.Post(sessionsPage, url.Values{"token": {token}, "end": {"others"}})
		if answer.StatusCode != http.StatusForbidden || !strings.Contains(text(answer), "nobody was signed out") {
			t.Errorf("%s: answered %d %s", name, answer.StatusCode, text(answer))
		}
	}
	for name, header := range map[string][2]string{
		"another site": {"Sec-Fetch-Site", "cross-site"}, "a neighbour": {"Sec-Fetch-Site", "same-site"}, "another origin": {"Origin", "https://evil.example"},
	} {
		request, err := http.NewRequest(http.MethodPost, w.clinic.Origin+sessionsPage, strings.NewReader(url.Values{"token": {own}, "end": {"others"}}.Encode()))
		w.must(err)
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		request.Header.Set(header[0], header[1])
		isRefusal(t, name, alice, alice.Do(request), 403, wire.CrossOrigin)
	}
	isRefusal(t, "a large body", alice, alice.Post(sessionsPage, url.Values{"token": {own}, "end": {strings.Repeat("x", wire.MaxBody)}}), 400, wire.BadRequest)
	if answer := alice.Get(sessionsPage + "?" + url.Values{"token": {own}, "end": {"others"}}.Encode()); answer.StatusCode != http.StatusOK {
		t.Errorf("by a link: %d", answer.StatusCode)
	}
	// What stands in the address is no form.
	if answer := alice.Post(sessionsPage+"?"+url.Values{"token": {own}, "end": {"others"}}.Encode(), url.Values{}); answer.StatusCode != http.StatusForbidden {
		t.Errorf("in the address: %d", answer.StatusCode)
	}
	for _, p := range []*person{alice, other} {
		p.checkIs("sub-alice")
	}
	if !strings.Contains(w.refusals(), "clinic cross_origin: the form is not from this session's own page") {
		t.Errorf("the audit has %s", w.refusals())
	}
	done(t, "its own", alice.Post(sessionsPage, url.Values{"token": {own}, "end": {"others"}}))
	other.checkIs("signed_out_elsewhere")
}

// B6: a stale cookie is renewed first, and without a session one signs in; either leads back to the page. Nothing is ended meanwhile.
func TestB6_SessionsPageNeedsAFreshCookie(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	alice, other := w.signedIn(w.clinic, oidctest.Alice()), w.signedIn(w.clinic, oidctest.Alice())
	stranger, ended := w.person(w.clinic, oidctest.Alice()), w.signedIn(w.clinic, oidctest.Alice())
	ended.SignOut(url.Values{"scope": {"browser"}})
	token := alice.formToken()
	w.pass(6 * time.Minute)
	const back = "return_to=%2F.curfew%2Fsessions"
	for name, c := range map[string]struct {
		p    *person
		want string
	}{
		"stale": {alice, "/.curfew/resume?" + back}, "none": {stranger, "/.curfew/sign-in?again=1&" + back}, "ended": {ended, "/.curfew/sign-in?again=1&" + back},
	} {
		for method, answer := range map[string]apitest.Answer{
			"GET": c.p.Get(sessionsPage), "POST": c.p.Post(sessionsPage, url.Values{"token": {token}, "end": {"others"}}),
		} {
			if to := answer.Header.Get("Location"); answer.StatusCode != http.StatusSeeOther || to != c.want || len(answer.Body) > 0 {
				t.Errorf("%s, %s: answered %d to %q, want %q", name, method, answer.StatusCode, to, c.want)
			}
		}
	}
	if page := string(stranger.Get("/.curfew/sign-in?again=1&" + back).Body); !strings.Contains(html.UnescapeString(page), `data-return-to="/.curfew/sessions"`) {
		t.Errorf("the sign-in does not lead back: %s", page)
	}
	other.Heartbeat()
	other.checkIs("sub-alice")
	alice.Heartbeat() // the cookie is fresh again
	done(t, "then", alice.ends("others"))
	other.checkIs("signed_out_elsewhere")
}

// While the store cannot answer, the page says so and nothing is ended.
func TestSessionsPageWithoutTheStore(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	alice := w.signedIn(w.clinic, oidctest.Alice())
	token := alice.formToken()
	w.store.set(errors.New("no disk"))
	for method, answer := range map[string]apitest.Answer{
		"GET": alice.Get(sessionsPage), "POST": alice.Post(sessionsPage, url.Values{"token": {token}, "end": {"others"}}),
	} {
		if answer.StatusCode != http.StatusServiceUnavailable || !strings.Contains(text(answer), "We cannot sign you in or out right now") {
			t.Errorf("%s: answered %d %s", method, answer.StatusCode, text(answer))
		}
	}
}

// A list that is cut off says so, and all others are ended all the same.
func TestB6_ManySessions(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	p := w.begun("sub-many", "")
	for range engine.MaxOwn {
		w.begun("sub-many", firefoxOnWindows)
	}
	if page := words(p.Get(sessionsPage)); !strings.Contains(page, "Only the sessions that were active last are listed.") || strings.Count(page, "Signed in 2024") != engine.MaxOwn {
		t.Errorf("the page lists %d", strings.Count(page, "Signed in 2024"))
	}
	done(t, "all others", p.ends("others"))
	now := w.clock().UnixMilli()
	living := slices.DeleteFunc(w.sessions(w.clinic, "sub-many"), func(s session.Session) bool { return s.State.Ended(now) })
	if len(living) != 1 {
		t.Errorf("%d sessions live", len(living))
	}
}
