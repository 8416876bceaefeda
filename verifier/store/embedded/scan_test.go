package embedded

import (
	"testing"

	"github.com/curfew-project/curfew/shared/deadline"
	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/verifier/session"
)

// What was forgotten after its shard was looked through is not shown any more.
func TestScanSkipsWhatWasForgottenMeanwhile(t *testing.T) {
	store := opened(t)
	s := small()
	if err := store.Create(t.Context(), s, "", 1); err != nil {
		t.Fatal(err)
	}
	at := store.shard(s.ID)
	noted := at.of("", nil)
	if _, _, err := store.Update(t.Context(), s.ID, 5, func(s session.Session) (session.Session, error) {
		s.State = deadline.Step(s.State, deadline.End{Reason: wire.SignedOut}, 5)
		return s, nil
	}); err != nil {
		t.Fatal(err)
	}
	if seen, ok := at.read(store, noted[0]); !ok || seen.State.EndedAt != 5 {
		t.Errorf("after its end it is %+v, %t; want as it is now", seen, ok)
	}
	if n, err := store.Forget(t.Context(), 6, 6); n != 1 || err != nil {
		t.Fatalf("Forget: %d, %v", n, err)
	}
	if _, ok := at.read(store, noted[0]); ok {
		t.Error("a forgotten session is shown")
	}
}
