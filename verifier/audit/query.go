package audit

import (
	"errors"
	"fmt"

	"github.com/curfew-project/curfew/shared/wire"
)

// Query says which entries are wanted. The zero value wants the newest ones.
type Query struct {
	From, To    int64 // instants in milliseconds since the epoch: at or after From, before To; 0: no bound
	Environment string
	Subject     string
	Session     string
	Actor       string
	Kinds       []Kind // empty: all
	Reason      wire.Reason
	Code        wire.Code
	// After and Before are entries' numbers: those with a higher one, and with a lower one; 0: no bound. Whoever reads on gives the
	// last number that was seen, as After when Ascending, as Before when not.
	After, Before int64
	Ascending     bool // the oldest first
	Limit         int  // 1 to MaxLimit; 0: DefaultLimit
}

// Bounds of a search.
const (
	DefaultLimit = 100
	MaxLimit     = 1000
)

// ErrQuery is in the tree of the error for a query with a field that is not allowed.
var ErrQuery = errors.New("the search is not allowed")

// Validate names the field that is not allowed, with ErrQuery, or returns nil.
func (q Query) Validate() error {
	if err := q.check(); err != nil {
		return fmt.Errorf("%w: %w", ErrQuery, err)
	}
	return nil
}

func (q Query) check() error {
	for _, bound := range []struct {
		name  string
		value int64
	}{{"from", q.From}, {"to", q.To}, {"after", q.After}, {"before", q.Before}} {
		if bound.value < 0 {
			return fmt.Errorf("%s is %d; allowed: 0 or more", bound.name, bound.value)
		}
	}
	switch {
	case q.To != 0 && q.From >= q.To:
		return fmt.Errorf("from is %d; allowed: less than to, which is %d", q.From, q.To)
	case q.Limit < 0 || q.Limit > MaxLimit:
		return fmt.Errorf("limit is %d; allowed: 1 to %d, or 0 for %d", q.Limit, MaxLimit, DefaultLimit)
	}
	for _, kind := range q.Kinds {
		if !kind.Valid() {
			return fmt.Errorf("kind is %q; allowed: %s", kind, list(Kinds()))
		}
	}
	return validWhy(q.Reason, q.Code)
}

// Most is how many entries are wanted at most.
func (q Query) Most() int {
	if q.Limit == 0 {
		return DefaultLimit
	}
	return q.Limit
}

func validWhy(reason wire.Reason, code wire.Code) error {
	if err := oneOf("reason", reason, wire.Reasons()); err != nil {
		return err
	}
	return oneOf("code", code, wire.Codes())
}
