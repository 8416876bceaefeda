package engine_test

import (
	"context"
	"testing"

	"github.com/curfew-project/curfew/shared/proof"
	"github.com/curfew-project/curfew/shared/wire"
)

// P6 C1: an environment with two origins is one, and yet a cookie or nonce of one origin is worth nothing at the other.
func TestP6_OneEnvironmentTwoOrigins(t *testing.T) {
	w := newWorld(t)
	first := clinic
	second := first
	second.Origin = "https://portal.example"
	b := w.browser(first)
	b.signIn(amara)
	if _, err := w.Check(context.Background(), first, b.cookie); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Check(context.Background(), second, b.cookie); w.refusal(err).Error != wire.NoSession {
		t.Errorf("a cookie at another origin: %v", err)
	}
	proves := func(b *browser, nonce string) error {
		url := b.env.Origin + "/.curfew/sign-in"
		token := b.maker.Token(t, proof.Claims{JTI: "jti", HTM: "POST", HTU: url, IAT: 1, Nonce: nonce})
		_, err := w.ProveKey(b.env, []string{token}, "POST", url)
		return err
	}
	if err := proves(b, w.SignInNonce(first)); err != nil {
		t.Errorf("a nonce at its own origin: %v", err)
	}
	other := w.browser(second)
	if err := proves(other, w.SignInNonce(first)); w.refusal(err).Error != wire.UseNonce {
		t.Errorf("a nonce of one origin at another: %v", err)
	}
	// Ending it works at whichever origin it is.
	s, cookie, err := w.Begin(context.Background(), second, other.back(amara))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.EndByAdmin(context.Background(), s, "root"); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Check(context.Background(), second, cookie); w.refusal(err).Reason != wire.EndedByAdmin {
		t.Errorf("ended: %v", err)
	}
}
