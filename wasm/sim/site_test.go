package sim

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/curfew-project/curfew/shared/policy"
	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/verifier/api"
	"github.com/curfew-project/curfew/verifier/audit"
	"github.com/curfew-project/curfew/verifier/engine"
	"github.com/curfew-project/curfew/verifier/keyring"
	"github.com/curfew-project/curfew/verifier/pages"
	"github.com/curfew-project/curfew/verifier/session"
	"github.com/curfew-project/curfew/verifier/settings"
	"github.com/curfew-project/curfew/verifier/store/embedded"
	"github.com/curfew-project/curfew/wasm/dist"
	"github.com/curfew-project/curfew/wasm/host"
)

const prefix = "/.curfew/"

// site is an application behind the real verifier with its real store. Only the identity provider is missing: whoever proves a
// key is signed in at once, as one user, and a provider answers policy checks as its script says.
type site struct {
	provider *provider // nil: nobody can be asked, so sessions are bypassed (A6)
	env      settings.Environment
	live     *settings.Live
	engine   *engine.Engine
	where    *api.Site
	api      *api.API
	dist     *dist.Dist
	now      func() time.Time
	mux      *http.ServeMux

	mu    sync.Mutex
	audit []audit.Event
}

// checks are the numbers of mission rows A5 to A7.
var checks = settings.PolicyCheck{Interval: time.Hour, Budget: 8 * time.Hour, Cap: policy.Cap}

var built = sync.OnceValues(dist.Load)

func newSite(t testing.TB, origin string, times policy.Settings, now func() time.Time, seed uint64, provider *provider) *site {
	t.Helper()
	d, err := built()
	if err != nil {
		t.Fatal(err)
	}
	store, err := embedded.Open(context.Background(), filepath.Join(t.TempDir(), "sessions.db"), embedded.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	random := host.SeededRandom(seed)
	secret, err := keyring.NewSecret(random)
	if err != nil {
		t.Fatal(err)
	}
	ring, err := keyring.New(secret)
	if err != nil {
		t.Fatal(err)
	}
	s := &site{provider: provider, env: settings.Environment{ID: "records", Origin: origin, Settings: times, Check: checks}, dist: d, now: now, mux: http.NewServeMux()}
	config := engine.Config{Store: store, Ring: ring, Now: now, Random: random, Renewal: policy.MaxCookieRenewal, Record: s.record}
	if provider != nil {
		config.Checks = provider
	}
	s.engine, err = engine.New(config)
	if err != nil {
		t.Fatal(err)
	}
	if provider != nil {
		provider.engine, provider.now = s.engine, now
	}
	s.live = settings.NewLive(s.env)
	where := api.NewSite(prefix, s.live, s.engine.RecordRefusal)
	s.where, s.api = where, api.New(s.engine, where)
	s.api.Register(s.mux, nil)
	s.mux.HandleFunc("GET "+prefix+"agent.js", func(w http.ResponseWriter, r *http.Request) { d.ServeLoader(w, r, dist.Site{Prefix: prefix}) })
	s.mux.HandleFunc("GET "+prefix+d.WasmName(), d.ServeWasm)
	s.mux.HandleFunc("GET "+prefix+"page.css", pages.Style)
	s.mux.HandleFunc("GET "+prefix+"{mode}", s.page)
	s.mux.Handle("POST "+prefix+"sign-in", where.For(s.signIn))
	s.mux.Handle("POST "+prefix+"sign-out", where.For(s.signOut))
	s.mux.HandleFunc("GET /signed-out", func(w http.ResponseWriter, _ *http.Request) {
		pages.Write(w, http.StatusOK, pages.Page{Prefix: prefix, Title: "Signed out"})
	})
	s.mux.HandleFunc("GET /", s.application)
	return s
}

// set puts other times in force, as an administrator does.
func (s *site) set(times policy.Settings) {
	env := s.env
	env.Settings = times
	s.live.Set([]settings.Environment{env})
	s.engine.SettingsChanged(env.ID)
}

func (s *site) record(e audit.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.audit = append(s.audit, e)
}

// events are the audit's events of a kind.
func (s *site) events(kind audit.Kind) []audit.Event {
	s.mu.Lock()
	defer s.mu.Unlock()
	var found []audit.Event
	for _, e := range s.audit {
		if e.Kind == kind {
			found = append(found, e)
		}
	}
	return found
}

// page is one of Curfew's own pages: sign-in, resume and sign-out, each with the agent in that mode.
func (s *site) page(w http.ResponseWriter, r *http.Request) {
	back, ok := s.where.ReturnTo(r.URL.Query().Get("return_to"))
	if !ok {
		api.WriteRefusal(w, wire.Refusal{Error: wire.BadReturnTo})
		return
	}
	agent := pages.Agent{Mode: r.PathValue("mode"), ReturnTo: back}
	switch agent.Mode {
	case "sign-in":
		agent.Nonce, agent.Stay = s.engine.SignInNonce(s.env), s.provider != nil && s.provider.stay
	case "resume", "sign-out":
	default:
		http.NotFound(w, r)
		return
	}
	pages.Write(w, http.StatusOK, pages.Page{Prefix: prefix, Title: "One moment", Agent: &agent})
}

// user signs in with credentials at the time of the sign-in.
func (s *site) user() session.Identity {
	return session.Identity{Issuer: "https://id.example", Subject: "alice", Name: "Alice", AuthTime: s.now().Unix()}
}

func (s *site) signIn(w http.ResponseWriter, r *http.Request, env settings.Environment) {
	key, err := s.engine.ProveKey(env, r.Header.Values(wire.HeaderProof), r.Method, env.Origin+prefix+"sign-in")
	if err != nil {
		api.WriteRefusal(w, api.AsRefusal(err))
		return
	}
	back, ok := s.where.ReturnTo(r.FormValue("return_to"))
	if !ok {
		api.WriteRefusal(w, wire.Refusal{Error: wire.BadReturnTo})
		return
	}
	in := engine.SignIn{Who: s.user(), Key: key, Replaced: api.ReadSessionCookie(r, env), Stay: r.FormValue(wire.FieldStay) == "1"}
	if s.provider != nil {
		in.RefreshToken = "refresh"
	}
	_, cookie, err := s.engine.Begin(r.Context(), env, in)
	if err != nil {
		api.WriteRefusal(w, wire.Refusal{Error: wire.SignInFailed, Message: err.Error()})
		return
	}
	api.SetSessionCookie(w, env, cookie)
	api.WriteJSON(w, http.StatusOK, wire.Redirect{Location: back})
}

func (s *site) signOut(w http.ResponseWriter, r *http.Request, env settings.Environment) {
	if _, err := s.engine.SignOut(r.Context(), env, s.api.Proved(r, env, "sign-out"), false); err != nil {
		api.WriteRefusal(w, api.AsRefusal(err))
		return
	}
	api.WriteJSON(w, http.StatusOK, wire.Redirect{Location: "/signed-out"})
}

// application answers every other address, behind check as a reverse proxy asks it.
func (s *site) application(w http.ResponseWriter, r *http.Request) {
	verdict := s.check(r.Header.Get("Cookie"), r.URL.RequestURI())
	if verdict.Code != http.StatusNoContent {
		http.Redirect(w, r, verdict.Header().Get("Location"), http.StatusSeeOther)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	fmt.Fprintf(w, `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Records</title>
<script src="%sagent.js" async></script></head><body><h1>Records of %s</h1></body></html>`, prefix, verdict.Header().Get(api.HeaderUser))
}

// check is the verifier's verdict on a request with these cookies.
func (s *site) check(cookies, uri string) *httptest.ResponseRecorder {
	origin, _ := url.Parse(s.env.Origin)
	r := httptest.NewRequest(http.MethodGet, s.env.Origin+prefix+"check", nil)
	r.Host = origin.Host
	r.Header.Set("X-Original-URI", uri)
	if cookies != "" {
		r.Header.Set("Cookie", cookies)
	}
	verdict := httptest.NewRecorder()
	s.mux.ServeHTTP(verdict, r)
	return verdict
}
