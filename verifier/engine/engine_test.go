package engine_test

import (
	"context"
	"crypto/rand"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/curfew-project/curfew/shared/policy"
	"github.com/curfew-project/curfew/shared/proof"
	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/verifier/audit"
	"github.com/curfew-project/curfew/verifier/engine"
	"github.com/curfew-project/curfew/verifier/keyring"
)

func TestD1_OnlySignedActivityMovesTheDeadline(t *testing.T) {
	w := newWorld(t)
	b := w.signedIn(clinic)
	for range 9 { // the application is polled all the time
		w.pass(30 * second)
		if err := b.check(); err != nil {
			t.Fatalf("check: %v", err)
		}
	}
	if got := b.state().State.Active; got != start {
		t.Errorf("requests moved the activity by %d ms", got-start)
	}
	reply, err := b.send(b.beat(wire.MaxIdle))
	if err != nil {
		t.Fatal(err)
	}
	if reply.Active != start {
		t.Errorf("P5: a heartbeat without activity moved it by %d ms", reply.Active-start)
	}
	w.pass(10 * second)
	if reply, err = b.send(b.beat(4 * second)); err != nil {
		t.Fatal(err)
	}
	if want := w.now - 4*second; reply.Active != want {
		t.Errorf("activity 4 s ago is off by %d ms", reply.Active-want)
	}
	if reply.InactivityEnds != reply.Active+15*minute || reply.SessionEnds != start+60*minute {
		t.Errorf("deadlines %+v", reply)
	}
}

func TestP1_NothingAfterTheDeadline(t *testing.T) {
	w := newWorld(t)
	b := w.signedIn(clinic)
	w.pass(15*minute - 1)
	old := b.token("heartbeat", &proof.Heartbeat{SID: b.sid, Seq: 99})
	if _, err := b.w.Check(context.Background(), clinic, b.cookie); w.refusal(err).Error != wire.StaleCookie {
		t.Errorf("a cookie of 15 minutes: %v", err)
	}
	w.pass(1)
	if r := w.refusal(b.check()); r.Error != wire.SessionEnded || r.Reason != wire.Inactivity || r.EndedAt != start+15*minute {
		t.Errorf("check at the deadline: %+v", r)
	}
	if _, err := b.sendTo(w.Engine, old); w.refusal(err).Error != wire.SessionEnded {
		t.Errorf("A13: a heartbeat of just before the deadline, received at it: %v", err)
	}
	if err := w.Sweep(context.Background(), time.Hour); err != nil {
		t.Fatal(err)
	}
	ends := w.recorded(audit.Ended)
	if len(ends) != 1 || ends[0].At != start+15*minute || ends[0].Reason != wire.Inactivity {
		t.Errorf("D6: the audit has %+v", ends)
	}
}

func TestD4_CookieDiesWithinItsRenewalAndNeverOutlivesADeadline(t *testing.T) {
	w := newWorld(t)
	b := w.signedIn(clinic)
	stolen := b.cookie
	w.pass(policy.MaxCookieRenewal.Milliseconds() - 1)
	if err := b.check(); err != nil {
		t.Errorf("inside the renewal interval: %v", err)
	}
	if _, err := b.send(b.beat(0)); err != nil {
		t.Fatal(err)
	}
	w.pass(1)
	if _, err := w.Check(context.Background(), clinic, stolen); w.refusal(err).Error != wire.StaleCookie {
		t.Errorf("a stolen cookie works after its renewal interval: %v", err)
	}
	if err := b.check(); err != nil {
		t.Errorf("the renewed cookie: %v", err)
	}
	for b.state().State.SessionEnds()-w.now > 3*minute {
		w.pass(minute)
		if _, err := b.send(b.beat(0)); err != nil {
			t.Fatal(err)
		}
	}
	w.pass(b.state().State.SessionEnds() - w.now)
	if r := w.refusal(b.check()); r.Reason != wire.SessionTimeout {
		t.Errorf("A1: a fresh cookie after the session's end: %+v", r)
	}
}

func TestA4_StayExtendsExactlyOnce(t *testing.T) {
	w := newWorld(t)
	b := w.signedIn(clinic)
	w.pass(14 * minute)
	b.takeNonce()
	stay := b.beat(300)
	stay.Stay = true
	reply, err := b.send(stay)
	if err != nil || reply.Phase != wire.Active || reply.Active != w.now-300 {
		t.Fatalf("stay: %+v, %v", reply, err)
	}
	if n := len(w.recorded(audit.Extended)); n != 1 {
		t.Errorf("%d extensions recorded", n)
	}
}

func TestA12_ChangedSettingsApplyAtTheNextHeartbeat(t *testing.T) {
	w := newWorld(t)
	b := w.signedIn(clinic)
	w.pass(10 * minute)
	b.takeNonce()
	b.env.Settings = policy.Settings{SessionTimeout: 5 * time.Minute, SessionWarning: 2 * time.Minute, InactivityWarning: time.Minute}
	reply, err := b.send(b.beat(0))
	if err != nil {
		t.Fatal(err)
	}
	if reply.SessionEnds != w.now+2*minute || reply.Warning != wire.WarnSession || reply.InactivityEnds != 0 {
		t.Errorf("a tightened session: %+v", reply)
	}
}

// A network that holds a heartbeat back gains nothing by it: the age of the nonce says when it was made.
func TestP5_HeldBackHeartbeatDoesNotPassForFresh(t *testing.T) {
	w := newWorld(t)
	b := w.signedIn(clinic)
	w.pass(minute)
	held := b.token("heartbeat", b.beat(0)) // activity at one minute
	w.pass(3 * minute)
	reply, err := b.sendTo(w.Engine, held)
	if err != nil {
		t.Fatal(err)
	}
	if reply.Active != start+minute {
		t.Errorf("held back for three minutes, activity counts at %d s", (reply.Active-start)/second)
	}
}

func TestP6P8_AbuseIsRefusedTypedAndRecorded(t *testing.T) {
	w := newWorld(t)
	victim, thief := w.signedIn(clinic), w.browser(clinic)
	elsewhere := w.signedIn(bank)
	thief.cookie, thief.sid, thief.nonce, thief.nonceAt = victim.cookie, victim.sid, victim.nonce, victim.nonceAt
	first := victim.token("heartbeat", victim.beat(0))
	if _, err := victim.sendTo(w.Engine, first); err != nil {
		t.Fatal(err)
	}
	request := func(b *browser, tokens ...string) engine.Request {
		return engine.Request{Cookie: b.cookie, Proofs: tokens, Method: "POST", URL: b.url("heartbeat")}
	}
	spoil := func(change func(*engine.Request)) engine.Request {
		r := request(victim, victim.token("heartbeat", victim.beat(0)))
		change(&r)
		return r
	}
	for name, c := range map[string]struct {
		r    engine.Request
		code wire.Code
	}{
		"B3 a copied cookie with a key of one's own": {request(thief, thief.token("heartbeat", thief.beat(0))), wire.WrongKey},
		"a copied heartbeat":                         {request(victim, first), wire.Replayed},
		"no cookie":                                  {spoil(func(r *engine.Request) { r.Cookie = "" }), wire.NoSession},
		"a forged cookie":                            {spoil(func(r *engine.Request) { r.Cookie = "A" + r.Cookie[1:] }), wire.NoSession},
		"another environment's cookie":               {spoil(func(r *engine.Request) { r.Cookie = elsewhere.cookie }), wire.NoSession},
		"two proofs":                                 {spoil(func(r *engine.Request) { r.Proofs = append(r.Proofs, r.Proofs[0]) }), wire.InvalidProof},
		"no proof":                                   {spoil(func(r *engine.Request) { r.Proofs = nil }), wire.UseNonce},
		"a proof for the sign-out":                   {request(victim, victim.token("sign-out", victim.beat(0))), wire.InvalidProof},
		"another session's sid":                      {request(victim, victim.token("heartbeat", &proof.Heartbeat{SID: elsewhere.sid, Seq: 50})), wire.InvalidProof},
		"another session's nonce": {spoil(func(r *engine.Request) {
			b := *victim
			b.nonce = elsewhere.nonce
			r.Proofs = []string{b.token("heartbeat", b.beat(0))}
		}), wire.UseNonce},
	} {
		before := victim.state()
		_, _, err := w.Heartbeat(context.Background(), clinic, c.r)
		if r := w.refusal(err); r.Error != c.code {
			t.Errorf("%s: refused with %s (%s), want %s", name, r.Error, r.Message, c.code)
		}
		if after := victim.state(); after != before {
			t.Errorf("%s: changed the session", name)
		}
	}
	for _, code := range []wire.Code{wire.WrongKey, wire.Replayed, wire.InvalidProof} {
		found := false
		for _, e := range w.recorded(audit.Refused) {
			found = found || e.Code == code
		}
		if !found {
			t.Errorf("P8: no %s in the audit", code)
		}
	}
	if _, err := w.Check(context.Background(), bank, victim.cookie); w.refusal(err).Error != wire.NoSession {
		t.Errorf("P6: a cookie works in another environment: %v", err)
	}
}

func TestReplayIsToldTheLastSeq(t *testing.T) {
	w := newWorld(t)
	b := w.signedIn(clinic)
	b.seq = 40
	if _, err := b.send(b.beat(0)); err != nil {
		t.Fatal(err)
	}
	b.seq = 3 // a page that was loaded anew
	_, err := b.send(b.beat(0))
	if r := w.refusal(err); r.Error != wire.Replayed || r.Seq != 41 || r.Nonce == "" || r.SID != b.sid {
		t.Errorf("%+v", r)
	}
}

func (b *browser) signOut() error {
	b.w.t.Helper()
	hint, err := b.w.SignOut(context.Background(), b.env, b.signOutRequest(), false)
	if err == nil && hint != amara.IDToken {
		b.w.t.Errorf("id_token_hint %q", hint)
	}
	return err
}

func TestB4_SignOutEndsTheUsersSessionsHereAndNoOthers(t *testing.T) {
	w := newWorld(t)
	first, second, bankToo := w.signedIn(clinic), w.signedIn(clinic), w.signedIn(bank)
	wren := w.browser(clinic)
	other := amara
	other.Subject = "wren"
	wren.signIn(other)

	thief := w.browser(clinic)
	thief.cookie, thief.sid, thief.nonce, thief.nonceAt = first.cookie, first.sid, first.nonce, first.nonceAt
	if r := w.refusal(thief.signOut()); r.Error != wire.WrongKey {
		t.Errorf("a copied cookie signed somebody out: %+v", r)
	}
	if err := first.signOut(); err != nil {
		t.Fatal(err)
	}
	if r := w.refusal(first.check()); r.Reason != wire.SignedOut {
		t.Errorf("here: %+v", r)
	}
	if r := w.refusal(second.check()); r.Reason != wire.SignedOutElsewhere {
		t.Errorf("elsewhere: %+v", r)
	}
	for name, b := range map[string]*browser{"another environment": bankToo, "another user": wren} {
		if err := b.check(); err != nil {
			t.Errorf("%s was signed out: %v", name, err)
		}
	}
}

func TestB1_AfterAnEndCredentialsMustBeEnteredLater(t *testing.T) {
	for name, end := range map[string]func(*world, *browser){
		"sign-out":   func(w *world, b *browser) { w.pass(second); w.must(b.signOut()) },
		"inactivity": func(w *world, b *browser) { w.pass(15 * minute) },
	} {
		w := newWorld(t)
		b := w.signedIn(clinic)
		end(w, b)
		ended := w.now
		w.pass(minute)
		again := w.browser(clinic) // with cleared cookies, too
		for what, authTime := range map[string]int64{
			"the provider's old sign-in": amara.AuthTime,
			"missing":                    0,
			"the very second of the end": ended / 1000,
		} {
			who := amara
			who.AuthTime = authTime
			if _, _, err := w.Begin(context.Background(), clinic, again.back(who)); !errors.Is(err, engine.ErrCredentials) {
				t.Errorf("%s, auth_time %s: %v", name, what, err)
			}
		}
		who := amara
		who.AuthTime = ended/1000 + 1
		again.signIn(who)
		if err := again.check(); err != nil {
			t.Errorf("%s, signed in again: %v", name, err)
		}
	}
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func TestA2_SigningInAgainBeforeTheEndReplacesTheSession(t *testing.T) {
	w := newWorld(t)
	b := w.signedIn(clinic)
	w.pass(30 * minute / 3)
	if _, _, err := w.Begin(context.Background(), clinic, b.back(amara)); !errors.Is(err, engine.ErrCredentials) {
		t.Errorf("A1: a new session without new credentials: %v", err)
	}
	old := *b
	who := amara
	who.AuthTime = w.now/1000 - 1
	b.signIn(who)
	if err := b.check(); err != nil {
		t.Error(err)
	}
	if r := w.refusal(old.check()); r.Error != wire.SessionEnded {
		t.Errorf("the replaced session: %+v", r)
	}
}

// P4: sign-out and heartbeats at the same time; whatever wins, nothing brings the session back.
func TestP4_ConcurrentHeartbeatsCannotUndoASignOut(t *testing.T) {
	for range 20 {
		w := newWorld(t)
		b := w.signedIn(clinic)
		var tokens []string
		for range 8 {
			tokens = append(tokens, b.token("heartbeat", b.beat(0)))
		}
		out := engine.Request{Cookie: b.cookie, Proofs: []string{b.token("sign-out", b.beat(0))}, Method: "POST", URL: b.url("sign-out")}
		var all sync.WaitGroup
		for _, token := range tokens {
			all.Go(func() {
				w.Heartbeat(context.Background(), clinic, engine.Request{Cookie: b.cookie, Proofs: []string{token}, Method: "POST", URL: b.url("heartbeat")})
			})
		}
		all.Go(func() {
			if _, err := w.SignOut(context.Background(), clinic, out, false); err != nil {
				t.Errorf("sign-out: %v", err)
			}
		})
		all.Wait()
		if r := w.refusal(b.check()); r.Reason != wire.SignedOut {
			t.Fatalf("after the sign-out: %+v", r)
		}
	}
}

func TestStoreThatCannotAnswerLetsNothingThrough(t *testing.T) {
	w := newWorld(t)
	b := w.signedIn(clinic)
	w.must(w.store.Close())
	if r := w.refusal(b.check()); r.Error != wire.Unavailable {
		t.Errorf("check: %+v", r)
	}
	if _, err := b.send(b.beat(0)); w.refusal(err).Error != wire.Unavailable {
		t.Errorf("heartbeat: %v", err)
	}
	if w.Ready(context.Background()) == nil {
		t.Error("ready")
	}
}

func TestRenewalIsBounded(t *testing.T) {
	w := newWorld(t)
	ring, err := keyring.New(make([]byte, keyring.SecretSize))
	w.must(err)
	for renewal, ok := range map[time.Duration]bool{
		0: false, policy.MinCookieRenewal - 1: false, policy.MinCookieRenewal: true, policy.MaxCookieRenewal: true, policy.MaxCookieRenewal + 1: false,
	} {
		_, err := engine.New(engine.Config{Store: w.store, Ring: ring, Now: time.Now, Random: rand.Reader, Renewal: renewal})
		if (err == nil) != ok {
			t.Errorf("renewal %s: %v", renewal, err)
		}
	}
}

// A12 C5: a warning that other settings bring on is recorded like any other, once.
func TestA12_AWarningByOtherSettingsIsRecorded(t *testing.T) {
	w := newWorld(t)
	b := w.signedIn(clinic)
	w.pass(4 * minute)
	if _, err := b.send(b.beat(0)); err != nil {
		t.Fatal(err)
	}
	b.env.Settings.SessionTimeout, b.env.Settings.SessionWarning = time.Hour, 58*time.Minute
	for range 2 {
		w.pass(second)
		reply, err := b.send(b.beat(0))
		if err != nil || reply.Warning != wire.WarnSession {
			t.Fatalf("%+v, %v", reply, err)
		}
	}
	if got := w.recorded(audit.Warned); len(got) != 1 || got[0].Detail != string(wire.WarnSession) {
		t.Errorf("recorded: %+v", got)
	}
}
