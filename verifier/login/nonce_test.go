package login_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/curfew-project/curfew/shared/policy"
	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/verifier/engine"
	"github.com/curfew-project/curfew/verifier/login/oidctest"
	"github.com/curfew-project/curfew/verifier/settings"
)

func strict(env *settings.Environment) {
	env.Switches = env.Switches.With(policy.WSFedNonceCookieEnabled, true)
}

// arrives navigates to a callback with a user agent, and from somewhere.
func (p *person) arrives(address, userAgent string) (status int, location string) {
	p.w.t.Helper()
	request, err := http.NewRequest(http.MethodGet, address, nil)
	p.w.must(err)
	request.Header.Set("User-Agent", userAgent)
	request.Header.Set("X-Forwarded-For", "10.0.0.9, 203.0.113.7")
	answer := p.Do(request)
	return answer.StatusCode, answer.Header.Get("Location")
}

// The user agent with which a visitor of the tests begins a sign-in.
const begins = "Go-http-client/1.1"

// B3 C2: with WSFedNonceCookieEnabled a copied cookie and callback address are worth nothing in a browser of another user agent; the browser
// that began it is let in. Without the switch, cookie and key bind alone.
func TestB3_TheStrictNonceCookie(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{env: strict})
	p := w.person(w.clinic, oidctest.Alice())
	address, _ := p.callback("/patients")
	if status, _ := p.arrives(address, "Mozilla/5.0 (another)"); status == http.StatusSeeOther || len(w.sessions(w.clinic, "sub-alice")) != 0 {
		t.Fatalf("another user agent: %d, %d sessions", status, len(w.sessions(w.clinic, "sub-alice")))
	}
	if !strings.Contains(w.log.String(), "WSFedNonceCookieEnabled") {
		t.Errorf("the log does not say why: %s", w.log)
	}
	if status, to := p.arrives(address, begins); status != http.StatusSeeOther || to != "/patients" {
		t.Errorf("the same user agent: %d to %q", status, to)
	}

	loose := newWorld(t, options{})
	q := loose.person(loose.clinic, oidctest.Alice())
	address, _ = q.callback("/patients")
	if status, to := q.arrives(address, "Mozilla/5.0 (another)"); status != http.StatusSeeOther || to != "/patients" {
		t.Errorf("without the switch: %d to %q", status, to)
	}
	// B6: where it began is kept beside the session, encrypted; the proxy on this machine says where that is.
	s := loose.sessions(loose.clinic, "sub-alice")[0]
	if where, err := loose.WhereOf(t.Context(), s); err != nil || where != (engine.Where{UserAgent: "Mozilla/5.0 (another)", Address: "203.0.113.7"}) {
		t.Errorf("where: %+v, %v", where, err)
	}
	sealed, _, err := loose.store.Secrets(t.Context(), s.ID, 0)
	if err != nil || strings.Contains(string(sealed), "203.0.113.7") || strings.Contains(string(sealed), "Mozilla") {
		t.Errorf("the store can read where: %q, %v", sealed, err)
	}
}

// B3 C2 A9: a hand-in says the browser's user agent; while the switch is on, it must be the one that the browser began with.
func TestB3_TheStrictNonceCookieOfAHandIn(t *testing.T) {
	t.Parallel()
	recognises := func(env *settings.Environment) {
		strict(env)
		env.Clients = settings.Clients{Matchers: []settings.Matcher{{Client: policy.OutlookAddIn, ClientID: ownSignIn.ID}}}
	}
	o := ownApplication()
	o.Application.ClientID = ownSignIn.ID
	w := newWorld(t, options{login: o, handIn: ownSignIn.ID, env: recognises})
	p := w.person(w.clinic, oidctest.Alice())
	form := p.form(p.Authorization("/"))
	for _, userAgent := range []string{"", "Mozilla/5.0 (another)"} {
		form.Set("user_agent", userAgent)
		refusal := isRefusal(t, userAgent, p, w.handIn(w.clinic, bearer, form), http.StatusForbidden, wire.SignInFailed)
		if !strings.Contains(refusal.Message, "user agent") {
			t.Errorf("%q: %+v", userAgent, refusal)
		}
	}
	form.Set("user_agent", begins)
	form.Set("address", "203.0.113.8")
	if answer := w.handIn(w.clinic, bearer, form); answer.StatusCode != http.StatusOK {
		t.Fatalf("with it: %d %s", answer.StatusCode, answer.Body)
	}
	s := w.sessions(w.clinic, "sub-alice")[0]
	if where, err := w.WhereOf(t.Context(), s); err != nil || where.Address != "203.0.113.8" || s.Client != policy.OutlookAddIn {
		t.Errorf("%+v, client %q, %v", where, s.Client, err)
	}
}
