package metrics_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/verifier/audit"
	"github.com/curfew-project/curfew/verifier/metrics"
	"github.com/curfew-project/curfew/verifier/policycheck"
	"github.com/curfew-project/curfew/verifier/provider"
)

// scrape returns the lines of a scrape, by what stands before the value.
func scrape(t *testing.T, m *metrics.Metrics) map[string]string {
	t.Helper()
	w := httptest.NewRecorder()
	m.Handler(slog.New(slog.DiscardHandler)).ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	if w.Code != 200 {
		t.Fatalf("status %d: %s", w.Code, w.Body)
	}
	found := map[string]string{}
	for _, line := range strings.Split(w.Body.String(), "\n") {
		if at := strings.LastIndexByte(line, ' '); at > 0 && line[0] != '#' {
			found[line[:at]] = line[at+1:]
		}
	}
	return found
}

func TestC6_Scrape(t *testing.T) {
	m := metrics.New([]string{"clinic", "bank"})
	m.Event(audit.Event{Kind: audit.Ended, Reason: wire.Inactivity, Environment: "clinic", Session: "s", Subject: "amara", Detail: "d"})
	m.Event(audit.Event{Kind: audit.Ended, Reason: wire.Inactivity})
	m.Event(audit.Event{Kind: audit.Refused, Code: wire.WrongKey})
	m.Event(audit.Event{Kind: audit.SignIn})
	m.PolicyCheck("clinic", policycheck.Confirmed)
	m.PolicyCheck("clinic", policycheck.Confirmed)
	m.PolicyCheck("bank", policycheck.Refused)
	m.Observe(metrics.Sources{
		Providers: func() map[string]provider.State {
			return map[string]provider.State{"clinic": {Up: true, Since: 1}, "bank": {Since: 1, Kind: provider.Unreachable}, "new": {}}
		},
		Queues: func() []policycheck.Queue {
			return []policycheck.Queue{{Issuer: "https://login.example", Waiting: 3, Oldest: 1500 * time.Millisecond}}
		},
		Sessions: func(context.Context) (int, error) { return 42, nil },
	})
	got := scrape(t, m)
	for line, want := range map[string]string{
		`curfew_events_total{code="",kind="ended",reason="inactivity"}`:          "2",
		`curfew_events_total{code="",kind="ended",reason="provider_refused"}`:    "0",
		`curfew_events_total{code="key_mismatch",kind="refused",reason=""}`:      "1",
		`curfew_events_total{code="replayed",kind="refused",reason=""}`:          "0",
		`curfew_events_total{code="",kind="sign_in",reason=""}`:                  "1",
		`curfew_policy_checks_total{environment="clinic",outcome="confirmed"}`:   "2",
		`curfew_policy_checks_total{environment="bank",outcome="refused"}`:       "1",
		`curfew_policy_checks_total{environment="bank",outcome="misconfigured"}`: "0",
		`curfew_provider_up{environment="clinic"}`:                               "1",
		`curfew_provider_up{environment="bank"}`:                                 "0",
		`curfew_policy_check_queue{issuer="https://login.example"}`:              "3",
		`curfew_policy_check_lateness_seconds{issuer="https://login.example"}`:   "1.5",
		`curfew_sessions`: "42",
	} {
		if got[line] != want {
			t.Errorf("%s is %q, want %s", line, got[line], want)
		}
	}
	if value, there := got[`curfew_provider_up{environment="new"}`]; there {
		t.Errorf("a provider that nobody asked is %s", value)
	}
	for line := range got {
		if strings.Contains(line, "amara") {
			t.Errorf("a user is named: %s", line)
		}
	}
	if got["go_goroutines"] == "" {
		t.Error("nothing about the process itself")
	}
}

// A store that cannot answer must not hide everything else, least of all that something is wrong.
func TestC6_WithoutTheStore(t *testing.T) {
	m := metrics.New(nil)
	m.Event(audit.Event{Kind: audit.Refused, Code: wire.Unavailable})
	m.Observe(metrics.Sources{
		Providers: func() map[string]provider.State { return nil },
		Queues:    func() []policycheck.Queue { return nil },
		Sessions:  func(context.Context) (int, error) { return 0, errors.New("away") },
	})
	got := scrape(t, m)
	if value, there := got["curfew_sessions"]; there {
		t.Errorf("without the store there are %s sessions", value)
	}
	if got[`curfew_events_total{code="unavailable",kind="refused",reason=""}`] != "1" {
		t.Errorf("the rest is missing: %v", got)
	}
}

// Two verifiers in one process do not share counters.
func TestC6_NothingIsGlobal(t *testing.T) {
	one, other := metrics.New([]string{"clinic"}), metrics.New([]string{"clinic"})
	one.PolicyCheck("clinic", policycheck.Confirmed)
	const line = `curfew_policy_checks_total{environment="clinic",outcome="confirmed"}`
	if a, b := scrape(t, one)[line], scrape(t, other)[line]; a != "1" || b != "0" {
		t.Errorf("%s and %s", a, b)
	}
}
