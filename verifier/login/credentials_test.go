package login_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/verifier/login/oidctest"
)

// B1: after a sign-out the next sign-in asks for credentials, by the browser's cookie and by the user.
func TestB1_CredentialsAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	p := w.signedIn(w.clinic, oidctest.Alice())
	w.pass(time.Minute)
	if _, _, refusal := p.SignOut(nil); refusal.Error != "" {
		t.Fatalf("sign-out: %+v", refusal)
	}
	w.pass(time.Second)
	authorization := p.Authorization("/patients")
	if param(t, authorization, "prompt") != "login consent" || param(t, authorization, "max_age") != "0" {
		t.Errorf("the authorization request after a sign-out: %s", authorization)
	}
	address, asked := p.authorize(authorization)
	if !asked {
		t.Error("the provider did not ask for the password")
	}
	if answer := p.Get(address); answer.Header.Get("Location") != "/patients" {
		t.Errorf("with credentials: %d %s", answer.StatusCode, text(answer))
	}

	// The browser forgets our cookies and keeps the provider's: it turns out at the callback, and the browser goes back once.
	w.pass(time.Minute)
	if _, _, refusal := p.SignOut(nil); refusal.Error != "" {
		t.Fatalf("sign-out: %+v", refusal)
	}
	w.pass(time.Second)
	p.DropCookies()
	address, asked = p.callback("/patients?q=1")
	if asked {
		t.Fatal("nothing to see: the provider asked anyway")
	}
	answer := p.Get(address)
	back := answer.Header.Get("Location")
	if answer.StatusCode != http.StatusSeeOther || param(t, back, "prompt") != "login consent" || param(t, back, "max_age") != "0" {
		t.Fatalf("an old auth_time was not sent back for credentials: %d %s", answer.StatusCode, back)
	}
	if address, asked = p.authorize(back); !asked {
		t.Error("the provider did not ask for the password")
	}
	if answer := p.Get(address); answer.Header.Get("Location") != "/patients?q=1" {
		t.Errorf("with credentials: %d %s", answer.StatusCode, text(answer))
	}
}

// B1: a provider that does not do as it is asked lets nobody in, and the pages say what to do.
func TestB1_AuthTimeMissingOrOld(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	p := w.signedIn(w.clinic, oidctest.Alice())
	old := w.clock().Unix()
	w.pass(time.Minute)
	p.SignOut(nil)
	w.pass(time.Second)

	w.clinic.at.AlterIDTokens(t, oidctest.Alteration{Omit: []string{"auth_time"}})
	address, _ := p.callback("/patients")
	p.refused("no auth_time", address, 403, "did not say whether you did")
	for what, where := range map[string]string{"audit": w.refusals(), "log": w.log.String()} {
		if !strings.Contains(where, "require_auth_time") {
			t.Errorf("the %s does not name the fix:\n%s", what, where)
		}
	}

	w.clinic.at.AlterIDTokens(t, oidctest.Alteration{Set: map[string]any{"auth_time": old}})
	address, _ = p.callback("/patients")
	p.refused("an old auth_time", address, 403, "did not ask for them")

	w.clinic.at.AlterIDTokens(t)
	p.signIn()
	p.checkIs("sub-alice")
}

// B2: another user in a browser with a living session ends that session.
func TestB2_AnotherUserSignsIn(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	p := w.signedIn(w.clinic, oidctest.Alice())
	w.pass(2 * time.Second)
	p.site.Forget()
	p.who = oidctest.Bob()
	p.signIn()
	p.checkIs("sub-bob")
	if s := w.sessions(w.clinic, "sub-alice"); len(s) != 1 || s[0].State.Reason != wire.UserMismatch {
		t.Errorf("alice's sessions: %+v", s)
	}
}
