package policycheck

import (
	"log/slog"
	"testing"
	"time"

	"github.com/curfew-project/curfew/verifier/provider"
	"github.com/curfew-project/curfew/verifier/session"
	"github.com/curfew-project/curfew/verifier/settings"
)

// A7: after an outage the sessions that have least time left are asked about first; of the others who came first.
func TestA7_TheNearestEndComesFirst(t *testing.T) {
	now := func() time.Time { return time.Unix(1_800_000_000, 0) }
	at := provider.New(provider.Config{Issuer: "https://login.example"}, nil, now, nil)
	c, err := New(Config{Rate: 1, Concurrency: 1, Now: now, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	c.Serve(map[string]*provider.Provider{"clinic": at})
	q := c.environments["clinic"]
	for i, by := range []int64{0, 300, 0, 100, 200, 100} {
		c.Ask(settings.Environment{ID: "clinic"}, session.ID{byte(i)}, by)
	}
	for _, want := range []byte{3, 5, 4, 1, 0, 2} {
		if q.look().Waiting == 0 {
			t.Fatal("nobody waits any more")
		}
		next, ok := q.take(true)
		if !ok || next.id != (session.ID{want}) {
			t.Errorf("turn of session %d, want %d", next.id[0], want)
		}
	}
	// Who was not worth pacing is not taken for somebody else.
	c.Ask(settings.Environment{ID: "clinic"}, session.ID{9}, 0)
	if _, ok := q.take(false); ok || q.look().Waiting != 1 {
		t.Error("a session whose provider answers was taken without a request")
	}
}
