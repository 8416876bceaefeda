package server

import (
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	_ "modernc.org/sqlite"

	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/verifier/admin"
	"github.com/curfew-project/curfew/verifier/audit"
)

// C5: entries older than the retention are dropped and the chain stays whole; of a chain that is broken nothing is dropped.
func TestC5_Retention(t *testing.T) {
	var passed atomic.Int64
	now := func() time.Time { return time.Now().Add(time.Duration(passed.Load())) }
	s, _ := newServerAt(t, now, "audit: {retention: 48h}\n"+fmt.Sprintf(environments, discovery(t).URL))
	root := admin.Actor{Name: "root", All: true}
	env, _ := s.live.ByID("here")
	count := func() (n int) {
		t.Helper()
		found, err := s.admin.Audit(t.Context(), root, audit.Query{Limit: audit.MaxLimit})
		if err != nil {
			t.Fatal(err)
		}
		return len(found)
	}
	for range 20 {
		s.engine.RecordRefusal(env, wire.BadReturnTo, "")
	}
	before := count()
	passed.Store(int64(47 * time.Hour))
	if err := s.trimOnce(t.Context()); err != nil || count() != before {
		t.Errorf("within the retention: %v, %d of %d", err, count(), before)
	}
	s.engine.RecordRefusal(env, wire.BadReturnTo, "the newest")
	count() // which makes it durable
	db, err := sql.Open("sqlite", filepath.Join(s.file.Data, LedgerFile))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	detail := func(text string) {
		t.Helper()
		if _, err := db.Exec("DROP TRIGGER IF EXISTS entries_stay; UPDATE entries SET detail = ? WHERE seq = 5", text); err != nil {
			t.Fatal(err)
		}
	}
	var was string
	if err := db.QueryRow("SELECT detail FROM entries WHERE seq = 5").Scan(&was); err != nil {
		t.Fatal(err)
	}
	passed.Store(int64(49 * time.Hour))
	detail("altered")
	var broken *audit.Broken
	if err := s.trimOnce(t.Context()); !errors.As(err, &broken) || broken.Seq != 5 || count() != before+1 {
		t.Errorf("a broken chain: %v, %d of %d", err, count(), before+1)
	}
	detail(was)
	if err := s.trimOnce(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := count(); n != 2 { // the newest, and that others were dropped
		t.Errorf("%d entries are left", n)
	}
	if _, err := s.admin.VerifyAudit(t.Context(), root, nil); err != nil {
		t.Errorf("after the trimming: %v", err)
	}
}
