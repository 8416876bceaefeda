package deadline

import (
	"testing"

	"github.com/curfew-project/curfew/shared/wire"
)

// P4: an ended session has ended for a clock that is behind the one by which it was ended, as after a clock was set back or on another
// computer; nothing moves its end.
func TestP4_AnEndHoldsForAClockBehind(t *testing.T) {
	end := start + 10*minute
	s := Step(example(), End{Reason: wire.SignedOut}, end)
	for _, now := range []Instant{start, end - 60*minute, end - 1, end, end + 1} {
		if !s.Ended(now) || s.Phase(now) != wire.Ended || s.Warning(now) != wire.WarnNone {
			t.Errorf("at %d: ended %t, phase %s, warning %s", now-end, s.Ended(now), s.Phase(now), s.Warning(now))
		}
		if next := Step(s, Stay{At: now}, now); next != s {
			t.Errorf("at %d: an end was moved: %+v", now-end, next)
		}
	}
}
