package server

import (
	"context"
	"encoding/binary"
	"net/http"
	"net/netip"
	"strings"
	"sync/atomic"
	"time"

	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/verifier/api"
	"github.com/curfew-project/curfew/verifier/audit"
	"github.com/curfew-project/curfew/verifier/config"
	"github.com/curfew-project/curfew/verifier/forwarded"
	"github.com/curfew-project/curfew/verifier/ratelimit"
)

// edge is what every request for browsers and reverse proxies passes first: who it comes from, whether they may ask for more, and what it
// may cost (P8). It is safe for concurrent use.
//
// Who shows a session that was made here is held to a rate of its own, so nobody else at the same address can use it up: thousands may
// share one. Everybody else is held to their address's. A stolen cookie is one of the session too, so the address is part of a session's
// name, heartbeats are counted apart, and what carries a proof has a way out: when the requests of a session are used up, proofs that name
// its key are counted once more, apart, and whoever has only copied the cookie does not know that. Pages and event streams carry none: who
// has a copied cookie behind the same address can keep them from the user, but neither heartbeats nor the sign-out. What a proxy asks of
// check is not limited: it is not the client's request, it costs less than to refuse it, and a refusal would be an error of the application.
type edge struct {
	*Server
	of      atomic.Pointer[edgeRules]
	limiter *ratelimit.Limiter
	streams atomic.Int64
	doubted chan struct{} // logout tokens that are being verified although many of their address's were wrong
	told    atomic.Bool   // that a proxy is not trusted
}

// edgeRules are what can change while the verifier runs.
type edgeRules struct {
	trusted          forwarded.Trusted
	address, session ratelimit.Limit
}

func newEdge(s *Server) *edge {
	return &edge{Server: s, limiter: ratelimit.New(), doubted: make(chan struct{}, mostDoubted)}
}

// set puts a configuration in force.
func (e *edge) set(c config.Config) {
	e.of.Store(&edgeRules{
		trusted: c.Proxies(),
		address: ratelimit.Limit{Rate: c.RateLimits.Address, Burst: float64(c.RateLimits.AddressBurst)},
		session: ratelimit.Limit{Rate: c.RateLimits.Session, Burst: float64(c.RateLimits.SessionBurst)},
	})
}

const (
	// mostBody is more than any request of a browser has; most handlers allow less.
	mostBody = 64 << 10
	// answerTime bounds what a request may wait for stores and providers. Event streams live longer, and check waits for nothing.
	answerTime = 40 * time.Second
	// mostDoubted is how many logout tokens of addresses that have sent many wrong ones are verified at once.
	mostDoubted = 4
	// nonceTimes is how many times as often a nonce may be asked for as a proof be sent: it costs no more than to refuse it, and who has
	// only copied a cookie could keep a page that is being loaded from its first heartbeat otherwise.
	nonceTimes = 50
)

func more(l ratelimit.Limit, times float64) ratelimit.Limit {
	return ratelimit.Limit{Rate: l.Rate * times, Burst: l.Burst * times}
}

// before stands before the handlers of some environments.
func (e *edge) before(site *api.Site, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rules := e.of.Load()
		seen, told := rules.trusted.Client(r)
		if told && !e.told.Swap(true) {
			e.o.Log.Warn("proxy_not_trusted", "address", forwarded.Address(r).String(),
				"meaning", "X-Forwarded headers of an address that is not in trusted_proxies are ignored; this is told once")
		}
		endpoint, below := strings.CutPrefix(seen.URL.Path, site.Prefix())
		if below && (endpoint == "check" || strings.HasPrefix(endpoint, "check/")) {
			next.ServeHTTP(w, seen)
			return
		}
		switch endpoint {
		case "events":
			if e.admit(w, seen, site, endpoint, rules) {
				e.stream(w, seen, site, next)
			}
		case "backchannel-logout", "introspect", "verdict", "endings":
			e.fromServer(w, bounded(w, seen), site, endpoint, rules, next)
		default:
			if e.admit(w, seen, site, endpoint, rules) {
				seen, cancel := inTime(bounded(w, seen))
				defer cancel()
				next.ServeHTTP(w, seen)
			}
		}
	})
}

// bounded is the request with a body that ends.
func bounded(w http.ResponseWriter, r *http.Request) *http.Request {
	if r.Body == nil || r.Body == http.NoBody {
		return r
	}
	with := *r
	with.Body = http.MaxBytesReader(w, r.Body, mostBody)
	return &with
}

func inTime(r *http.Request) (*http.Request, context.CancelFunc) {
	ctx, cancel := context.WithTimeout(r.Context(), answerTime)
	return r.WithContext(ctx), cancel
}

// stream lets an event stream begin while there are connections to spare: a page that has none learns of an end by its heartbeats, and
// those need connections too.
func (e *edge) stream(w http.ResponseWriter, r *http.Request, site *api.Site, next http.Handler) {
	defer e.streams.Add(-1)
	if e.streams.Add(1) > int64(e.started.MaxConnections)/2 {
		e.refuse(w, r, site, "", "event streams", time.Minute)
		return
	}
	next.ServeHTTP(w, r)
}

// fromServer lets servers ask: providers that end sessions, and services. They ask for many users at once and from one address, and what
// they are refused is not asked again by anybody, so only what is wrong counts: whoever asks wrongly too often has to wait. A provider's
// address may be shared with others, though, and a right logout token must not be lost for their wrong ones (B5): those of such an address
// are verified a few at a time.
func (e *edge) fromServer(w http.ResponseWriter, r *http.Request, site *api.Site, endpoint string, rules *edgeRules, next http.Handler) {
	key := e.limiter.Key(append(network(forwarded.Address(r)), 'f'))
	if wait, ok := e.limiter.Left(key, rules.address, e.o.Now()); !ok {
		if endpoint != "backchannel-logout" || !e.doubt() {
			e.refuse(w, r, site, "", "failed requests of a server", wait)
			return
		}
		defer func() { <-e.doubted }()
	}
	r, cancel := inTime(r)
	defer cancel()
	seen := &outcome{ResponseWriter: w}
	next.ServeHTTP(seen, r)
	if seen.status >= http.StatusBadRequest {
		e.limiter.Take(key, rules.address, e.o.Now())
	}
}

// doubt takes one of the places for doubtful logout tokens, if one is free.
func (e *edge) doubt() bool {
	select {
	case e.doubted <- struct{}{}:
		return true
	default:
		return false
	}
}

// outcome remembers the status of an answer.
type outcome struct {
	http.ResponseWriter
	status int
}

func (o *outcome) WriteHeader(status int) {
	o.status = status
	o.ResponseWriter.WriteHeader(status)
}

// Unwrap is for http.ResponseController.
func (o *outcome) Unwrap() http.ResponseWriter { return o.ResponseWriter }

// admit refuses a request that is one too many.
func (e *edge) admit(w http.ResponseWriter, r *http.Request, site *api.Site, endpoint string, rules *edgeRules) bool {
	now, from := e.o.Now(), network(forwarded.Address(r))
	env, known := site.Environment(r)
	session, named := "", false
	var wait time.Duration
	var ok bool
	var detail string
	if known {
		if id, own := e.engine.Named(env, api.ReadSessionCookie(r, env)); own {
			session, named = id.String(), true
			of := append(from, id[:]...)
			proofs := r.Header.Values(wire.HeaderProof)
			switch {
			case endpoint == "heartbeat" && len(proofs) == 0: // a page that has just been loaded asks for a nonce
				detail = "heartbeats without a proof of this session from one address"
				wait, ok = e.limiter.Take(e.limiter.Key(append(of, 'n')), more(rules.session, nonceTimes), now)
			default:
				kind, again := byte('s'), byte('K')
				detail = "requests of this session from one address"
				if endpoint == "heartbeat" {
					kind, again = 'h', 'k'
					detail = "heartbeats of this session from one address"
				}
				if wait, ok = e.limiter.Take(e.limiter.Key(append(of, kind)), rules.session, now); ok || len(proofs) == 0 {
					break
				}
				// A lookup that only those pay for who are too many.
				if key := e.limiter.Key(append(of, again)); e.engine.Claims(r.Context(), id, proofs) {
					wait, ok = e.limiter.Take(key, rules.session, now)
				}
			}
		}
	}
	if !named {
		detail = "requests of no session from one address"
		wait, ok = e.limiter.Take(e.limiter.Key(append(from, 'a')), rules.address, now)
	}
	if !ok {
		e.refuse(w, r, site, session, detail, wait)
	}
	return ok
}

// refuse tells a client to wait, and the audit of it.
func (e *edge) refuse(w http.ResponseWriter, r *http.Request, site *api.Site, session, what string, wait time.Duration) {
	env, _ := site.Environment(r)
	e.record(audit.Event{At: e.o.Now().UnixMilli(), Kind: audit.Refused, Environment: env.ID, Session: session, Code: wire.TooMany, Detail: "too many " + what})
	api.WriteRefusal(w, wire.Refusal{Error: wire.TooMany, Message: "too many " + what, RetryAfter: min(wait.Milliseconds()+1, wire.MaxRetry)})
}

// network names whoever has an address. Of IPv6 that is the first half: anybody has the second half to choose from.
func network(address netip.Addr) []byte {
	name := make([]byte, 0, 40)
	if address.Is6() {
		prefix, _ := address.Prefix(64)
		address = prefix.Addr()
	}
	name = append(name, address.AsSlice()...)
	return binary.BigEndian.AppendUint16(name, uint16(len(name))) // what follows cannot be taken for a part of it
}
