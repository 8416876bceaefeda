// Package engine decides: sign-in, heartbeat, check and end. Each operation reads the clock once, judges with the rule set
// of shared/deadline, and stores in one atomic step.
package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/curfew-project/curfew/shared/deadline"
	"github.com/curfew-project/curfew/shared/policy"
	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/verifier/audit"
	"github.com/curfew-project/curfew/verifier/keyring"
	"github.com/curfew-project/curfew/verifier/proofcheck"
	"github.com/curfew-project/curfew/verifier/session"
	"github.com/curfew-project/curfew/verifier/settings"
)

// Config is what an Engine needs. All fields but Record are required.
type Config struct {
	Store  session.Store
	Ring   *keyring.Ring
	Now    func() time.Time
	Random io.Reader
	// Renewal is how long a cookie is good for `check` (D4): policy.MinCookieRenewal to
	// policy.MaxCookieRenewal.
	Renewal time.Duration
	// Record takes the audit's events; nil drops them.
	Record audit.Recorder
	// Serves reports whether an environment is served as it was when an operation began: it may have been removed meanwhile, or made anew.
	// nil: all are.
	Serves func(settings.Environment) bool
	// Checks carries out policy checks (A5); nil never does, so that a session whose check is long overdue is refused.
	Checks Checks
	// Pressure is how much there is to do, from 0 to 1, cheaply: it stretches the interval between heartbeats. nil: there is none.
	Pressure func() float64
	// Replicated says that other verifiers use Store too. The proofs of requests to APIs that were used are remembered there then, and no
	// application keeps verdicts, because an ending may be another verifier's. Otherwise this process remembers the proofs, and takes
	// none that was made with another process's nonce.
	Replicated bool
}

// Checks carries out policy checks in the background.
type Checks interface {
	// Ask asks for a session's policy check. It does not block, and asking again before it is done adds nothing. by is when the
	// session ends without an answer, in milliseconds since the epoch, or 0: the nearest comes first. done is closed when the check has been carried out, or turned out not to be due.
	Ask(env settings.Environment, id session.ID, by int64) (done <-chan struct{})
}

// Engine is safe for concurrent use.
type Engine struct {
	store   session.Store
	ring    *keyring.Ring
	nonces  proofcheck.Nonces
	now     func() time.Time
	random  io.Reader
	renewal time.Duration
	record  audit.Recorder
	checks  Checks
	serves  func(settings.Environment) bool
	watches watches

	pressure   func() float64
	assertions assertions

	feeds feeds

	apiNonces proofcheck.Nonces // for access tokens, and what they are presented with
	instance  string            // of this process; empty when its nonces are good at others
	shared    bool
	replays   replays
}

// New makes an engine, or says which field of the configuration is wrong.
func New(c Config) (*Engine, error) {
	if c.Store == nil || c.Ring == nil || c.Now == nil || c.Random == nil {
		return nil, errors.New("engine: Store, Ring, Now and Random are required")
	}
	if c.Renewal < policy.MinCookieRenewal || c.Renewal > policy.MaxCookieRenewal {
		return nil, fmt.Errorf("cookie_renewal is %s; allowed: %s to %s",
			policy.Format(c.Renewal), policy.Format(policy.MinCookieRenewal), policy.Format(policy.MaxCookieRenewal))
	}
	if c.Record == nil {
		c.Record = func(audit.Event) {}
	}
	if c.Serves == nil {
		c.Serves = func(settings.Environment) bool { return true }
	}
	if c.Pressure == nil {
		c.Pressure = func() float64 { return 0 }
	}
	instance := ""
	if !c.Replicated {
		var raw [16]byte
		if _, err := io.ReadFull(c.Random, raw[:]); err != nil {
			return nil, err
		}
		instance = string(raw[:])
	}
	return &Engine{
		instance: instance, shared: c.Replicated, apiNonces: proofcheck.Nonces{Ring: c.Ring, Life: apiNonceLife},
		feeds:  feeds{of: map[string]map[*Feed]struct{}{}},
		serves: c.Serves, pressure: c.Pressure,
		store: c.Store, ring: c.Ring, now: c.Now, random: c.Random, renewal: c.Renewal, record: c.Record, checks: c.Checks,
		watches: watches{of: map[session.ID]map[*Watch]struct{}{}},
		nonces:  proofcheck.Nonces{Ring: c.Ring, Life: nonceLife},
	}, nil
}

// nonceLife outlasts the heartbeat interval of a hidden, throttled tab. A page whose nonce has expired asks for another.
const nonceLife = 5 * time.Minute

// Refusal is a typed refusal as an error. Everything that an operation refuses is one.
type Refusal struct{ wire.Refusal }

func (r *Refusal) Error() string {
	text := string(r.Refusal.Error)
	if r.Reason != "" {
		text += " (" + string(r.Reason) + ")"
	}
	if r.Message != "" {
		text += ": " + r.Message
	}
	return text
}

func refuse(code wire.Code, message string) *Refusal {
	return &Refusal{wire.Refusal{Error: code, Message: message}}
}

// unavailable turns an error of the store into a refusal: while the store cannot answer, nothing is let through. The caller's
// own cancelled context is passed on as it is.
func unavailable(err error) error {
	return fmt.Errorf("%w (%w)", refuse(wire.Unavailable, "the session store cannot answer"), err)
}

func (e *Engine) clock() int64 { return e.now().UnixMilli() }

// Now is the engine's clock, for the sign-in that must judge by the same.
func (e *Engine) Now() time.Time { return e.now() }

// Ready is nil when the engine can decide.
func (e *Engine) Ready(ctx context.Context) error { return e.store.Ready(ctx) }

func ended(s session.Session, now int64) *Refusal {
	at, reason := s.State.Ends()
	return &Refusal{wire.Refusal{Error: wire.SessionEnded, Reason: reason, EndedAt: at, Now: now, SID: s.ID.String()}}
}

// find is the session that a cookie of this environment names, whatever its age. A session that is over gives SessionEnded.
func (e *Engine) find(ctx context.Context, env settings.Environment, cookie string, now int64) (session.Session, int64, error) {
	id, expires, err := e.openCookie(env, cookie)
	if err != nil {
		if errors.Is(err, errBadCookie) {
			e.record(audit.Event{At: now, Kind: audit.Refused, Environment: env.ID, Code: wire.NoSession, Detail: err.Error()})
		}
		return session.Session{}, 0, refuse(wire.NoSession, err.Error())
	}
	s, ok, err := e.store.Get(ctx, id, now)
	if err != nil {
		return session.Session{}, 0, unavailable(err)
	}
	if !ok || s.User.Environment != env.ID {
		return session.Session{}, 0, refuse(wire.NoSession, "nobody knows this session any more")
	}
	if s.State.Ended(now) {
		return s, 0, ended(s, now)
	}
	return s, expires, nil
}

// end ends one session for a reason. It is not an error when the session has ended already; the first reason stays.
func (e *Engine) end(ctx context.Context, s session.Session, reason wire.Reason, now int64) (session.Session, error) {
	return e.endAs(ctx, s, reason, "", now)
}

// endAs is end on the word of an administrator, or of nobody.
func (e *Engine) endAs(ctx context.Context, s session.Session, reason wire.Reason, actor string, now int64) (session.Session, error) {
	next, ok, err := e.store.Update(context.WithoutCancel(ctx), s.ID, now, func(s session.Session) (session.Session, error) {
		s.State = deadline.Step(s.State, deadline.End{Reason: reason}, now)
		return s, nil
	})
	switch {
	case errors.Is(err, session.ErrEnded):
		return next, nil
	case err != nil:
		e.recordUnsure(ctx, s.ID, reason, now)
		return session.Session{}, unavailable(err)
	case !ok:
		return session.Session{}, refuse(wire.NoSession, "nobody knows this session any more")
	}
	e.recordEndBy(next, actor)
	return next, nil
}

// recordUnsure records an ending that is in force although the store could not say so: nobody will be told of it a second time.
func (e *Engine) recordUnsure(ctx context.Context, id session.ID, reason wire.Reason, now int64) {
	s, ok, err := e.store.Get(context.WithoutCancel(ctx), id, now)
	if err == nil && ok && s.State.EndedAt != 0 && s.State.Reason == reason {
		e.recordEnd(s)
	}
}

// RecordRefusal records a refusal that came before any session was known, such as a sign-in that failed.
func (e *Engine) RecordRefusal(env settings.Environment, code wire.Code, detail string) {
	e.record(audit.Event{At: e.clock(), Kind: audit.Refused, Environment: env.ID, Code: code, Detail: detail})
}

// recordEnd records an ending, whatever its reason, and tells the pages that wait for it.
func (e *Engine) recordEnd(s session.Session) { e.recordEndBy(s, "") }

func (e *Engine) recordEndBy(s session.Session, actor string) {
	e.watches.tell(s)
	e.feeds.tell(s)
	e.record(audit.Event{At: s.State.EndedAt, Kind: audit.Ended, Environment: s.User.Environment,
		Session: s.ID.String(), Subject: s.User.Subject, Client: string(s.Client), Reason: s.State.Reason, Actor: actor})
}

func (e *Engine) recordRefusal(env settings.Environment, s session.Session, now int64, code wire.Code, detail string) {
	e.record(audit.Event{At: now, Kind: audit.Refused, Environment: env.ID, Session: s.ID.String(),
		Subject: s.User.Subject, Code: code, Detail: detail})
}

// Sweep ends the sessions whose deadline has passed without anybody noticing, records them, and drops the ones that ended
// longer than keep ago. Check never depends on it.
func (e *Engine) Sweep(ctx context.Context, keep time.Duration) error {
	const batch = 1000
	now := e.clock()
	for {
		over, err := e.store.Expire(ctx, now, batch)
		if err != nil {
			return unavailable(err)
		}
		for _, s := range over {
			e.recordEnd(s)
		}
		if len(over) < batch {
			break
		}
	}
	_, err := e.store.Forget(ctx, now-keep.Milliseconds(), now)
	return err
}
