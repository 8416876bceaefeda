// Package api is the page's side of the verifier over HTTP: decode, one call of the engine, encode. It holds the one map from
// refusals to statuses.
package api

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"

	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/verifier/engine"
)

// statuses maps every code to its HTTP status.
var statuses = map[wire.Code]int{
	wire.UseNonce:       http.StatusUnauthorized,
	wire.InvalidProof:   http.StatusUnauthorized,
	wire.WrongKey:       http.StatusUnauthorized,
	wire.Replayed:       http.StatusConflict,
	wire.NoSession:      http.StatusUnauthorized,
	wire.StaleCookie:    http.StatusUnauthorized,
	wire.SessionEnded:   http.StatusUnauthorized,
	wire.BadReturnTo:    http.StatusBadRequest,
	wire.TooLarge:       http.StatusRequestHeaderFieldsTooLarge,
	wire.BadRequest:     http.StatusBadRequest,
	wire.CrossOrigin:    http.StatusForbidden,
	wire.UnknownOrigin:  http.StatusMisdirectedRequest,
	wire.SignInFailed:   http.StatusForbidden,
	wire.ProviderFailed: http.StatusBadGateway,
	wire.TooMany:        http.StatusTooManyRequests,
	wire.Unavailable:    http.StatusServiceUnavailable,
	wire.InvalidToken:   http.StatusUnauthorized,
	wire.InvalidClient:  http.StatusUnauthorized,
}

// Status is the HTTP status of a refusal's code.
func Status(code wire.Code) int {
	if status, ok := statuses[code]; ok {
		return status
	}
	return http.StatusInternalServerError
}

// AsRefusal is the typed refusal in err. Whatever is not one counts as wire.Unavailable: fail closed, and tell nobody why.
func AsRefusal(err error) wire.Refusal {
	var refusal *engine.Refusal
	if errors.As(err, &refusal) {
		return refusal.Refusal
	}
	return wire.Refusal{Error: wire.Unavailable}
}

// WriteRefusal answers with a refusal as JSON. With wire.UseNonce and wire.Replayed it also sends DPoP-Nonce (RFC 9449
// section 8), and with 401 it says how to prove (section 7.1).
func WriteRefusal(w http.ResponseWriter, refusal wire.Refusal) {
	if refusal.Nonce != "" {
		w.Header().Set(wire.HeaderNonce, refusal.Nonce)
	}
	if refusal.RetryAfter > 0 {
		w.Header().Set(wire.HeaderRetryAfter, strconv.FormatInt((refusal.RetryAfter+999)/1000, 10))
	}
	status := Status(refusal.Error)
	if status == http.StatusUnauthorized {
		challenge := `DPoP algs="ES256"`
		if refusal.Error == wire.UseNonce || refusal.Error == wire.InvalidProof || refusal.Error == wire.InvalidToken {
			challenge += `, error="` + string(refusal.Error) + `"`
		}
		w.Header().Set("WWW-Authenticate", challenge)
	}
	WriteJSON(w, status, refusal)
}

// WriteJSON answers with a value as JSON that nobody may keep.
func WriteJSON(w http.ResponseWriter, status int, value any) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(value)
}
