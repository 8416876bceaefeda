// Package server puts a verifier together from its configuration: the store, the engine, the providers and the handlers. It is the
// wiring that the curfew command and a Go application with Curfew inside share.
package server

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/verifier/api"
	"github.com/curfew-project/curfew/verifier/config"
	"github.com/curfew-project/curfew/verifier/engine"
	"github.com/curfew-project/curfew/verifier/keyring"
	"github.com/curfew-project/curfew/verifier/login"
	"github.com/curfew-project/curfew/verifier/metrics"
	"github.com/curfew-project/curfew/verifier/middleware"
	"github.com/curfew-project/curfew/verifier/policycheck"
	"github.com/curfew-project/curfew/verifier/provider"
	"github.com/curfew-project/curfew/verifier/session"
	"github.com/curfew-project/curfew/verifier/settings"
	"github.com/curfew-project/curfew/verifier/store/embedded"
	"github.com/curfew-project/curfew/verifier/texts"
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
	environments []settings.Environment
	store        session.Store
	engine       *engine.Engine
	site         *api.Site
	api          *api.API
	providers    map[string]*provider.Provider // by environment ID
	checker      *policycheck.Checker
	metrics      *metrics.Metrics
	public       http.Handler
	now          func() time.Time
	log          *slog.Logger

	mu      sync.Mutex
	closed  bool
	running sync.WaitGroup  // Run
	life    context.Context // ends with Close
	end     context.CancelFunc

	// ballast is never touched, so it takes address space and no memory. It makes the garbage collector of a verifier with few
	// sessions run as seldom as that of one with many: the collector waits until the heap has doubled, and a small heap
	// doubles hundreds of times a second.
	ballast []byte
}

const ballastSize = 32 << 20

// New opens the store and the keys and makes the handlers. Close it. Its background work is done by Run.
func New(ctx context.Context, c config.Config, o Options) (*Server, error) {
	catalog, err := texts.Load(c.Texts)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(c.Data, 0o700); err != nil {
		return nil, err
	}
	ring, err := keyring.LoadFile(c.Keys, o.Random)
	if err != nil {
		return nil, err
	}
	s := &Server{providers: map[string]*provider.Provider{}, now: o.Now, log: o.Log, ballast: make([]byte, ballastSize)}
	s.life, s.end = context.WithCancel(context.Background())
	ids := make([]string, 0, len(c.Environments))
	for _, e := range c.Environments {
		ids = append(ids, e.ID)
	}
	s.metrics = metrics.New(ids)
	record := recorder(o.Log, s.metrics)
	options := map[string]login.Options{}
	for _, e := range c.Environments {
		env := e.InForce()
		s.environments = append(s.environments, env)
		if s.providers[e.ID], err = newProvider(e, env, o, record); err != nil {
			return nil, err
		}
		if options[e.ID], err = signInOptions(e); err != nil {
			return nil, err
		}
		if !env.Secure() {
			o.Log.Warn("insecure_origin", "environment", e.ID, "origin", e.Origin,
				"meaning", "plain http on localhost is for development: the cookie has neither Secure nor the __Host- prefix")
		}
	}
	s.checker, err = policycheck.New(policycheck.Config{
		Providers: s.providers, Rate: c.PolicyChecks.Rate, Concurrency: int(c.PolicyChecks.Concurrency),
		Now: o.Now, Log: o.Log, Count: s.metrics.PolicyCheck,
	})
	if err != nil {
		return nil, err
	}
	if s.store, err = embedded.Open(ctx, filepath.Join(c.Data, "sessions.db"), embedded.Options{Logger: o.Log}); err != nil {
		return nil, err
	}
	s.engine, err = engine.New(engine.Config{
		Store: s.store, Ring: ring, Now: o.Now, Random: o.Random,
		Renewal: time.Duration(c.CookieRenewal), Record: record, Checks: s.checker,
	})
	if err != nil {
		return nil, errors.Join(err, s.store.Close())
	}
	s.observe()
	s.site = api.NewSite(c.Prefix, s.environments, s.engine.RecordRefusal)
	s.api = api.New(s.engine, s.site)
	mux := http.NewServeMux()
	s.api.Register(mux)
	login.New(login.Config{
		Engine: s.engine, Site: s.site, API: s.api, Ring: ring, Providers: s.providers, Options: options, Texts: catalog,
		Random: o.Random, Log: o.Log,
	}).Register(mux)
	registerAgent(mux, s.site, catalog, o.Agent)
	s.public = mux
	return s, nil
}

// Public is the handler for browsers and reverse proxies. It answers below the prefix, and for the web resource at any depth.
func (s *Server) Public() http.Handler { return s.public }

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
