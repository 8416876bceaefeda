package middleware

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/curfew-project/curfew/shared/wire"
)

// RemoteConfig is what an application or an API in another process needs to ask the verifier. Verifier, Origin, ID, Secret and Now are
// required.
type RemoteConfig struct {
	// Verifier is where the verifier answers: its listen address, such as http://127.0.0.1:8480, or https where it is reached over a network.
	Verifier string
	Prefix   string // the verifier's prefix; default /.curfew/
	Origin   string // what browsers call the application: the environment's origin
	// API is what pages call the API where that is not the application's origin; default Origin.
	API        string
	ID, Secret string // as under services in the environment's configuration

	// Cache is for how long a verdict may be kept at most: 0, the default, for not at all, up to MaxCache. It is used only while Run hears
	// of endings, and a verdict never outlives a deadline, the cookie or an ending.
	Cache time.Duration
	// Entries is how many verdicts are kept at most; default 10,000, about 5 MB.
	Entries int

	Timeout time.Duration // for one answer; default 2s, at most 30s
	Client  *http.Client  // nil: one with a pool of connections for this verifier
	// Now is time.Now, with both of its clocks: the wall clock goes on while the machine sleeps, and the monotonic one cannot be set back.
	Now func() time.Time
}

// MaxCache is below the least time for which any warning shows (20 seconds, WCAG 2.2.1). A deadline that comes nearer leaves at least
// that (A12), so no verdict can outlive one that did.
const MaxCache = 10 * time.Second

const (
	defaultTimeout = 2 * time.Second
	maxTimeout     = 30 * time.Second
	defaultEntries = 10_000
	maxAnswer      = 1 << 20 // bytes
	maxConnections = 64
)

// Remote asks the verifier from another process. It is a Checker, an APIChecker and a Follower, and safe for concurrent use. When the
// verifier does not answer, it refuses with wire.Unavailable. Without Run it keeps nothing, and hears of endings only by asking.
type Remote struct {
	c      RemoteConfig
	base   string // of the verifier's addresses
	host   string
	cookie string
	calls  calls
	cache  cache
}

// NewRemote makes a Remote, or says which field of the configuration is wrong. It asks nothing yet.
func NewRemote(c RemoteConfig) (*Remote, error) {
	for _, field := range [...]struct{ name, value string }{{"Verifier", c.Verifier}, {"Origin", c.Origin}, {"ID", c.ID}, {"Secret", c.Secret}} {
		if field.value == "" {
			return nil, fmt.Errorf("middleware: %s is required", field.name)
		}
	}
	if c.Now == nil {
		return nil, errors.New("middleware: Now is required")
	}
	c.Prefix, c.API = orText(c.Prefix, "/.curfew/"), orText(c.API, c.Origin)
	if c.Timeout == 0 {
		c.Timeout = defaultTimeout
	}
	if c.Entries == 0 {
		c.Entries = defaultEntries
	}
	switch {
	case c.Cache < 0 || c.Cache > MaxCache:
		return nil, fmt.Errorf("middleware: Cache is %s; allowed: 0 to %s", c.Cache, MaxCache)
	case c.Timeout < 0 || c.Timeout > maxTimeout:
		return nil, fmt.Errorf("middleware: Timeout is %s; allowed: up to %s", c.Timeout, maxTimeout)
	case c.Entries < 0:
		return nil, fmt.Errorf("middleware: Entries is %d; allowed: 1 or more", c.Entries)
	case !strings.HasPrefix(c.Prefix, "/") || !strings.HasSuffix(c.Prefix, "/"):
		return nil, fmt.Errorf("middleware: Prefix is %q; allowed: a path that begins and ends with a slash", c.Prefix)
	}
	for _, field := range [...]struct{ name, value string }{{"Verifier", c.Verifier}, {"Origin", c.Origin}, {"API", c.API}} {
		u, err := url.Parse(field.value)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || field.value != u.Scheme+"://"+u.Host {
			return nil, fmt.Errorf("middleware: %s is %q; allowed: scheme://host[:port] without anything behind it", field.name, field.value)
		}
	}
	if c.Client == nil {
		transport := http.DefaultTransport.(*http.Transport).Clone()
		transport.Proxy = nil // the secret is for the verifier alone
		transport.MaxConnsPerHost, transport.MaxIdleConnsPerHost = maxConnections, maxConnections
		c.Client = &http.Client{Transport: transport}
	}
	client := *c.Client
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	c.Client = &client
	origin, _ := url.Parse(c.Origin)
	r := &Remote{c: c, base: c.Verifier + c.Prefix, host: origin.Host, cookie: wire.SessionCookie}
	if origin.Scheme == "https" {
		r.cookie = wire.SecureCookie + wire.SessionCookie
	}
	r.cache.init(c.Entries, c.Now)
	return r, nil
}

func orText(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}

// sessionCookie is the value of the one session cookie, or empty. Two of one name are none: one of them was planted.
func (r *Remote) sessionCookie(request *http.Request) string {
	all := request.CookiesNamed(r.cookie)
	if len(all) != 1 || len(all[0].Value) > wire.MaxCookie {
		return ""
	}
	return all[0].Value
}

// Check judges a request by its session cookie. Requests with one cookie that come together are judged together, each of them by an
// answer that was asked for after it came.
func (r *Remote) Check(request *http.Request) Verdict {
	cookie := r.sessionCookie(request)
	key := keyOf(cookie)
	if r.c.Cache > 0 {
		if kept, ok := r.cache.get(key); ok {
			return verdictOf(kept)
		}
	}
	got, err := r.calls.do(request.Context(), key, func() (wire.Verdict, error) { return r.judge(key, cookie) })
	if err != nil {
		return unavailable()
	}
	verdict := verdictOf(got)
	if !verdict.Allowed {
		r.sayWhere(&verdict.Refusal, request)
	}
	return verdict
}

// judge asks for the verdict on a cookie, and keeps it if that is allowed.
func (r *Remote) judge(key cacheKey, cookie string) (wire.Verdict, error) {
	asked, epoch := r.c.Now(), r.cache.epoch()
	got, err := r.ask(url.Values{wire.FieldCookie: {cookie}})
	if err == nil && got.Allowed && r.c.Cache > 0 {
		r.cache.put(key, got, asked, min(millis(got.Fresh), r.c.Cache), epoch)
	}
	return got, err
}

// CheckAPI judges a request to an API by its access token and proof. Nothing of it is kept: every proof is good once.
func (r *Remote) CheckAPI(request *http.Request) Verdict {
	got, err := r.askFor(request.Context(), url.Values{
		wire.FieldToken: {AccessToken(request)}, wire.FieldProof: request.Header.Values(wire.HeaderProof),
		wire.FieldMethod: {request.Method}, wire.FieldURL: {r.c.API + request.URL.EscapedPath()},
	})
	if err != nil {
		return unavailable()
	}
	return verdictOf(got)
}

// Follow is the context of a request that is open for long; see Follower. While Run hears of endings it is as quick as they are; otherwise
// the verifier is asked every two seconds.
func (r *Remote) Follow(request *http.Request, user User) (context.Context, context.CancelFunc) {
	cookie := r.sessionCookie(request)
	followed, stop := r.cache.follow(user.Session)
	var last vouched
	ctx, cancel := while(request.Context(), living{
		ended: followed.ended, look: followed.look,
		lasts: func(ctx context.Context) (time.Duration, error) {
			asked := r.c.Now()
			got, err := r.askFor(ctx, url.Values{wire.FieldCookie: {cookie}, wire.FieldOpen: {"1"}})
			if err != nil {
				return 0, err
			}
			return min(millis(got.Lasts), last.by(got, asked)), nil
		},
		every: func() time.Duration {
			if r.cache.alive() {
				return lookEvery
			}
			return 2 * askAgain
		},
	})
	return ctx, func() { cancel(); stop() }
}

// vouched is how long the last heartbeat vouches for a request that is open for long. Its cookie cannot be renewed, so a heartbeat is
// known by what it changes.
type vouched struct {
	proved uint64
	at     time.Time
	length time.Duration // 0: nothing is known yet
}

// by is for how long from an instant on, at which a question was sent with that answer.
func (v *vouched) by(got wire.Verdict, asked time.Time) time.Duration {
	switch {
	case v.length == 0:
		*v = vouched{got.Proved, asked, millis(got.Fresh)}
	case got.Proved != v.proved:
		*v = vouched{got.Proved, asked, millis(got.Renewal)}
	}
	return v.length - passed(v.at, asked)
}

func unavailable() Verdict {
	return Verdict{Refusal: wire.Refusal{Error: wire.Unavailable}, Status: http.StatusServiceUnavailable}
}

func verdictOf(v wire.Verdict) Verdict {
	out := Verdict{Allowed: v.Allowed, Status: v.Status, Nonce: v.Nonce, User: User{Issuer: v.Issuer, Subject: v.Subject, Name: v.Name, Session: v.Session}}
	if v.Refusal != nil {
		out.Refusal = *v.Refusal
	}
	return out
}

func millis(n int64) time.Duration {
	return time.Duration(min(max(n, 0), wire.MaxLasts)) * time.Millisecond
}

// sayWhere adds where a navigation was to the addresses of a refusal, so that people come back to it. The verifier looks at it once more.
func (r *Remote) sayWhere(refusal *wire.Refusal, request *http.Request) {
	from := request.URL.RequestURI()
	if request.Method != http.MethodGet || len(from) > wire.MaxReturnTo || from[0] != '/' || strings.HasPrefix(from, "//") ||
		strings.Contains(from, `\`) || strings.HasPrefix(from, r.c.Prefix) {
		return // anything else than a GET cannot be repeated by going there
	}
	back := "return_to=" + url.QueryEscape(from)
	for _, address := range []*string{&refusal.SignIn, &refusal.Resume} {
		switch {
		case *address == "":
		case strings.Contains(*address, "?"):
			*address += "&" + back
		default:
			*address += "?" + back
		}
	}
}
