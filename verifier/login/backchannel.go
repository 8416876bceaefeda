package login

import (
	"errors"
	"net/http"

	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/verifier/api"
	"github.com/curfew-project/curfew/verifier/engine"
	"github.com/curfew-project/curfew/verifier/provider"
	"github.com/curfew-project/curfew/verifier/settings"
)

// logoutError is the body of a refused logout (OpenID Connect Back-Channel Logout section 2.8, as RFC 6749 section 5.2).
type logoutError struct {
	Error       string `json:"error"`
	Description string `json:"error_description,omitempty"`
}

// providerLogout ends the sessions that the provider's logout token names (B5). The provider knows the environment by its host,
// and proves itself by the token's signature; there is no cookie and nothing that a browser sends. Section 2.8 has 400 for a
// request that is not valid and for a logout that failed alike.
//
// Nothing holds up forged tokens here: verifying one costs little more than the request itself, keys are fetched again at most
// every few seconds, and a limit would let forgers keep the provider's own tokens out.
func (l *Login) providerLogout(w http.ResponseWriter, r *http.Request, env settings.Environment) {
	refuse := func(code, description string) {
		api.WriteJSON(w, http.StatusBadRequest, logoutError{code, description})
	}
	r.Body = http.MaxBytesReader(w, r.Body, provider.MaxLogoutToken+wire.MaxBody)
	if err := r.ParseForm(); err != nil || len(r.PostForm["logout_token"]) != 1 {
		refuse("invalid_request", "the body must be a form with one logout_token")
		return
	}
	at, ok := l.provider(env)
	if !ok {
		refuse("invalid_request", "this environment has no provider")
		return
	}
	out, err := at.LogoutToken(r.Context(), r.PostForm.Get("logout_token"))
	var bad *provider.LogoutError
	switch {
	case errors.As(err, &bad):
		l.engine.RecordRefusal(env, wire.BadRequest, bad.Error())
		refuse("invalid_request", bad.Error())
		return
	case err != nil:
		l.logFault("provider_logout_failed", env, err)
		refuse("temporarily_unavailable", "the provider's keys cannot be read")
		return
	}
	count, err := l.engine.EndByProvider(r.Context(), env, engine.ProviderLogout{
		Issuer: at.Issuer(), Subject: out.Subject, SID: out.SID, JTI: out.JTI, Until: out.Until,
	})
	switch {
	case errors.Is(err, engine.ErrReplayed):
		refuse("invalid_request", err.Error())
		return
	case err != nil:
		l.log.Error("provider_logout_failed", "environment", env.ID, "error", err)
		refuse("temporarily_unavailable", "the logout could not be completed; send it again")
		return
	}
	l.log.Info("provider_logout", "environment", env.ID, "sessions", count)
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusOK)
}
