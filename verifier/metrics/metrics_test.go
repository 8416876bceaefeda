package metrics_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http/httptest"
	"strings"
	"sync"
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

// shows fails unless the scrape has these lines; "" is a line that must not be there.
func shows(t *testing.T, m *metrics.Metrics, want map[string]string) {
	t.Helper()
	got := scrape(t, m)
	for line, value := range want {
		if got[line] != value {
			t.Errorf("%s is %q, want %q", line, got[line], value)
		}
	}
}

// of makes metrics of some environments, at an instant that stays.
func of(environments ...string) *metrics.Metrics {
	m := metrics.New(func() time.Time { return time.UnixMilli(1_800_000_000_500) })
	m.SetEnvironments(environments)
	return m
}

func TestC6_Scrape(t *testing.T) {
	m := of("clinic", "bank")
	m.Event(audit.Event{Kind: audit.Ended, Reason: wire.Inactivity, Environment: "clinic", Session: "s", Subject: "amara", Detail: "d"})
	m.Event(audit.Event{Kind: audit.Ended, Reason: wire.Inactivity, Environment: "bank"})
	m.Event(audit.Event{Kind: audit.Ended, Reason: wire.Inactivity, Environment: "bank"})
	m.Event(audit.Event{Kind: audit.Refused, Code: wire.WrongKey})
	m.Event(audit.Event{Kind: audit.SignIn, Environment: "clinic"})
	m.PolicyCheck("clinic", policycheck.Confirmed)
	m.PolicyCheck("clinic", policycheck.Confirmed)
	m.PolicyCheck("bank", policycheck.Refused)
	m.AuditDropped(3)
	m.Observe(metrics.Sources{
		Providers: func() map[string]provider.State {
			return map[string]provider.State{"clinic": {Up: true, Since: 1}, "bank": {Since: 1, Kind: provider.Unreachable}, "new": {}}
		},
		Queues: func() []policycheck.Queue {
			return []policycheck.Queue{{Issuer: "https://login.example", Waiting: 3, Oldest: 1500 * time.Millisecond}}
		},
		Living: func(context.Context) (map[string]int, error) {
			return map[string]int{"clinic": 42, "gone": 1, "older": 2}, nil
		},
		Settings: func() map[string]int64 { return map[string]int64{"clinic": 7} },
		Stores: func(context.Context) map[string]error {
			return map[string]error{"sessions": nil, "ledger": errors.New("disk is full")}
		},
		Pending: func() int { return 5 },
		Streams: func() int { return 6 },
	})
	shows(t, m, map[string]string{
		`curfew_events_total{code="",environment="clinic",kind="ended",reason="inactivity"}`:       "1",
		`curfew_events_total{code="",environment="bank",kind="ended",reason="inactivity"}`:         "2",
		`curfew_events_total{code="",environment="",kind="ended",reason="inactivity"}`:             "0",
		`curfew_events_total{code="",environment="clinic",kind="ended",reason="provider_refused"}`: "0",
		`curfew_events_total{code="key_mismatch",environment="",kind="refused",reason=""}`:         "1",
		`curfew_events_total{code="replayed",environment="bank",kind="refused",reason=""}`:         "0",
		`curfew_events_total{code="",environment="clinic",kind="sign_in",reason=""}`:               "1",
		`curfew_events_total{code="",environment="",kind="audit_lost",reason=""}`:                  "0",
		`curfew_policy_checks_total{environment="clinic",outcome="confirmed"}`:                     "2",
		`curfew_policy_checks_total{environment="bank",outcome="refused"}`:                         "1",
		`curfew_policy_checks_total{environment="bank",outcome="misconfigured"}`:                   "0",
		`curfew_provider_up{environment="clinic"}`:                                                 "1",
		`curfew_provider_up{environment="bank"}`:                                                   "0",
		`curfew_provider_up{environment="new"}`:                                                    "", // nobody has asked it
		`curfew_policy_check_queue{issuer="https://login.example"}`:                                "3",
		`curfew_policy_check_lateness_seconds{issuer="https://login.example"}`:                     "1.5",
		`curfew_sessions{environment="clinic"}`:                                                    "42",
		`curfew_sessions{environment="bank"}`:                                                      "0",
		`curfew_sessions{environment=""}`:                                                          "3",
		`curfew_sessions{environment="gone"}`:                                                      "",
		`curfew_settings_version{environment="clinic"}`:                                            "7",
		`curfew_store_up{store="sessions"}`:                                                        "1",
		`curfew_store_up{store="ledger"}`:                                                          "0",
		`curfew_audit_pending`:                                                                     "5",
		`curfew_audit_dropped_total`:                                                               "3",
		`curfew_event_streams`:                                                                     "6",
	})
	got := scrape(t, m)
	for line := range got {
		if strings.Contains(line, "amara") {
			t.Errorf("a user is named: %s", line)
		}
	}
	if got["go_goroutines"] == "" {
		t.Error("nothing about the process itself")
	}
	builds := 0
	for line, value := range got {
		if strings.HasPrefix(line, `curfew_build_info{go="go1.`) && !strings.Contains(line, `version=""`) && value == "1" {
			builds++
		}
	}
	if builds != 1 {
		t.Errorf("%d lines say what runs: %v", builds, got)
	}
}

// What nobody can be asked about is left out.
func TestC6_SourcesThatAreMissing(t *testing.T) {
	m := of("clinic")
	m.Observe(metrics.Sources{})
	shows(t, m, map[string]string{
		`curfew_audit_pending`: "", `curfew_event_streams`: "", `curfew_sessions{environment="clinic"}`: "",
		`curfew_policy_checks_total{environment="clinic",outcome="confirmed"}`: "0",
	})
}

func TestC6_ConfigLoads(t *testing.T) {
	m := of()
	shows(t, m, map[string]string{
		`curfew_config_loads_total{outcome="loaded"}`: "0", `curfew_config_loads_total{outcome="refused"}`: "0",
	})
	m.ConfigLoaded(true)
	shows(t, m, map[string]string{
		`curfew_config_loads_total{outcome="loaded"}`: "1", `curfew_config_loads_total{outcome="refused"}`: "0",
		`curfew_config_last_load_timestamp_seconds`: "1.8000000005e+09", `curfew_config_last_load_successful`: "1",
	})
	m.ConfigLoaded(false)
	shows(t, m, map[string]string{
		`curfew_config_loads_total{outcome="loaded"}`: "1", `curfew_config_loads_total{outcome="refused"}`: "1",
		`curfew_config_last_load_timestamp_seconds`: "1.8000000005e+09", `curfew_config_last_load_successful`: "0",
	})
}

// A store that cannot answer must not hide everything else, least of all that something is wrong.
func TestC6_WithoutTheStore(t *testing.T) {
	m := of("clinic")
	m.Event(audit.Event{Kind: audit.Refused, Code: wire.Unavailable})
	m.Observe(metrics.Sources{
		Stores: func(context.Context) map[string]error { return map[string]error{"sessions": errors.New("away")} },
		Living: func(context.Context) (map[string]int, error) { return nil, errors.New("away") },
	})
	shows(t, m, map[string]string{
		`curfew_sessions{environment="clinic"}`:                                           "",
		`curfew_store_up{store="sessions"}`:                                               "0",
		`curfew_events_total{code="unavailable",environment="",kind="refused",reason=""}`: "1",
	})
	var log bytes.Buffer
	m.Handler(slog.New(slog.NewTextHandler(&log, nil))).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/metrics", nil))
	if !strings.Contains(log.String(), "msg=scrape_incomplete") || !strings.Contains(log.String(), "away") {
		t.Errorf("the log says %q; want scrape_incomplete and why", &log)
	}
}

// Two verifiers in one process do not share counters.
func TestC6_NothingIsGlobal(t *testing.T) {
	one, other := of("clinic"), of("clinic")
	one.PolicyCheck("clinic", policycheck.Confirmed)
	const line = `curfew_policy_checks_total{environment="clinic",outcome="confirmed"}`
	if a, b := scrape(t, one)[line], scrape(t, other)[line]; a != "1" || b != "0" {
		t.Errorf("%s and %s", a, b)
	}
}

// Environments come and go; what they have counted stays as long as they do.
func TestC1_EnvironmentsComeAndGo(t *testing.T) {
	m := of("clinic")
	m.Event(audit.Event{Kind: audit.SignIn, Environment: "clinic"})
	m.Event(audit.Event{Kind: audit.SignIn, Environment: "bank"}) // not yet there
	m.SetEnvironments([]string{"bank", "clinic"})
	m.Event(audit.Event{Kind: audit.SignIn, Environment: "bank"})
	m.PolicyCheck("bank", policycheck.Confirmed)
	shows(t, m, map[string]string{
		`curfew_events_total{code="",environment="clinic",kind="sign_in",reason=""}`: "1",
		`curfew_events_total{code="",environment="bank",kind="sign_in",reason=""}`:   "1",
		`curfew_events_total{code="",environment="",kind="sign_in",reason=""}`:       "1",
	})
	m.SetEnvironments([]string{"clinic"})
	m.Event(audit.Event{Kind: audit.Ended, Reason: wire.EndedByAdmin, Environment: "bank"}) // its sessions end with it
	m.PolicyCheck("bank", policycheck.NotDue)
	for line := range scrape(t, m) {
		if strings.Contains(line, "bank") {
			t.Errorf("of an environment that is gone there is still %s", line)
		}
	}
	shows(t, m, map[string]string{
		`curfew_events_total{code="",environment="clinic",kind="sign_in",reason=""}`:       "1",
		`curfew_events_total{code="",environment="",kind="ended",reason="ended_by_admin"}`: "1",
		`curfew_policy_checks_total{environment="",outcome="not_due"}`:                     "1",
	})
	m.SetEnvironments([]string{"clinic", "bank"})
	shows(t, m, map[string]string{`curfew_events_total{code="",environment="bank",kind="sign_in",reason=""}`: "0"})
}

// Whoever counts meanwhile brings nothing back.
func TestC1_CountingWhileEnvironmentsGo(t *testing.T) {
	m := of()
	m.Observe(metrics.Sources{Living: func(context.Context) (map[string]int, error) { return map[string]int{"bank": 1}, nil }})
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 500 {
				m.Event(audit.Event{Kind: audit.SignIn, Environment: "bank"})
				m.PolicyCheck("bank", policycheck.Confirmed)
			}
		})
	}
	all.Go(func() {
		for range 3 {
			scrape(t, m)
		}
	})
	for range 200 {
		m.SetEnvironments([]string{"bank"})
		m.SetEnvironments(nil)
	}
	all.Wait()
	for line := range scrape(t, m) {
		if strings.Contains(line, "bank") {
			t.Errorf("of an environment that is gone there is still %s", line)
		}
	}
}

// Counting the sessions costs one part in fifty of the time at most, however often somebody scrapes.
func TestC6_SessionsAreNotCountedAllTheTime(t *testing.T) {
	now, counts := time.UnixMilli(0), 0
	m := metrics.New(func() time.Time { return now })
	m.Observe(metrics.Sources{Living: func(context.Context) (map[string]int, error) {
		counts++
		now = now.Add(time.Second)
		return map[string]int{"clinic": counts}, nil
	}})
	m.SetEnvironments([]string{"clinic"})
	for _, step := range []struct {
		wait time.Duration
		want string
	}{{0, "1"}, {0, "1"}, {49 * time.Second, "1"}, {time.Second, "2"}, {time.Second, "2"}, {time.Hour, "3"}} {
		now = now.Add(step.wait)
		shows(t, m, map[string]string{`curfew_sessions{environment="clinic"}`: step.want})
	}
	m.SetEnvironments([]string{"clinic", "bank"}) // what was counted is shown for the environments of now
	shows(t, m, map[string]string{`curfew_sessions{environment="clinic"}`: "3", `curfew_sessions{environment="bank"}`: "0"})
}

// A failure is not remembered.
func TestC6_SessionsAreCountedAgainAfterAFailure(t *testing.T) {
	now, away := time.UnixMilli(0), true
	m := metrics.New(func() time.Time { now = now.Add(time.Second); return now })
	m.Observe(metrics.Sources{Living: func(context.Context) (map[string]int, error) {
		if away {
			return nil, errors.New("away")
		}
		return map[string]int{"": 1}, nil
	}})
	shows(t, m, map[string]string{`curfew_sessions{environment=""}`: ""})
	away = false
	shows(t, m, map[string]string{`curfew_sessions{environment=""}`: "1"})
}
