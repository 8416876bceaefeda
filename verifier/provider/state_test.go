package provider

import (
	"errors"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"
)

func TestStateFollowsTheProvider(t *testing.T) {
	s := newScripted(t)
	var told []State
	p := New(s.config(), s.Client(), s.clock.now, func(state State) { told = append(told, state) })
	at := func() int64 { return s.clock.ms.Load() }
	if p.State() != (State{}) || p.Issuer() != s.URL {
		t.Errorf("before anything: %+v", p.State())
	}
	in := s.refresh()
	refresh := func() error {
		s.clock.pass(time.Second)
		_, err := p.Refresh(t.Context(), in, dontKeep(t))
		return err
	}
	var expected []State
	step := func(what string, state State, news bool) {
		t.Helper()
		if news {
			state.Since = at()
			expected = append(expected, state)
		} else if len(expected) > 0 {
			state.Since = expected[len(expected)-1].Since
		}
		if got := p.State(); got != state {
			t.Errorf("%s: %+v, want %+v", what, got, state)
		}
		if !slices.Equal(told, expected) {
			t.Fatalf("%s: told %+v\nwant %+v", what, told, expected)
		}
	}

	_ = refresh()
	step("first success", State{Up: true}, true)
	_ = refresh()
	step("still up", State{Up: true}, false)
	s.refuse(500, "")
	_ = refresh()
	step("down", State{Kind: Unreachable, Cause: CauseServerError, Detail: "token endpoint: status 500"}, true)
	s.refuse(429, "")
	_ = refresh()
	step("down otherwise", State{Kind: Unreachable, Cause: CauseRateLimited, Detail: "token endpoint: status 429"}, false)
	s.refuse(401, `{"error":"invalid_client"}`)
	_ = refresh()
	step("misconfigured", State{Kind: Misconfigured, Cause: CauseInvalidClient, Detail: `token endpoint: status 401, error "invalid_client"`}, true)
	s.refuse(400, `{"error":"invalid_grant"}`)
	_ = refresh()
	step("a refusal is an answer", State{Up: true}, true)
	s.refuse(500, "")
	_ = refresh()
	step("down again", State{Kind: Unreachable, Cause: CauseServerError, Detail: "token endpoint: status 500"}, true)
	s.answer(s.idToken(nil), "")
	if err := refresh(); err != nil {
		t.Error(err)
	}
	step("up again", State{Up: true}, true)
	if err := p.Ready(t.Context()); err != nil {
		t.Error(err)
	}
	step("ready", State{Up: true}, false)
}

// That the keys could not be read is no fault of the token endpoint: when they can, all is well.
func TestKeysComeBack(t *testing.T) {
	s := newScripted(t)
	p := s.provider(nil)
	s.onKeys(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) })
	_, err := p.Refresh(t.Context(), s.refresh(), dontKeep(t))
	if want(t, err, Unreachable, CauseServerError); p.State().Up {
		t.Error("up without keys")
	}
	s.onKeys(nil)
	s.clock.pass(keysPause)
	if _, err = p.LogoutToken(t.Context(), s.logoutToken(nil)); err != nil || !p.State().Up {
		t.Errorf("%v, %+v", err, p.State())
	}
}

// What anybody can bring about with a code of their own does not change the state (P8).
func TestVisitorsDoNotChangeTheState(t *testing.T) {
	s := newScripted(t)
	p := s.provider(nil)
	if _, err := p.Redeem(t.Context(), code1); err != nil {
		t.Fatal(err)
	}
	up := p.State()
	for _, one := range []struct {
		status int
		body   string
		same   bool
	}{
		{400, `{"error":"invalid_request"}`, true}, {403, "<html>firewall", true}, {400, `{"error":"invalid_scope"}`, true}, {400, `{"error":"invalid_grant"}`, true},
		{401, `{"error":"invalid_client"}`, false}, {400, `{"error":"unauthorized_client"}`, false}, {500, ``, false}, {200, `{"access_token":"a"}`, false},
	} {
		s.refuse(one.status, one.body)
		_, err := p.Redeem(t.Context(), code1)
		if same := p.State() == up; err == nil || same != one.same {
			t.Errorf("%d %s: %v, state %+v", one.status, one.body, err, p.State())
		}
		s.answer(s.idToken(nil), "")
		if _, err := p.Redeem(t.Context(), code1); err != nil || !p.State().Up {
			t.Fatal(err)
		}
	}
	s.answer(s.idToken(func(c map[string]any) { c["nonce"] = "of another browser" }), "")
	_, err := p.Redeem(t.Context(), code1)
	if wantCheck(t, err, Refused, "nonce"); p.State() != up {
		t.Errorf("an injected code: %+v", p.State())
	}
}

// One part that works says nothing of another that does not, unless it needs it.
func TestStateOfParts(t *testing.T) {
	c := newClock()
	h := newHealth(c.now, nil)
	bad := fault(CauseKeys, errors.New("x"))
	for _, one := range []struct {
		of    part
		fault *Fault
		up    bool
	}{
		{ofDocument, nil, true}, {ofKeys, bad, false}, {ofDocument, nil, false}, {ofDocument, bad, false}, {ofKeys, nil, false}, {ofDocument, nil, true},
		{ofTokens, bad, false}, {ofKeys, nil, false}, {ofKeys, bad, false}, {ofTokens, nil, true}, {ofKeys, bad, false},
		{ofTokens, fault(CauseInvalidGrant, errors.New("x")), true}, {ofTokens, fault(CauseOtherUser, errors.New("x")), true},
	} {
		h.saw(one.of, one.fault)
		if got := h.get(); got.Up != one.up {
			t.Errorf("%+v: %+v", one, got)
		}
	}
}

// Changes are told one at a time, in order, and outside the lock.
func TestChangesAreToldInOrder(t *testing.T) {
	c := newClock()
	var told []State
	var inside sync.Mutex
	var h *health
	h = newHealth(c.now, func(state State) {
		if !inside.TryLock() {
			t.Error("told two at once")
		}
		defer inside.Unlock()
		h.get()
		told = append(told, state)
	})
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for j := range 200 {
				if (i+j)%2 == 0 {
					h.saw(ofTokens, nil)
				} else {
					h.saw(ofTokens, fault(CauseDNS, errors.New("x")))
				}
			}
		})
	}
	all.Wait()
	for i := 1; i < len(told); i++ {
		if told[i].Up == told[i-1].Up {
			t.Fatalf("%d: told the same twice", i)
		}
	}
	if len(told) == 0 || told[len(told)-1] != h.get() {
		t.Errorf("told %d changes, the last is not the state", len(told))
	}
}

// Without a client of the caller's there is one that works, and is bounded.
func TestOwnClient(t *testing.T) {
	s := newScripted(t)
	p := New(s.config(), nil, s.clock.now, nil)
	if _, err := p.Refresh(t.Context(), s.refresh(), dontKeep(t)); err != nil {
		t.Error(err)
	}
	if p.reading.Timeout != patience || p.asking.Timeout != patience {
		t.Error("no timeout")
	}
	given := &http.Client{Timeout: time.Second}
	p = New(s.config(), given, s.clock.now, nil)
	if p.reading.Timeout != time.Second || p.asking.Timeout != time.Second || given.CheckRedirect != nil || given.Transport != nil {
		t.Error("the caller's client was changed, or its timeout")
	}
	s.onKeys(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) })
	err := New(s.config(), nil, s.clock.now, nil).Ready(t.Context())
	want(t, err, Unreachable, CauseServerError)
	if p = New(Config{ClockSkew: time.Hour}, nil, s.clock.now, nil); p.config.ClockSkew != 5*time.Minute {
		t.Error("clock skew without bound")
	}
	if p = New(Config{ClockSkew: -time.Hour}, nil, s.clock.now, nil); p.config.ClockSkew != 0 {
		t.Error("negative clock skew")
	}
}

// Whatever is asked of a provider that is down, the answer is a Fault.
func TestDown(t *testing.T) {
	s := newScripted(t)
	p := s.provider(nil)
	raw := s.idToken(nil)
	s.Close()
	_, redeem := p.Redeem(t.Context(), code1)
	_, refresh := p.Refresh(t.Context(), s.refresh(), dontKeep(t))
	_, handed := p.HandedIn(t.Context(), raw, "nonce-1")
	_, callback := p.Callback(t.Context(), nil)
	_, logout := p.LogoutToken(t.Context(), raw)
	for _, err := range []error{redeem, refresh, handed, callback, logout, p.Ready(t.Context())} {
		want(t, err, Unreachable, CauseConnection)
	}
}

// A7: a provider that nobody asks anything is known to be away, and to be back, by a probe.
func TestA7_AProbeKeepsTheStateTrue(t *testing.T) {
	s := newScripted(t)
	p := s.provider(nil)
	if err := p.Ready(t.Context()); err != nil || !p.State().Up {
		t.Fatalf("at first: %v, %+v", err, p.State())
	}
	broken := func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) }
	s.onDocument(broken)
	s.onToken(broken)
	if err := p.Ready(t.Context()); err != nil || !p.State().Up {
		t.Fatalf("what was read serves for an hour: %v, %+v", err, p.State())
	}
	if err := p.Probe(t.Context()); err == nil || p.State().Up || p.State().Cause != CauseServerError {
		t.Errorf("away: %v, %+v", err, p.State())
	}
	if _, err := p.Redeem(t.Context(), code1); err == nil {
		t.Error("a code was redeemed")
	}
	s.onDocument(nil)
	if err := p.Probe(t.Context()); err != nil || !p.State().Up {
		t.Errorf("back: %v, %+v", err, p.State())
	}
	// What we do wrong ourselves is not mended by a document that can be read.
	s.refuse(http.StatusUnauthorized, `{"error":"invalid_client"}`)
	if _, err := p.Redeem(t.Context(), code1); err == nil {
		t.Error("a code was redeemed")
	}
	if err := p.Probe(t.Context()); err != nil || p.State().Up || p.State().Kind != Misconfigured {
		t.Errorf("misconfigured: %v, %+v", err, p.State())
	}
}
