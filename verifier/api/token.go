package api

import (
	"net/http"

	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/verifier/settings"
)

// token issues an access token for a page's requests to APIs (RFC 9449 section 5). It neither renews the cookie nor moves a deadline.
func (a *API) token(w http.ResponseWriter, r *http.Request, env settings.Environment) {
	if !drained(r) {
		WriteRefusal(w, wire.Refusal{Error: wire.BadRequest, Message: "a request for a token has no body"})
		return
	}
	issued, err := a.engine.Token(r.Context(), env, a.Proved(r, env, "token"))
	if err != nil {
		refusal := AsRefusal(err)
		a.SayWhere(&refusal, "")
		WriteRefusal(w, refusal)
		return
	}
	w.Header().Set("Pragma", "no-cache") // as RFC 6749 section 5.1 wants it besides no-store
	WriteJSON(w, http.StatusOK, issued)
}
