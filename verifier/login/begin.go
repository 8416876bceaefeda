package login

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/verifier/api"
	"github.com/curfew-project/curfew/verifier/provider"
	"github.com/curfew-project/curfew/verifier/settings"
)

// form reads a request's form from its body, which may be empty, and refuses one that is none or has more than most bytes.
func form(w http.ResponseWriter, r *http.Request, most int64) bool {
	r.Body = http.MaxBytesReader(w, r.Body, most)
	if err := r.ParseForm(); err != nil {
		api.WriteRefusal(w, wire.Refusal{Error: wire.BadRequest, Message: "the body is no form, or too large"})
		return false
	}
	return true
}

// begin takes the proof of the browser's new key and answers with the provider's address, or with that of the application's own
// sign-in (A6).
func (l *Login) begin(w http.ResponseWriter, r *http.Request, env settings.Environment) {
	if !form(w, r, wire.MaxBody) {
		return
	}
	returnTo, ok := l.site.ReturnTo(r.PostForm.Get(wire.FieldReturnTo))
	if !ok {
		l.engine.RecordRefusal(env, wire.BadReturnTo, "")
		api.WriteRefusal(w, wire.Refusal{Error: wire.BadReturnTo, Message: "return_to is not a path of this origin"})
		return
	}
	proved := l.api.Proved(r, env, "sign-in")
	key, err := l.engine.ProveKey(env, proved.Proofs, proved.Method, proved.URL)
	if err != nil {
		api.WriteRefusal(w, api.AsRefusal(err))
		return
	}
	api.DropCookies(w, r, env, api.SignInCookie, maxAttempts)
	location, err := l.start(r.Context(), w, env, wish{
		key: key, returnTo: returnTo, credentials: l.engine.NeedsCredentials(env, proved.Cookie),
		stay: l.asksStay(env) && r.PostForm.Get(wire.FieldStay) == "1", userAgent: r.UserAgent(),
	})
	if err != nil {
		l.logFault("sign_in_not_begun", env, err)
		api.WriteRefusal(w, wire.Refusal{Error: wire.ProviderFailed, Message: "the identity provider cannot be asked"})
		return
	}
	api.WriteJSON(w, http.StatusOK, wire.Redirect{Location: location})
}

// start begins an attempt: it sets the cookie that knows it and returns where the browser goes.
func (l *Login) start(ctx context.Context, w http.ResponseWriter, env settings.Environment, for_ wish) (string, error) {
	at, ok := l.provider(env)
	if !ok {
		return "", fmt.Errorf("environment %s has no provider", env.ID)
	}
	a, err := newAttempt(l.random, for_, at.Issuer(), l.engine.Now().UnixMilli())
	if err != nil {
		return "", err
	}
	a.bind(env, for_.userAgent)
	location := ""
	if application := l.options(env).Application; application.signsIn() {
		a.HandIn = true
		location = application.address(a)
	} else {
		location, err = at.AuthURL(ctx, provider.AuthRequest{
			RedirectURL: l.site.URL(env, "callback"), State: a.State, Nonce: a.nonce(), Verifier: a.PKCE, Credentials: a.Credentials,
		})
		if err != nil {
			return "", err
		}
	}
	cookie, err := a.seal(l.ring, env)
	if err != nil {
		return "", err
	}
	api.SetCookie(w, env, attemptCookie(a.State), cookie, attemptLife/1000)
	return location, nil
}

// Parameters with which the browser comes to an application's own sign-in.
const (
	paramNonce    = "curfew_nonce"     // for the application's authorization request, as it is
	paramState    = "curfew_state"     // to be handed in with the ID token
	paramReturnTo = "curfew_return_to" // where the person wanted to go
	paramPrompt   = "curfew_prompt"    // "login": the authorization request must have prompt=login and max_age=0 (B1)
)

// address is that of the application's own sign-in for an attempt.
func (a *Application) address(for_ attempt) string {
	query := url.Values{paramNonce: {for_.nonce()}, paramState: {for_.State}, paramReturnTo: {for_.ReturnTo}}
	if for_.Credentials {
		query.Set(paramPrompt, "login")
	}
	separator := "?"
	if strings.Contains(a.SignIn, "?") {
		separator = "&"
	}
	return a.SignIn + separator + query.Encode()
}
