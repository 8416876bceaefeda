package access_test

import (
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/verifier/audit"
	"github.com/curfew-project/curfew/verifier/login/oidctest"
)

const hour = time.Hour

// A5 B2: what the provider decides meanwhile takes effect at the check, an hour after the sign-in at the latest, at the next
// request, with its reason in the audit.
func TestA5_TheProvidersDecisionsTakeEffectAtTheCheck(t *testing.T) {
	alice := oidctest.Alice()
	for name, c := range map[string]struct {
		decide func(*testing.T, *oidctest.Provider)
		client func(*oidctest.Client)
		ends   wire.Reason // empty: it goes on
		why    string      // in the audit
	}{
		"nothing":                   {decide: func(*testing.T, *oidctest.Provider) {}},
		"the user is disabled":      {decide: func(t *testing.T, p *oidctest.Provider) { p.Disable(t, alice.Sub) }, ends: wire.ProviderRefused, why: "invalid_grant"},
		"the user is deleted":       {decide: func(t *testing.T, p *oidctest.Provider) { p.Remove(t, alice.Sub) }, ends: wire.ProviderRefused, why: "invalid_grant"},
		"refresh token revoked":     {decide: func(t *testing.T, p *oidctest.Provider) { p.Revoke(t, alice.Sub, clientID) }, ends: wire.ProviderRefused, why: "invalid_grant"},
		"signed out there, unheard": {decide: func(t *testing.T, p *oidctest.Provider) { p.EndSessions(t, alice.Sub) }, client: func(c *oidctest.Client) { c.BackchannelLogoutURI = "" }, ends: wire.ProviderRefused, why: "invalid_grant"},
		"disabled and enabled again": {decide: func(t *testing.T, p *oidctest.Provider) {
			p.Disable(t, alice.Sub)
			p.Enable(t, alice.Sub)
		}},
		"another user is disabled": {decide: func(t *testing.T, p *oidctest.Provider) { p.Disable(t, oidctest.Bob().Sub) }},
		"another user's token": {decide: func(t *testing.T, p *oidctest.Provider) {
			p.AlterIDTokens(t, oidctest.Alteration{Set: map[string]any{"sub": "sub-bob"}, Only: "refresh_token"})
		}, ends: wire.UserMismatch, why: "other_user"},
		"new keys with new IDs":     {decide: func(t *testing.T, p *oidctest.Provider) { p.RotateKeys(t, oidctest.NewKeys{}) }},
		"new keys with the old IDs": {decide: func(t *testing.T, p *oidctest.Provider) { p.RotateKeys(t, oidctest.NewKeys{SameID: true}) }},
		"no rotation":               {decide: func(t *testing.T, p *oidctest.Provider) { p.SetRotation(t, false) }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := start(t, options{client: c.client})
			p := w.signedIn(alice)
			p.keepOn(53 * time.Minute)
			c.decide(t, w.at)
			w.at.ForgetRequests(t)
			if _, refusal := p.Check(); refusal.Error != "" {
				t.Fatalf("before the check: %+v", refusal)
			}
			w.pass(7 * time.Minute)
			p.beat()
			if c.ends == "" {
				w.await(audit.Checked, 1)
				if subject, refusal := p.Check(); subject != alice.Sub {
					t.Errorf("after the check: %+v", refusal)
				}
				if n := w.at.Count(t, oidctest.JWKS); n > 1 {
					t.Errorf("the keys were fetched %d times", n)
				}
				for n := range 47 {
					p.keepOn(hour)
					w.await(audit.Checked, n+2)
				}
				return
			}
			ended := w.await(audit.Ended, 1)[0].attrs
			if ended["reason"] != string(c.ends) || ended["at"] != strconv.FormatInt(w.clock().UnixMilli(), 10) || ended["session"] != p.Session() {
				t.Errorf("the audit has %v", ended)
			}
			refused := w.await(audit.Refused, 1)
			if last := refused[len(refused)-1].attrs; !strings.Contains(last["detail"], c.why) {
				t.Errorf("the audit does not say why: %v", last)
			}
			if _, refusal := p.Check(); refusal.Reason != c.ends || refusal.EndedAt != w.clock().UnixMilli() {
				t.Errorf("the next request: %+v", refusal)
			}
		})
	}
}

// A7: while the provider cannot be asked people go on for a bounded time, and as if nothing had been once it answers again.
func TestA7_Unreachable(t *testing.T) {
	answer := func(a oidctest.Answer) func(*testing.T, *oidctest.Provider) func(*testing.T) {
		return func(t *testing.T, p *oidctest.Provider) func(*testing.T) {
			p.Answer(t, oidctest.Token, a)
			return func(t *testing.T) { p.Recover(t, oidctest.Token) }
		}
	}
	for name, c := range map[string]struct {
		fail  func(*testing.T, *oidctest.Provider) (recover func(*testing.T))
		cause string
		loud  bool // our own fault: nobody is signed out by it before the cap
	}{
		"stopped": {func(t *testing.T, p *oidctest.Provider) func(*testing.T) {
			p.Stop(t)
			return func(t *testing.T) { p.Restart(t) }
		}, "connection", false},
		"slow": {func(t *testing.T, p *oidctest.Provider) func(*testing.T) {
			gate := p.Hold(t, oidctest.Token)
			return func(t *testing.T) {
				gate.WaitEmpty(t) // or the provider might rotate a token for a client that has gone
				gate.Release(t)
			}
		}, "timeout", false},
		"hanging up":          {answer(oidctest.Answer{HangUp: true}), "connection", false},
		"500":                 {answer(oidctest.Answer{Status: 500}), "server_error", false},
		"503":                 {answer(oidctest.Answer{Status: 503}), "server_error", false},
		"temporarily":         {answer(oidctest.Answer{Status: 400, Error: "temporarily_unavailable"}), "server_error", false},
		"429":                 {answer(oidctest.Answer{Status: 429, Header: map[string]string{"Retry-After": "30"}}), "rate_limited", false},
		"a page for a token":  {answer(oidctest.Answer{Body: "<!doctype html>"}), "answer", false},
		"invalid_client":      {answer(oidctest.Answer{Status: 401, Error: "invalid_client"}), "invalid_client", true},
		"unauthorized_client": {answer(oidctest.Answer{Status: 400, Error: "unauthorized_client"}), "unauthorized_client", true},
		"404":                 {answer(oidctest.Answer{Status: 404}), "client_error", true},
	} {
		for stay, budget := range map[string]time.Duration{"": 0, "1": 8 * hour} {
			t.Run(name+" stay "+stay, func(t *testing.T) {
				t.Parallel()
				w := start(t, options{patience: 500 * time.Millisecond, askStay: true})
				p := w.person(oidctest.Alice())
				p.signIn(url.Values{wire.FieldStay: {stay}})
				began := w.clock()
				p.keepOn(53 * time.Minute)
				recover := c.fail(t, w.at)
				w.pass(7 * time.Minute)
				p.beat()
				failed := w.await(audit.CheckFailed, 1)[0].attrs
				by := began.Add(hour + budget)
				if c.loud {
					by = began.Add(25 * hour)
					w.log.await(t, "provider_misconfigured", 1)
				}
				by = later(by, w.clock().Add(25*time.Minute)) // a moment of patience and the full warning are left to all
				if !strings.Contains(failed["detail"], c.cause) || !strings.Contains(failed["detail"], strconv.FormatInt(by.UnixMilli(), 10)) {
					t.Errorf("the audit says %q, want %s and %d", failed["detail"], c.cause, by.UnixMilli())
				}
				if reply := p.beat(); reply.CheckBy != by.UnixMilli() || reply.SessionEnds != by.UnixMilli() {
					t.Errorf("the page is told %d and %d, want %d", reply.CheckBy, reply.SessionEnds, by.UnixMilli())
				}

				recover(t)
				w.pass(5*time.Minute + time.Second)
				p.beat()
				w.await(audit.Checked, 1)
				if reply := p.beat(); reply.CheckBy != 0 || reply.SessionEnds != 0 {
					t.Errorf("the provider answers again, and the session ends at %d", reply.SessionEnds)
				}

				p.keepOn(53 * time.Minute)
				c.fail(t, w.at)
				w.pass(7 * time.Minute)
				known, _ := w.log.of(string(audit.CheckFailed))
				p.beat()
				w.await(audit.CheckFailed, len(known)+1)
				by = time.UnixMilli(p.beat().CheckBy)
				w.pass(by.Sub(w.clock()) - time.Second)
				p.beat()
				w.pass(time.Second)
				if _, refusal := p.Check(); refusal.Reason != wire.PolicyCheckOverdue || refusal.EndedAt != by.UnixMilli() {
					t.Errorf("at the end of the budget: %+v", refusal)
				}
			})
		}
	}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
