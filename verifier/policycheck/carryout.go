package policycheck

import (
	"context"
	"errors"
	"time"

	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/verifier/engine"
	"github.com/curfew-project/curfew/verifier/provider"
	"github.com/curfew-project/curfew/verifier/session"
	"github.com/curfew-project/curfew/verifier/settings"
)

const (
	// wholeCheck bounds one check with all that the store does for it: less than the minute for which it is claimed.
	wholeCheck = 50 * time.Second
	// asking bounds the provider's part of it.
	asking = 20 * time.Second
	// keeping bounds the tries to keep a rotated refresh token: the old one may be worth nothing any more.
	keeping                          = 20 * time.Second
	leastKeepPause, longestKeepPause = 50 * time.Millisecond, 2 * time.Second
	// loudEvery is how often an operator is told of one and the same trouble.
	loudEvery = time.Minute
)

// check is one check on its way.
type check struct {
	*queue
	engine *engine.Engine
	id     session.ID
	of     *target
	env    settings.Environment
	claim  engine.Claim
}

// carryOut carries out the check of one session.
func (q *queue) carryOut(ctx context.Context, e *engine.Engine, of turn) {
	ctx, cancel := context.WithTimeout(ctx, wholeCheck)
	defer cancel()
	q.mu.Lock()
	c := check{queue: q, engine: e, id: of.id, of: of.of, env: of.of.env}
	q.mu.Unlock()
	outcome, err := c.run(ctx, of)
	if err != nil {
		c.loud("policy_check_not_stored", "error", err)
		outcome = StoreFailed
	}
	q.count(c.env.ID, outcome)
	q.finish(of.entry)
}

// run returns an error only of the store.
func (c *check) run(ctx context.Context, of turn) (Outcome, error) {
	claim, ok, err := c.engine.ClaimCheck(ctx, c.env, c.id)
	if err != nil || !ok {
		return NotDue, err
	}
	c.claim = claim
	switch {
	case claim.RefreshToken == "":
		// The fault is ours, and repeating it signs nobody out before the cap.
		c.loud("refresh_token_unreadable", "meaning", "sessions go on as if bypassed: was the key file replaced without keeping the old secret in it?")
		return Unreadable, c.postpone(ctx, engine.Failure{Misconfigured: true, Cause: "the refresh token cannot be read"})
	case of.what == spare:
		return Spared, c.postpone(ctx, of.why)
	}
	who, err := c.refresh(ctx)
	if err == nil {
		c.note(nil)
		return Confirmed, c.engine.Confirm(ctx, c.env, c.claim, who)
	}
	var fault *provider.Fault
	if !errors.As(err, &fault) {
		// The store did not keep a rotated token. The session's own deadline must run all the same.
		return StoreFailed, errors.Join(err, c.postpone(ctx, engine.Failure{Cause: "the store cannot answer"}))
	}
	cause := string(fault.Kind) + " (" + string(fault.Cause) + ")"
	switch fault.Kind {
	case provider.Refused:
		c.note(nil)
		return Refused, c.engine.EndChecked(ctx, c.env, c.claim, wire.ProviderRefused, "policy check: "+cause)
	case provider.OtherUser:
		c.note(nil)
		return OtherUser, c.engine.EndChecked(ctx, c.env, c.claim, wire.UserMismatch, "policy check: "+cause)
	}
	outcome, failure := Unreachable, engine.Failure{Cause: cause, RetryAfter: min(fault.RetryAfter, longestPause)}
	if fault.Kind == provider.Misconfigured {
		outcome, failure.Misconfigured = Misconfigured, true
		c.loud("provider_misconfigured", "error", fault)
	}
	c.note(&failure)
	return outcome, c.postpone(ctx, failure)
}

func (c *check) postpone(ctx context.Context, why engine.Failure) error {
	return c.engine.Postpone(ctx, c.env, c.claim, why)
}

// refresh asks the provider. What it rotates is kept in the time of the whole check: however slow the provider was, there is
// some left.
func (c *check) refresh(ctx context.Context) (session.Identity, error) {
	short, cancel := context.WithTimeout(ctx, asking)
	defer cancel()
	return c.of.provider.Refresh(short, provider.Refresh{
		Token: c.claim.RefreshToken, IDToken: c.claim.IDToken, User: c.claim.Session.User,
	}, func(rotated string) error { return c.keep(ctx, rotated) })
}

// keep tries again while the store cannot answer.
func (c *check) keep(ctx context.Context, rotated string) error {
	ctx, cancel := context.WithTimeout(ctx, keeping)
	defer cancel()
	for pause := leastKeepPause; ; pause = min(2*pause, longestKeepPause) {
		err := c.engine.KeepRefreshToken(ctx, &c.claim, rotated)
		if err == nil {
			return nil
		}
		if !rest(ctx, pause) {
			return err
		}
	}
}

// note tells the breaker how the provider fared; nil means that it answered.
func (c *check) note(failure *engine.Failure) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if failure == nil {
		c.of.breaker.answered()
	} else {
		c.of.breaker.silent(*failure, c.now())
	}
}

// loud tells the operator, but not for every session.
func (c *check) loud(event string, attrs ...any) {
	c.mu.Lock()
	now := c.now()
	silent := now.Before(c.of.loud[event].Add(loudEvery))
	if !silent {
		c.of.loud[event] = now
	}
	c.mu.Unlock()
	if !silent {
		c.log.Error(event, append([]any{"environment", c.env.ID, "issuer", c.issuer, "session", c.id.String()}, attrs...)...)
	}
}
