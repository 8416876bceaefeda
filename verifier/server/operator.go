package server

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/curfew-project/curfew/verifier/audit"
	"github.com/curfew-project/curfew/verifier/metrics"
	"github.com/curfew-project/curfew/verifier/provider"
)

// Operator is the handler for the operator's own listener: healthz says that the process runs, readyz that it can decide, and
// metrics is for Prometheus.
func (s *Server) Operator() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "ok\n") })
	mux.HandleFunc("GET /readyz", s.ready)
	mux.Handle("GET /metrics", s.metrics.Handler(s.log))
	return mux
}

// ready depends on the store alone. Without a provider the verifier still judges every session (A7), so its silence, which all
// replicas hear, must not take them all away from the load balancer; it is only told.
func (s *Server) ready(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	if err := s.engine.Ready(r.Context()); err != nil {
		w.WriteHeader(http.StatusServiceUnavailable)
		fmt.Fprintf(w, "store: %v\n", err)
	} else {
		io.WriteString(w, "ok\n")
	}
	for _, env := range s.environments {
		fmt.Fprintln(w, stateLine(env.ID, s.providers[env.ID].State()))
	}
	for _, queue := range s.checker.Queues() {
		if queue.Waiting > 0 {
			fmt.Fprintf(w, "policy checks at %s: %d waiting, the first for %s\n", queue.Issuer, queue.Waiting, queue.Oldest.Round(time.Second))
		}
	}
}

// observe lets the metrics ask what is not counted.
func (s *Server) observe() {
	s.metrics.Observe(metrics.Sources{
		Providers: func() map[string]provider.State {
			states := make(map[string]provider.State, len(s.providers))
			for id, p := range s.providers {
				states[id] = p.State()
			}
			return states
		},
		Queues:   s.checker.Queues,
		Sessions: func(ctx context.Context) (int, error) { return s.store.Count(ctx, s.now().UnixMilli()) },
	})
}

// recorder takes the audit's events: into the log, and counted.
func recorder(log *slog.Logger, m *metrics.Metrics) audit.Recorder {
	return func(e audit.Event) {
		m.Event(e)
		attrs := []any{"at", e.At, "environment", e.Environment}
		for _, a := range []struct{ key, value string }{
			{"session", e.Session}, {"subject", e.Subject}, {"reason", string(e.Reason)}, {"code", string(e.Code)}, {"detail", e.Detail},
		} {
			if a.value != "" {
				attrs = append(attrs, a.key, a.value)
			}
		}
		log.Info(string(e.Kind), attrs...)
	}
}
