package access_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/verifier/audit"
	"github.com/curfew-project/curfew/verifier/keyring"
	"github.com/curfew-project/curfew/verifier/login/oidctest"
)

// A6: a provider that gives no refresh token, and an environment that is marked, have sessions of 24 hours.
func TestA6_WhereTheProviderCannotBeAskedTheSessionIsCapped(t *testing.T) {
	for name, o := range map[string]options{
		"no refresh token":     {client: func(c *oidctest.Client) { c.NoRefresh = true }},
		"a marked environment": {settings: "    policy_check: {bypass: true}"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := start(t, o)
			p := w.signedIn(oidctest.Alice())
			began := w.clock()
			if got := w.await(audit.SignIn, 1)[0].attrs["detail"]; !strings.HasPrefix(got, "bypassed") {
				t.Errorf("the audit does not mark the session: %q", got)
			}
			w.at.Disable(t, oidctest.Alice().Sub) // nobody asks
			for w.clock().Before(began.Add(24*hour - time.Minute)) {
				p.beat()
				w.pass(hour - time.Second)
			}
			w.pass(began.Add(24 * hour).Sub(w.clock()))
			if _, refusal := p.Check(); refusal.Reason != wire.SessionTimeout || refusal.EndedAt != began.Add(24*hour).UnixMilli() {
				t.Errorf("after 24 hours: %+v", refusal)
			}
		})
	}
}

// A5 A8 B1: a session in identity-provider mode outlives 24 hours; a custom timeout ends it, and the password is asked for.
func TestA8_CustomTimeoutsWin(t *testing.T) {
	w := start(t, options{settings: "    switches: {AllowCustomSessionDuration: true}\n    settings: {session_timeout: 12h}"})
	p := w.signedIn(oidctest.Alice())
	began := w.clock()
	for n := range 11 {
		p.keepOn(hour)
		w.await(audit.Checked, n+1)
	}
	w.pass(began.Add(12 * hour).Sub(w.clock()))
	if _, refusal := p.Check(); refusal.Reason != wire.SessionTimeout || refusal.EndedAt != began.Add(12*hour).UnixMilli() {
		t.Errorf("after 12 hours: %+v", refusal)
	}
	w.pass(2 * time.Second)
	if !p.signIn(nil) {
		t.Error("the provider did not ask for the password")
	}
}

// B1: after a sign-out the password is asked for, in the same browser and in another with cleared cookies, although the provider
// still knows both.
func TestB1_CredentialsAgainAfterASignOut(t *testing.T) {
	w := start(t, options{client: func(c *oidctest.Client) { c.RequireAuthTime = true }})
	p, elsewhere := w.signedIn(oidctest.Alice()), w.signedIn(oidctest.Alice())
	if _, _, refusal := p.SignOut(nil); refusal.Error != "" {
		t.Fatalf("sign-out: %+v", refusal)
	}
	w.pass(2 * time.Second)
	elsewhere.DropCookies()
	for name, q := range map[string]*person{"the same browser": p, "another, with cleared cookies": elsewhere} {
		if !q.signIn(nil) {
			t.Errorf("%s: the password was not asked for", name)
		}
		w.pass(2 * time.Second)
	}
}

// B4 B5: a sign-out at the provider ends the user's sessions by the next request, whatever the client registered, and nobody else's.
func TestB5_TheProvidersLogout(t *testing.T) {
	for name, withSID := range map[string]bool{"by sid": true, "by sub": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := start(t, options{client: func(c *oidctest.Client) { c.SessionRequired = withSID }})
			alice, second, bob := w.signedIn(oidctest.Alice()), w.signedIn(oidctest.Alice()), w.signedIn(oidctest.Bob())
			w.pass(time.Minute)
			for _, sent := range w.at.EndSessions(t, oidctest.Alice().Sub) {
				if sent.Error != "" {
					t.Errorf("the verifier refused a logout token: %s", sent.Error)
				}
			}
			for _, p := range []*person{alice, second} {
				if _, refusal := p.Check(); refusal.Reason != wire.EndedByProvider || refusal.EndedAt != w.clock().UnixMilli() {
					t.Errorf("the next request: %+v", refusal)
				}
			}
			if subject, refusal := bob.Check(); subject != oidctest.Bob().Sub {
				t.Errorf("another user: %+v", refusal)
			}
			if got := w.await(audit.Ended, 2); len(got) != 2 || got[0].attrs["reason"] != string(wire.EndedByProvider) {
				t.Errorf("the audit has %v", got)
			}
			w.pass(2 * time.Second)
			if !alice.signIn(nil) {
				t.Error("B1: the password was not asked for")
			}
		})
	}
}

// B4: the sign-out leads to the provider with everything that it needs, and back.
func TestB4_SignOutAtTheProvider(t *testing.T) {
	w := start(t, options{})
	p, elsewhere := w.signedIn(oidctest.Alice()), w.signedIn(oidctest.Alice())
	_, to, refusal := p.SignOut(nil)
	if refusal.Error != "" || !strings.HasPrefix(to.Location, w.at.Issuer) {
		t.Fatalf("%+v %+v", to, refusal)
	}
	back := oidctest.Logout(t, p.browser, to.Location)
	if !strings.HasPrefix(back, w.origin+"/.curfew/signed-out?") || !strings.Contains(back, "state=") {
		t.Fatalf("the provider led to %s", back)
	}
	known, forged := p.Get(back), elsewhere.Get(back)
	if bytes.Equal(known.Body, forged.Body) {
		t.Error("the page says the same to a browser whose sign-out it was not")
	}
	if _, refusal := elsewhere.Check(); refusal.Reason != wire.SignedOutElsewhere && refusal.Reason != wire.EndedByProvider {
		t.Errorf("elsewhere: %+v", refusal)
	}
}

// A5 P7: rotated tokens, and sessions in the middle of their lives, survive a restart and a rotation of the verifier's keys.
func TestA5_RestartsAndNewKeys(t *testing.T) {
	w := start(t, options{})
	p := w.signedIn(oidctest.Alice())
	checked := 0
	round := func(what string) {
		t.Helper()
		p.keepOn(hour)
		checked++
		w.await(audit.Checked, checked)
		if _, refusal := p.Check(); refusal.Error != "" {
			t.Fatalf("%s: %+v", what, refusal)
		}
	}
	round("at first")
	w.restart()
	round("after a restart")

	keys := filepath.Join(w.data, "store", "keys")
	old, err := os.ReadFile(keys)
	if err != nil {
		t.Fatal(err)
	}
	fresh := base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{42}, keyring.SecretSize)) + "\n"
	w.write(keys, fresh+string(old))
	w.restart()
	round("with a new key in front of the old one")
	w.write(keys, fresh)
	w.restart()
	round("without the old key, when every token had its check")
}

func (w *world) write(path, text string) {
	w.t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

// A5: sessions due at once each ask once, and nobody is signed out by the queue.
func TestA5_ManySessionsDueAtOnce(t *testing.T) {
	const many = 100
	w := start(t, options{rate: "{rate: 10000, concurrency: 4}"})
	first := w.signedIn(oidctest.Alice())
	people := []*person{first}
	for range many - 1 {
		p := w.person(oidctest.Alice())
		p.browser = first.browser // the provider knows the person already
		p.signIn(nil)
		people = append(people, p)
	}
	w.at.ForgetRequests(t)
	w.pass(hour)
	for range 2 { // asking again adds nothing
		for _, p := range people {
			p.beat()
		}
	}
	w.await(audit.Checked, many)
	if n := w.at.Count(t, oidctest.Token); n != many {
		t.Errorf("%d sessions made %d requests", many, n)
	}
	for i, p := range people {
		if _, refusal := p.Check(); refusal.Error != "" {
			t.Errorf("session %d: %+v", i, refusal)
		}
	}
}

// A7: the operator sees the provider's state where the verifier's own readiness is, which it does not change.
func TestA7_TheOperatorSeesTheProvidersState(t *testing.T) {
	w := start(t, options{})
	p := w.signedIn(oidctest.Alice())
	ask := func(path string) (int, string) {
		answer := httptest.NewRecorder()
		w.verifier.Operator().ServeHTTP(answer, httptest.NewRequest("GET", path, nil))
		return answer.Code, answer.Body.String()
	}
	for up, says := range []string{"connection", "reachable"} {
		if up == 0 {
			w.at.Stop(t)
			w.pass(hour)
			p.beat()
			w.await(audit.CheckFailed, 1)
		} else {
			w.at.Restart(t)
			w.pass(5 * time.Minute)
			p.beat()
			w.await(audit.Checked, 1)
		}
		if status, text := ask("/readyz"); status != 200 || !strings.Contains(text, "records") || !strings.Contains(text, says) {
			t.Errorf("readyz: %d %q, want 200 and %q", status, text, says)
		}
		if status, text := ask("/metrics"); status != 200 || !strings.Contains(text, fmt.Sprintf("curfew_provider_up{environment=\"records\"} %d", up)) {
			t.Errorf("metrics: %d, no curfew_provider_up %d in\n%s", status, up, text)
		}
	}
}
