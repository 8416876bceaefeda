package services

import (
	"net/http"

	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/verifier/api"
	"github.com/curfew-project/curfew/verifier/settings"
)

// introspection answers introspect (RFC 7662 section 2.2). For a token that is not active it has nothing but that: not even why.
type introspection struct {
	Active    bool          `json:"active"`
	TokenType string        `json:"token_type,omitempty"` // DPoP for an access token, which counts only with a proof by the key in Confirm
	Issuer    string        `json:"iss,omitempty"`
	Subject   string        `json:"sub,omitempty"`
	ClientID  string        `json:"client_id,omitempty"`
	Audience  string        `json:"aud,omitempty"` // the application's origin
	Session   string        `json:"sid,omitempty"`
	Expires   int64         `json:"exp,omitempty"` // seconds since the epoch; never past any deadline
	AuthTime  int64         `json:"auth_time,omitempty"`
	Confirm   *confirmation `json:"cnf,omitempty"`
}

// confirmation names the session's key (RFC 7800 section 3.1, RFC 9449 section 6.2).
type confirmation struct {
	Thumbprint string `json:"jkt"`
}

// introspect judges the value of a session cookie, or an access token. token_type_hint is only a hint, and none is needed.
func (s *Services) introspect(w http.ResponseWriter, r *http.Request, env settings.Environment, _ Client) {
	token, ok := field(r, "token")
	_, hint := field(r, "token_type_hint")
	if token == "" || !ok || !hint {
		invalid(w, http.StatusBadRequest, "the form must have token once")
		return
	}
	active, ok, err := s.Engine.Introspect(r.Context(), env, token)
	if err != nil {
		w.Header().Set("Retry-After", "1")
		api.WriteJSON(w, api.Status(wire.Unavailable), failure{Error: "temporarily_unavailable"})
		return
	}
	if !ok {
		api.WriteJSON(w, http.StatusOK, introspection{})
		return
	}
	of := active.Session
	answer := introspection{Active: true, Issuer: of.User.Issuer, Subject: of.User.Subject, ClientID: s.ClientID(env.ID), Audience: env.Origin,
		Session: of.ID.String(), Expires: active.Expires / 1000, AuthTime: of.AuthTime, Confirm: &confirmation{of.Key.String()}}
	if active.Bound {
		answer.TokenType = wire.TokenType
	}
	api.WriteJSON(w, http.StatusOK, answer)
}
