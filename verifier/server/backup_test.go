package server

import (
	"crypto/rand"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/verifier/audit"
	"github.com/curfew-project/curfew/verifier/config"
	"github.com/curfew-project/curfew/verifier/session"
)

// restored is a verifier on data that was restored.
func restored(t *testing.T, w *edgeWorld, data string) *edgeWorld {
	t.Helper()
	c, err := config.Parse([]byte("data: " + data + "\nkeys: " + w.started.Keys + "\n" + edgeConfig))
	if err != nil {
		t.Fatal(err)
	}
	next := &edgeWorld{t: t, log: &log{}}
	next.now.Store(w.now.Load())
	next.Server, err = New(t.Context(), c, Options{Now: func() time.Time { return time.UnixMilli(next.now.Load()) }, Random: rand.Reader,
		Log: slog.New(slog.NewTextHandler(next.log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { next.Close() })
	return next
}

// P4: what ended after a backup was made is not living again after that backup was restored, whatever the backup knows; and who signed out
// since has to enter credentials again (B1).
func TestP4_ARestoredBackupRevivesNobody(t *testing.T) {
	w := newEdgeWorld(t, edgeConfig)
	ctx := t.Context()
	signedOut, living := w.signedIn("ada", "198.51.100.1:1"), w.signedIn("ben", "198.51.100.2:1")
	backup := filepath.Join(t.TempDir(), "backup")
	if err := w.journal.Flush(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := Backup(ctx, w.started.Data, backup, w.o.Now(), nil); err != nil {
		t.Fatal(err)
	}
	w.pass(time.Minute)
	late := w.signedIn("cleo", "198.51.100.3:1")
	for _, p := range []*tab{signedOut, late} {
		id, err := session.ParseID(p.id)
		if err != nil {
			t.Fatal(err)
		}
		_, _, err = w.store.Update(ctx, id, w.now.Load(), func(s session.Session) (session.Session, error) {
			s.State.EndedAt, s.State.Reason = w.now.Load(), wire.SignedOut
			return s, nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	w.pass(time.Minute)
	data := filepath.Join(t.TempDir(), "data")
	done, err := Restore(ctx, Restoring{From: backup, Data: data, Ring: w.ring, Now: w.o.Now(), Actor: "root"})
	if err != nil || done.Ended != 2 || done.Entries == 0 {
		t.Fatalf("%+v, %v; want 2 living sessions ended", done, err)
	}

	next := restored(t, w, data)
	for name, p := range map[string]*tab{"signed out since": signedOut, "living": living, "of later": late} {
		r := next.request("GET", "/.curfew/check")
		r.AddCookie(&http.Cookie{Name: "curfew", Value: p.cookie})
		answer, refusal := next.do(r, p.address)
		if answer.Code != http.StatusUnauthorized || refusal.Error != wire.SessionEnded && refusal.Error != wire.NoSession {
			t.Errorf("the session %s: %d %+v", name, answer.Code, refusal)
		}
		p.edgeWorld = next
		if refusal := p.beat(); refusal.Error != wire.SessionEnded && refusal.Error != wire.NoSession {
			t.Errorf("a heartbeat of the session %s: %+v", name, refusal)
		}
	}
	for _, subject := range []string{"ada", "ben", "cleo", "nobody yet"} {
		last, err := next.store.LastEnd(ctx, session.User{Environment: "records", Issuer: "http://127.0.0.1:1", Subject: subject}, next.now.Load())
		if err != nil || last != w.now.Load() {
			t.Errorf("the last end of %s is %d, %v; want when it was restored, %d", subject, last, err, w.now.Load())
		}
	}
	found, err := next.ledger.Audit().Search(ctx, audit.Query{Kinds: []audit.Kind{audit.Restored}})
	if err != nil || len(found) != 1 || found[0].Actor != "root" || !strings.Contains(found[0].Detail, "2 living sessions were ended") {
		t.Errorf("the audit has %+v, %v", found, err)
	}
	if _, err := audit.Verify(ctx, next.ledger.Audit(), nil); err != nil {
		t.Errorf("the audit: %v", err)
	}
}

// A restoring that cannot be completed leaves nothing that a verifier starts on, and nothing is overwritten.
func TestP4_ABackupIsRestoredAsAWholeOrNotAtAll(t *testing.T) {
	w := newEdgeWorld(t, edgeConfig)
	ctx := t.Context()
	w.signedIn("ada", "198.51.100.1:1")
	made := func() string {
		to := filepath.Join(t.TempDir(), "backup")
		if _, err := Backup(ctx, w.started.Data, to, w.o.Now(), nil); err != nil {
			t.Fatal(err)
		}
		return to
	}
	restore := func(from, data string, now time.Time) error {
		_, err := Restore(ctx, Restoring{From: from, Data: data, Ring: w.ring, Now: now, Actor: "root"})
		return err
	}
	good := made()
	if _, err := Backup(ctx, w.started.Data, good, w.o.Now(), nil); err == nil || !strings.Contains(err.Error(), "there already") {
		t.Errorf("a second backup of that name: %v", err)
	}
	if err := restore(good, w.started.Data, w.o.Now()); err == nil || !strings.Contains(err.Error(), "nothing is overwritten") {
		t.Errorf("over a verifier's data: %v", err)
	}
	if err := restore(good, t.TempDir(), w.o.Now().Add(-time.Hour)); err == nil || !strings.Contains(err.Error(), "set the clock") {
		t.Errorf("with a clock before the backup: %v", err)
	}
	for _, name := range backupFiles {
		bad := made()
		text, err := os.ReadFile(filepath.Join(bad, name))
		if err != nil {
			t.Fatal(err)
		}
		text[len(text)/2] ^= 1
		if err := os.WriteFile(filepath.Join(bad, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
		data := t.TempDir()
		if err := restore(bad, data, w.o.Now()); err == nil || !strings.Contains(err.Error(), "altered or damaged") {
			t.Errorf("with an altered %s: %v", name, err)
		}
		if left, err := os.ReadDir(data); err != nil || len(left) != 0 {
			t.Errorf("an altered %s left %v, %v", name, left, err)
		}
	}
	// Cut short: one file is in its place, the other is not.
	data := t.TempDir()
	if err := restore(good, data, w.o.Now()); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(data, LedgerFile)); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(data, restoringFile), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := config.Parse([]byte("data: " + data + "\nkeys: " + w.started.Keys + "\n" + edgeConfig))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := New(ctx, c, w.o); !errors.Is(err, ErrHalfRestored) {
		t.Errorf("a verifier on half of it: %v", err)
	}
	if err := restore(good, data, w.o.Now()); err != nil {
		t.Errorf("again: %v", err)
	}
	restored(t, w, data)
}
