package admin

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/curfew-project/curfew/verifier/settings"
)

// Code is a typed refusal. It is a closed type.
type Code string

const (
	Forbidden   Code = "forbidden"       // the actor may not
	NotFound    Code = "not_found"       // no such environment, session or preset
	Conflict    Code = "conflict"        // somebody else changed it meanwhile; Version says to what
	Invalid     Code = "invalid"         // a value is not allowed; Problems has every one
	InFile      Code = "in_file"         // the configuration file says it, so it can be changed there only
	NoProvider  Code = "provider_silent" // a switch needs an identity provider that answers (C2)
	Unavailable Code = "unavailable"     // the store cannot answer; nothing was changed, or it is not known whether it was
)

// statuses is the one map from codes to HTTP statuses, for console and API.
var statuses = map[Code]int{
	Forbidden:   http.StatusForbidden,
	NotFound:    http.StatusNotFound,
	Conflict:    http.StatusConflict,
	Invalid:     http.StatusUnprocessableEntity,
	InFile:      http.StatusConflict,
	NoProvider:  http.StatusFailedDependency,
	Unavailable: http.StatusServiceUnavailable,
}

// Status is the HTTP status of a refusal; 500 for a code that is none.
func (c Code) Status() int {
	if status, ok := statuses[c]; ok {
		return status
	}
	return http.StatusInternalServerError
}

// Codes lists every code.
func Codes() []Code {
	return []Code{Forbidden, NotFound, Conflict, Invalid, InFile, NoProvider, Unavailable}
}

// Error is everything that an operation refuses.
type Error struct {
	Code     Code              `json:"error"`
	Message  string            `json:"message"`
	Problems settings.Problems `json:"problems,omitempty"`
	Version  int64             `json:"version,omitempty"` // with Conflict: the version there is now
}

func (e *Error) Error() string {
	if len(e.Problems) == 0 {
		return e.Message
	}
	return strings.TrimPrefix(e.Message+"\n"+e.Problems.Error(), "\n")
}

func refuse(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// unavailable is the refusal for an error of the store, which stays in the tree for the log.
func unavailable(err error) error {
	return fmt.Errorf("%w (%w)", refuse(Unavailable, "the store cannot answer"), err)
}
