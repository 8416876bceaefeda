package admin

import (
	"context"
	"errors"
	"fmt"

	"github.com/curfew-project/curfew/verifier/settings"
)

// ErrLost is in the tree of the error of Refresh when the store has forgotten a version that is in force: Load begins with what it has.
var ErrLost = errors.New("the store has lost settings that are in force")

// Refresh puts in force what other verifiers have changed since it was last read (A12). What does not fit is refused as a whole, and
// what is in force stays: a version that the audit does not vouch for, or one that this verifier's own configuration file does not allow.
// Environments that are in nobody's file but another verifier's are not served here.
func (a *Admin) Refresh(ctx context.Context) error {
	a.changing.Lock()
	defer a.changing.Unlock()
	return a.refresh(ctx)
}

// refresh is Refresh for who holds changing.
func (a *Admin) refresh(ctx context.Context) error {
	latest, err := a.c.Settings.Latest(ctx)
	if err != nil {
		return unavailable(err)
	}
	before := a.look()
	there := map[string]int64{}
	var fresh []settings.Revision
	for _, rev := range latest {
		there[rev.Environment] = rev.Version
		if before.docs[rev.Environment].Version != rev.Version {
			fresh = append(fresh, rev)
		}
	}
	for id, rev := range before.docs {
		if there[id] < rev.Version {
			return fmt.Errorf("%w: %s was at version %d and is at %d", ErrLost, named(id), rev.Version, there[id])
		}
	}
	if len(fresh) == 0 {
		return nil
	}
	for _, rev := range fresh {
		if err := settings.Vouched(ctx, rev, a.c.Audit); err != nil {
			return err
		}
	}
	next := before.with(fresh...).without()
	if err := next.fits(); err != nil {
		return err
	}
	ready, err := next.prepare()
	if err != nil {
		return err
	}
	a.install(next, ready)
	a.c.Changed(touched(before, next)...)
	return nil
}

// without is the state without the environments that only another verifier's file has.
func (s state) without() state {
	for id, rev := range s.docs {
		if _, declared := s.base.find(id); !declared && rev.Document.Provider == "" && id != settings.Deployment && !rev.Document.Removed {
			rev.Document.Removed = true
			s = s.with(rev)
		}
	}
	return s
}

// turn makes this the only one that changes something, here and among all verifiers, and knows what the others have changed before. done
// must be called.
func (a *Admin) turn(ctx context.Context) (done func(), err error) {
	a.changing.Lock()
	if a.c.Turn == nil {
		return a.changing.Unlock, nil
	}
	over, err := a.c.Turn(ctx)
	if err != nil {
		a.changing.Unlock()
		return nil, unavailable(err)
	}
	done = func() {
		over()
		a.changing.Unlock()
	}
	if err := a.refresh(ctx); err != nil {
		done()
		return nil, unavailable(err)
	}
	return done, nil
}
