package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/curfew-project/curfew/verifier/admin/adminapi"
	"github.com/curfew-project/curfew/verifier/audit"
	"github.com/curfew-project/curfew/verifier/metrics"
)

// Operator is the handler for the operator's own listener: healthz says that the process runs, readyz that it can decide, and
// metrics is for Prometheus. Programs administer below /admin/ with a token (C6), and people on all other pages, where there is a
// console (C3).
func (s *Server) Operator() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "ok\n") })
	mux.HandleFunc("GET /readyz", s.ready)
	mux.Handle("GET /metrics", s.metrics.Handler(s.o.Log))
	mux.Handle("/admin/", adminapi.New(s.admin, s.access.bearer, s.o.Now, s.o.Log))
	if s.console != nil {
		mux.Handle("/", s.console.handler)
	}
	return mux
}

// Local is the handler for the local socket: whoever may open it administers everything.
func (s *Server) Local() http.Handler {
	return adminapi.New(s.admin, adminapi.SocketActor, s.o.Now, s.o.Log)
}

// ready depends on the stores alone. Without a provider the verifier still judges every session (A7), so its silence, which all
// replicas hear, must not take them all away from the load balancer; it is only told.
func (s *Server) ready(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	if s.stopping.Load() {
		w.WriteHeader(http.StatusServiceUnavailable)
		io.WriteString(w, "stopping\n")
		return
	}
	if err := s.engine.Ready(r.Context()); err != nil {
		w.WriteHeader(http.StatusServiceUnavailable)
		fmt.Fprintf(w, "store: %v\n", err)
	} else {
		io.WriteString(w, "ok\n")
	}
	// Sessions are judged without the ledger; what happens meanwhile waits in memory.
	if err := errors.Join(s.ledger.Ready(r.Context()), s.journal.Ready()); err != nil {
		fmt.Fprintf(w, "ledger: %v\n", err)
	}
	if s.replicas != nil {
		s.replicas.tell(w)
	}
	for _, env := range s.live.All() {
		_, state := s.connections.look(env.ID)
		fmt.Fprintf(w, "provider %s: %s\n", env.ID, state)
	}
	for _, queue := range s.checker.Queues() {
		if queue.Waiting > 0 {
			fmt.Fprintf(w, "policy checks at %s: %d waiting, the first for %s\n", queue.Issuer, queue.Waiting, queue.Oldest.Round(time.Second))
		}
	}
}

// Stopping makes readyz say that this verifier takes no more: a load balancer looks elsewhere. All else goes on.
func (s *Server) Stopping() { s.stopping.Store(true) }

// Alive comes back, whatever with, while the verifier can look at its sessions: a watchdog restarts one that does not.
func (s *Server) Alive(ctx context.Context) { _, _ = s.store.Count(ctx, s.o.Now().UnixMilli()) }

// observe lets the metrics ask what is not counted.
func (s *Server) observe() {
	s.metrics.Observe(metrics.Sources{
		Providers: s.connections.states, Queues: s.checker.Queues, Living: s.admin.Living, Pending: s.journal.Pending,
		Settings: func() map[string]int64 {
			versions := map[string]int64{}
			for _, env := range s.live.All() {
				versions[env.ID] = env.Version
			}
			return versions
		},
		Stores: func(ctx context.Context) map[string]error {
			return map[string]error{"sessions": s.store.Ready(ctx), "ledger": errors.Join(s.ledger.Ready(ctx), s.journal.Ready())}
		},
		Streams: func() int {
			open := s.api.Streams()
			if s.console != nil {
				open += s.console.api.Streams()
			}
			return open
		},
	})
}

// recorder takes the audit's events: into the log, and kept or passed on.
func recorder(log *slog.Logger, keep audit.Recorder) audit.Recorder {
	return func(e audit.Event) {
		keep(e)
		attrs := []any{"at", e.At, "environment", e.Environment}
		for _, a := range []struct{ key, value string }{
			{"session", e.Session}, {"subject", e.Subject}, {"client", e.Client}, {"reason", string(e.Reason)}, {"code", string(e.Code)},
			{"actor", e.Actor}, {"detail", e.Detail},
		} {
			if a.value != "" {
				attrs = append(attrs, a.key, a.value)
			}
		}
		log.Info(string(e.Kind), attrs...)
	}
}
