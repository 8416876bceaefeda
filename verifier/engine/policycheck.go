package engine

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"strconv"
	"time"

	"github.com/curfew-project/curfew/shared/deadline"
	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/verifier/audit"
	"github.com/curfew-project/curfew/verifier/session"
	"github.com/curfew-project/curfew/verifier/settings"
)

// Claim is the right to carry out one policy check (A5), and what it takes.
type Claim struct {
	Session      session.Session
	RefreshToken string
	IDToken      string // the last one
	where        Where
	stale        bool // sealed with a key that is not in use any more
}

const (
	// claimLife is how long a claim keeps others from the same check: longer than a provider may take, and short enough that a
	// verifier that died in the middle costs little.
	claimLife = time.Minute
	// While the provider cannot be asked, a session's check is tried again after a quarter of the time since it was due.
	leastRetry = 20 * time.Second
	mostRetry  = 5 * time.Minute
	// confirmTime is how long a heartbeat waits for a check that is long overdue.
	confirmTime = 5 * time.Second
)

var errNotDue = errors.New("no policy check is due")

// due reports whether a session's provider is to be asked again. An instant that is further away than any check can be was set under
// another interval, or by a clock that was wrong.
func due(env settings.Environment, s session.Session, now int64) bool {
	if env.Check.Bypass || s.Check.Next == 0 {
		return false
	}
	furthest := max(env.Check.Interval, mostRetry).Milliseconds() + 1000
	return now >= s.Check.Next || s.Check.Next > now+furthest
}

// overdue reports whether nobody has confirmed the user for longer than any outage may last, as after a weekend: then the
// provider's word comes before anything else (A5, A7).
func (e *Engine) overdue(env settings.Environment, s session.Session, now int64) bool {
	most := env.Check.Interval + max(env.Check.Budget, env.Check.Cap)
	return !env.Check.Bypass && s.Check.Next != 0 && now >= s.Check.At+most.Milliseconds()
}

// confirmFirst waits a little for the provider's word on a session whose check is long overdue. Without it, nothing is extended.
func (e *Engine) confirmFirst(ctx context.Context, env settings.Environment, s session.Session) error {
	if e.checks != nil {
		ctx, cancel := context.WithTimeout(ctx, confirmTime)
		defer cancel()
		select {
		case <-e.checks.Ask(env, s.ID, e.clock()): // somebody waits
		case <-ctx.Done():
		}
	}
	now := e.clock()
	latest, ok, err := e.store.Get(ctx, s.ID, now)
	switch {
	case err != nil:
		return unavailable(err)
	case !ok:
		return refuse(wire.NoSession, "nobody knows this session any more")
	case latest.State.Ended(now):
		return ended(latest, now)
	case e.overdue(env, latest, now):
		return refuse(wire.ProviderFailed, "the identity provider must confirm this session first")
	}
	return nil
}

// ClaimCheck takes a session's policy check if one is due: then nobody else, on no replica, gets it meanwhile. ok is false when
// none is due or the session is over. An error is the store's, except for a Claim whose secrets cannot be read, which
// comes without a refresh token.
func (e *Engine) ClaimCheck(ctx context.Context, env settings.Environment, id session.ID) (claim Claim, ok bool, err error) {
	now := e.clock()
	s, ok, err := e.store.Update(ctx, id, now, func(s session.Session) (session.Session, error) {
		if s.State.Ended(now) || !due(env, s, now) {
			return s, errNotDue
		}
		s.Check.Next = wholeSecond(now + claimLife.Milliseconds())
		return s, nil
	})
	switch {
	case errors.Is(err, errNotDue), errors.Is(err, session.ErrEnded):
		return Claim{}, false, nil
	case err != nil:
		return Claim{}, false, unavailable(err)
	case !ok:
		return Claim{}, false, nil
	}
	claim.Session = s
	kept, err := e.secrets(ctx, s, now)
	if err != nil && !errors.Is(err, errNoSecrets) {
		return Claim{}, false, err
	}
	claim.RefreshToken, claim.IDToken, claim.where, claim.stale = kept.RefreshToken, kept.IDToken, kept.Where, kept.stale
	return claim, true, nil
}

// KeepRefreshToken makes a rotated refresh token durable, before anything else is done with the answer that brought it.
func (e *Engine) KeepRefreshToken(ctx context.Context, claim *Claim, rotated string) error {
	claim.RefreshToken = rotated
	err := e.keepSecrets(ctx, *claim)
	claim.stale = claim.stale && err != nil
	return err
}

func (e *Engine) keepSecrets(ctx context.Context, claim Claim) error {
	sealed, err := e.seal(claim.Session, secrets{IDToken: claim.IDToken, RefreshToken: claim.RefreshToken, Where: claim.where})
	if err != nil {
		return err
	}
	_, err = e.store.SetSecrets(ctx, claim.Session.ID, sealed, e.clock())
	if err != nil && !errors.Is(err, session.ErrEnded) {
		return unavailable(err)
	}
	return nil
}

// Confirm takes the provider's word that the user may go on. Another user than the session's ends it (B2).
func (e *Engine) Confirm(ctx context.Context, env settings.Environment, claim Claim, who session.Identity) error {
	if who.Issuer != claim.Session.User.Issuer || who.Subject != claim.Session.User.Subject {
		return e.EndChecked(ctx, env, claim, wire.UserMismatch, "the policy check's ID token is another user's")
	}
	renewed := who.IDToken != "" && who.IDToken != claim.IDToken
	if renewed {
		claim.IDToken = who.IDToken
	}
	if claim.stale {
		// What has been confirmed is sealed with the key in use, so that an older key need not be kept for it: first this, then the word of it.
		if err := e.keepSecrets(ctx, claim); err != nil {
			return err
		}
	}
	now := e.clock()
	s, ok, err := e.store.Update(ctx, claim.Session.ID, now, func(s session.Session) (session.Session, error) {
		s.State = deadline.Step(s.State, deadline.Confirmed{Lapses: lapses(env, now)}, now)
		s.Check.At, s.Check.Next = now/1000*1000, e.nextCheck(env, now)
		if who.Provider != "" {
			s.Provider = who.Provider
		}
		return s, nil
	})
	if done, err := e.checked(s, ok, err); done {
		return err
	}
	e.record(audit.Event{At: now, Kind: audit.Checked, Environment: env.ID, Session: s.ID.String(), Subject: s.User.Subject})
	if !renewed || claim.stale {
		return nil
	}
	return e.keepSecrets(ctx, claim)
}

// EndChecked ends a session by the outcome of its policy check: wire.ProviderRefused or wire.UserMismatch. It returns when no process
// uses a verdict from before any more (Settle).
func (e *Engine) EndChecked(ctx context.Context, env settings.Environment, claim Claim, reason wire.Reason, detail string) error {
	e.recordRefusal(env, claim.Session, e.clock(), wire.SignInFailed, detail)
	_, err := e.end(ctx, claim.Session, reason, e.clock())
	e.Settle(ctx, env.ID)
	return err
}

// Failure is why a policy check had no outcome.
type Failure struct {
	// Misconfigured means that the fault is ours and not the provider's: people go on as if the check were bypassed (A6).
	Misconfigured bool
	RetryAfter    time.Duration // the provider asked for at least so much
	Cause         string        // for the audit
}

// Postpone takes note that a policy check had no outcome: the session goes on for a bounded time (A7). Who did not choose to stay
// signed in goes on while the last check is inside its interval, who did up to the outage budget longer; a moment of patience and
// the full warning are left to all.
func (e *Engine) Postpone(ctx context.Context, env settings.Environment, claim Claim, why Failure) error {
	now := e.clock()
	s, ok, err := e.store.Update(ctx, claim.Session.ID, now, func(s session.Session) (session.Session, error) {
		patience := env.Check.Interval / 12
		over := s.Check.At + env.Check.Interval.Milliseconds()
		by := over
		switch {
		case why.Misconfigured:
			by += env.Check.Cap.Milliseconds()
		case s.Check.Stay:
			by += env.Check.Budget.Milliseconds()
		}
		if why.Misconfigured && s.State.CheckBy != 0 && s.State.CheckBy < by {
			s.State = deadline.Step(s.State, deadline.Confirmed{}, now) // an outage came first, and the fault is ours now
		}
		by = max(by, now+(patience+s.State.Settings.SessionWarning).Milliseconds())
		s.State = deadline.Step(s.State, deadline.Unconfirmed{By: by}, now)
		s.Check.Next = wholeSecond(now + e.retry(env, s, now, why.RetryAfter).Milliseconds())
		return s, nil
	})
	if done, err := e.checked(s, ok, err); done {
		return err
	}
	e.record(audit.Event{At: now, Kind: audit.CheckFailed, Environment: env.ID, Session: s.ID.String(), Subject: s.User.Subject,
		Detail: why.Cause + "; goes on until " + strconv.FormatInt(s.State.CheckBy, 10)})
	return nil
}

// retry is how long until a check that had no outcome is tried again: often at first and where somebody waits for it, seldom in a
// long outage, and in time before its session ends.
func (e *Engine) retry(env settings.Environment, s session.Session, now int64, asked time.Duration) time.Duration {
	since := time.Duration(now-s.Check.At)*time.Millisecond - env.Check.Interval
	pause := max(min(max(since/4, leastRetry), mostRetry), asked)
	if e.overdue(env, s, now) {
		return max(leastRetry, asked)
	}
	if left := time.Duration(s.State.CheckBy-now) * time.Millisecond; s.State.CheckBy != 0 {
		pause = min(pause, left/2)
	}
	return max(pause, leastRetry)
}

// lapses is when a session ends that is not heard of again.
func lapses(env settings.Environment, now int64) int64 {
	if env.Check.Absence == 0 {
		return 0
	}
	return wholeSecond(now + env.Check.Absence.Milliseconds())
}

// checked says whether the update after a check was the last word.
func (e *Engine) checked(s session.Session, ok bool, err error) (bool, error) {
	switch {
	case errors.Is(err, session.ErrEnded):
		return true, nil
	case err != nil:
		return true, unavailable(err)
	case !ok:
		return true, nil
	case s.State.EndedAt != 0:
		e.recordEnd(s)
		return true, nil
	}
	return false, nil
}

// nextCheck is within the interval's last tenth, at random, so that sessions that began together do not ask together.
func (e *Engine) nextCheck(env settings.Environment, now int64) int64 {
	interval := env.Check.Interval.Milliseconds()
	var raw [4]byte
	if _, err := io.ReadFull(e.random, raw[:]); err != nil {
		raw = [4]byte{}
	}
	early := interval / 10 * int64(binary.BigEndian.Uint32(raw[:])) / (1 << 32)
	return wholeSecond(now + interval - early)
}

// wholeSecond rounds an instant up to the second.
func wholeSecond(at int64) int64 { return (at + 999) / 1000 * 1000 }
