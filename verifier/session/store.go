package session

import (
	"context"
	"errors"
)

// Store keeps sessions. All methods are safe for concurrent use and take the instant of the operation, in milliseconds
// since the epoch; no store reads a clock. Missing and ended are ordinary results and not errors; an error means that
// the store cannot answer, and then nothing may be let through.
//
// What is acknowledged survives kill -9 (P7): when Create returns nil, and when Update returns nil for a change of anything
// but Seq and State.Active, the change is durable; so is an ending that Update reports with ErrEnded or Expire returns. A
// change of only Seq and State.Active is durable within one second. When a method fails because something could not be
// made durable or ctx ended first, the change may or may not have happened; one that ended a session stays in force.
//
// An ended session stays ended (P4): a store refuses with ErrEnded any change to a session whose State.EndedAt is set,
// whatever is in flight.
type Store interface {
	// Create adds a new, living session and its sealed secrets. It fails with ErrExists if the ID is taken, ErrEnded if s has ended
	// and ErrInvalid if s or secrets do not validate.
	Create(ctx context.Context, s Session, secrets Sealed, now int64) error

	// Get finds a session, living or ended. ok is false when there is none or it was forgotten. The result is what the
	// last acknowledged operation left; time may have passed over a deadline since, which the caller judges.
	Get(ctx context.Context, id ID, now int64) (s Session, ok bool, err error)

	// Secrets finds what Create or SetSecrets was last given beside a session, living or ended. ok is false when there is no
	// such session or it was forgotten. It may read a disk or a network: it is not for every request.
	Secrets(ctx context.Context, id ID, now int64) (secrets Sealed, ok bool, err error)

	// SetSecrets replaces a session's secrets in one durable step: whatever happens, either the old or the new ones are there.
	// ok is false when there is no such session or it was forgotten; an ended one keeps its old ones and gives ErrEnded.
	SetSecrets(ctx context.Context, id ID, secrets Sealed, now int64) (ok bool, err error)

	// Update changes a session atomically: decide gets the session as it is and returns it as it shall be. It may run more
	// than once, must be pure and must not call the store. Returning an error changes nothing and passes that error on. ok
	// is false when there is no such session; decide did not run then. An ended session makes Update return it with
	// ErrEnded without running decide. ID, User, Key, Client and State.Began never change; a decide that changes them gets
	// ErrIdentity, and one whose result does not validate gets ErrInvalid; both change nothing.
	Update(ctx context.Context, id ID, now int64, decide func(Session) (Session, error)) (s Session, ok bool, err error)

	// ByUser lists a user's sessions that are not forgotten, living and ended, in order of their beginning.
	ByUser(ctx context.Context, user User, now int64) ([]Session, error)

	// ByProvider lists the sessions that are not forgotten, living and ended, of an issuer's own session ID (Session.Provider)
	// in one environment, in order of their beginning (B5). An empty ID finds none. It may read a disk or a network.
	ByProvider(ctx context.Context, environment, issuer, sid string, now int64) ([]Session, error)

	// Scan visits the sessions of one environment, or with an empty one of all, that are not forgotten, living and ended, each once and
	// in no order, until visit returns false. A session that is created or forgotten meanwhile may or may not be visited. visit must not
	// call the store. It is not for every request: it looks at every session there is.
	Scan(ctx context.Context, environment string, now int64, visit func(Session) (more bool)) error

	// Mark remembers a key until an instant, durably and once among all callers: first is false when it was marked already
	// and that has not expired, and then nothing changes. at is when it was marked first.
	Mark(ctx context.Context, key Key, until, now int64) (at int64, first bool, err error)

	// Marked reports whether a key is marked, and since when.
	Marked(ctx context.Context, key Key, now int64) (at int64, ok bool, err error)

	// LastEnd is the latest end of any of the user's sessions, or zero: the next sign-in must be later (B1). It is
	// kept when the session itself is forgotten, and counts sessions whose deadline passed without anybody noticing.
	LastEnd(ctx context.Context, user User, now int64) (int64, error)

	// Expire finds sessions whose deadline has passed, up to limit, ends them as of their deadline and returns them as
	// ended, each once among all callers. Fewer than limit means that there are no more.
	Expire(ctx context.Context, now int64, limit int) ([]Session, error)

	// Forget drops ended sessions that ended before an instant, with their secrets, and says how many. A session whose
	// deadline passed unnoticed is not ended for this: Expire comes first. What LastEnd says does not change. It drops
	// expired marks too, without counting them.
	Forget(ctx context.Context, before, now int64) (int, error)

	// Count is how many sessions live: they have not ended, and no deadline has passed by now.
	Count(ctx context.Context, now int64) (int, error)

	// Ready is nil when the store can serve and keep what it acknowledges; otherwise the error says why not.
	Ready(ctx context.Context) error

	// Close makes everything durable and releases the store. Afterwards every method, Close included, returns ErrClosed.
	Close() error
}

var (
	ErrExists   = errors.New("session exists already")
	ErrEnded    = errors.New("session has ended")
	ErrIdentity = errors.New("a session's identity cannot change")
	ErrClosed   = errors.New("store is closed")
)
