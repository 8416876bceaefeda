package engine

import (
	"encoding/binary"
	"errors"
	"time"

	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/verifier/keyring"
	"github.com/curfew-project/curfew/verifier/session"
	"github.com/curfew-project/curfew/verifier/settings"
	"github.com/curfew-project/curfew/verifier/steer"
)

// cookieSize is the length of a session cookie's payload: the session's ID and the instant at which the cookie goes stale.
const cookieSize = 16 + 8

var (
	errNoCookie  = errors.New("no session cookie")
	errBadCookie = errors.New("the session cookie was not made here")
)

// cookie makes the session's cookie at now: good for check until the renewal interval or any deadline is over, whichever is
// first (D4, P1).
func (e *Engine) cookie(env settings.Environment, s session.Session, now int64) string {
	ends, _ := s.State.Ends() // possibly deadline.Never
	expires := min(now+e.renewal.Milliseconds(), ends)
	payload := binary.BigEndian.AppendUint64(append(make([]byte, 0, cookieSize), s.ID[:]...), uint64(expires))
	return e.ring.Sign(keyring.SessionCookie, env.Scope(), payload)
}

// openCookie returns what a cookie of this environment names and when it goes stale. A stale cookie is no error: it still
// names the session for a heartbeat, where the proof is what counts.
func (e *Engine) openCookie(env settings.Environment, cookie string) (session.ID, int64, error) {
	if cookie == "" {
		return session.ID{}, 0, errNoCookie
	}
	if len(cookie) > wire.MaxCookie {
		return session.ID{}, 0, errBadCookie
	}
	payload, err := e.ring.Open(keyring.SessionCookie, env.Scope(), cookie)
	if err != nil || len(payload) != cookieSize {
		return session.ID{}, 0, errBadCookie
	}
	return session.ID(payload[:16]), int64(binary.BigEndian.Uint64(payload[16:])), nil
}

// interval is how long the page waits between heartbeats. It is another one in each answer, so that pages that came together do not go on
// together.
func (e *Engine) interval(s session.Session, now int64) time.Duration {
	shortest := e.renewal
	set := s.State.Settings
	if set.InactivityOn() {
		shortest = min(shortest, set.InactivityTimeout)
	}
	return steer.Interval(shortest, e.pressure(), s.ID.Seed(), uint64(now))
}

// Slack is how long it can wait without harm until the page with a cookie is heard: until only a quarter of the renewal interval is left
// before the cookie goes stale. That is never later than a deadline, so a page in need has no slack, and its need is vouched for by the
// cookie alone. false: this environment has not made the cookie, or it went stale longer ago than a renewal: whoever keeps old cookies must not
// be let in before those who work, and a page that slept can wait its turn.
func (e *Engine) Slack(env settings.Environment, cookie string) (time.Duration, bool) {
	_, expires, err := e.openCookie(env, cookie)
	now := e.clock()
	if err != nil || expires+e.renewal.Milliseconds() < now {
		return 0, false
	}
	return time.Duration(expires-now)*time.Millisecond - e.renewal/4, true
}
