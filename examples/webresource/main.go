// Command webresource shows which frames of a page Curfew watches and protects, in one process: an application page with web
// resources that include the script, one that does not, and a frame of another origin that takes part. Nothing else needs to be
// installed.
package main

import (
	"context"

	"github.com/curfew-project/curfew/examples/inprocess"
)

func main() {
	inprocess.Main("webresource", 8410, func(ctx context.Context, o inprocess.Options) (inprocess.Example, error) {
		e, err := newExample(ctx, o)
		if err != nil {
			return inprocess.Example{}, err
		}
		return e.Example, nil
	})
}
