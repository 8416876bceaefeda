package audit

import (
	"fmt"
	"strings"
	"testing"

	"github.com/curfew-project/curfew/shared/wire"
)

// P8 C5: whoever is refused again and again fills nothing: what is held back is counted, and what else happens is recorded all the same.
func TestC5_RefusalsDoNotFillTheAudit(t *testing.T) {
	var got []Event
	r := NewRestraint(func(e Event) { got = append(got, e) })
	const at = int64(1_800_000_000_000)
	for i := range 10_000 {
		r.Record(Event{At: at + int64(i)/10, Kind: Refused, Environment: "clinic", Code: wire.NoSession}) // within a second
	}
	if len(got) < inARow || len(got) > inARow+2*perSecond {
		t.Errorf("%d of ten thousand were recorded", len(got))
	}
	held := 10_000 - len(got)
	got = nil
	for _, e := range []Event{
		{At: at + 1000, Kind: Refused, Environment: "clinic", Code: wire.WrongKey}, {At: at + 1000, Kind: Refused, Environment: "bank", Code: wire.NoSession},
		{At: at + 1000, Kind: Ended, Environment: "clinic", Reason: wire.Inactivity}, {At: at + 1000, Kind: SignIn, Environment: "clinic"},
	} {
		r.Record(e)
	}
	if len(got) != 4 {
		t.Errorf("of four others %d were recorded", len(got))
	}
	got = nil
	r.Tell(at+30_000, false)
	if len(got) != 0 {
		t.Errorf("told too early: %+v", got)
	}
	r.Tell(at+61_500, false)
	if len(got) != 1 || got[0].Kind != Refused || got[0].Environment != "clinic" || got[0].Code != wire.NoSession ||
		!strings.HasPrefix(got[0].Detail, fmt.Sprintf("%d more of these in 62 seconds", held)) {
		t.Errorf("told: %+v, want %d", got, held)
	}
	got = nil
	r.Tell(at+130_000, true)
	if len(got) != 0 {
		t.Errorf("told twice: %+v", got)
	}
	// After a pause there is room again, and no more than before.
	for range 1000 {
		r.Record(Event{At: at + 10_000_000, Kind: Refused, Environment: "clinic", Code: wire.NoSession})
	}
	if len(got) != inARow {
		t.Errorf("after a pause %d were recorded", len(got))
	}
	// Environments that somebody makes up do not make it grow.
	for i := range 3 * maxRefusals {
		r.Record(Event{At: at, Kind: AdminRefused, Environment: fmt.Sprint(i)})
	}
	if len(r.of) > maxRefusals+1 {
		t.Errorf("%d are counted apart", len(r.of))
	}
	// A clock that goes back gives no room.
	before := len(got)
	for range 500 {
		r.Record(Event{At: at - 1_000_000, Kind: Refused, Environment: "clinic", Code: wire.NoSession})
	}
	if len(got) != before {
		t.Error("a clock that goes back makes room")
	}
}
