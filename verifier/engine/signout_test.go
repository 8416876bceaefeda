package engine_test

import (
	"context"
	"errors"
	"testing"

	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/verifier/audit"
	"github.com/curfew-project/curfew/verifier/engine"
	"github.com/curfew-project/curfew/verifier/session"
)

// hooked is the store with something that happens just before an operation.
type hooked struct {
	session.Store
	create  func()
	byUser  func() error
	update  func()
	updated error // what Update says although it did what it should
}

func (h hooked) Update(ctx context.Context, id session.ID, now int64, decide func(session.Session) (session.Session, error)) (session.Session, bool, error) {
	if h.update != nil {
		h.update()
	}
	s, ok, err := h.Store.Update(ctx, id, now, decide)
	if err == nil && h.updated != nil {
		return session.Session{}, false, h.updated
	}
	return s, ok, err
}

func (h hooked) Create(ctx context.Context, s session.Session, secrets session.Sealed, now int64) error {
	if h.create != nil {
		h.create()
	}
	return h.Store.Create(ctx, s, secrets, now)
}

func (h hooked) ByUser(ctx context.Context, user session.User, now int64) ([]session.Session, error) {
	if h.byUser != nil {
		if err := h.byUser(); err != nil {
			return nil, err
		}
	}
	return h.Store.ByUser(ctx, user, now)
}

func (b *browser) signOutRequest() engine.Request {
	return engine.Request{Cookie: b.cookie, Proofs: []string{b.token("sign-out", b.beat(0))}, Method: "POST", URL: b.url("sign-out")}
}

// B4: a page that is closed while it signs out has signed out, everywhere, and the audit says so.
func TestB4_SignOutIsFinishedWhenItsClientGoesAway(t *testing.T) {
	w := newWorld(t)
	first, second := w.signedIn(clinic), w.signedIn(clinic)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := w.SignOut(ctx, clinic, first.signOutRequest(), false); err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string]*browser{"here": first, "elsewhere": second} {
		if r := w.refusal(b.check()); r.Error != wire.SessionEnded {
			t.Errorf("%s: %+v", name, r)
		}
	}
	if n := len(w.recorded(audit.Ended)); n != 2 {
		t.Errorf("%d endings recorded, want 2", n)
	}
}

// B4: what fails can be repeated, and an answer that was lost too; a repetition does not touch what came later.
func TestB4_SignOutCanBeRepeated(t *testing.T) {
	w := newWorld(t)
	first, second := w.signedIn(clinic), w.signedIn(clinic)
	broken := errors.New("no answer")
	failing := w.over(hooked{Store: w.store, byUser: func() error { return broken }})
	if _, err := failing.SignOut(context.Background(), clinic, first.signOutRequest(), false); w.refusal(err).Error != wire.Unavailable {
		t.Fatalf("with a failing store: %v", err)
	}
	if err := first.check(); err != nil {
		t.Fatalf("a failed sign-out cannot be repeated: %v", err)
	}
	w.pass(1000)
	for try := range 2 {
		hint, err := w.SignOut(context.Background(), clinic, first.signOutRequest(), false)
		if err != nil || hint != amara.IDToken {
			t.Fatalf("try %d: %q, %v", try+1, hint, err)
		}
	}
	if r := w.refusal(second.check()); r.Reason != wire.SignedOutElsewhere {
		t.Errorf("elsewhere: %+v", r)
	}
	w.pass(2 * 1000)
	later := w.browser(clinic)
	who := amara
	who.AuthTime = w.now / 1000
	later.signIn(who)
	if _, err := w.SignOut(context.Background(), clinic, first.signOutRequest(), false); err != nil {
		t.Fatal(err)
	}
	if err := later.check(); err != nil {
		t.Errorf("repeating an old sign-out ended a later session: %v", err)
	}
}

// B4: a session that was begun at a verifier whose clock is ahead is signed out like the others.
func TestB4_SignOutReachesWhatBeganByAClockThatIsAhead(t *testing.T) {
	w := newWorld(t)
	here := w.signedIn(clinic)
	w.pass(30 * second)
	ahead := w.signedIn(clinic)
	w.pass(-30 * second)
	w.must(here.signOut())
	if got := w.refusal(ahead.check()); got.Error != wire.SessionEnded || got.Reason != wire.SignedOutElsewhere {
		t.Errorf("after the sign-out: %+v", got)
	}
}

// P4 B1: a sign-in with the provider's old word, racing a sign-out of the same user, does not survive it.
func TestP4_SignInRacingASignOut(t *testing.T) {
	w := newWorld(t)
	leaving, arriving := w.signedIn(clinic), w.browser(clinic)
	racing := w.over(hooked{Store: w.store, create: func() {
		if _, err := w.SignOut(context.Background(), clinic, leaving.signOutRequest(), false); err != nil {
			t.Error(err)
		}
	}})
	_, cookie, err := racing.Begin(context.Background(), clinic, arriving.back(amara))
	if !errors.Is(err, engine.ErrCredentials) || cookie != "" {
		t.Errorf("the sign-in succeeded: %v", err)
	}
	user := session.User{Environment: clinic.ID, Issuer: amara.Issuer, Subject: amara.Subject}
	all, err := w.store.ByUser(context.Background(), user, w.now)
	w.must(err)
	for _, s := range all {
		if !s.State.Ended(w.now) {
			t.Errorf("session %s lives", s.ID)
		}
	}
}

// B1: after an end in this browser credentials are asked for, whoever signs in next.
func TestB1_AnotherUserInTheSameBrowserNeedsCredentialsToo(t *testing.T) {
	w := newWorld(t)
	b := w.signedIn(clinic)
	w.pass(15 * minute)
	other := amara
	other.Subject = "wren"
	for _, authTime := range []int64{0, amara.AuthTime} {
		other.AuthTime = authTime
		if _, _, err := w.Begin(context.Background(), clinic, b.back(other)); !errors.Is(err, engine.ErrCredentials) {
			t.Errorf("auth_time %d: %v", authTime, err)
		}
	}
	w.pass(2 * second)
	other.AuthTime = w.now / 1000
	b.signIn(other)
}

// B4 P4: a sign-in that is completed while its user signs out of all sessions does not survive, wherever in the sign-out it comes.
func TestB4_ASignInInTheMiddleOfASignOut(t *testing.T) {
	w := newWorld(t)
	leaving, arriving := w.signedIn(clinic), w.browser(clinic)
	begun := false
	racing := w.over(hooked{Store: w.store, update: func() { // after the others were ended, before this one is
		if !begun {
			begun = true
			arriving.signIn(amara)
		}
	}})
	if _, err := racing.SignOut(context.Background(), clinic, leaving.signOutRequest(), false); err != nil || !begun {
		t.Fatalf("%v, sign-in %t", err, begun)
	}
	if r := w.refusal(arriving.check()); r.Reason != wire.SignedOutElsewhere {
		t.Errorf("the new session: %+v", r)
	}
}

// P8: an ending that the store could not confirm, but that is in force, is in the audit once.
func TestP8_AnEndingInForceIsRecordedThoughTheStoreFailed(t *testing.T) {
	w := newWorld(t)
	leaving, other := w.signedIn(clinic), w.signedIn(clinic)
	failing := w.over(hooked{Store: w.store, updated: errors.New("no space")})
	n, err := failing.EndByProvider(context.Background(), clinic, engine.ProviderLogout{Issuer: amara.Issuer, Subject: amara.Subject, JTI: "t", Until: w.now + minute})
	if w.refusal(err).Error != wire.Unavailable || n != 0 {
		t.Fatalf("%d ended, %v", n, err)
	}
	for name, b := range map[string]*browser{"first": leaving, "second": other} {
		if r := w.refusal(b.check()); r.Reason != wire.EndedByProvider {
			t.Errorf("the %s session: %+v", name, r)
		}
	}
	if got := w.recorded(audit.Ended); len(got) != 2 {
		t.Errorf("the audit has %d endings", len(got))
	}
}

// B4: here only by choice.
func TestB4_SignOutHereOnlyLeavesTheOthersAlone(t *testing.T) {
	w := newWorld(t)
	first, second := w.signedIn(clinic), w.signedIn(clinic)
	if _, err := w.SignOut(context.Background(), clinic, first.signOutRequest(), true); err != nil {
		t.Fatal(err)
	}
	if r := w.refusal(first.check()); r.Reason != wire.SignedOut {
		t.Errorf("here: %+v", r)
	}
	if err := second.check(); err != nil {
		t.Errorf("elsewhere: %v", err)
	}
}
