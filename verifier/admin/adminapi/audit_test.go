package adminapi_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/curfew-project/curfew/verifier/admin"
	"github.com/curfew-project/curfew/verifier/admin/adminapi"
	"github.com/curfew-project/curfew/verifier/audit"
)

// fill adds events to the audit, with a detail.
func (w *world) fill(n int, detail string) {
	w.t.Helper()
	events := make([]audit.Event, n)
	for i := range events {
		events[i] = audit.Event{At: w.now.Load() + int64(i), Kind: audit.Extended, Environment: []string{"clinic", "bank"}[i%2], Subject: "zoe", Detail: detail}
	}
	if err := w.ledger.Audit().Append(w.t.Context(), events); err != nil {
		w.t.Fatal(err)
	}
}

// C5 through the Client: search, export, verify; of a whole export nothing is missing.
func TestC5_AuditThroughTheClient(t *testing.T) {
	w := newWorld(t)
	w.fill(1500, "")
	client, ctx := w.client(rootToken), t.Context()
	found, err := client.Audit(ctx, audit.Query{Kinds: []audit.Kind{audit.Extended, audit.SignIn}, Environment: "bank", From: start.UnixMilli() + 100, To: start.UnixMilli() + 200, Limit: 10})
	if err != nil || len(found) != 10 || found[0].At != start.UnixMilli()+199 {
		t.Errorf("%+v, %v", found, err)
	}
	if found, err := client.Audit(ctx, audit.Query{Ascending: true, After: 5, Limit: 2}); err != nil || len(found) != 2 || found[0].Seq != 6 {
		t.Errorf("%+v, %v", found, err)
	}
	if found, err := client.Audit(ctx, audit.Query{Environment: "nowhere"}); err != nil || len(found) != 0 {
		t.Errorf("%+v, %v", found, err)
	}

	var file bytes.Buffer
	last := int64(0)
	n, err := client.ExportAudit(ctx, audit.Query{}, &file, func(written, seq int64) { last = seq })
	if err != nil || n < 1500 || last != n {
		t.Errorf("%d entries up to %d, %v", n, last, err)
	}
	of, err := audit.VerifyLines(&file)
	if err != nil || int64(of.Entries) != n {
		t.Errorf("%+v, %v", of, err)
	}
	told := int64(0)
	verified, err := client.VerifyAudit(ctx, func(done, all int64) {
		if done <= told || done > all {
			t.Errorf("progress %d of %d after %d", done, all, told)
		}
		told = done
	})
	if err != nil || verified.Last != of.Last || told != n {
		t.Errorf("%+v, %v, told %d", verified, err, told)
	}
	var part bytes.Buffer
	if n, err := w.client(clinicToken).ExportAudit(ctx, audit.Query{Environment: "clinic"}, &part, nil); err != nil || n < 750 || strings.Contains(part.String(), `"bank"`) {
		t.Errorf("%d, %v", n, err)
	}
	var refused *admin.Error
	if _, err := w.client(clinicToken).ExportAudit(ctx, audit.Query{}, &part, nil); !errors.As(err, &refused) || refused.Code != admin.Forbidden {
		t.Errorf("everything for who may see a part: %v", err)
	}
}

// An entry that was altered in the file is named, while the verifier runs.
func TestC5_TamperingIsNamed(t *testing.T) {
	w := newWorld(t)
	w.fill(200, "")
	client := w.client(rootToken)
	if _, err := client.VerifyAudit(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", w.file)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), "DROP TRIGGER entries_stay; UPDATE entries SET subject = 'noah' WHERE seq = 77"); err != nil {
		t.Fatal(err)
	}
	var broken *audit.Broken
	if _, err := client.VerifyAudit(t.Context(), nil); !errors.As(err, &broken) || broken.Seq != 77 {
		t.Errorf("%v", err)
	}
}

// A chain that is broken is named, through the Client as in the process.
func TestC5_BrokenChainsAreNamed(t *testing.T) {
	handler := http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		io.WriteString(out, `{"done":5,"all":10}`+"\n"+`{"broken":{"seq":7,"why":"it was altered"}}`+"\n")
	})
	server := httptest.NewServer(handler)
	defer server.Close()
	client, err := adminapi.Dial(server.URL, "x", nil)
	if err != nil {
		t.Fatal(err)
	}
	var broken *audit.Broken
	if _, err := client.VerifyAudit(t.Context(), nil); !errors.As(err, &broken) || broken.Seq != 7 {
		t.Errorf("%v", err)
	}
}

// An answer that breaks off is never taken for a whole one.
func TestC5_AnswersThatBreakOffAreErrors(t *testing.T) {
	for name, text := range map[string]string{
		"nothing":            "",
		"progress only":      `{"done":5,"all":10}` + "\n",
		"half a line":        `{"verified":{"entries":1}`,
		"something else":     "<html>\n",
		"a line without end": `{"done":5,"all":10}`,
	} {
		server := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) { io.WriteString(out, text) }))
		client, err := adminapi.Dial(server.URL, "x", nil)
		if err != nil {
			t.Fatal(err)
		}
		var unreachable *adminapi.Unreachable
		if _, err := client.VerifyAudit(t.Context(), nil); !errors.As(err, &unreachable) {
			t.Errorf("verify, %s: %v", name, err)
		}
		if _, err := client.ExportAudit(t.Context(), audit.Query{}, io.Discard, nil); name != "nothing" && !errors.As(err, &unreachable) {
			t.Errorf("export, %s: %v", name, err)
		}
		server.Close()
	}

	// The verifier's store fails in the middle.
	w := newWorld(t)
	w.fill(2200, strings.Repeat("x", 4000)) // more than is on its way when the first entry comes
	n, err := w.client(rootToken).ExportAudit(t.Context(), audit.Query{}, io.Discard, func(written, _ int64) {
		if written == 1 {
			w.ledger.Close()
		}
	})
	var unreachable *adminapi.Unreachable
	if !errors.As(err, &unreachable) || n >= 2200 {
		t.Errorf("%d entries, %v", n, err)
	}
}

// A stream may last longer than the server gives other answers.
func TestC5_StreamsOutlastTheServersLimits(t *testing.T) {
	w := newWorld(t)
	w.fill(250, strings.Repeat("x", 40_000)) // more than the system holds on the way
	server := httptest.NewUnstartedServer(w.handler)
	server.Config.ReadTimeout, server.Config.WriteTimeout = 50*time.Millisecond, 50*time.Millisecond
	server.Start()
	defer server.Close()
	client, err := adminapi.Dial(server.URL, rootToken, nil)
	if err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	n, err := client.ExportAudit(t.Context(), audit.Query{}, &slowly{t: t}, nil)
	if err != nil || n < 250 {
		t.Errorf("%d, %v", n, err)
	}
	if took := time.Since(begun); took < 150*time.Millisecond {
		t.Fatalf("the export took %s, less than the limits that it is to outlast", took)
	}
}

// slowly takes a moment for every tenth line.
type slowly struct {
	t     *testing.T
	lines int
}

func (s *slowly) Write(text []byte) (int, error) {
	if s.lines++; s.lines%10 == 0 {
		ctx, cancel := context.WithTimeout(s.t.Context(), 10*time.Millisecond)
		defer cancel()
		<-ctx.Done()
	}
	return len(text), nil
}

func TestClientSaysWhoDoesNotAnswer(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	listener.Close()
	gone, err := adminapi.Dial("http://"+listener.Addr().String(), "x", nil)
	if err != nil {
		t.Fatal(err)
	}
	other := httptest.NewServer(http.NotFoundHandler())
	defer other.Close()
	thief := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { t.Errorf("the request went on to %s", r.URL) }))
	defer thief.Close()
	elsewhere := httptest.NewServer(http.RedirectHandler(thief.URL, http.StatusTemporaryRedirect))
	defer elsewhere.Close()
	wrong, _ := adminapi.Dial(other.URL, "x", nil)
	moved, _ := adminapi.Dial(elsewhere.URL, "x", nil)
	for name, client := range map[string]*adminapi.Client{"nobody": gone, "another server": wrong, "a redirect": moved, "no socket": adminapi.DialSocket("/nowhere/curfew.sock")} {
		var unreachable *adminapi.Unreachable
		if _, err := client.Environments(t.Context()); !errors.As(err, &unreachable) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, address := range []string{"", "verifier", "http://verifier.example", "http://192.0.2.1:8481", "ftp://localhost", "https://x/admin", "https://u:p@x", "https://x?y", "http://localhost.evil.example"} {
		if _, err := adminapi.Dial(address, "x", nil); !errors.Is(err, adminapi.ErrAddress) {
			t.Errorf("%q: %v", address, err)
		}
	}
	for _, address := range []string{"https://verifier.example", "https://verifier.example:8481/", "http://localhost:8481", "http://127.0.0.1:8481", "http://[::1]:8481"} {
		if _, err := adminapi.Dial(address, "x", nil); err != nil {
			t.Errorf("%q: %v", address, err)
		}
	}
}

func TestParseInstant(t *testing.T) {
	for text, want := range map[string]time.Time{
		"2026-03-01T09:00:00Z":      start,
		"2026-03-01T10:00:00+01:00": start,
		"2026-03-01T09:00:00.250Z":  start.Add(250 * time.Millisecond),
		"2026-03-01":                start.Add(-9 * time.Hour),
		"24h ago":                   start.Add(-24 * time.Hour),
		"1h30m ago":                 start.Add(-90 * time.Minute),
	} {
		if at, err := adminapi.ParseInstant(text, start); err != nil || at != want.UnixMilli() {
			t.Errorf("%q: %d, %v", text, at, err)
		}
	}
	for _, text := range []string{"", "yesterday", "1h", "-1h ago", "ago", " ago", "2026-02-30", "01.03.2026", "999999h ago", "1960-01-01"} {
		if at, err := adminapi.ParseInstant(text, start); err == nil || !strings.Contains(err.Error(), "24h ago") {
			t.Errorf("%q: %d, %v", text, at, err)
		}
	}
	if got, err := adminapi.ParseInstant(adminapi.FormatInstant(start.UnixMilli()+7), start); err != nil || got != start.UnixMilli()+7 {
		t.Errorf("%d, %v", got, err)
	}
}
