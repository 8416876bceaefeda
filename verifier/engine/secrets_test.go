package engine_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/curfew-project/curfew/shared/policy"
	"github.com/curfew-project/curfew/verifier/engine"
	"github.com/curfew-project/curfew/verifier/keyring"
	"github.com/curfew-project/curfew/verifier/store/embedded"
)

// with is an engine on a store's file with key secrets, as after a restart. Its clock stands where the world's does.
func (w *world) with(path string, seeds ...byte) (*engine.Engine, func()) {
	w.t.Helper()
	store, err := embedded.Open(context.Background(), path, embedded.Options{})
	w.must(err)
	var secrets [][]byte
	for _, seed := range seeds {
		secrets = append(secrets, bytes.Repeat([]byte{seed}, keyring.SecretSize))
	}
	ring, err := keyring.New(secrets...)
	w.must(err)
	e, err := engine.New(engine.Config{Store: store, Ring: ring, Random: rand.Reader, Renewal: policy.MaxCookieRenewal, Checks: w,
		Now: func() time.Time { return time.UnixMilli(w.now) }})
	w.must(err)
	return e, func() { w.must(store.Close()) }
}

// A5: refresh and ID tokens are nowhere in the clear on disk, survive a rotation of the keys, are moved to the new key by the next
// check, and cannot be read once the key is gone.
func TestA5_TokensAreEncryptedAtRest(t *testing.T) {
	w := newWorld(t)
	path := filepath.Join(t.TempDir(), "sessions.db")
	ctx := context.Background()
	refresh, hint := "refresh-token-of-the-provider", "id-token-of-the-provider"
	b := w.browser(free)
	in := b.back(amara)
	in.RefreshToken, in.Who.IDToken = refresh, hint

	e, closed := w.with(path, 1)
	s, _, err := e.Begin(ctx, free, in)
	w.must(err)
	closed()
	files, err := filepath.Glob(path + "*")
	w.must(err)
	for _, name := range files {
		text, err := os.ReadFile(name)
		w.must(err)
		for _, secret := range []string{refresh, hint} {
			if bytes.Contains(text, []byte(secret)) {
				t.Errorf("%s has %q in the clear", filepath.Base(name), secret)
			}
		}
	}

	claim := func(what, want string, seeds ...byte) {
		t.Helper()
		w.pass(61 * minute)
		e, closed := w.with(path, seeds...)
		defer closed()
		claim, ok, err := e.ClaimCheck(ctx, free, s.ID)
		if err != nil || !ok || claim.RefreshToken != want {
			t.Fatalf("%s: refresh token %q, %v, %v", what, claim.RefreshToken, ok, err)
		}
		if want == "" {
			return
		}
		refresh += "+"
		w.must(e.KeepRefreshToken(ctx, &claim, refresh)) // and no Confirm: the verifier stops right here
	}
	claim("the same key", refresh, 1)
	claim("rotated, with overlap", refresh, 2, 1)
	claim("the old key dropped", refresh, 2)
	claim("the key lost", "", 3)
}

// P6: secrets of one session are worth nothing beside another.
func TestP6_SealedSecretsBelongToOneSession(t *testing.T) {
	w := newWorld(t)
	victim, thief := w.signedIn(free), w.signedIn(free)
	sealed, _, err := w.store.Secrets(context.Background(), victim.state().ID, w.now)
	w.must(err)
	if _, err := w.store.SetSecrets(context.Background(), thief.state().ID, sealed, w.now); err != nil {
		t.Fatal(err)
	}
	w.pass(60 * minute)
	if claim := w.claim(thief); claim.RefreshToken != "" || claim.IDToken != "" {
		t.Errorf("another session's tokens were read: %q", claim.RefreshToken)
	}
}

// A5: a check that the provider confirms leaves nothing that was sealed with an older key, whether or not the provider gave new tokens: so
// an old key is needed by nobody who was confirmed since it was replaced.
func TestA5_AConfirmedCheckSealsWithTheKeyInUse(t *testing.T) {
	w := newWorld(t)
	path := filepath.Join(t.TempDir(), "sessions.db")
	ctx := context.Background()
	in := w.browser(free).back(amara)
	in.RefreshToken, in.Who.IDToken = "refresh", "first"
	e, closed := w.with(path, 1)
	s, _, err := e.Begin(ctx, free, in)
	w.must(err)
	closed()
	for _, step := range []struct {
		name, idToken, want string
		seeds, alone        byte
	}{
		{"no new ID token", "", "first", 2, 1},
		{"a new ID token", "second", "second", 3, 2},
		{"the same ID token", "second", "second", 4, 3},
	} {
		w.pass(61 * minute)
		e, closed := w.with(path, step.seeds, step.alone)
		claim, ok, err := e.ClaimCheck(ctx, free, s.ID)
		if err != nil || !ok || claim.RefreshToken != "refresh" {
			t.Fatalf("%s: %+v, %t, %v", step.name, claim, ok, err)
		}
		who := in.Who
		who.IDToken = step.idToken
		w.must(e.Confirm(ctx, free, claim, who))
		closed()
		e, closed = w.with(path, step.seeds) // the older key is dropped
		if kept, err := e.IDTokenOf(ctx, s); err != nil || kept != step.want {
			t.Errorf("%s: %q, %v", step.name, kept, err)
		}
		closed()
	}
}
