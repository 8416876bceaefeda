package engine

import (
	"context"
	"crypto/subtle"
	"errors"
	"slices"

	"github.com/curfew-project/curfew/shared/deadline"
	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/verifier/audit"
	"github.com/curfew-project/curfew/verifier/proofcheck"
	"github.com/curfew-project/curfew/verifier/session"
	"github.com/curfew-project/curfew/verifier/settings"
)

// SignIn is a sign-in that has come back from the provider.
type SignIn struct {
	Who          session.Identity
	RefreshToken string // empty: the provider cannot be asked again, and the session is bypassed (A6)
	Key          session.Thumbprint
	// Replaced is the browser's session cookie, or empty. A living session that it names ends, as when the user signs in again
	// before the end (A2) or another user signs in (B2).
	Replaced string
	Stay     bool   // the user chose to stay signed in (A7)
	HandedIn bool   // by an application's own sign-in (A6)
	ClientID string // the OAuth client that the sign-in was made for (A9)
	Where    Where
}

// ErrUsed is returned by Use for an attempt that was used already (B3).
var ErrUsed = errors.New("the sign-in was completed already")

// ErrCredentials is returned by Begin when the user must enter credentials anew before a session can begin (B1).
var ErrCredentials = errors.New("credentials must be entered again")

// SignInNonce makes the nonce for the proof that begins a sign-in.
func (e *Engine) SignInNonce(env settings.Environment) string {
	return e.nonces.Issue(signInScope(env), e.clock())
}

func signInScope(env settings.Environment) string { return env.Scope() + "\x00sign-in" }

// ProveKey verifies the proof that a browser sends before it goes to the provider, and returns the thumbprint of its key (B3).
// It refuses with wire.UseNonce, wire.InvalidProof or wire.TooLarge.
func (e *Engine) ProveKey(env settings.Environment, header []string, method, url string) (session.Thumbprint, error) {
	now := e.clock()
	p, err := proofcheck.Check(header, proofcheck.Expect{Method: method, URL: url, Nonce: func(nonce string) (int64, error) {
		return e.nonces.Judge(signInScope(env), nonce, now)
	}})
	if err != nil {
		refusal := proofRefusal(err)
		if refusal.Refusal.Error == wire.UseNonce {
			refusal.Nonce = e.nonces.Issue(signInScope(env), now)
		} else {
			e.record(audit.Event{At: now, Kind: audit.Refused, Environment: env.ID, Code: refusal.Refusal.Error, Detail: refusal.Message})
		}
		return session.Thumbprint{}, refusal
	}
	return p.Thumbprint, nil
}

func proofRefusal(err error) *Refusal {
	var bad *proofcheck.Error
	if errors.As(err, &bad) {
		return refuse(bad.Code, bad.Step)
	}
	return refuse(wire.InvalidProof, "")
}

// NeedsCredentials reports whether a sign-in from a browser with this cookie must ask the provider for credentials: the
// browser has had a session here, so that either it has ended or a new one is wanted in its place (A1, B1).
func (e *Engine) NeedsCredentials(env settings.Environment, cookie string) bool {
	_, _, err := e.openCookie(env, cookie)
	return err == nil
}

// Use uses an attempt to sign in: it is good once, and remembered until it is over anyway (B3). It comes before anybody is asked
// about what the attempt brought, so that nobody can have the provider asked again and again.
func (e *Engine) Use(ctx context.Context, env settings.Environment, attempt session.Key, until int64) error {
	now := e.clock()
	_, first, err := e.store.Mark(ctx, attempt, until, now)
	if err != nil {
		return unavailable(err)
	}
	if !first {
		e.record(audit.Event{At: now, Kind: audit.Refused, Environment: env.ID, Code: wire.SignInFailed, Detail: ErrUsed.Error()})
		return ErrUsed
	}
	return nil
}

// Begin begins a session bound to a key and returns it with its cookie. The user's last session here may have ended, by time
// or otherwise: then the identity must be of a later sign-in with credentials, or Begin fails with ErrCredentials (B1).
func (e *Engine) Begin(ctx context.Context, env settings.Environment, in SignIn) (session.Session, string, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), finish)
	defer cancel()
	now := e.clock()
	who := in.Who
	user := session.User{Environment: env.ID, Issuer: who.Issuer, Subject: who.Subject}
	refused := func(detail string, why error) (session.Session, string, error) {
		e.record(audit.Event{At: now, Kind: audit.Refused, Environment: env.ID, Subject: who.Subject, Code: wire.SignInFailed, Detail: detail})
		return session.Session{}, "", why
	}
	last, err := e.lastEnd(ctx, env, who, now)
	if err != nil {
		return session.Session{}, "", unavailable(err)
	}
	if worn, err := e.worn(ctx, user, who, now); err != nil {
		return session.Session{}, "", unavailable(err)
	} else if worn {
		return refused("auth_time is that of a session that has ended", ErrCredentials)
	}
	// This browser's last session counts whoever had it: credentials were asked for.
	old, _, err := e.find(ctx, env, in.Replaced, now)
	if broken := (*Refusal)(nil); errors.As(err, &broken) && broken.Refusal.Error == wire.Unavailable {
		return session.Session{}, "", err
	}
	if at, _ := old.State.Ends(); err != nil && old.User != (session.User{}) {
		last = max(last, at)
	}
	if !later(env, who, last) {
		return refused("auth_time is not later than the end of the last session", ErrCredentials)
	}
	if err == nil && old.User == user && who.AuthTime <= old.AuthTime {
		return refused("auth_time is not later than that of the session to be replaced", ErrCredentials)
	}
	replace := err == nil

	s, sealed, err := e.newSession(env, in, user, now)
	if err != nil {
		return session.Session{}, "", err
	}
	if err := e.store.Create(ctx, s, sealed, now); err != nil {
		return session.Session{}, "", unavailable(err)
	}
	// A sign-out of the user may have come between the first look and now. Now that the session can be seen, it counts.
	if last, err = e.lastEnd(ctx, env, who, now); err != nil || !later(env, who, last) {
		if _, endErr := e.end(ctx, s, wire.SignedOut, e.clock()); endErr != nil {
			return session.Session{}, "", endErr
		}
		if err != nil {
			return session.Session{}, "", unavailable(err)
		}
		return refused("a session of the user ended during the sign-in", ErrCredentials)
	}
	// So does an administrator who removed the environment: what ended its sessions may not have seen this one (P4).
	if !e.serves(env) {
		if _, err := e.end(ctx, s, wire.EndedByAdmin, e.clock()); err != nil {
			return session.Session{}, "", err
		}
		return refused("the environment was removed during the sign-in", refuse(wire.UnknownOrigin, "the environment was removed during the sign-in"))
	}
	e.record(audit.Event{At: now, Kind: audit.SignIn, Environment: env.ID, Session: s.ID.String(), Subject: who.Subject,
		Client: string(s.Client), Detail: signInDetail(env, in, s)})
	if replace {
		reason := wire.SignedOut
		if old.User != user {
			reason = wire.UserMismatch
		}
		if _, err := e.end(ctx, old, reason, now); err != nil {
			return session.Session{}, "", err
		}
		e.Settle(ctx, env.ID)
	}
	return s, e.cookie(env, s, now), nil
}

// lastEnd is the instant after which a user must have entered credentials: the last end of any of their sessions, or the
// provider's own logout of the user. A logout of the very session that the provider signed the user in with is after any.
func (e *Engine) lastEnd(ctx context.Context, env settings.Environment, who session.Identity, now int64) (int64, error) {
	last, err := e.store.LastEnd(ctx, session.User{Environment: env.ID, Issuer: who.Issuer, Subject: who.Subject}, now)
	if err != nil {
		return 0, err
	}
	at, _, err := e.store.Marked(ctx, logoutKey(env, who.Issuer, who.Subject, ""), now)
	if err != nil {
		return 0, err
	}
	if last = max(last, at); who.Provider == "" {
		return last, nil
	}
	if _, out, err := e.store.Marked(ctx, logoutKey(env, who.Issuer, who.Subject, who.Provider), now); err != nil || out {
		return deadline.Never, err
	}
	return last, nil
}

// worn reports whether credentials were entered no later than for a session of the user that has ended since. It is asked besides
// lastEnd because it compares the provider's clock with itself: neither skew nor a clock that is ahead makes old credentials new (B1).
func (e *Engine) worn(ctx context.Context, user session.User, who session.Identity, now int64) (bool, error) {
	all, err := e.store.ByUser(ctx, user, now)
	if err != nil {
		return false, err
	}
	return slices.ContainsFunc(all, func(s session.Session) bool { return s.State.Ended(now) && who.AuthTime <= s.AuthTime }), nil
}

// later reports whether credentials were entered after an instant; 0 is before everything. A provider that does not say when they
// were is never believed (B1).
func later(env settings.Environment, who session.Identity, last int64) bool {
	return last == 0 || who.AuthTime > 0 && who.AuthTime*1000+env.ClockSkew.Milliseconds() > last
}

// newSession is the session that a sign-in begins, with its secrets sealed.
func (e *Engine) newSession(env settings.Environment, in SignIn, user session.User, now int64) (session.Session, session.Sealed, error) {
	id, err := session.NewID(e.random)
	if err != nil {
		return session.Session{}, "", err
	}
	check := session.Check{At: now / 1000 * 1000, Bypassed: bypassDetail(env, in) != "", Stay: in.Stay || in.Who.Stay}
	if !check.Bypassed {
		check.Next = e.nextCheck(env, now)
	}
	client, _ := env.Clients.Match(in.ClientID, in.Where.UserAgent)
	state := deadline.Begin(env.For(check.Bypassed, client), now)
	if !check.Bypassed {
		state = deadline.Step(state, deadline.Confirmed{Lapses: lapses(env, now)}, now)
	}
	s := session.Session{
		ID: id, User: user, Name: in.Who.Name, Key: in.Key, AuthTime: in.Who.AuthTime,
		Provider: in.Who.Provider, Client: client, Check: check, State: state,
	}
	sealed, err := e.seal(s, secrets{IDToken: in.Who.IDToken, RefreshToken: in.RefreshToken, Where: in.Where.clip()})
	return s, sealed, err
}

// signInDetail marks what is not enforced in a session (A6, A9).
func signInDetail(env settings.Environment, in SignIn, s session.Session) string {
	detail := bypassDetail(env, in)
	exempt := ""
	switch enforced := env.Clients.Of(s.Client); {
	case !enforced.Session && !enforced.Inactivity:
		exempt = "exempt: session timeout and inactivity timeout"
	case !enforced.Session:
		exempt = "exempt: session timeout"
	case !enforced.Inactivity:
		exempt = "exempt: inactivity timeout"
	}
	if detail != "" && exempt != "" {
		exempt = "; " + exempt
	}
	return detail + exempt
}

// bypassDetail is the mark of a bypassed session in the audit (A6), or empty.
func bypassDetail(env settings.Environment, in SignIn) string {
	switch {
	case in.HandedIn:
		return "bypassed: handed in by the application"
	case env.Check.Bypass:
		return "bypassed: the environment has no policy check"
	case in.RefreshToken == "":
		return "bypassed: the provider gave no refresh token"
	}
	return ""
}

// sameKey compares in constant time.
func sameKey(a, b session.Thumbprint) bool { return subtle.ConstantTimeCompare(a[:], b[:]) == 1 }
