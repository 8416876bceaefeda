package server

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/verifier/admin"
	"github.com/curfew-project/curfew/verifier/audit"
	"github.com/curfew-project/curfew/verifier/config"
	"github.com/curfew-project/curfew/verifier/engine"
	"github.com/curfew-project/curfew/verifier/keyring"
	"github.com/curfew-project/curfew/verifier/session"
	"github.com/curfew-project/curfew/verifier/settings"
)

// keyed is a server whose clock and looks at its key file the test drives.
type keyed struct {
	*Server
	t      *testing.T
	lines  *log
	passed *atomic.Int64
	watch  *keyWatch
	env    settings.Environment
	issuer string
}

func newKeyed(t *testing.T, text string) *keyed { return newKeyedWith(t, text, environments) }

func newKeyedWith(t *testing.T, text, environments string) *keyed {
	t.Helper()
	passed := &atomic.Int64{}
	op := discovery(t)
	s, lines := newServerAt(t, func() time.Time { return time.Now().Add(time.Duration(passed.Load())) }, text+fmt.Sprintf(environments, op.URL))
	env, _ := s.live.ByID("here")
	return &keyed{Server: s, t: t, lines: lines, passed: passed, env: env, issuer: op.URL,
		watch: &keyWatch{Server: s, file: keyring.NewWatcher(s.started.Keys, s.ring)}}
}

// pass lets time pass, and the server look at its key file until that has settled.
func (k *keyed) pass(d time.Duration) {
	k.passed.Add(int64(d))
	for range 4 {
		k.watch.look(k.t.Context())
	}
	if err := k.journal.Flush(k.t.Context()); err != nil {
		k.t.Fatal(err)
	}
}

func (k *keyed) signIn(subject string) (session.Session, string) {
	k.t.Helper()
	began, cookie, err := k.engine.Begin(k.t.Context(), k.env, engine.SignIn{RefreshToken: "r",
		Who: session.Identity{Issuer: k.issuer, Subject: subject, AuthTime: k.o.Now().Unix(), IDToken: "t"}})
	if err != nil {
		k.t.Fatal(err)
	}
	return began, cookie
}

// knows reports whether a cookie, however old, names a living session.
func (k *keyed) knows(cookie string) bool {
	k.t.Helper()
	living, err := k.engine.Living(k.t.Context(), k.env, cookie)
	if err != nil {
		k.t.Fatal(err)
	}
	return living
}

func (k *keyed) uses() string { return k.ring.MadeWith(k.ring.Sign(keyring.Nonce, "", nil)) }

func (k *keyed) entries(kind audit.Kind) []audit.Entry {
	k.t.Helper()
	found, err := k.ledger.Audit().Search(k.t.Context(), audit.Query{Kinds: []audit.Kind{kind}, Limit: 100})
	if err != nil {
		k.t.Fatal(err)
	}
	return found
}

// A key that a command has added is accepted at once and used when its time has come, without a restart; nobody notices.
func TestKeysAreExchangedWhileTheVerifierRuns(t *testing.T) {
	k := newKeyed(t, "")
	k.pass(0)
	_, before := k.signIn("amara")
	was := k.uses()
	now := k.o.Now()
	made, err := keyring.AddFile(k.started.Keys, rand.Reader, now, now.Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	k.pass(time.Second)
	if keys := k.ring.Keys(); len(keys) != 2 || k.uses() != was {
		t.Errorf("known, not used: %+v", keys)
	}
	if found := k.entries(audit.KeysChanged); len(found) != 1 || found[0].Detail != "current: "+was+"; published: "+made.ID {
		t.Errorf("%+v", found)
	}
	k.pass(time.Hour)
	if k.uses() != made.ID || !k.knows(before) {
		t.Errorf("in use: %s; the old cookie names a session: %t", k.uses(), k.knows(before))
	}
	if _, after := k.signIn("bela"); k.ring.MadeWith(after) != made.ID || !k.knows(after) {
		t.Error("a cookie of the new key")
	}
	if found := k.entries(audit.KeysChanged); len(found) != 2 || found[0].Detail != "current: "+made.ID+"; accepted: "+was {
		t.Errorf("%+v", found)
	}
	if end, err := k.sealedWith(t.Context()); end != made.ID || err != nil {
		t.Errorf("the end of the audit is sealed with %s, %v", end, err)
	}
	// Broken, it changes nothing, and is told once.
	if err := os.WriteFile(k.started.Keys, []byte("garbage\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	k.pass(time.Second)
	if k.uses() != made.ID || !k.knows(before) || !k.lines.has(t, "msg=keys_refused") || strings.Count(k.said(), "keys_refused") != 1 {
		t.Errorf("after a broken file:\n%s", k.said())
	}
	// Nor does one that lacks the key in use, such as another verifier's: it would sign everybody out and stop the audit.
	if err := os.WriteFile(k.started.Keys, []byte("T2xkIHNlY3JldCBvZiBleGFjdGx5IDMyIGJ5dGVzISE=\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	k.pass(time.Second)
	if k.uses() != made.ID || !k.knows(before) || !k.lines.has(t, "msg=keys_refused.*lacks key "+made.ID) {
		t.Errorf("after another's file:\n%s", k.said())
	}
}

// By schedule: a new key in time, and an old one goes when neither a session nor the audit needs it, and no sooner.
func TestKeysAreExchangedBySchedule(t *testing.T) {
	k := newKeyed(t, "key_rotation: {every: 48h, overlap: 2h}\n")
	k.pass(0)
	first := k.uses()
	_, err := k.ring.Open(keyring.Nonce, "", "x")
	if !errors.Is(err, keyring.ErrToken) {
		t.Fatal(err)
	}
	k.pass(47 * time.Hour)
	if len(k.ring.Keys()) != 1 {
		t.Fatal("too early")
	}
	amara, cookie := k.signIn("amara")
	k.pass(time.Hour + time.Minute)
	if len(k.ring.Keys()) != 2 || k.uses() != first || !k.lines.has(t, "msg=key_added") {
		t.Fatalf("%+v\n%s", k.ring.Keys(), k.said())
	}
	k.pass(2 * time.Hour)
	second := k.uses()
	if second == first {
		t.Fatal("the new key is not used")
	}
	told := func(want ...string) {
		t.Helper()
		keys, err := k.admin.Keys(t.Context(), admin.Actor{Name: "root", All: true})
		var is []string
		for _, one := range keys {
			is = append(is, fmt.Sprintf("%s %s %d %t %t", one.ID, one.Use, one.Sessions, one.AuditEnd, one.Needed))
		}
		if got, want := strings.Join(is, "\n"), strings.Join(want, "\n"); err != nil || got != want {
			t.Errorf("the keys are told as\n%s\nwant\n%s (%v)", got, want, err)
		}
	}
	told(second+" current 1 true true", first+" accepted 1 false true")

	// The next day the browser is still away: its cookie and the tokens need the old key.
	k.pass(30 * time.Hour)
	if len(k.ring.Keys()) != 2 || !k.knows(cookie) {
		t.Fatalf("a key went that a session needs: %+v", k.ring.Keys())
	}
	told(second+" current 1 true true", first+" accepted 1 false true")
	// It has been there, and the provider has confirmed the user: both were made anew. One of the two is not enough.
	now := k.o.Now().UnixMilli()
	move := func(change func(*session.Session)) {
		t.Helper()
		_, ok, err := k.store.Update(t.Context(), amara.ID, now, func(s session.Session) (session.Session, error) {
			change(&s)
			return s, nil
		})
		if err != nil || !ok {
			t.Fatal(ok, err)
		}
	}
	move(func(s *session.Session) { s.State.Active = now })
	k.pass(2 * time.Hour)
	if len(k.ring.Keys()) != 2 {
		t.Fatal("a key went that the session's tokens need")
	}
	move(func(s *session.Session) { s.Check.At = now / 1000 * 1000 })
	told(second+" current 1 true true", first+" accepted 0 false false")
	k.pass(2 * time.Hour)
	if keys := k.ring.Keys(); len(keys) != 1 || keys[0].ID != second || !k.lines.has(t, "msg=key_dropped") {
		t.Errorf("%+v\n%s", keys, k.said())
	}
	if k.knows(cookie) {
		t.Error("a cookie of a dropped key names a session")
	}
	if _, err := k.admin.VerifyAudit(t.Context(), admin.Actor{Name: "root", All: true}, nil); err != nil {
		t.Errorf("the audit after the exchange: %v", err)
	}
	if _, err := k.admin.Keys(t.Context(), admin.Actor{Name: "one", Environments: []string{"here"}}); err == nil {
		t.Error("an administrator of one environment was told of the keys")
	}
}

// A schedule that cannot be kept is told once, and what there is goes on.
func TestKeysThatCannotBeExchanged(t *testing.T) {
	k := newKeyed(t, "key_rotation: {every: 24h}\n")
	now := k.o.Now()
	for range keyring.MaxSecrets - 1 {
		if _, err := keyring.AddFile(k.started.Keys, rand.Reader, now, now); err != nil {
			t.Fatal(err)
		}
	}
	_, cookie := k.signIn("amara") // with the first key of all
	k.pass(0)
	k.pass(25 * time.Hour)
	k.pass(time.Second)
	if strings.Count(k.said(), "keys_not_rotated") != 1 || !k.lines.has(t, "allowed: up to 64") || !k.knows(cookie) {
		t.Errorf("%s", k.said())
	}
}

// P1: keys that are lost or spoiled mean sign-in again, or a verifier that does not start and says why. They never let anybody through.
func TestP1_LostKeysLetNobodyThrough(t *testing.T) {
	op := discovery(t)
	whole := "# added 2026-01-02T00:00:00Z\nTmV3IHNlY3JldCBvZiBleGFjdGx5IDMyIGJ5dGVzISE=\n# added 2026-01-01T00:00:00Z\nT2xkIHNlY3JldCBvZiBleGFjdGx5IDMyIGJ5dGVzISE=\n"
	newest, _, _ := strings.Cut(whole, "# added 2026-01-01")
	for _, lost := range []struct {
		name  string
		spoil func(path string) error
		says  string // why it does not start; empty: it does, and whoever had a cookie signs in again
	}{
		{"the file", os.Remove, ""},
		{"the newest key", func(path string) error {
			return os.WriteFile(path, []byte(strings.TrimPrefix(whole, newest)), 0o600)
		}, ""},
		{"the end of the file", func(path string) error { return os.WriteFile(path, []byte(whole[:len(whole)-12]), 0o600) }, "line 4: not 32 bytes in base64"},
		{"all that is in it", func(path string) error { return os.Truncate(path, 0) }, "has no secret"},
		{"its mode", func(path string) error { return os.Chmod(path, 0o644) }, "others can read it; run chmod 600"},
	} {
		t.Run(lost.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			path := filepath.Join(dir, "keys")
			if err := os.WriteFile(path, []byte(whole), 0o600); err != nil {
				t.Fatal(err)
			}
			c, err := config.Parse(fmt.Appendf(nil, "data: %q\n%s", dir, fmt.Sprintf(environments, op.URL)))
			if err != nil {
				t.Fatal(err)
			}
			open := func() (*Server, error) {
				return New(t.Context(), c, Options{Now: time.Now, Random: rand.Reader, Log: slog.New(slog.DiscardHandler)})
			}
			s, err := open()
			if err != nil {
				t.Fatal(err)
			}
			env, _ := s.live.ByID("here")
			begin := func(subject string) (session.Session, string) {
				t.Helper()
				began, cookie, err := s.engine.Begin(context.WithoutCancel(t.Context()), env, engine.SignIn{Who: session.Identity{Issuer: op.URL, Subject: subject, AuthTime: time.Now().Unix()}})
				if err != nil {
					t.Fatal(err)
				}
				return began, cookie
			}
			_, living := begin("amara")
			over, ended := begin("bela")
			if _, err := s.engine.EndByAdmin(t.Context(), over, "root"); err != nil {
				t.Fatal(err)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			if err := lost.spoil(path); err != nil {
				t.Fatal(err)
			}
			s, err = open()
			if lost.says != "" {
				if err == nil || !strings.Contains(err.Error(), lost.says) || !strings.Contains(err.Error(), path) {
					t.Errorf("%v; want %q", err, lost.says)
				}
				if err == nil {
					s.Close()
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			for name, cookie := range map[string]string{"living": living, "ended": ended} {
				_, err := s.engine.Check(t.Context(), env, cookie)
				var refused *engine.Refusal
				if !errors.As(err, &refused) || refused.Refusal.Error != wire.NoSession {
					t.Errorf("%s: %v; want %s", name, err, wire.NoSession)
				}
			}
			if _, again := begin("zoe"); again == "" {
				t.Error("nobody can sign in")
			} else if _, err := s.engine.Check(t.Context(), env, again); err != nil {
				t.Errorf("after signing in again: %v", err)
			}
			// The audit says that somebody else has sealed it, instead of passing for whole.
			if _, err := s.admin.VerifyAudit(t.Context(), admin.Actor{Name: "root", All: true}, nil); err == nil {
				t.Error("the audit passes for whole with keys that did not seal it")
			}
		})
	}
}

func (k *keyed) said() string {
	k.lines.mu.Lock()
	defer k.lines.mu.Unlock()
	return k.lines.text.String()
}
