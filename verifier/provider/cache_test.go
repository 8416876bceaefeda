package provider

import (
	"context"
	"crypto/rsa"
	"errors"
	"math/big"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	jose "github.com/go-jose/go-jose/v4"
)

// Signing keys changed: they are fetched again once, and the session goes on (A7).
func TestA7_ChangedKeys(t *testing.T) {
	for what, change := range map[string]func(s *scripted) key{
		"another key, another ID": func(*scripted) key { return testKeys()[1] },
		"another key, the same ID": func(s *scripted) key {
			return key{s.key.id, testKeys()[1].algorithm, testKeys()[1].private}
		},
		"another algorithm": func(*scripted) key { return testKeys()[2] },
	} {
		s := newScripted(t)
		p := s.provider(nil)
		if _, err := p.Refresh(t.Context(), s.refresh(), dontKeep(t)); err != nil {
			t.Fatalf("%s: before: %v", what, err)
		}
		s.key = change(s)
		s.setKeys(s.key.public())
		s.answer(s.idToken(nil), "")
		if _, err := p.Refresh(t.Context(), s.refresh(), dontKeep(t)); err != nil {
			t.Errorf("%s: after: %v", what, err)
		}
		if got := s.keySets.Load(); got != 2 {
			t.Errorf("%s: the keys were read %d times", what, got)
		}
	}
}

// Whoever sends forged tokens cannot make us hammer the provider, nor use up what its own answers need.
func TestForgedTokensDoNotHammerTheProvider(t *testing.T) {
	s := newScripted(t)
	p := s.provider(nil)
	forged := testKeys()[1].signTyp(t, "logout+jwt", s.logoutClaims(nil))
	if _, err := p.LogoutToken(t.Context(), s.logoutToken(nil)); err != nil {
		t.Fatal(err)
	}
	reads := func() int32 { return s.keySets.Load() }
	flood := func() {
		t.Helper()
		for range 20 {
			got, err := p.LogoutToken(t.Context(), forged)
			wantLogout(t, got, err, "signature")
			_, err = p.HandedIn(t.Context(), forged, "nonce-1")
			wantCheck(t, err, Refused, "typ")
			_, err = p.HandedIn(t.Context(), testKeys()[1].sign(t, s.claims(nil)), "nonce-1")
			wantCheck(t, err, Refused, "signature")
		}
	}
	flood()
	if got := reads(); got != 2 {
		t.Errorf("the keys were read %d times for forged tokens at once", got)
	}
	s.clock.pass(keysPause - time.Millisecond)
	flood()
	if got := reads(); got != 2 {
		t.Errorf("the keys were read %d times within the pause", got)
	}
	s.clock.pass(time.Millisecond)
	flood()
	if got := reads(); got != 3 {
		t.Errorf("the keys were read %d times after the pause", got)
	}

	// The keys change just now: the provider's own answers do not suffer.
	s.key = testKeys()[1]
	s.setKeys(s.key.public())
	s.answer(s.idToken(nil), "")
	if _, err := p.Refresh(t.Context(), s.refresh(), dontKeep(t)); err != nil {
		t.Errorf("after the flood: %v", err)
	}
	for range 5 { // but they do not hammer either
		s.answer(testKeys()[3].sign(t, s.claims(nil)), "")
		_, err := p.Refresh(t.Context(), s.refresh(), dontKeep(t))
		wantCheck(t, err, Unreachable, "signature")
	}
	if got := reads(); got != 4 {
		t.Errorf("the keys were read %d times in the end", got)
	}
}

// New keys that cannot be had say nothing against the token.
func TestA7_ChangedKeysThatCannotBeRead(t *testing.T) {
	s := newScripted(t)
	p := s.provider(nil)
	if err := p.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.key = testKeys()[1]
	s.answer(s.idToken(nil), "")
	s.onKeys(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) })
	_, err := p.Refresh(t.Context(), s.refresh(), dontKeep(t))
	want(t, err, Unreachable, CauseServerError)
	_, err = p.LogoutToken(t.Context(), s.logoutToken(nil))
	if want(t, err, Unreachable, CauseServerError); p.State().Up {
		t.Errorf("state: %+v", p.State())
	}
}

// All who need the document first wait for one reading.
func TestDocumentIsReadOnceForMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reads, release := 0, make(chan struct{})
		c := &cache[int]{now: time.Now, pause: time.Second, report: func(error) {}, read: func(context.Context) (*int, error) {
			reads++
			<-release
			return new(int), nil
		}}
		for range 10 {
			go func() {
				if _, err := c.get(t.Context()); err != nil {
					t.Error(err)
				}
			}()
		}
		synctest.Wait()
		close(release)
		synctest.Wait()
		if reads != 1 {
			t.Errorf("%d readings", reads)
		}
	})
}

// Many tokens at once by a new key: all wait for one reading.
func TestKeysAreReadOnceForMany(t *testing.T) {
	s := newScripted(t)
	p := s.provider(nil)
	if err := p.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.key = testKeys()[1]
	release := make(chan struct{})
	s.onKeys(func(w http.ResponseWriter, _ *http.Request) {
		<-release
		answerJSON(w, 200, map[string]any{"keys": []any{s.key.public()}})
	})
	raw := s.logoutToken(nil)
	var all sync.WaitGroup
	errs := make([]error, 50)
	for i := range errs {
		all.Go(func() { _, errs[i] = p.LogoutToken(context.Background(), raw) })
	}
	for s.keySets.Load() < 2 {
		time.Sleep(time.Millisecond) // the server's goroutine
	}
	close(release)
	all.Wait()
	for i, err := range errs {
		if err != nil {
			t.Errorf("%d: %v", i, err)
		}
	}
	if got := s.keySets.Load(); got != 2 {
		t.Errorf("the keys were read %d times", got)
	}
}

func TestKeysThatAreBroken(t *testing.T) {
	good := testKeys()[0].public()
	private := jose.JSONWebKey{Key: testKeys()[0].private, KeyID: "rsa-1", Algorithm: "RS256", Use: "sig"}
	encrypting, other := good, good
	encrypting.Use, other.Algorithm = "enc", "RSA-OAEP"
	text := func(body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(body)) }
	}
	for what, handler := range map[string]http.HandlerFunc{
		"404":        http.NotFound,
		"302":        func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(302) },
		"no JSON":    text("<html>"),
		"a list":     text("[]"),
		"null":       text("null"),
		"empty":      text(""),
		"no keys":    text(`{"keys":[]}`),
		"no members": text(`{}`),
		"keys that are none": text(`{"keys":[1,null,{},{"kty":"oct","k":"c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0"},{"kty":"OKP","crv":"Ed448","x":"AA"},
			{"kty":"RSA","e":"AQAB","n":"AQAB"},{"kty":"EC","crv":"secp256k1","x":"AA","y":"AA"}]}`),
		"a key that only costs time": func(w http.ResponseWriter, _ *http.Request) {
			huge := new(big.Int).Add(new(big.Int).Lsh(big.NewInt(1), 8*maxRSABytes), big.NewInt(1))
			answerJSON(w, 200, map[string]any{"keys": []any{jose.JSONWebKey{Key: &rsa.PublicKey{N: huge, E: 65537}, KeyID: "rsa-1"}}})
		},
		"a private key": func(w http.ResponseWriter, _ *http.Request) {
			answerJSON(w, 200, map[string]any{"keys": []any{private}})
		},
		"a key for encryption": func(w http.ResponseWriter, _ *http.Request) {
			answerJSON(w, 200, map[string]any{"keys": []any{encrypting}})
		},
		"a key for another algorithm":  func(w http.ResponseWriter, _ *http.Request) { answerJSON(w, 200, map[string]any{"keys": []any{other}}) },
		"too large":                    func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, maxAnswer+1)) },
		"redirected out of the answer": func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/keys", http.StatusFound) },
	} {
		s := newScripted(t)
		s.onKeys(handler)
		p := s.provider(nil)
		_, err := p.Refresh(t.Context(), s.refresh(), dontKeep(t))
		t.Run(what, func(t *testing.T) { want(t, err, Unreachable, CauseKeys) })
		if state := p.State(); state.Up || state.Cause != CauseKeys {
			t.Errorf("%s: state is %+v", what, state)
		}
	}
	// Among others, the good key is found; and a set can be as large as is still read.
	s := newScripted(t)
	many := []any{map[string]any{"kty": "foo"}, encrypting, other, testKeys()[2].public(), good}
	for len(many) < 3*maxKeys {
		many = append(many, good)
	}
	s.setKeys(many...)
	p := s.provider(nil)
	if _, err := p.Refresh(t.Context(), s.refresh(), dontKeep(t)); err != nil {
		t.Errorf("among others: %v", err)
	}
	if got := len(p.document.last().keys.last().keys); got != maxKeys {
		t.Errorf("%d keys were kept", got)
	}
}

// A key is used for what it says that it is for.
func TestKeysAreUsedForTheirAlgorithm(t *testing.T) {
	s := newScripted(t)
	only := s.key.public()
	only.Algorithm = "RS512"
	s.setKeys(only)
	_, err := s.provider(nil).Refresh(t.Context(), s.refresh(), dontKeep(t))
	wantCheck(t, err, Unreachable, "signature")
	only.Algorithm, only.KeyID, only.Use = "", "", ""
	s.setKeys(only)
	_, err = s.provider(nil).Refresh(t.Context(), s.refresh(), dontKeep(t))
	wantCheck(t, err, Unreachable, "signature") // the token names a key that is not there
	s.answer(s.key.signRaw(t, `{"alg":"RS256"}`, toJSON(t, s.claims(nil))), "")
	if _, err = s.provider(nil).Refresh(t.Context(), s.refresh(), dontKeep(t)); err != nil {
		t.Errorf("neither names anything: %v", err)
	}
}

// A verifier starts while its provider is down, asks now and then, and finds it when it is back (A7).
func TestA7_DiscoveredWhenItIsBack(t *testing.T) {
	s := newScripted(t)
	s.onDocument(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) })
	p := s.provider(nil)
	for range 10 {
		_, err := p.AuthURL(t.Context(), request1)
		want(t, err, Unreachable, CauseServerError)
	}
	if got := s.documents.Load(); got != 1 {
		t.Errorf("asked %d times at once", got)
	}
	s.clock.pass(documentPause)
	_, err := p.AuthURL(t.Context(), request1)
	want(t, err, Unreachable, CauseServerError)
	s.onDocument(nil)
	s.clock.pass(documentPause - time.Millisecond)
	_, err = p.AuthURL(t.Context(), request1)
	want(t, err, Unreachable, CauseServerError)
	s.clock.pass(time.Millisecond)
	for range 10 {
		if _, err = p.AuthURL(t.Context(), request1); err != nil {
			t.Fatal(err)
		}
	}
	if got := s.documents.Load(); got != 3 {
		t.Errorf("asked %d times", got)
	}
	s.onDocument(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) })
	other := s.provider(nil)
	_, _ = other.AuthURL(t.Context(), request1)
	s.onDocument(nil)
	s.clock.pass(-time.Hour) // set back: nothing lasts longer for it
	if _, err = other.AuthURL(t.Context(), request1); err != nil {
		t.Errorf("after the clock was set back: %v", err)
	}
}

// A provider that asks to be left alone is, for a while.
func TestA7_RetryAfterIsHonoured(t *testing.T) {
	for after, rest := range map[string]time.Duration{"": documentPause, "2": documentPause, "30": 30 * time.Second, "3600": maxRest} {
		s := newScripted(t)
		s.onDocument(func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Retry-After", after); w.WriteHeader(503) })
		p := s.provider(nil)
		_, err := p.AuthURL(t.Context(), request1)
		want(t, err, Unreachable, CauseServerError)
		s.onDocument(nil)
		s.clock.pass(rest - time.Millisecond)
		_, err = p.AuthURL(t.Context(), request1)
		want(t, err, Unreachable, CauseServerError)
		s.clock.pass(time.Millisecond)
		if _, err = p.AuthURL(t.Context(), request1); err != nil {
			t.Errorf("%q: not asked again after %s: %v", after, rest, err)
		}
	}
}

// settle waits until a reading that nobody waits for has ended.
func settle[T any](c *cache[T]) {
	c.mu.Lock()
	current := c.call
	c.mu.Unlock()
	if current != nil {
		<-current.done
	}
}

// The document is read again once an hour, so that changed addresses are found; the old one serves while it cannot be.
func TestDocumentIsReadAgain(t *testing.T) {
	s := newScripted(t)
	var told []State
	p := New(s.config(), s.Client(), s.clock.now, func(state State) { told = append(told, state) })
	if err := p.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	end := func() string {
		t.Helper()
		address, _, err := p.EndSession(t.Context(), EndSession{})
		if err != nil {
			t.Fatal(err)
		}
		settle(p.document)
		return address
	}
	old, moved := s.URL+"/end?client_id=curfew", s.URL+"/moved?client_id=curfew"
	s.set("end_session_endpoint", s.URL+"/moved")
	s.clock.pass(lifetime - time.Millisecond)
	if got := end(); got != old || s.documents.Load() != 1 {
		t.Errorf("before the hour: %s, read %d times", got, s.documents.Load())
	}
	s.onDocument(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) })
	s.clock.pass(time.Millisecond)
	for range 5 {
		if got := end(); got != old || s.documents.Load() != 2 {
			t.Errorf("while it cannot be read: %s, read %d times", got, s.documents.Load())
		}
	}
	if !p.State().Up || len(told) != 1 {
		t.Errorf("what is not needed is not down: %+v, told %+v", p.State(), told)
	}
	s.onDocument(nil)
	s.clock.pass(documentPause)
	end()
	if got := end(); got != moved || s.documents.Load() != 3 {
		t.Errorf("after it can be read: %s, read %d times", got, s.documents.Load())
	}

	// The same address has the same keys; another has its own.
	if s.keySets.Load() != 1 {
		t.Errorf("the keys were read %d times", s.keySets.Load())
	}
	keys := p.document.last().keys
	s.set("jwks_uri", s.URL+"/keys?2")
	s.clock.pass(lifetime)
	end()
	if p.document.last().keys == keys {
		t.Error("the keys of an address that is no longer named are kept")
	}
}

// A key that the provider took back is not trusted for more than an hour.
func TestKeysAreReadAgain(t *testing.T) {
	s := newScripted(t)
	p := s.provider(nil)
	raw := func() string { return s.logoutToken(nil) }
	if _, err := p.LogoutToken(t.Context(), raw()); err != nil {
		t.Fatal(err)
	}
	keys := p.document.last().keys
	s.setKeys(testKeys()[1].public())
	s.clock.pass(lifetime - time.Second)
	if _, err := p.LogoutToken(t.Context(), raw()); err != nil {
		t.Errorf("within the hour: %v", err)
	}
	s.clock.pass(time.Second)
	_, _ = p.LogoutToken(t.Context(), raw())
	settle(keys)
	settle(p.document)
	got, err := p.LogoutToken(t.Context(), raw())
	wantLogout(t, got, err, "signature")
}

// A caller who leaves does not take the reading along that others wait for.
func TestReadingOutlivesItsCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		c := &cache[int]{now: time.Now, pause: time.Second, report: func(error) {}, read: func(ctx context.Context) (*int, error) {
			select {
			case <-release:
				return new(int), nil
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}}
		ctx, cancel := context.WithCancel(t.Context())
		first, second := make(chan error), make(chan error)
		go func() { _, err := c.get(ctx); first <- err }()
		synctest.Wait()
		go func() { _, err := c.get(t.Context()); second <- err }()
		synctest.Wait()
		cancel()
		if err := <-first; err != context.Canceled {
			t.Errorf("the one who left: %v", err)
		}
		close(release)
		if err := <-second; err != nil {
			t.Errorf("the one who waited: %v", err)
		}
	})
}

// A reading does not last for ever, even when a client has no timeout.
func TestReadingIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		c := &cache[int]{now: time.Now, pause: time.Second, report: func(error) {}, read: func(ctx context.Context) (*int, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}}
		if _, err := c.get(t.Context()); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != patience {
			t.Errorf("%v after %s", err, time.Since(began))
		}
	})
}

// Keys that somebody else had read meanwhile are taken without asking again.
func TestKeysOfOthersAreTaken(t *testing.T) {
	c := &cache[int]{now: newClock().now, value: new(int)}
	if value, ok, err := c.other(t.Context(), new(int), unsolicited); value != c.value || !ok || err != nil {
		t.Errorf("%v, %t, %v", value, ok, err)
	}
}

// Everything may be used at the same time (run with -race).
func TestConcurrentUse(t *testing.T) {
	s := newScripted(t)
	s.answer(s.idToken(nil), "rotated")
	p := New(s.config(), s.Client(), s.clock.now, func(State) {})
	in, handed, logout := s.refresh(), s.idToken(func(c map[string]any) { c["aud"] = "app" }), s.logoutToken(nil)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			ctx := context.Background()
			for range 5 {
				_, err1 := p.Redeem(ctx, code1)
				_, err2 := p.Refresh(ctx, in, func(string) error { return nil })
				_, err3 := p.AuthURL(ctx, request1)
				_, err4 := p.HandedIn(ctx, handed, "nonce-1")
				_, err5 := p.LogoutToken(ctx, logout)
				_, _, err6 := p.EndSession(ctx, EndSession{})
				if err := errors.Join(err1, err2, err3, err4, err5, err6, p.Ready(ctx)); err != nil || !p.State().Up {
					t.Errorf("%v, %+v", err, p.State())
				}
				s.clock.pass(time.Minute / 40)
			}
		})
	}
	all.Wait()
}
