package engine

import (
	"context"
	"errors"
	"time"

	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/verifier/audit"
	"github.com/curfew-project/curfew/verifier/session"
	"github.com/curfew-project/curfew/verifier/settings"
)

// ProviderLogout is what a valid logout token says (OpenID Connect Back-Channel Logout section 2.4): SID or Subject, or both.
type ProviderLogout struct {
	Issuer, Subject, SID string
	JTI                  string
	Until                int64 // until when a replay of the token must be known
}

// ErrReplayed is returned for a logout token that was taken already.
var ErrReplayed = errors.New("the logout token was used already")

// logoutMark is how long a provider's logout is remembered against a sign-in that was under way: longer than one may take.
const logoutMark = 15 * time.Minute

// EndByProvider ends the sessions that a logout token names (B5): those of the provider's session, and where that is unknown or
// not said those of the user. It says how many. Repeating a token is refused with ErrReplayed once it was taken completely.
func (e *Engine) EndByProvider(ctx context.Context, env settings.Environment, out ProviderLogout) (int, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), finish)
	defer cancel()
	now := e.clock()
	token := session.NewKey("logout token", env.ID, out.Issuer, out.JTI)
	if _, used, err := e.store.Marked(ctx, token, now); err != nil {
		return 0, unavailable(err)
	} else if used {
		e.record(audit.Event{At: now, Kind: audit.Refused, Environment: env.ID, Subject: out.Subject, Code: wire.Replayed, Detail: "logout token"})
		return 0, ErrReplayed
	}
	// First the mark: a sign-in that is under way must not get past it.
	_, _, failed := e.store.Mark(ctx, logoutKey(env, out.Issuer, out.Subject, out.SID), now+logoutMark.Milliseconds(), now)
	named, err := e.namedBy(ctx, env, out, now)
	if err != nil {
		return 0, err
	}
	count := 0
	for _, s := range named {
		if s.State.Ended(now) {
			continue
		}
		// A store that cannot keep an ending has it in force all the same, so no failure keeps the next one from being tried.
		if _, err := e.end(ctx, s, wire.EndedByProvider, now); err != nil {
			failed = errors.Join(failed, err)
			continue
		}
		count++
	}
	e.Settle(ctx, env.ID)
	if failed != nil {
		return count, unavailable(failed)
	}
	if _, _, err := e.store.Mark(ctx, token, out.Until, now); err != nil {
		return count, unavailable(err)
	}
	return count, nil
}

// namedBy finds the sessions that a logout token names.
func (e *Engine) namedBy(ctx context.Context, env settings.Environment, out ProviderLogout, now int64) ([]session.Session, error) {
	var named []session.Session
	if out.SID != "" {
		of, err := e.store.ByProvider(ctx, env.ID, out.Issuer, out.SID, now)
		if err != nil {
			return nil, unavailable(err)
		}
		for _, s := range of {
			if out.Subject == "" || s.User.Subject == out.Subject {
				named = append(named, s)
			}
		}
	}
	if out.Subject == "" {
		return named, nil
	}
	of, err := e.store.ByUser(ctx, session.User{Environment: env.ID, Issuer: out.Issuer, Subject: out.Subject}, now)
	if err != nil {
		return nil, unavailable(err)
	}
	for _, s := range of {
		// The user's other provider sessions live on; those of unknown provider sessions may be meant.
		if out.SID == "" || s.Provider == "" {
			named = append(named, s)
		}
	}
	return named, nil
}

// logoutKey marks a provider's logout of one of its sessions, or of a user.
func logoutKey(env settings.Environment, issuer, subject, sid string) session.Key {
	if sid != "" {
		return session.NewKey("provider session", env.ID, issuer, sid)
	}
	return session.NewKey("provider user", env.ID, issuer, subject)
}
