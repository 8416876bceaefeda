package engine

import (
	"strconv"
	"testing"

	"github.com/curfew-project/curfew/verifier/session"
)

// FillReplays fills the memory for used proofs.
func FillReplays(t *testing.T) {
	var r replays
	for i := range maxProofsOf {
		if first, room := r.first(session.ID{1}, strconv.Itoa(i), 0); !first || !room {
			t.Fatalf("proof %d: %t, %t", i, first, room)
		}
	}
	life := apiNonceLife.Milliseconds()
	for _, now := range []int64{0, life - 1, -1000} { // also where the clock goes back
		if _, room := r.first(session.ID{1}, "more", now); room {
			t.Errorf("at %d there is room for more", now)
		}
		if first, _ := r.first(session.ID{1}, "7", now); first {
			t.Errorf("at %d a used proof is new", now)
		}
		if first, room := r.first(session.ID{2}, "at "+strconv.FormatInt(now, 10), now); !first || !room {
			t.Errorf("at %d one session takes another's room", now)
		}
	}
	if first, room := r.first(session.ID{1}, "more", life); !first || !room {
		t.Error("there is no room after a while")
	}
	if first, _ := r.first(session.ID{1}, "7", 2*life-1); first {
		t.Error("a used proof is new while its nonce may be good")
	}
	if r.first(session.ID{1}, "later", 2*life); len(r.old[session.ID{1}]) != 1 || len(r.young[session.ID{1}]) != 1 {
		t.Errorf("%d and %d proofs are remembered", len(r.old[session.ID{1}]), len(r.young[session.ID{1}]))
	}
}
