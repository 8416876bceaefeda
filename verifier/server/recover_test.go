package server

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/verifier/admin"
	"github.com/curfew-project/curfew/verifier/audit"
	"github.com/curfew-project/curfew/verifier/config"
	"github.com/curfew-project/curfew/verifier/engine"
	"github.com/curfew-project/curfew/verifier/keyring"
	"github.com/curfew-project/curfew/verifier/session"
	"github.com/curfew-project/curfew/verifier/store/embedded"
)

// C5 P7: a verifier that was killed between what happened and its entry has the entry after the next start, once.
func TestC5_TheAuditIsCompletedAfterAKill(t *testing.T) {
	op := discovery(t)
	dir := filepath.Join(t.TempDir(), "state")
	c, err := config.Parse(fmt.Appendf(nil, "data: %q\n%s", dir, fmt.Sprintf(environments, op.URL)))
	if err != nil {
		t.Fatal(err)
	}
	open := func() *Server {
		t.Helper()
		s, err := New(t.Context(), c, Options{Now: time.Now, Random: rand.Reader, Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	s := open()
	env, _ := s.live.ByID("here")
	told, _, err := s.engine.Begin(t.Context(), env, engine.SignIn{Who: session.Identity{Issuer: op.URL, Subject: "amara", AuthTime: time.Now().Unix()}})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	// What a kill leaves: sessions that are durable, without their entries.
	ring, err := keyring.LoadFile(c.Keys, rand.Reader, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	store, err := embedded.Open(context.Background(), filepath.Join(dir, SessionsFile), embedded.Options{})
	if err != nil {
		t.Fatal(err)
	}
	silent, err := engine.New(engine.Config{Store: store, Ring: ring, Now: time.Now, Random: rand.Reader, Renewal: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	lost, _, err := silent.Begin(t.Context(), env, engine.SignIn{Who: session.Identity{Issuer: op.URL, Subject: "wren", AuthTime: time.Now().Unix()}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := silent.EndByAdmin(t.Context(), told, "root"); err != nil {
		t.Fatal(err)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second start finds nothing to do
		s = open()
		root := admin.Actor{All: true}
		for _, want := range []struct {
			kind    audit.Kind
			session string
			reason  wire.Reason
		}{{audit.SignIn, told.ID.String(), ""}, {audit.Ended, told.ID.String(), wire.EndedByAdmin}, {audit.SignIn, lost.ID.String(), ""}} {
			found, err := s.admin.Audit(t.Context(), root, audit.Query{Session: want.session, Kinds: []audit.Kind{want.kind}})
			if err != nil || len(found) != 1 || found[0].Reason != want.reason {
				t.Errorf("%s of %s: %+v, %v", want.kind, want.session, found, err)
			}
		}
		if _, err := s.admin.VerifyAudit(t.Context(), root, nil); err != nil {
			t.Error(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
