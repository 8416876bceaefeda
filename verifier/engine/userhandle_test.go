package engine_test

import (
	"testing"

	"github.com/curfew-project/curfew/verifier/session"
	"github.com/curfew-project/curfew/verifier/settings"
)

// A15: the handle in a heartbeat's reply is the same in every session of a user, and another one for another subject, issuer or
// environment, however the three are cut.
func TestA15_RepliesNameTheUser(t *testing.T) {
	w := newWorld(t)
	handle := func(env settings.Environment, who session.Identity) string {
		t.Helper()
		b := w.browser(env)
		b.signIn(who)
		b.takeNonce()
		reply, err := b.send(b.beat(0))
		if err != nil {
			t.Fatalf("%s at %s: %v", who.Subject, env.ID, err)
		}
		if len(reply.User) != 16 {
			t.Errorf("the handle %q has %d characters, want 16", reply.User, len(reply.User))
		}
		again, err := b.send(b.beat(0))
		if err != nil || again.User != reply.User {
			t.Errorf("the next reply says %q (%v), the first said %q", again.User, err, reply.User)
		}
		return reply.User
	}
	first := handle(clinic, amara)
	w.pass(minute)
	if second := handle(clinic, amara); second != first {
		t.Errorf("two sessions of one user have the handles %q and %q", first, second)
	}
	seen := map[string]string{first: "amara"}
	clin := clinic
	clin.ID = "clini"
	for name, other := range map[string]struct {
		env settings.Environment
		who session.Identity
	}{
		"another subject":              {clinic, session.Identity{Issuer: amara.Issuer, Subject: "amarb", AuthTime: amara.AuthTime}},
		"another issuer":               {clinic, session.Identity{Issuer: "https://login2.example", Subject: amara.Subject, AuthTime: amara.AuthTime}},
		"another environment":          {bank, amara},
		"the subject moved to issuer":  {clinic, session.Identity{Issuer: amara.Issuer + "a", Subject: "mara", AuthTime: amara.AuthTime}},
		"environment moved to issuer":  {clin, session.Identity{Issuer: "c" + amara.Issuer, Subject: amara.Subject, AuthTime: amara.AuthTime}},
		"a user with the others' name": {clinic, session.Identity{Issuer: amara.Issuer, Subject: "bert", Name: amara.Name, AuthTime: amara.AuthTime}},
	} {
		got := handle(other.env, other.who)
		if before, ok := seen[got]; ok {
			t.Errorf("%s has the handle of %s, %s", name, before, got)
		}
		seen[got] = name
	}
}
