package provider

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/zitadel/oidc/v3/pkg/oidc"
	"golang.org/x/oauth2"
)

// P4: the end of a sign-in takes away all that came from it, and nothing can be made from what was on its way.
func TestP4_NothingOutlivesASignIn(t *testing.T) {
	w := newWorld(t, "")
	token, c := w.signIn(w.newBrowser(), "clinic", "alice", aliceKey)
	b, a := w.newBrowser(), w.begin()
	b.enter(b.get(a.address), "alice", aliceKey) // its code is not exchanged
	b, a = w.newBrowser(), w.begin()
	short, _, _ := w.finish(a, b.enter(b.get(a.address), "alice", aliceKey)) // without a refresh token
	s := w.p.state
	if len(s.sessions) != 3 || len(s.refresh) != 1 || len(s.requests) != 1 || len(s.tokens) != 2 || len(s.logins) != 3 {
		t.Fatal("nothing to see: the sign-ins left too little behind")
	}
	if _, known := s.endAccount("alice"); !known {
		t.Fatal("the account is not known")
	}
	if n := len(s.sessions) + len(s.refresh) + len(s.requests) + len(s.tokens) + len(s.logins); n != 0 {
		t.Errorf("left behind: sessions %v, refresh tokens %v, requests %v, access tokens %v, sign-ins %v", s.sessions, s.refresh, s.requests, s.tokens, s.logins)
	}
	for _, token := range []*oauth2.Token{token, short} {
		if _, err := w.rp.UserInfo(t.Context(), oauth2.StaticTokenSource(token)); err == nil {
			t.Error("the access token still works")
		}
	}
	late := &refreshRequest{grant: grant{account: s.accounts["alice"], clientID: "clinic", sid: c.SID}}
	ctx := context.WithValue(t.Context(), instantKey{}, instant{now: w.now()})
	_, _, err := w.p.op.Storage().CreateAccessToken(ctx, late)
	if !errors.Is(err, oidc.ErrInvalidGrant()) || !errors.Is(err, errEndedLogin) {
		t.Errorf("a token of an ended sign-in: %v, want invalid_grant", err)
	}
}

func TestSignInState(t *testing.T) {
	w := newWorld(t, "")
	w.signIn(w.newBrowser(), "clinic", "alice", aliceKey)
	w.advance(SessionLifetime - time.Minute)
	entered := w.now()
	w.signIn(w.newBrowser(), "clinic", "alice", aliceKey)
	alice := w.p.state.accountByName("alice")
	if count, last := w.p.state.browsers(alice, w.now()); count != 2 || !last.Equal(entered) {
		t.Errorf("%d browsers, the last at %v; want 2 and %v", count, last, entered)
	}
	w.advance(time.Minute) // the first session is over by itself
	if count, _ := w.p.state.browsers(alice, w.now()); count != 1 {
		t.Errorf("%d browsers, want 1", count)
	}
}
