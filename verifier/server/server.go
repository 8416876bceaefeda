// Package server puts a verifier together from its configuration: the stores, the engine, the providers, the administration and the
// handlers. It is the wiring that the curfew command and a Go application with Curfew inside share.
package server

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"math"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/verifier/admin"
	"github.com/curfew-project/curfew/verifier/api"
	"github.com/curfew-project/curfew/verifier/audit"
	"github.com/curfew-project/curfew/verifier/config"
	"github.com/curfew-project/curfew/verifier/engine"
	"github.com/curfew-project/curfew/verifier/forwardauth"
	"github.com/curfew-project/curfew/verifier/keyring"
	"github.com/curfew-project/curfew/verifier/login"
	"github.com/curfew-project/curfew/verifier/metrics"
	"github.com/curfew-project/curfew/verifier/middleware"
	"github.com/curfew-project/curfew/verifier/policycheck"
	"github.com/curfew-project/curfew/verifier/services"
	"github.com/curfew-project/curfew/verifier/session"
	"github.com/curfew-project/curfew/verifier/settings"
	"github.com/curfew-project/curfew/verifier/shed"
	"github.com/curfew-project/curfew/verifier/store/ledger"
	"github.com/curfew-project/curfew/verifier/texts"
	"github.com/curfew-project/curfew/wasm/dist"
)

// Options are what a verifier takes from its surroundings.
type Options struct {
	Now func() time.Time
	// Elapsed is a clock that nobody sets and that only says how long something takes, such as time.Since. With it the verifier's time does
	// not go back when that of Now does. nil: Now is believed.
	Elapsed func() time.Duration
	Random  io.Reader
	Log     *slog.Logger
	Agent   *dist.Dist
	Client  *http.Client // for the providers; nil means one with a timeout
	Stdout  io.Writer    // where the audit is forwarded to when the configuration says so; nil: nowhere
	Zone    *time.Location
	Limits  *shed.Limits // of what is carried out at once; nil: those for this machine
}

// Server is a verifier. It is safe for concurrent use.
type Server struct {
	live        *settings.Live
	store       session.Store
	ledger      ledgerStore
	replicas    *replicas // nil: this is the only verifier
	journal     *audit.Journal
	restraint   *audit.Restraint
	record      audit.Recorder
	engine      *engine.Engine
	site        *api.Site
	api         *api.API
	shedder     *shed.Shedder
	connections *connections
	checker     *policycheck.Checker
	admin       *admin.Admin
	reported    *reported
	metrics     *metrics.Metrics
	ring        *keyring.Ring
	texts       *texts.Catalog
	public      http.Handler
	edge        *edge
	tls         *certificates
	proxies     *forwardauth.ForwardAuth
	relay       http.Handler // nil: there is none
	console     *console     // nil: there is none
	access      *access
	services    services.Clients
	o           Options

	fileMu sync.Mutex
	file   config.Config // in force

	started config.Config // what cannot change since

	stopping atomic.Bool

	mu      sync.Mutex
	closed  bool
	running sync.WaitGroup  // Run
	life    context.Context // ends with Close
	end     context.CancelFunc
	// The journal goes on until everything that is recorded has been; writing is closed when it has written its last.
	stopJournal context.CancelFunc
	writing     chan struct{}

	// ballast is never touched, so it takes address space and no memory. It makes the garbage collector of a verifier with few
	// sessions run as seldom as that of one with many: the collector waits until the heap has doubled, and a small heap
	// doubles hundreds of times a second.
	ballast []byte
}

// The files in the data directory.
const (
	SessionsFile = "sessions.db"
	LedgerFile   = "admin.db"
)

const ballastSize = 32 << 20

// New opens the stores and the keys and makes the handlers. Close it. Its background work is done by Run.
func New(ctx context.Context, c config.Config, o Options) (*Server, error) {
	if o.Elapsed != nil {
		o.Now = newSteady(o.Now, o.Elapsed, o.Log).Now
	}
	catalog, err := texts.Load(c.Texts)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(c.Data, 0o700); err != nil {
		return nil, err
	}
	ring, err := keyring.LoadFile(c.Keys, o.Random, o.Now())
	if err != nil {
		return nil, err
	}
	s := &Server{started: c, o: o, ring: ring, texts: catalog, live: &settings.Live{}, reported: newReported(), metrics: metrics.New(o.Now),
		access: &access{}, ballast: make([]byte, ballastSize), writing: make(chan struct{}),
		shedder: shed.New(limits(o), o.Now)}
	s.edge, s.tls = newEdge(s), newCertificates(s.metrics.Certificate)
	s.life, s.end = context.WithCancel(context.Background())
	if err := s.open(ctx, c); err != nil {
		return nil, err
	}
	if err := s.assemble(ctx, c); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// open opens what is kept.
func (s *Server) open(ctx context.Context, c config.Config) error {
	if err := s.openStores(ctx, c); err != nil {
		return err
	}
	forward := s.o.Stdout
	if !c.Audit.Stdout {
		forward = nil
	}
	s.journal = audit.NewJournal(s.ledger.Audit(), audit.JournalOptions{Log: s.o.Log, Forward: forward, Dropped: s.metrics.AuditDropped})
	life, stop := context.WithCancel(context.Background())
	s.stopJournal = stop
	go func() {
		defer close(s.writing)
		s.journal.Run(life)
	}()
	return nil
}

// assemble makes everything from what is kept and what the configuration says.
func (s *Server) assemble(ctx context.Context, c config.Config) error {
	var err error
	s.restraint = audit.NewRestraint(recorder(s.o.Log, s.journal.Record))
	record := func(e audit.Event) {
		s.metrics.Event(e)
		s.restraint.Record(e)
	}
	s.record = record
	passOn := recorder(s.o.Log, func(e audit.Event) { s.journal.Forwarded(e) })
	kept := func(e audit.Event) {
		s.metrics.Event(e)
		passOn(e)
	}
	s.checker, err = policycheck.New(policycheck.Config{
		Rate: c.PolicyChecks.Rate, Concurrency: int(c.PolicyChecks.Concurrency), Now: s.o.Now, Log: s.o.Log, Count: s.metrics.PolicyCheck,
	})
	if err != nil {
		return err
	}
	s.engine, err = engine.New(engine.Config{
		Store: s.store, Ring: s.ring, Now: s.o.Now, Random: s.o.Random,
		Renewal: time.Duration(c.CookieRenewal), Record: record, Checks: s.checker, Serves: s.serves, Pressure: s.shedder.Pressure,
		Replicated: c.Store.Redis != nil,
	})
	if err != nil {
		return err
	}
	var turn func(context.Context) (func(), error)
	if s.replicas != nil {
		s.replicas.engine.Store(s.engine)
		turn = s.replicas.turn
	}
	s.connections = newConnections(s.o, record, s.checker.Serve)
	s.admin, err = admin.New(admin.Config{
		Sessions: s.store, Engine: s.engine, Settings: s.ledger.Settings(), Audit: s.ledger.Audit(), Record: record, Kept: kept, Flush: s.journal.Flush, Live: s.live,
		Now: s.o.Now, Provider: s.connections.look, Changed: s.engine.SettingsChanged,
		Reported: s.reported.list, Keys: s.keys, Turn: turn,
	})
	if err != nil {
		return err
	}
	s.observe()
	s.site, s.api, s.public = s.handlers(c, s.live)
	if c.Relay != nil {
		s.relay = s.newRelay(c)
	}
	if c.Console != nil {
		if s.console, err = s.newConsole(c); err != nil {
			return err
		}
	}
	newest, err := s.newestEntry(ctx)
	if err != nil {
		return err
	}
	if err := s.load(ctx, c); err != nil {
		return err
	}
	if s.replicas != nil {
		return nil // who has died without a word is noticed by whoever runs
	}
	if newest == 0 {
		return nil // there was no audit: nothing of it can be lost
	}
	return s.recoverAudit(ctx, newest-lostWithin, math.MaxInt64, "recorded after a restart")
}

// handlers are those for browsers and reverse proxies, for some environments.
func (s *Server) handlers(c config.Config, live *settings.Live) (*api.Site, *api.API, http.Handler) {
	site := api.NewSite(c.Prefix, live, s.engine.RecordRefusal)
	a := api.New(s.engine, site)
	mux := http.NewServeMux()
	a.Register(mux, s.timed(site))
	people := login.New(login.Config{
		Engine: s.engine, Site: site, API: a, Ring: s.ring, Connect: s.connections.get, Texts: s.texts, Random: s.o.Random, Log: s.o.Log,
	})
	people.Register(mux, s.metrics.Timed)
	proxies := forwardauth.New(s.engine, site, a, people.Unavailable)
	proxies.Register(mux, s.timed(site))
	if live == s.live {
		s.proxies = proxies
	}
	if live == s.live {
		s.registerServices(mux, site, a)
		s.presume(c)
	}
	s.registerAgent(mux, site)
	return site, a, s.edge.before(site, proxies.Before(a.Direct(mux)))
}

// serves reports whether an environment is still the one that it was. The console always is.
func (s *Server) serves(env settings.Environment) bool {
	now, ok := s.live.ByID(env.ID)
	return env.ID == config.ConsoleID || ok && now.Born == env.Born
}

// Public is the handler for browsers and reverse proxies. It answers below the prefix, and for the web resource at any depth.
func (s *Server) Public() http.Handler { return s.public }

// Admin administers the verifier. Whoever calls it says who does: it trusts the actor.
func (s *Server) Admin() *admin.Admin { return s.admin }

// Check judges a request to an application in the same process; it is a middleware.Checker.
func (s *Server) Check(r *http.Request) middleware.Verdict { return s.judge(r, s.site, s.api) }

func (s *Server) judge(r *http.Request, site *api.Site, a *api.API) middleware.Verdict {
	env, ok := site.Environment(r)
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
		a.SayWhere(&refusal, from)
		return middleware.Verdict{Refusal: refusal, Status: api.Status(refusal.Error)}
	}
	return middleware.Verdict{Allowed: true, User: middleware.User{
		Issuer: found.User.Issuer, Subject: found.User.Subject, Name: found.Name, Session: found.ID.String(),
	}}
}

// LedgerOptions are what a ledger is opened with: the verifier's own keys vouch for the end of the audit's chain.
func LedgerOptions(ring *keyring.Ring, log *slog.Logger) ledger.Options {
	return ledger.Options{
		Logger: log,
		Seal:   func(text string) string { return ring.Sign(keyring.AuditEnd, "", []byte(text)) },
		Sealed: func(text, seal string) bool {
			payload, err := ring.Open(keyring.AuditEnd, "", seal)
			return err == nil && string(payload) == text
		},
	}
}
