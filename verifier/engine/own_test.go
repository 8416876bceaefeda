package engine_test

import (
	"context"
	"slices"
	"testing"

	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/verifier/audit"
	"github.com/curfew-project/curfew/verifier/engine"
	"github.com/curfew-project/curfew/verifier/session"
)

// from is a sign-in in a browser of that user agent.
func (w *world) from(agent string) *browser {
	w.t.Helper()
	b := w.browser(clinic)
	in := b.back(amara)
	in.Where = engine.Where{UserAgent: agent, Address: "192.0.2.7"}
	b.finish(in)
	b.takeNonce()
	return b
}

func (b *browser) id() session.ID {
	b.w.t.Helper()
	id, err := session.ParseID(b.sid)
	b.w.must(err)
	return id
}

// own is what a browser's user sees listed, by the sessions' user agents.
func (b *browser) own() []string {
	b.w.t.Helper()
	this, all, err := b.w.OwnSessions(context.Background(), b.env, b.cookie)
	b.w.must(err)
	if this.ID != b.id() {
		b.w.t.Errorf("this session is %s, want %s", this.ID, b.sid)
	}
	var agents []string
	for _, own := range all {
		agents = append(agents, own.Where.UserAgent)
	}
	return agents
}

// B6: a user sees where they are signed in: the living sessions of that environment, their own first.
func TestB6_OwnSessionsAreListed(t *testing.T) {
	w := newWorld(t)
	first, second, third := w.from("first"), w.from("second"), w.from("third")
	w.at(bank, amara, "")
	wren := amara
	wren.Subject = "wren"
	w.at(clinic, wren, "")
	w.pass(minute)
	_, err := second.send(second.beat(0))
	w.must(err)
	if got, want := first.own(), []string{"first", "second", "third"}; !slices.Equal(got, want) {
		t.Errorf("listed %q, want %q", got, want)
	}
	if got, want := third.own(), []string{"third", "second", "first"}; !slices.Equal(got, want) {
		t.Errorf("listed %q, want %q", got, want)
	}
	w.must(second.signOutOnly())
	if got, want := first.own(), []string{"first", "third"}; !slices.Equal(got, want) {
		t.Errorf("after a sign-out: %q, want %q", got, want)
	}
	w.pass(6 * minute)
	if _, _, err := w.OwnSessions(context.Background(), clinic, first.cookie); w.refusal(err).Error != wire.StaleCookie {
		t.Errorf("with a stale cookie: %v", err)
	}
	if _, _, err := w.OwnSessions(context.Background(), clinic, ""); w.refusal(err).Error != wire.NoSession {
		t.Errorf("without a cookie: %v", err)
	}
	if _, _, err := w.OwnSessions(context.Background(), bank, first.cookie); w.refusal(err).Error != wire.NoSession {
		t.Errorf("P6: in another environment: %v", err)
	}
	w.pass(10 * minute) // all are over, although nobody has noticed
	if _, _, err := w.OwnSessions(context.Background(), clinic, first.cookie); w.refusal(err).Reason != wire.Inactivity {
		t.Errorf("at the end: %v", err)
	}
}

func (b *browser) signOutOnly() error {
	_, err := b.w.SignOut(context.Background(), b.env, b.signOutRequest(), true)
	return err
}

// The list is bounded, and this session is always in it.
func TestB6_ListIsBounded(t *testing.T) {
	w := newWorld(t)
	b := w.from("this")
	for range engine.MaxOwn + 5 {
		w.pass(1)
		w.from("others")
	}
	if got := b.own(); len(got) != engine.MaxOwn || got[0] != "this" {
		t.Errorf("%d listed, the first is %s", len(got), got[0])
	}
	n, err := w.EndOwn(context.Background(), clinic, b.cookie, nil, true)
	if n != engine.MaxOwn+5 || err != nil {
		t.Errorf("ended %d, %v", n, err)
	}
}

// B6: a user ends other sessions of their own, each by itself or all at once, from their next request on; their pages are told.
func TestB6_UserEndsOwnSessions(t *testing.T) {
	ctx := context.Background()
	w := newWorld(t)
	b, second, third, fourth := w.from("this"), w.from("second"), w.from("third"), w.from("fourth")
	elsewhere := w.at(bank, amara, "")
	wren := amara
	wren.Subject = "wren"
	stranger := w.at(clinic, wren, "")
	watch, err := w.Watch(ctx, clinic, second.cookie)
	w.must(err)
	defer watch.Stop()

	w.pass(1000)
	gone, cancel := context.WithCancel(ctx)
	cancel() // the client goes away
	n, err := w.EndOwn(gone, clinic, b.cookie, []session.ID{second.id()}, false)
	if n != 1 || err != nil {
		t.Fatalf("ended %d, %v", n, err)
	}
	if got := w.refusal(second.check()); got.Error != wire.SessionEnded || got.Reason != wire.SignedOutElsewhere {
		t.Errorf("the ended session's next request: %+v", got)
	}
	if len(watch.Ended) != 1 {
		t.Error("its open page was not told")
	}
	if events := w.recorded(audit.Ended); len(events) != 1 || events[0].Session != second.sid || events[0].Reason != wire.SignedOutElsewhere {
		t.Errorf("the audit has %+v", events)
	}

	// One that ended meanwhile is no error, and changes nothing.
	if n, err := w.EndOwn(ctx, clinic, b.cookie, []session.ID{second.id()}, false); n != 0 || err != nil {
		t.Errorf("once more: %d, %v", n, err)
	}
	// What is not another session of the user's here is refused, and nothing is ended; the refusal is the same for what is not there.
	var texts []string
	for name, id := range map[string]session.ID{"another user's": stranger.id(), "another environment's": elsewhere.id(), "this one": b.id(), "nobody's": {1}} {
		n, err := w.EndOwn(ctx, clinic, b.cookie, []session.ID{third.id(), id}, false)
		if refused := w.refusal(err); n != 0 || refused.Error != wire.BadRequest {
			t.Errorf("%s: %d, %v", name, n, err)
		} else {
			texts = append(texts, err.Error())
		}
	}
	slices.Sort(texts)
	if n := len(slices.Compact(texts)); n != 1 {
		t.Errorf("%d different refusals: %q", n, texts)
	}
	if n := len(w.recorded(audit.Refused)); n < 4 {
		t.Errorf("%d refusals in the audit", n)
	}
	for name, one := range map[string]*browser{"third": third, "stranger": stranger, "elsewhere": elsewhere, "this": b} {
		if err := one.check(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}

	n, err = w.EndOwn(ctx, clinic, b.cookie, nil, true)
	if n != 2 || err != nil {
		t.Errorf("all others: %d, %v", n, err)
	}
	for name, one := range map[string]*browser{"third": third, "fourth": fourth} {
		if got := w.refusal(one.check()); got.Reason != wire.SignedOutElsewhere {
			t.Errorf("%s: %+v", name, got)
		}
	}
	for name, one := range map[string]*browser{"stranger": stranger, "elsewhere": elsewhere, "this": b} {
		if err := one.check(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n, err := w.EndOwn(ctx, clinic, b.cookie, nil, true); n != 0 || err != nil {
		t.Errorf("nothing is left: %d, %v", n, err)
	}
	if n, err := w.EndOwn(ctx, clinic, b.cookie, nil, false); n != 0 || err != nil {
		t.Errorf("nothing was asked for: %d, %v", n, err)
	}
}

// B6: whoever has no fresh cookie ends nothing.
func TestB6_EndingNeedsAFreshCookie(t *testing.T) {
	w := newWorld(t)
	b, other := w.from("this"), w.from("other")
	w.pass(6 * minute)
	other.takeNonce()
	_, err := other.send(other.beat(0))
	w.must(err)
	for name, c := range map[string]struct {
		cookie string
		code   wire.Code
	}{"none": {"", wire.NoSession}, "forged": {b.cookie + "x", wire.NoSession}, "stale": {b.cookie, wire.StaleCookie}} {
		if n, err := w.EndOwn(context.Background(), clinic, c.cookie, nil, true); n != 0 || w.refusal(err).Error != c.code {
			t.Errorf("%s: %d, %v", name, n, err)
		}
	}
	b.takeNonce()
	w.must(b.signOutOnly())
	if n, err := w.EndOwn(context.Background(), clinic, b.cookie, nil, true); n != 0 || w.refusal(err).Error != wire.SessionEnded {
		t.Errorf("ended: %d, %v", n, err)
	}
	w.must(other.check())
}
