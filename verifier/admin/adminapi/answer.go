package adminapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/curfew-project/curfew/verifier/admin"
)

// What the API itself refuses, besides the codes of admin.
const (
	Unauthorized  admin.Code = "unauthorized"     // nobody, or a wrong token
	CrossSite     admin.Code = "cross_site"       // a page of another site asked
	BadRequest    admin.Code = "bad_request"      // the body or the address cannot be read
	WrongMethod   admin.Code = "wrong_method"     // the address has others
	WrongType     admin.Code = "wrong_type"       // the body is not said to be JSON
	TooLarge      admin.Code = "too_large"        // the body is longer than MaxBody
	VersionNeeded admin.Code = "version_required" // a change must say which version it was made from
	Failed        admin.Code = "failed"           // the verifier is at fault
)

// statuses are the HTTP statuses of the codes of the API itself. The others say theirs.
var statuses = map[admin.Code]int{
	Unauthorized:  http.StatusUnauthorized,
	CrossSite:     http.StatusForbidden,
	BadRequest:    http.StatusBadRequest,
	WrongMethod:   http.StatusMethodNotAllowed,
	WrongType:     http.StatusUnsupportedMediaType,
	TooLarge:      http.StatusRequestEntityTooLarge,
	VersionNeeded: http.StatusPreconditionRequired,
	Failed:        http.StatusInternalServerError,
}

func refusal(code admin.Code, format string, args ...any) *admin.Error {
	return &admin.Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// asRefusal is the typed refusal in err. What is none is the verifier's fault, and nobody is told more.
func asRefusal(err error) *admin.Error {
	var refused *admin.Error
	switch {
	case errors.As(err, &refused):
		return refused
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return refusal(admin.Unavailable, "it took too long, or was given up")
	}
	return refusal(Failed, "the verifier failed")
}

// statusOf is the HTTP status of a code; ok is false when there is no such code.
func statusOf(code admin.Code) (status int, ok bool) {
	if status, ok = statuses[code]; ok {
		return status, true
	}
	return code.Status(), slices.Contains(admin.Codes(), code)
}

func refuse(w http.ResponseWriter, err error) {
	refused := asRefusal(err)
	status, _ := statusOf(refused.Code)
	if status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", "Bearer")
	}
	answer(w, status, refused)
}

// answer writes a value as JSON that nobody may keep.
func answer(w http.ResponseWriter, status int, value any) {
	headers(w, "application/json")
	w.WriteHeader(status)
	encode(w, value)
}

func encode(w http.ResponseWriter, value any) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	return encoder.Encode(value)
}

func headers(w http.ResponseWriter, kind string) {
	h := w.Header()
	h.Set("Content-Type", kind)
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
}
