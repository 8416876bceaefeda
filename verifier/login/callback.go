package login

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/curfew-project/curfew/verifier/api"
	"github.com/curfew-project/curfew/verifier/engine"
	"github.com/curfew-project/curfew/verifier/provider"
	"github.com/curfew-project/curfew/verifier/settings"
)

// callback takes the provider's answer. The session is born here, bound to the key that the browser proved before it left.
func (l *Login) callback(w http.ResponseWriter, r *http.Request, env settings.Environment) {
	query := r.URL.Query()
	name := attemptCookie(query.Get("state"))
	a, err := unseal(l.ring, env, api.ReadCookie(r, env, name), query.Get("state"), l.engine.Now().UnixMilli())
	if err == nil && a.HandIn {
		err = fmt.Errorf("%w: the application completes this one", errAttempt)
	}
	if err == nil {
		err = a.inBrowser(r.UserAgent())
	}
	if err != nil {
		l.strayed(w, r, env, err)
		return
	}
	api.SetCookie(w, env, name, "", -1) // once
	switch err := l.engine.Use(r.Context(), env, a.mark(env), a.ends()); {
	case errors.Is(err, engine.ErrUsed):
		l.fail(w, r, env, a.ReturnTo, usedUp, err)
		return
	case err != nil:
		l.unavailable(w, r, env, a.ReturnTo, err)
		return
	}
	tokens, err := l.redeem(r.Context(), env, a, query)
	if err != nil {
		l.fail(w, r, env, a.ReturnTo, of(err), err)
		return
	}
	_, cookie, err := l.engine.Begin(r.Context(), env, engine.SignIn{
		Who: tokens.Identity, RefreshToken: tokens.RefreshToken, Key: a.Key, Replaced: api.ReadSessionCookie(r, env), Stay: a.Stay,
		ClientID: l.clientID(env), Where: where(r),
	})
	switch {
	case errors.Is(err, engine.ErrCredentials) && !a.Credentials:
		l.askCredentials(w, r, env, a)
		return
	case errors.Is(err, engine.ErrCredentials) && tokens.AuthTime == 0:
		l.engine.RecordRefusal(env, noAuthTime.code, noAuthTimeFix)
		l.fail(w, r, env, a.ReturnTo, noAuthTime, fmt.Errorf("%w: %s", err, noAuthTimeFix))
		return
	case errors.Is(err, engine.ErrCredentials):
		l.fail(w, r, env, a.ReturnTo, notAsked, err)
		return
	case err != nil:
		l.unavailable(w, r, env, a.ReturnTo, err)
		return
	}
	api.SetSessionCookie(w, env, cookie)
	seeOther(w, a.ReturnTo)
}

// strayed answers a callback that is of no sign-in that this browser has under way. Who only went back in the browser is told that
// they are signed in.
func (l *Login) strayed(w http.ResponseWriter, r *http.Request, env settings.Environment, why error) {
	living, err := l.engine.Living(r.Context(), env, api.ReadSessionCookie(r, env))
	switch {
	case err != nil:
		l.unavailable(w, r, env, "/", err)
	case living:
		l.fail(w, r, env, "/", stillIn, why)
	default:
		l.fail(w, r, env, "/", notBegun, why)
	}
}

// redeem exchanges the provider's answer to an attempt for a verified identity.
func (l *Login) redeem(ctx context.Context, env settings.Environment, a attempt, query url.Values) (provider.Tokens, error) {
	at, ok := l.provider(env)
	if !ok || at.Issuer() != a.Issuer {
		return provider.Tokens{}, errors.New("the provider changed during the sign-in")
	}
	code, err := at.Callback(ctx, query)
	if err != nil {
		return provider.Tokens{}, err
	}
	return at.Redeem(ctx, provider.Code{Code: code, Verifier: a.PKCE, RedirectURL: l.site.URL(env, "callback"), Nonce: a.nonce()})
}

// askCredentials sends the browser to the provider once more: it turned out only now, when the user is known, that a session of
// theirs has ended (B1).
func (l *Login) askCredentials(w http.ResponseWriter, r *http.Request, env settings.Environment, a attempt) {
	location, err := l.start(r.Context(), w, env, a.again(r.UserAgent()))
	if err != nil {
		l.fail(w, r, env, a.ReturnTo, of(err), err)
		return
	}
	seeOther(w, location)
}
