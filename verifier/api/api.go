package api

import (
	"io"
	"net/http"
	"net/url"
	"strconv"
	"sync/atomic"

	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/verifier/engine"
	"github.com/curfew-project/curfew/verifier/session"
	"github.com/curfew-project/curfew/verifier/settings"
)

// API serves heartbeat, check and events.
type API struct {
	engine  *engine.Engine
	site    *Site
	streams atomic.Int64 // open event streams
	direct  http.Handler // check
}

// New makes the API.
func New(e *engine.Engine, site *Site) *API { return &API{engine: e, site: site} }

// Timed wraps the handler of an endpoint, to measure it. It must be cheap: check is the busiest handler of all.
type Timed func(endpoint string, next http.Handler) http.Handler

// Register adds the API's addresses to a mux, heartbeat and check measured where timed is not nil.
func (a *API) Register(mux *http.ServeMux, timed Timed) {
	if timed == nil {
		timed = func(_ string, next http.Handler) http.Handler { return next }
	}
	mux.Handle("POST "+a.site.prefix+"heartbeat", timed("heartbeat", a.site.For(a.heartbeat)))
	a.direct = timed("check", a.site.For(a.check))
	mux.Handle("GET "+a.site.prefix+"check", a.direct)
	mux.Handle("POST "+a.site.prefix+"token", timed("token", a.site.For(a.token)))
	mux.Handle("GET "+a.site.prefix+"events", a.site.For(a.events))
	mux.HandleFunc("GET "+a.site.prefix+"jwks.json", a.jwks)
}

// Direct stands before the mux that Register was given: the busiest request of all needs no search for its handler.
func (a *API) Direct(mux http.Handler) http.Handler {
	check := a.site.prefix + "check"
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == check && r.Method == http.MethodGet {
			a.direct.ServeHTTP(w, r)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

func (a *API) heartbeat(w http.ResponseWriter, r *http.Request, env settings.Environment) {
	if !drained(r) {
		WriteRefusal(w, wire.Refusal{Error: wire.BadRequest, Message: "a heartbeat has no body"})
		return
	}
	reply, cookie, err := a.engine.Heartbeat(r.Context(), env, a.Proved(r, env, "heartbeat"))
	if err != nil {
		refusal := AsRefusal(err)
		a.SayWhere(&refusal, "")
		WriteRefusal(w, refusal)
		return
	}
	SetSessionCookie(w, env, cookie)
	WriteJSON(w, http.StatusOK, reply)
}

// Streams is how many event streams are open.
func (a *API) Streams() int { return int(a.streams.Load()) }

// Proved is a request of the page with what proves it.
func (a *API) Proved(r *http.Request, env settings.Environment, endpoint string) engine.Request {
	return engine.Request{
		Cookie: ReadSessionCookie(r, env),
		Proofs: r.Header.Values(wire.HeaderProof),
		Method: r.Method,
		URL:    a.site.URL(env, endpoint),
	}
}

// drained reports whether the request has no body.
func drained(r *http.Request) bool {
	n, _ := io.ReadFull(r.Body, make([]byte, 1))
	return n == 0
}

// Headers with which check tells the application who the user is. A reverse proxy must set them itself, from this answer, so
// that nobody can send their own.
const (
	HeaderUser    = "Curfew-User"         // the subject
	HeaderName    = "Curfew-Name"         // what the provider calls the user, percent-encoded
	HeaderSession = "Curfew-Session"      // the session's ID
	HeaderReason  = "Curfew-Reason"       // with 401: the code, or the reason of an ended session
	HeaderEnds    = "Curfew-Session-Ends" // when the session ends whatever anybody does, in milliseconds since the epoch
)

// checkHeaders are those of a verdict that lets through, in canonical form.
var checkHeaders = [...]string{"Cache-Control", HeaderUser, HeaderName, HeaderSession, HeaderEnds}

// check is the verdict for a reverse proxy: 204 with who the user is, or 401 with why not and where to go.
func (a *API) check(w http.ResponseWriter, r *http.Request, env settings.Environment) {
	s, err := a.engine.Check(r.Context(), env, ReadSessionCookie(r, env))
	h := w.Header()
	if err != nil {
		refusal := AsRefusal(err)
		a.SayWhere(&refusal, r.Header.Get("X-Original-URI"))
		h.Set(HeaderReason, Reason(refusal))
		if refusal.Resume != "" {
			h.Set("Location", refusal.Resume)
		} else if refusal.SignIn != "" {
			h.Set("Location", refusal.SignIn)
		}
		WriteRefusal(w, refusal)
		return
	}
	WriteIdentity(h, s)
	a.WriteAssertion(h, r, env, s)
	w.WriteHeader(http.StatusNoContent)
}

// WriteIdentity says who a session belongs to. Every header is there, an empty one too: what a verdict leaves out, a client could send.
func WriteIdentity(h http.Header, s session.Session) {
	values := [...]string{"no-store", s.User.Subject, url.PathEscape(s.Name), s.ID.String(), strconv.FormatInt(s.State.SessionEnds(), 10)}
	for i, name := range checkHeaders {
		h[name] = values[i : i+1 : i+1] // one allocation for all, and this is the busiest handler of all
	}
}

// Reason is the value of HeaderReason for a refusal.
func Reason(refusal wire.Refusal) string {
	if refusal.Reason != "" {
		return string(refusal.Reason)
	}
	return string(refusal.Error)
}

// SayWhere adds to a refusal where a browser can go: sign-in, or resume for a stale cookie, and back to where it was.
func (a *API) SayWhere(refusal *wire.Refusal, from string) {
	query := ""
	if back, ok := a.site.ReturnTo(from); ok && from != "" {
		query = url.QueryEscape(back)
	}
	switch refusal.Error {
	case wire.StaleCookie:
		refusal.Resume = a.site.prefix + "resume"
		if query != "" {
			refusal.Resume += "?return_to=" + query
		}
	case wire.NoSession, wire.SessionEnded, wire.WrongKey:
		refusal.SignIn = a.site.prefix + "sign-in?again=1"
		if query != "" && refusal.Error != wire.WrongKey {
			refusal.SignIn += "&return_to=" + query
		}
	}
}
