package services

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/verifier/settings"
)

// Client is a service that may ask about the sessions of one environment.
type Client struct {
	ID         string
	SecretHash [sha256.Size]byte // SHA-256: the secret is long and random, so that nothing slower is needed
}

// Clients are the services of each environment, by its ID. They can be replaced while they are in use; the zero value has none.
type Clients struct {
	now      atomic.Pointer[map[string][]Client]
	attempts attempts
}

// Set replaces all of them.
func (c *Clients) Set(all map[string][]Client) { c.now.Store(&all) }

// authenticate finds the service that a request comes from: by HTTP Basic with its ID, encoded as RFC 6749 section 2.3.1 says, or by its
// secret alone as a bearer token (RFC 7662 section 2.1). Every secret of the environment is compared, in constant time.
func (c *Clients) authenticate(r *http.Request, env settings.Environment) (Client, bool) {
	id, secret, named, ok := credentials(r)
	all := c.now.Load()
	if !ok || all == nil {
		return Client{}, false
	}
	digest := sha256.Sum256([]byte(secret))
	found, n := Client{}, 0
	for _, one := range (*all)[env.ID] {
		same := subtle.ConstantTimeCompare(digest[:], one.SecretHash[:])
		if same == 1 && (!named || one.ID == id) {
			found, n = one, n+1
		}
	}
	return found, n == 1
}

// credentials are what the one Authorization header of a request has.
func credentials(r *http.Request) (id, secret string, named, ok bool) {
	all := r.Header["Authorization"]
	if len(all) != 1 || len(all[0]) > wire.MaxCookie {
		return "", "", false, false
	}
	if user, password, basic := r.BasicAuth(); basic {
		id, errID := url.QueryUnescape(user)
		secret, errSecret := url.QueryUnescape(password)
		return id, secret, true, errID == nil && errSecret == nil && secret != ""
	}
	scheme, token, _ := strings.Cut(all[0], " ")
	return "", token, false, strings.EqualFold(scheme, "Bearer") && token != ""
}

// attempts bounds how often wrong secrets are answered and recorded, for all together: a right one is never in doubt.
type attempts struct {
	mu   sync.Mutex
	left float64
	at   int64 // milliseconds since the epoch
	seen bool
}

const (
	attemptsAtOnce = 50
	attemptsRate   = 10.0 // a second
)

// allow counts one at now, in milliseconds since the epoch.
func (a *attempts) allow(now int64) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.seen {
		a.seen, a.left, a.at = true, attemptsAtOnce, now
	}
	if now > a.at {
		a.left = min(attemptsAtOnce, a.left+float64(now-a.at)/1000*attemptsRate)
	}
	a.at = now
	if a.left < 1 {
		return false
	}
	a.left--
	return true
}
