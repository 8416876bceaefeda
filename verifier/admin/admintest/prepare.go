// Package admintest has what tests of the administration share.
package admintest

import (
	"context"
	"errors"

	"github.com/curfew-project/curfew/verifier/admin"
)

// ErrSilent is what a provider answers that does not.
var ErrSilent = errors.New("connection refused")

// Prepare is the Prepare of an admin.Base without any providers: those of the environments for which silent is true do not answer. It
// fails with refuse where that gives an error. committed, which may be nil, is told what is served.
func Prepare(silent func(environment string) bool, refuse func() error, committed func([]admin.Served)) func([]admin.Served) (admin.Prepared, error) {
	return func(served []admin.Served) (admin.Prepared, error) {
		if refuse != nil {
			if err := refuse(); err != nil {
				return nil, err
			}
		}
		return prepared{served, silent, committed}, nil
	}
}

type prepared struct {
	served    []admin.Served
	silent    func(string) bool
	committed func([]admin.Served)
}

func (p prepared) Commit() {
	if p.committed != nil {
		p.committed(p.served)
	}
}

func (p prepared) Answers(_ context.Context, environment string) error {
	if p.silent(environment) {
		return ErrSilent
	}
	return nil
}
