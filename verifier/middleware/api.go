package middleware

import (
	"net/http"
	"strings"

	"github.com/curfew-project/curfew/shared/wire"
)

// APIChecker judges a request to an API by its access token and the proof that comes with it (RFC 9449 section 7). A verdict is for one
// request: its proof is used up.
type APIChecker interface {
	CheckAPI(r *http.Request) Verdict
}

// GuardAPI lets only requests through to next that a page has signed with its session's key, each with its User. Any other gets 401 with
// the refusal as JSON, and a page whose nonce is missing or too old gets the next one in DPoP-Nonce. It takes no notice of cookies, so
// that no other site can make a browser send a request (CSRF).
func GuardAPI(checker APIChecker, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		verdict := checker.CheckAPI(r)
		if verdict.Nonce != "" {
			w.Header().Set(wire.HeaderNonce, verdict.Nonce)
		}
		if verdict.Allowed {
			next.ServeHTTP(w, withUser(r, verdict.User))
			return
		}
		challenge := ""
		if verdict.Status == http.StatusUnauthorized {
			challenge = `DPoP algs="ES256", error="` + string(challengeError(verdict.Refusal.Error)) + `"`
		}
		writeRefusal(w, verdict, challenge)
	})
}

// challengeError is the error of RFC 9449 section 7.1 for a refusal's code.
func challengeError(code wire.Code) wire.Code {
	switch code {
	case wire.UseNonce, wire.InvalidProof:
		return code
	case wire.WrongKey:
		return wire.InvalidProof
	}
	return wire.InvalidToken
}

// AccessToken is what the one Authorization header of a request presents by the scheme DPoP, or empty.
func AccessToken(r *http.Request) string {
	all := r.Header["Authorization"]
	if len(all) != 1 {
		return ""
	}
	scheme, token, _ := strings.Cut(all[0], " ")
	if !strings.EqualFold(scheme, wire.TokenType) {
		return ""
	}
	return token
}
