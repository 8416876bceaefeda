package engine_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/verifier/audit"
	"github.com/curfew-project/curfew/verifier/engine"
	"github.com/curfew-project/curfew/verifier/session"
	"github.com/curfew-project/curfew/verifier/settings"
)

// at signs in with the provider's session sid.
func (w *world) at(env settings.Environment, who session.Identity, sid string) *browser {
	w.t.Helper()
	b := w.browser(env)
	who.Provider = sid
	b.signIn(who)
	b.takeNonce()
	return b
}

// B5: which sessions a logout token ends, and that it does so by the very next request.
func TestB5_WhatALogoutTokenEnds(t *testing.T) {
	wren, abroad := amara, amara
	wren.Subject, abroad.Issuer = "wren", "https://other.example"
	for name, c := range map[string]struct {
		out  engine.ProviderLogout
		ends string
	}{
		"sid":                       {engine.ProviderLogout{SID: "one"}, "one"},
		"sid and its subject":       {engine.ProviderLogout{SID: "one", Subject: "amara"}, "one unknown"},
		"sid and another subject":   {engine.ProviderLogout{SID: "one", Subject: "wren"}, ""},
		"subject":                   {engine.ProviderLogout{Subject: "amara"}, "one two unknown"},
		"a sid that nobody has":     {engine.ProviderLogout{SID: "three"}, ""},
		"unknown sid and a subject": {engine.ProviderLogout{SID: "three", Subject: "amara"}, "unknown"},
	} {
		w := newWorld(t)
		browsers := map[string]*browser{
			"one": w.at(free, amara, "one"), "two": w.at(free, amara, "two"), "unknown": w.at(free, amara, ""),
			"wren": w.at(free, wren, "three of wren"), "elsewhere": w.at(bank, amara, "one"), "abroad": w.at(free, abroad, "one"),
		}
		watch, err := w.Watch(context.Background(), free, browsers["one"].cookie)
		w.must(err)
		defer watch.Stop()
		w.pass(second)
		c.out.Issuer, c.out.JTI, c.out.Until = amara.Issuer, "token", w.now+5*minute
		n, err := w.EndByProvider(context.Background(), free, c.out)
		w.must(err)
		ended := 0
		for which, b := range browsers {
			wanted := contains(c.ends, which)
			if wanted {
				ended++
			}
			if err := b.check(); (err != nil) != wanted {
				t.Errorf("%s: session %s: %v", name, which, err)
			} else if wanted && w.refusal(err).Reason != wire.EndedByProvider {
				t.Errorf("%s: session %s: %v", name, which, err)
			}
		}
		if n != ended || len(w.recorded(audit.Ended)) != ended {
			t.Errorf("%s: %d sessions by the count, %d in the audit, want %d", name, n, len(w.recorded(audit.Ended)), ended)
		}
		if got := len(watch.Ended); (got == 1) != contains(c.ends, "one") {
			t.Errorf("%s: the page was told %d times", name, got)
		}
		if _, err := w.EndByProvider(context.Background(), free, c.out); !errors.Is(err, engine.ErrReplayed) {
			t.Errorf("%s: a replay: %v", name, err)
		}
		// The same token elsewhere is another token: its own checks decide about it.
		if _, err := w.EndByProvider(context.Background(), bank, c.out); err != nil {
			t.Errorf("%s: in another environment: %v", name, err)
		}
	}
}

func contains(list, word string) bool { return slices.Contains(strings.Fields(list), word) }

// B5 P4: a sign-in that was under way when the provider logged the user out does not get past it.
func TestB5_ASignInRacingTheProvidersLogout(t *testing.T) {
	for name, out := range map[string]engine.ProviderLogout{
		"by sid": {SID: "one"}, "by subject": {Subject: "amara"},
	} {
		for when := range map[string]bool{"before": true, "during": true} {
			w := newWorld(t)
			w.pass(second)
			out.Issuer, out.JTI, out.Until = amara.Issuer, "token", w.now+5*minute
			end := func() {
				if _, err := w.EndByProvider(context.Background(), free, out); err != nil {
					t.Error(err)
				}
			}
			racing := w.Engine
			if when == "before" {
				end()
			} else {
				racing = w.over(hooked{Store: w.store, create: end})
			}
			b := w.browser(free)
			who := amara
			who.Provider = "one"
			if _, cookie, err := racing.Begin(context.Background(), free, b.back(who)); !errors.Is(err, engine.ErrCredentials) || cookie != "" {
				t.Errorf("%s, %s the sign-in: %v", name, when, err)
			}
			user := session.User{Environment: free.ID, Issuer: amara.Issuer, Subject: amara.Subject}
			all, err := w.store.ByUser(context.Background(), user, w.now)
			w.must(err)
			for _, s := range all {
				if !s.State.Ended(w.now) {
					t.Errorf("%s, %s the sign-in: session %s lives", name, when, s.ID)
				}
			}
			w.pass(2 * second)
			who.Provider, who.AuthTime = "two", w.now/1000
			b.signIn(who) // with credentials, in a new session of the provider
		}
	}
}

// B5: a token whose sessions could not all be ended can be sent again.
func TestB5_AFailedLogoutCanBeRepeated(t *testing.T) {
	w := newWorld(t)
	b := w.at(free, amara, "one")
	broken := errors.New("no answer")
	failing := w.over(hooked{Store: w.store, byUser: func() error { return broken }})
	out := engine.ProviderLogout{Issuer: amara.Issuer, Subject: amara.Subject, JTI: "token", Until: w.now + 5*minute}
	if _, err := failing.EndByProvider(context.Background(), free, out); w.refusal(err).Error != wire.Unavailable {
		t.Fatalf("with a failing store: %v", err)
	}
	if n, err := w.EndByProvider(context.Background(), free, out); n != 1 || err != nil {
		t.Fatalf("repeated: %d, %v", n, err)
	}
	if err := b.check(); err == nil {
		t.Error("the session lives")
	}
}
