// Command demo shows Curfew in one process: a patient-record application, the verifier in front of it, and an identity provider
// with a password form. Nothing else needs to be installed.
package main

import (
	"context"

	"github.com/curfew-project/curfew/examples/inprocess"
)

func main() {
	inprocess.Main("demo", 8400, func(ctx context.Context, o inprocess.Options) (inprocess.Example, error) {
		d, err := newDemo(ctx, o)
		if err != nil {
			return inprocess.Example{}, err
		}
		return d.Example, nil
	})
}
