// Package metrics counts what the verifier does, for Prometheus. Every label has a closed set of values or those of the
// configuration, so nobody outside can make it grow. No label names a user or a session.
package metrics

import (
	"context"
	"log/slog"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/verifier/audit"
	"github.com/curfew-project/curfew/verifier/policycheck"
	"github.com/curfew-project/curfew/verifier/provider"
)

// Metrics counts. It is safe for concurrent use and does not block.
type Metrics struct {
	registry *prometheus.Registry
	events   *prometheus.CounterVec
	checks   *prometheus.CounterVec
}

// New makes the counters of some environments, which are named by their IDs, with a registry of their own. Counters begin at zero before
// anything happens, so that the first time shows as an increase.
func New(environments []string) *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		events: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "curfew_events_total", Help: "Entries of the audit, by what happened, why a session ended and why something was refused.",
		}, []string{"kind", "reason", "code"}),
		checks: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "curfew_policy_checks_total", Help: "Policy checks, by how they ended.",
		}, []string{"environment", "outcome"}),
	}
	m.registry.MustRegister(m.events, m.checks, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	for _, reason := range wire.Reasons() {
		m.events.WithLabelValues(string(audit.Ended), string(reason), "")
	}
	for _, code := range wire.Codes() {
		m.events.WithLabelValues(string(audit.Refused), "", string(code))
	}
	for _, environment := range environments {
		for _, outcome := range policycheck.Outcomes() {
			m.checks.WithLabelValues(environment, string(outcome))
		}
	}
	return m
}

// Event counts an entry of the audit; it is an audit.Recorder.
func (m *Metrics) Event(e audit.Event) {
	m.events.WithLabelValues(string(e.Kind), string(e.Reason), string(e.Code)).Inc()
}

// PolicyCheck counts a policy check.
func (m *Metrics) PolicyCheck(environment string, outcome policycheck.Outcome) {
	m.checks.WithLabelValues(environment, string(outcome)).Inc()
}

// Sources are asked at every scrape.
type Sources struct {
	Providers func() map[string]provider.State // by environment ID
	Queues    func() []policycheck.Queue
	Sessions  func(context.Context) (int, error) // how many live
}

// Observe adds what is asked and not counted. Call it once.
func (m *Metrics) Observe(s Sources) { m.registry.MustRegister(&observed{s}) }

// Handler answers a scrape. What cannot be found out just then is left out, and the log says why.
func (m *Metrics) Handler(log *slog.Logger) http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{
		ErrorHandling: promhttp.ContinueOnError, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelError), MaxRequestsInFlight: 4,
	})
}
