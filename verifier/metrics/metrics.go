// Package metrics counts what the verifier does, for Prometheus. Every label has a closed set of values or those of the
// configuration, so nobody outside can make it grow. No label names a user or a session.
package metrics

import (
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/curfew-project/curfew/verifier/audit"
	"github.com/curfew-project/curfew/verifier/policycheck"
)

// Metrics counts (C6). It is safe for concurrent use and does not block.
type Metrics struct {
	registry *prometheus.Registry
	now      func() time.Time

	// environments are those that have series of their own. Who counts holds mu, so that what SetEnvironments drops does not come back.
	mu           sync.RWMutex
	environments map[string]bool
	events       *prometheus.CounterVec
	checks       *prometheus.CounterVec

	requests *prometheus.HistogramVec
	dropped  prometheus.Counter
	loads    *prometheus.CounterVec
	loadedAt prometheus.Gauge
	loadedOK prometheus.Gauge
	expires  *prometheus.GaugeVec
}

// New makes the metrics, with a registry of their own, for no environment yet. now is the clock for durations and instants; with nil
// none are measured. Counters begin at zero before anything happens, so that the first time shows as an increase.
func New(now func() time.Time) *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(), now: now, environments: map[string]bool{},
		events: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "curfew_events_total", Help: "Entries of the audit, by what happened, why a session ended and why something was refused. " +
				"Those of no environment, or of one that is gone, have none.",
		}, []string{"environment", "kind", "reason", "code"}),
		checks: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "curfew_policy_checks_total", Help: "Policy checks, by how they ended.",
		}, []string{"environment", "outcome"}),
		requests: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "curfew_request_duration_seconds", Help: "How long answers took: ok is a status below 400, refused below 500, error all others.",
			Buckets: buckets,
		}, []string{"endpoint", "status"}),
		dropped: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "curfew_audit_dropped_total", Help: "Events that could not be kept in the audit.",
		}),
		loads: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "curfew_config_loads_total", Help: "Configurations that were put in force, and that were refused while the old one stayed.",
		}, []string{"outcome"}),
		loadedAt: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "curfew_config_last_load_timestamp_seconds", Help: "Since when the configuration has been in force, in seconds since the epoch.",
		}),
		loadedOK: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "curfew_config_last_load_successful", Help: "1 while the configuration in force is the last that was tried, 0 after one was refused.",
		}),
		expires: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "curfew_tls_certificate_expiry_timestamp_seconds", Help: "When the certificate in force expires, in seconds since the epoch.",
		}, []string{"listener"}),
	}
	m.registry.MustRegister(m.events, m.checks, m.requests, m.dropped, m.loads, m.loadedAt, m.loadedOK, m.expires, buildInfo(),
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	m.beginAtZero("")
	for _, endpoint := range []string{Heartbeat, Check, Callback} {
		m.observers(endpoint)
	}
	for _, outcome := range []string{loaded, refused} {
		m.loads.WithLabelValues(outcome)
	}
	return m
}

// Event counts an entry of the audit; it is an audit.Recorder.
func (m *Metrics) Event(e audit.Event) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	m.events.WithLabelValues(m.known(e.Environment), string(e.Kind), string(e.Reason), string(e.Code)).Inc()
}

// PolicyCheck counts a policy check.
func (m *Metrics) PolicyCheck(environment string, outcome policycheck.Outcome) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	m.checks.WithLabelValues(m.known(environment), string(outcome)).Inc()
}

// AuditDropped counts events that could not be kept.
func (m *Metrics) AuditDropped(n int) { m.dropped.Add(float64(n)) }

// Certificate tells when the certificate of a listener expires.
func (m *Metrics) Certificate(listener string, expires time.Time) {
	m.expires.WithLabelValues(listener).Set(float64(expires.Unix()))
}

const (
	loaded  = "loaded"
	refused = "refused"
)

// ConfigLoaded counts a configuration that was put in force, or with false one that was refused.
func (m *Metrics) ConfigLoaded(ok bool) {
	if !ok {
		m.loads.WithLabelValues(refused).Inc()
		m.loadedOK.Set(0)
		return
	}
	m.loads.WithLabelValues(loaded).Inc()
	m.loadedOK.Set(1)
	if m.now != nil {
		m.loadedAt.Set(float64(m.now().UnixMilli()) / 1000)
	}
}

// Handler answers a scrape. What cannot be found out just then is left out, and the log says why.
func (m *Metrics) Handler(log *slog.Logger) http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{
		ErrorHandling: promhttp.ContinueOnError, ErrorLog: errorLog{log}, MaxRequestsInFlight: 4,
	})
}

// errorLog is a promhttp.Logger whose lines have an event name like all others.
type errorLog struct{ log *slog.Logger }

func (l errorLog) Println(v ...any) { l.log.Error("scrape_incomplete", "error", fmt.Sprint(v...)) }
