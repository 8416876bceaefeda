package embedded

import (
	"database/sql"
	"errors"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/curfew-project/curfew/shared/deadline"
	"github.com/curfew-project/curfew/shared/policy"
	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/verifier/session"
)

// opened is a new store.
func opened(t *testing.T) *Store {
	t.Helper()
	store, err := Open(t.Context(), filepath.Join(t.TempDir(), "sessions.db"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	return store
}

// hold makes the store's writer wait, until the returned function is called, because somebody else is writing the file.
func hold(t *testing.T, store *Store) (release func()) {
	t.Helper()
	other, err := sql.Open("sqlite", store.file.Path)
	if err != nil {
		t.Fatal(err)
	}
	other.SetMaxOpenConns(1)
	if _, err := other.Exec("BEGIN IMMEDIATE"); err != nil {
		t.Fatal(err)
	}
	return func() {
		t.Helper()
		_, err := other.Exec("ROLLBACK")
		if err := errors.Join(err, other.Close()); err != nil {
			t.Fatal(err)
		}
	}
}

func small() session.Session {
	return session.Session{
		User:     session.User{Environment: "crm", Issuer: "https://login.example", Subject: "ada"},
		Provider: "sid", Check: session.Check{Bypassed: true}, State: deadline.Begin(policy.Defaults(), 1),
	}
}

// While a creation is being written, nobody sees the session or can change it.
func TestNobodySeesWhatIsNotDurable(t *testing.T) {
	store := opened(t)
	release := hold(t, store)
	s := small()
	r := newRecord(s, store.lastRow.Add(1))
	r.set(s, store.reasons)
	r.flags |= hidden
	waiting, err := store.reserve(r, "first")
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	_, got, err := store.Get(ctx, s.ID, 1)
	_, secrets, err2 := store.Secrets(ctx, s.ID, 1)
	sealed, err3 := store.SetSecrets(ctx, s.ID, "second", 1)
	_, updated, err4 := store.Update(ctx, s.ID, 1, func(s session.Session) (session.Session, error) { s.Seq++; return s, nil })
	listed, err5 := store.ByUser(ctx, s.User, 1)
	found, err6 := store.ByProvider(ctx, s.User.Environment, s.User.Issuer, s.Provider, 1)
	living, err7 := store.Count(ctx, 1)
	visits := 0
	err8 := store.Scan(ctx, "", 1, func(session.Session) bool { visits++; return true })
	if got || secrets || sealed || updated || len(listed)+len(found)+living+visits != 0 || errors.Join(err, err2, err3, err4, err5, err6, err7, err8) != nil {
		t.Errorf("before it is durable: Get %t, Secrets %t, SetSecrets %t, Update %t, ByUser %v, ByProvider %v, Count %d, Scan %d; %v",
			got, secrets, sealed, updated, listed, found, living, visits, errors.Join(err, err2, err3, err4, err5, err6, err7, err8))
	}
	release()
	if err := waiting.wait(ctx); err != nil {
		t.Fatal(err)
	}
	if found, err := store.ByProvider(ctx, s.User.Environment, s.User.Issuer, s.Provider, 1); len(found) != 1 || err != nil {
		t.Errorf("ByProvider of a durable session: %v, %v", found, err)
	}
	if secrets, ok, err := store.Secrets(ctx, s.ID, 1); secrets != "first" || !ok || err != nil {
		t.Errorf("Secrets: %q, %t, %v; want those of Create", secrets, ok, err)
	}
}

// While a change is being written, ByProvider tells what Get tells, of the right provider only, and each session once; afterwards
// nothing is left to remember.
func TestB5_ByProviderIsAsCurrentAsMemory(t *testing.T) {
	store := opened(t)
	s := small()
	if err := store.Create(t.Context(), s, "", 1); err != nil {
		t.Fatal(err)
	}
	release := hold(t, store)
	var waiting *batch
	for _, sid := range []string{"other", "sid", "", "last", "other", "sid"} {
		var err error
		_, _, waiting, err = store.decide(s.ID, func(s session.Session) (session.Session, error) { s.Provider = sid; return s, nil })
		if err != nil {
			t.Fatal(err)
		}
		for _, asked := range []string{"sid", "other", "last", ""} {
			for _, of := range []session.User{s.User, {Environment: "erp", Issuer: s.User.Issuer}, {Environment: s.User.Environment, Issuer: "https://other.example"}} {
				want := 0
				if asked == sid && sid != "" && of == s.User {
					want = 1
				}
				found, err := store.ByProvider(t.Context(), of.Environment, of.Issuer, asked, 1)
				if len(found) != want || err != nil {
					t.Errorf("ByProvider of %q in %s at %s, while the session moves to %q: %d sessions, %v; want %d",
						asked, of.Environment, of.Issuer, sid, len(found), err, want)
				}
			}
		}
	}
	release()
	if err := waiting.wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	if ids := store.moving.ids(); len(ids) != 0 {
		t.Errorf("%d sessions are still remembered as not written", len(ids))
	}
}

// Whatever order they come in, changes and secrets of one session that go into one transaction are all written.
func TestOneTransactionTakesAllThatHappenedToASession(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sessions.db")
	store, err := Open(t.Context(), path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	orders := []string{"sc", "cs", "scs", "csc", "ss", "sce", "cse", "se", "sa", "as"}
	sessions, secrets := make([]session.Session, len(orders)), make([]session.Sealed, len(orders))
	for n := range orders {
		sessions[n], secrets[n] = small(), "old"
		sessions[n].ID[0] = byte(n)
		if err := store.Create(ctx, sessions[n], "old", 1); err != nil {
			t.Fatal(err)
		}
	}
	first := small()
	first.ID[1] = 1
	if err := store.Create(ctx, first, "", 1); err != nil {
		t.Fatal(err)
	}
	release := hold(t, store)
	_, _, blocked, err := store.decide(first.ID, func(s session.Session) (session.Session, error) { s.Name = "first"; return s, nil })
	if err != nil {
		t.Fatal(err)
	}
	for blocked == collecting(store) { // until the writer has taken it; then all that follows waits for the next transaction
		runtime.Gosched()
	}
	for n, order := range orders {
		for i, what := range order {
			if what == 's' {
				secrets[n] = session.Sealed(order[:i+1])
				if ok, _, err := store.seal(sessions[n].ID, secrets[n]); !ok || err != nil {
					t.Fatalf("%s: %t, %v", order, ok, err)
				}
				continue
			}
			sessions[n], _, _, err = store.decide(sessions[n].ID, func(s session.Session) (session.Session, error) {
				switch what {
				case 'c':
					s.AuthTime++
				case 'e':
					s.State = deadline.Step(s.State, deadline.End{Reason: wire.SignedOut}, 5)
				case 'a':
					s.Seq++
				}
				return s, nil
			})
			if err != nil {
				t.Fatalf("%s: %v", order, err)
			}
		}
	}
	waiting := collecting(store)
	release()
	if err := waiting.wait(ctx); err != nil {
		t.Fatal(err)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := Open(ctx, path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	for n, order := range orders {
		if got, _, err := again.Get(ctx, sessions[n].ID, 1); got != sessions[n] || err != nil {
			t.Errorf("%s: the file has %+v, %v; want %+v", order, got, err, sessions[n])
		}
		if got, _, err := again.Secrets(ctx, sessions[n].ID, 1); got != secrets[n] || err != nil {
			t.Errorf("%s: the file has the secrets %q, %v; want %q", order, got, err, secrets[n])
		}
	}
}

// collecting is the batch that collects changes now.
func collecting(store *Store) *batch {
	store.queue.mu.Lock()
	defer store.queue.mu.Unlock()
	return store.queue.open
}
