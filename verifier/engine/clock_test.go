package engine_test

import (
	"context"
	"errors"
	"testing"

	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/verifier/engine"
)

// P1 P4: a verifier whose clock is an hour behind that of the one before lets nobody through for longer: what has ended has ended, and a
// cookie that it could not have made must be renewed by the key first.
func TestP1P4_AClockThatIsBehind(t *testing.T) {
	w := newWorld(t)
	living, over := w.signedIn(free), w.signedIn(free)
	s, err := w.Check(context.Background(), free, over.cookie)
	w.must(err)
	_, err = w.EndByAdmin(context.Background(), s, "root")
	w.must(err)
	w.pass(-60 * minute)
	for name, try := range map[string]struct {
		cookie string
		want   wire.Code
	}{"living": {living.cookie, wire.StaleCookie}, "ended": {over.cookie, wire.SessionEnded}} {
		_, err := w.Check(context.Background(), free, try.cookie)
		var refused *engine.Refusal
		if !errors.As(err, &refused) || refused.Refusal.Error != try.want {
			t.Errorf("%s: %v; want %s", name, err, try.want)
		}
		for _, open := range []bool{false, true} { // and what asks from another process
			j, err := w.Judge(context.Background(), free, try.cookie, open)
			if !errors.As(err, &refused) || refused.Refusal.Error != try.want || j.Fresh != 0 || (j.Lasts != 0) != (name == "living") {
				t.Errorf("%s, open %t: %+v, %v; want %s", name, open, j, err, try.want)
			}
		}
		if a, ok, err := w.Introspect(context.Background(), free, try.cookie); ok || err != nil {
			t.Errorf("%s: introspection says active: %+v, %v", name, a, err)
		}
	}
	w.pass(59 * minute) // a computer whose clock is a minute behind is an ordinary one
	if _, err := w.Check(context.Background(), free, living.cookie); err != nil {
		t.Errorf("a minute behind: %v", err)
	}
}
