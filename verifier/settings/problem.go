package settings

import (
	"errors"
	"fmt"
	"strings"

	"github.com/curfew-project/curfew/shared/policy"
)

// Problem is one value that is not allowed, as people are told of it wherever they gave it: page, API, command line or file.
type Problem struct {
	Field   string        `json:"field"` // e.g. session_timeout
	Message string        `json:"message"`
	Switch  policy.Switch `json:"switch,omitempty"` // the switch that would have to be on
}

func (p Problem) Error() string { return p.Message }

// Problems are all of them at once. It is never empty when returned as an error.
type Problems []Problem

// Error joins the messages, one a line.
func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.Message
	}
	return strings.Join(lines, "\n")
}

// Add adds a problem of a field, with what is said of it behind the field's name.
func (ps *Problems) Add(field, format string, args ...any) {
	*ps = append(*ps, Problem{Field: field, Message: field + " " + fmt.Sprintf(format, args...)})
}

// Join adds the violations that an error is, or whatever else it says of a field.
func (ps *Problems) Join(field string, err error) {
	var violations policy.Violations
	var problems Problems
	switch {
	case err == nil:
	case errors.As(err, &violations):
		for _, v := range violations {
			*ps = append(*ps, Problem{Field: v.Setting, Message: v.Error(), Switch: v.Switch})
		}
	case errors.As(err, &problems):
		*ps = append(*ps, problems...)
	default:
		*ps = append(*ps, Problem{Field: field, Message: err.Error()})
	}
}

// OrNil is the problems as an error, or nil when there are none.
func (ps Problems) OrNil() error {
	if len(ps) == 0 {
		return nil
	}
	return ps
}
