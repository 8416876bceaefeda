package login_test

import (
	"errors"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/verifier/login/oidctest"
)

// A7: every failure of the provider has a page that says what happened, and the log says the cause.
func TestA7_PagesOfFailures(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	p := w.person(w.clinic, oidctest.Alice())
	p.refused("cancelled", oidctest.Cancel(t, p.site, p.Authorization("/patients")), 403, "was cancelled")
	logged := func(what string) {
		t.Helper()
		if !regexp.MustCompile(what).MatchString(w.log.String()) {
			t.Errorf("the log does not say %s:\n%s", what, w.log)
		}
	}
	logged("level=WARN .*cause=access_denied")
	for code, want := range map[string]struct {
		status int
		says   string
	}{
		"login_required":            {403, "needs something more from you"},
		"interaction_required":      {403, "needs something more from you"},
		"consent_required":          {403, "needs something more from you"},
		"temporarily_unavailable":   {502, "cannot be reached"},
		"server_error":              {502, "cannot be reached"},
		"unauthorized_client":       {502, "do not fit together"},
		"invalid_scope":             {502, "do not fit together"},
		"something_that_nobody_has": {502, "do not fit together"},
	} {
		address, _ := p.callback("/patients")
		p.refused(code, change(t, change(t, address, "code", ""), "error", code), want.status, want.says)
	}

	fault := func(name string, answer oidctest.Answer, status int, says, cause string) {
		t.Helper()
		address, _ := p.callback("/patients")
		w.clinic.at.Answer(t, oidctest.Token, answer)
		p.refused(name, address, status, says)
		w.clinic.at.Recover(t, oidctest.Token)
		logged(cause)
	}
	fault("500", oidctest.Answer{Status: 500}, 502, "cannot be reached", "level=ERROR .*cause=server_error")
	fault("429", oidctest.Answer{Status: 429}, 502, "cannot be reached", "cause=rate_limited")
	fault("invalid_client", oidctest.Answer{Status: 401, Error: "invalid_client"}, 502, "do not fit together", "level=ERROR .*cause=invalid_client")
	fault("hangs up", oidctest.Answer{HangUp: true}, 502, "cannot be reached", "cause=connection")

	address, _ := p.callback("/patients")
	token := w.clinic.at.Sign(t, map[string]any{"alg": "none"}, map[string]any{"sub": "sub-alice"})
	w.clinic.at.Answer(t, oidctest.Token, oidctest.Answer{Header: map[string]string{"Content-Type": "application/json"},
		Body: `{"access_token":"a","token_type":"Bearer","id_token":"` + token + `"}`})
	p.refused("a token without a signature", address, 403, "did not fit this sign-in")
	w.clinic.at.Recover(t, oidctest.Token)

	address, _ = p.callback("/patients")
	w.clinic.at.Stop(t)
	p.refused("stopped", address, 502, "cannot be reached")
	w.clinic.at.Restart(t)

	address, _ = p.callback("/patients")
	w.store.set(errors.New("no disk"))
	p.refused("without a store", address, 503, "a problem")
	w.store.set(nil)
	if strings.Contains(w.log.String(), param(t, address, "code")) {
		t.Error("a code is in the log")
	}
}

// A7: a provider that is down at the beginning is told to the agent as a typed refusal.
func TestA7_SignInNotBegun(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	w.clinic.at.Stop(t)
	p := w.person(w.clinic, oidctest.Alice())
	isRefusal(t, "stopped", p, p.Begin(url.Values{"return_to": {"/"}}), 502, wire.ProviderFailed)
	if names := p.Cookies("curfew-signin-"); len(names) != 0 {
		t.Errorf("a sign-in that was not begun left %v", names)
	}
	w.clinic.at.Restart(t)
	w.pass(6 * time.Second)
	p.signIn()
}
