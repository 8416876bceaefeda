// Package server puts a verifier together from its configuration: the store, the engine and the handlers. It is the wiring that
// the curfew command and a Go application with Curfew inside share.
package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/verifier/api"
	"github.com/curfew-project/curfew/verifier/audit"
	"github.com/curfew-project/curfew/verifier/config"
	"github.com/curfew-project/curfew/verifier/engine"
	"github.com/curfew-project/curfew/verifier/keyring"
	"github.com/curfew-project/curfew/verifier/login"
	"github.com/curfew-project/curfew/verifier/middleware"
	"github.com/curfew-project/curfew/verifier/session"
	"github.com/curfew-project/curfew/verifier/settings"
	"github.com/curfew-project/curfew/verifier/store/embedded"
	"github.com/curfew-project/curfew/wasm/dist"
)

// Options are what a verifier takes from its surroundings.
type Options struct {
	Now    func() time.Time
	Random io.Reader
	Log    *slog.Logger
	Agent  *dist.Dist
	Client *http.Client // for the providers; nil means one with a timeout
}

// Server is a verifier. It is safe for concurrent use.
type Server struct {
	store  session.Store
	engine *engine.Engine
	site   *api.Site
	api    *api.API
	public http.Handler
	log    *slog.Logger
	// ballast is never touched, so it takes address space and no memory. It makes the garbage collector of a verifier with few
	// sessions run as seldom as that of one with many: the collector waits until the heap has doubled, and a small heap
	// doubles hundreds of times a second.
	ballast []byte
}

const ballastSize = 32 << 20

// New opens the store and the keys and makes the handlers. Close it.
func New(ctx context.Context, c config.Config, o Options) (*Server, error) {
	if err := os.MkdirAll(c.Data, 0o700); err != nil {
		return nil, err
	}
	ring, err := keyring.LoadFile(filepath.Join(c.Data, "keys"), o.Random)
	if err != nil {
		return nil, err
	}
	store, err := embedded.Open(ctx, filepath.Join(c.Data, "sessions.db"), embedded.Options{Logger: o.Log})
	if err != nil {
		return nil, err
	}
	s := &Server{store: store, log: o.Log, ballast: make([]byte, ballastSize)}
	s.engine, err = engine.New(engine.Config{
		Store: store, Ring: ring, Now: o.Now, Random: o.Random,
		Renewal: time.Duration(c.CookieRenewal), Record: recordTo(o.Log),
	})
	if err != nil {
		return nil, errors.Join(err, store.Close())
	}
	var environments []settings.Environment
	providers := map[string]*login.Provider{}
	for _, e := range c.Environments {
		environments = append(environments, settings.Environment{ID: e.ID, Origin: e.Origin, Settings: e.PolicySettings()})
		secret, err := e.Provider.Secret()
		if err != nil {
			return nil, errors.Join(fmt.Errorf("environment %s: %w", e.ID, err), store.Close())
		}
		providers[e.ID] = login.NewProvider(login.ProviderConfig{
			Issuer: e.Provider.Issuer, ClientID: e.Provider.ClientID, ClientSecret: secret, Scopes: e.Provider.Scopes,
		}, o.Client, o.Now)
		if !environments[len(environments)-1].Secure() {
			o.Log.Warn("insecure_origin", "environment", e.ID, "origin", e.Origin,
				"meaning", "plain http on localhost is for development: the cookie has neither Secure nor the __Host- prefix")
		}
	}
	s.site = api.NewSite(c.Prefix, environments, s.engine.RecordRefusal)
	s.api = api.New(s.engine, s.site)
	mux := http.NewServeMux()
	s.api.Register(mux)
	login.New(s.engine, s.site, s.api, ring, providers, o.Random, o.Log).Register(mux)
	registerAgent(mux, c.Prefix, o.Agent)
	s.public = mux
	return s, nil
}

// webResource is the name under which pages written for another product ask for the script (A10).
const webResource = "ClientGlobalContext.js.aspx"

func registerAgent(mux *http.ServeMux, prefix string, agent *dist.Dist) {
	loader := func(w http.ResponseWriter, r *http.Request) { agent.ServeLoader(w, r, prefix) }
	mux.HandleFunc("GET "+prefix+"agent.js", loader)
	mux.HandleFunc("GET "+prefix+"{file}", func(w http.ResponseWriter, r *http.Request) {
		if file := r.PathValue("file"); strings.HasPrefix(file, "agent.") && strings.HasSuffix(file, ".wasm") {
			agent.ServeWasm(w, r)
			return
		}
		http.NotFound(w, r)
	})
	mux.HandleFunc("GET /", func(w http.ResponseWriter, r *http.Request) {
		if path.Base(r.URL.Path) == webResource {
			loader(w, r)
			return
		}
		http.NotFound(w, r)
	})
}

// Public is the handler for browsers and reverse proxies. It answers below the prefix, and for the web resource at any depth.
func (s *Server) Public() http.Handler { return s.public }

// Operator is the handler for the operator's own listener: healthz says that the process runs, readyz that it can decide.
func (s *Server) Operator() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "ok\n") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		if err := s.engine.Ready(r.Context()); err != nil {
			http.Error(w, "store: "+err.Error(), http.StatusServiceUnavailable)
			return
		}
		io.WriteString(w, "ok\n")
	})
	return mux
}

// Check judges a request to an application in the same process; it is a middleware.Checker.
func (s *Server) Check(r *http.Request) middleware.Verdict {
	env, ok := s.site.Environment(r)
	if !ok {
		return middleware.Verdict{Refusal: wire.Refusal{Error: wire.UnknownOrigin}, Status: api.Status(wire.UnknownOrigin)}
	}
	found, err := s.engine.Check(r.Context(), env, api.ReadSessionCookie(r, env))
	if err != nil {
		refusal := api.AsRefusal(err)
		from := ""
		if r.Method == http.MethodGet {
			from = r.URL.RequestURI() // anything else cannot be repeated by going there
		}
		s.api.SayWhere(&refusal, from)
		return middleware.Verdict{Refusal: refusal, Status: api.Status(refusal.Error)}
	}
	return middleware.Verdict{Allowed: true, User: middleware.User{
		Issuer: found.User.Issuer, Subject: found.User.Subject, Name: found.Name, Session: found.ID.String(),
	}}
}

// Keep is how long an ended session is kept, so that its page can still learn why it ended.
const Keep = 24 * time.Hour

// sweepEvery is how often sessions that ended by time are recorded as ended. Nothing is let through meanwhile.
const sweepEvery = 5 * time.Second

// Sweep records sessions that end by time, until ctx ends.
func (s *Server) Sweep(ctx context.Context) {
	ticker := time.NewTicker(sweepEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			if err := s.engine.Sweep(ctx, Keep); err != nil && ctx.Err() == nil {
				s.log.Error("sweep_failed", "error", err)
			}
		}
	}
}

// Close makes everything durable and closes the store.
func (s *Server) Close() error { return s.store.Close() }

func recordTo(log *slog.Logger) audit.Recorder {
	return func(e audit.Event) {
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
