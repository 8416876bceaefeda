package engine_test

import (
	"context"
	"testing"

	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/verifier/session"
)

// B4: what another verifier ended is told here, once, when it is heard of or when it is looked for; what it only changed is not.
func TestB4_EndsElsewhereAreTold(t *testing.T) {
	for name, learn := range map[string]func(*world, session.Session){
		"heard": func(w *world, s session.Session) { w.Hear(s); w.Hear(s) },
		"rechecked": func(w *world, _ session.Session) {
			w.must(w.Recheck(context.Background()))
			w.must(w.Recheck(context.Background()))
		},
	} {
		w := newWorld(t)
		b, bystander := w.signedIn(clinic), w.at(bank, amara, "")
		watch, err := w.Watch(context.Background(), clinic, b.cookie)
		w.must(err)
		theirs, err := w.Watch(context.Background(), bank, bystander.cookie)
		w.must(err)
		now := w.Now().UnixMilli()
		living, _, err := w.store.Get(context.Background(), watch.Session, now)
		w.must(err)
		learn(w, living)
		if len(watch.Ended) != 0 {
			t.Errorf("%s: told of an end that was none", name)
		}
		// As another verifier does it, of which this one's engine knows nothing.
		over, _, err := w.store.Update(context.Background(), watch.Session, now, func(s session.Session) (session.Session, error) {
			s.State.EndedAt, s.State.Reason = now, wire.EndedByAdmin
			return s, nil
		})
		w.must(err)
		learn(w, over)
		select {
		case reason := <-watch.Ended:
			if reason != wire.EndedByAdmin {
				t.Errorf("%s: told %s", name, reason)
			}
		default:
			t.Errorf("%s: nobody was told", name)
		}
		if len(watch.Ended)+len(theirs.Ended) != 0 {
			t.Errorf("%s: told twice, or of another's", name)
		}
		watch.Stop()
		theirs.Stop()
	}
}
