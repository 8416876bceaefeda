package engine

import (
	"context"
	"encoding/binary"

	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/verifier/keyring"
	"github.com/curfew-project/curfew/verifier/proofcheck"
	"github.com/curfew-project/curfew/verifier/session"
	"github.com/curfew-project/curfew/verifier/settings"
)

// tokenSize is the length of an access token's payload, which is as that of a cookie.
const tokenSize = cookieSize

// Token issues an access token for requests to an API (RFC 9449 section 5): good as long as the session's cookie of this moment, so never
// past a deadline, and only together with proofs by the session's key. The cookie must be fresh, so that only a session whose agent
// sends heartbeats has tokens (D5), and the proof is one of RFC 9449 for the token's address. It extends nothing (D1).
func (e *Engine) Token(ctx context.Context, env settings.Environment, r Request) (wire.AccessToken, error) {
	now := e.clock()
	s, expires, err := e.find(ctx, env, r.Cookie, now)
	if err != nil {
		return wire.AccessToken{}, err
	}
	ends, _ := s.State.Ends()
	if expires = min(expires, ends); now >= expires {
		return wire.AccessToken{}, stale(s, now)
	}
	if err := e.proved(ctx, env, s, r, "", now); err != nil {
		return wire.AccessToken{}, err
	}
	payload := binary.BigEndian.AppendUint64(append(make([]byte, 0, tokenSize), s.ID[:]...), uint64(expires))
	return wire.AccessToken{
		Token: e.ring.Sign(keyring.AccessToken, env.Scope(), payload), Type: wire.TokenType,
		Expires: (expires - now) / 1000, Nonce: e.apiNonces.Issue(e.apiScope(s), now),
	}, nil
}

// openToken returns what an access token of this environment names and when it expires.
func (e *Engine) openToken(env settings.Environment, token string) (session.ID, int64, bool) {
	if token == "" || len(token) > wire.MaxCookie {
		return session.ID{}, 0, false
	}
	payload, err := e.ring.Open(keyring.AccessToken, env.Scope(), token)
	if err != nil || len(payload) != tokenSize {
		return session.ID{}, 0, false
	}
	return session.ID(payload[:16]), int64(binary.BigEndian.Uint64(payload[16:])), true
}

// findToken is the session of an access token that has not expired, and when it does.
func (e *Engine) findToken(ctx context.Context, env settings.Environment, token string, now int64) (session.Session, int64, error) {
	id, expires, ok := e.openToken(env, token)
	if !ok {
		return session.Session{}, 0, refuse(wire.InvalidToken, "there is no access token, or it was not made here")
	}
	s, ok, err := e.store.Get(ctx, id, now)
	switch {
	case err != nil:
		return session.Session{}, 0, unavailable(err)
	case !ok || s.User.Environment != env.ID:
		return session.Session{}, 0, refuse(wire.InvalidToken, "nobody knows this session any more")
	case s.State.Ended(now):
		return s, 0, ended(s, now)
	case now >= expires:
		return s, 0, refuse(wire.InvalidToken, "the access token has expired")
	}
	return s, expires, nil
}

// APIRequest is a request with an access token to an API.
type APIRequest struct {
	Token  string
	Proofs []string // the values of the DPoP header fields
	Method string
	URL    string // the request's address as the page knows it, without query and fragment
}

// CheckAPI is the verdict on one request to an API (RFC 9449 section 7): the session it belongs to and, when the page's nonce grows old,
// the next one; or a *Refusal with wire.InvalidToken, wire.SessionEnded, wire.UseNonce, wire.InvalidProof, wire.WrongKey, wire.TooLarge,
// wire.TooMany or wire.Unavailable. It never extends anything (D1).
func (e *Engine) CheckAPI(ctx context.Context, env settings.Environment, r APIRequest) (s session.Session, nonce string, err error) {
	now := e.clock()
	s, _, err = e.findToken(ctx, env, r.Token, now)
	if err != nil {
		return session.Session{}, "", err
	}
	if err := e.proved(ctx, env, s, Request{Proofs: r.Proofs, Method: r.Method, URL: r.URL}, r.Token, now); err != nil {
		return session.Session{}, "", err
	}
	return s, e.apiNonces.Issue(e.apiScope(s), now), nil
}

// proved verifies a proof of RFC 9449 by the session's key, with the access token that it must be bound to, if there is one, and uses it.
func (e *Engine) proved(ctx context.Context, env settings.Environment, s session.Session, r Request, token string, now int64) error {
	again := func() *Refusal {
		return &Refusal{wire.Refusal{Error: wire.UseNonce, Now: now, Nonce: e.apiNonces.Issue(e.apiScope(s), now), SID: s.ID.String(), Key: s.Key.String()}}
	}
	if len(r.Proofs) == 0 {
		return again()
	}
	refused := func(refusal *Refusal) error {
		e.recordRefusal(env, s, now, refusal.Refusal.Error, refusal.Message)
		return refusal
	}
	p, err := proofcheck.Check(r.Proofs, proofcheck.Expect{Method: r.Method, URL: r.URL, Token: token, Nonce: func(nonce string) (int64, error) {
		return e.apiNonces.Judge(e.apiScope(s), nonce, now)
	}})
	if err != nil {
		refusal := proofRefusal(err)
		if refusal.Refusal.Error == wire.UseNonce {
			return again()
		}
		return refused(refusal)
	}
	if !sameKey(p.Thumbprint, s.Key) {
		return refused(refuse(wire.WrongKey, "the proof was made with another key"))
	}
	switch first, err := e.once(ctx, s.ID, p.Claims.JTI, now); {
	case err != nil:
		return err
	case !first:
		return refused(refuse(wire.InvalidProof, "the proof was used already (RFC 9449 section 11.1)"))
	}
	return nil
}

// apiScope is what the nonces of requests to APIs are bound to: the session, and this engine where it alone knows which proofs were used.
func (e *Engine) apiScope(s session.Session) string { return scope(s) + "\x00api" + e.instance }
