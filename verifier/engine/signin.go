package engine

import (
	"context"
	"crypto/subtle"
	"errors"

	"github.com/curfew-project/curfew/shared/deadline"
	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/verifier/audit"
	"github.com/curfew-project/curfew/verifier/proofcheck"
	"github.com/curfew-project/curfew/verifier/session"
	"github.com/curfew-project/curfew/verifier/settings"
)

// Identity is what a verified ID token says of the user who signs in.
type Identity struct {
	Issuer, Subject string
	Name            string
	AuthTime        int64 // seconds since the epoch, or 0 when the provider does not say
	Provider        string
	IDToken         string
}

// ErrCredentials is returned by Begin when the user must enter credentials anew before a session can begin (B1).
var ErrCredentials = errors.New("credentials must be entered again")

// SignInNonce makes the nonce for the proof that begins a sign-in.
func (e *Engine) SignInNonce(env settings.Environment) string {
	return e.nonces.Issue(signInScope(env), e.clock())
}

func signInScope(env settings.Environment) string { return env.ID + "\x00sign-in" }

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

// Begin begins a session bound to a key and returns it with its cookie. The user's last session here may have ended, by time
// or otherwise: then the identity must be of a later sign-in with credentials, or Begin fails with ErrCredentials (B1).
// If replaced is a cookie of a living session, as when the user signs in again before the end (A2), that one ends.
func (e *Engine) Begin(ctx context.Context, env settings.Environment, who Identity, key session.Thumbprint, replaced string) (session.Session, string, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), finish)
	defer cancel()
	now := e.clock()
	user := session.User{Environment: env.ID, Issuer: who.Issuer, Subject: who.Subject}
	refused := func(detail string) (session.Session, string, error) {
		e.record(audit.Event{At: now, Kind: audit.Refused, Environment: env.ID, Subject: who.Subject, Code: wire.SignInFailed, Detail: detail})
		return session.Session{}, "", ErrCredentials
	}
	last, err := e.store.LastEnd(ctx, user, now)
	if err != nil {
		return session.Session{}, "", unavailable(err)
	}
	// This browser's last session counts whoever had it: credentials were asked for.
	old, _, err := e.find(ctx, env, replaced, now)
	if at, _ := old.State.Ends(); err != nil && old.User != (session.User{}) {
		last = max(last, at)
	}
	if last != 0 && who.AuthTime*1000 <= last {
		return refused("auth_time is not later than the end of the last session")
	}
	if err == nil && old.User == user && who.AuthTime <= old.AuthTime {
		return refused("auth_time is not later than that of the session to be replaced")
	}
	replace := err == nil

	id, err := session.NewID(e.random)
	if err != nil {
		return session.Session{}, "", err
	}
	s := session.Session{
		ID: id, User: user, Name: clip(who.Name, session.MaxName), Key: key, AuthTime: who.AuthTime, Provider: who.Provider,
		State: deadline.Begin(env.Settings, now),
	}
	if err := e.store.Create(ctx, s, session.Secrets{IDToken: who.IDToken}, now); err != nil {
		return session.Session{}, "", unavailable(err)
	}
	// A sign-out of the user may have come between the first look and now. Now that the session can be seen, it counts.
	if last, err = e.store.LastEnd(ctx, user, now); err != nil || last != 0 && who.AuthTime*1000 <= last {
		if _, endErr := e.end(ctx, s, wire.SignedOut, e.clock()); endErr != nil {
			return session.Session{}, "", endErr
		}
		if err != nil {
			return session.Session{}, "", unavailable(err)
		}
		return refused("a session of the user ended during the sign-in")
	}
	e.record(audit.Event{At: now, Kind: audit.SignIn, Environment: env.ID, Session: id.String(), Subject: who.Subject})
	if replace {
		if _, err := e.end(ctx, old, wire.SignedOut, now); err != nil {
			return session.Session{}, "", err
		}
	}
	return s, e.cookie(env, s, now), nil
}

// clip cuts text to a number of bytes without cutting a character.
func clip(text string, most int) string {
	if len(text) <= most {
		return text
	}
	for most > 0 && text[most]&0xC0 == 0x80 {
		most--
	}
	return text[:most]
}

// sameKey compares in constant time.
func sameKey(a, b session.Thumbprint) bool { return subtle.ConstantTimeCompare(a[:], b[:]) == 1 }
