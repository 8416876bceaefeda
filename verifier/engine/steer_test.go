package engine_test

import (
	"testing"
	"time"
)

// D1 D4: pages that were answered in the same millisecond come again at other moments, each before its cookie goes stale.
func TestD4_PagesThatCameTogetherPart(t *testing.T) {
	w := newWorld(t)
	seen := map[int64]bool{}
	for range 40 {
		b := w.signedIn(clinic)
		reply, err := b.send(b.beat(0))
		if err != nil {
			t.Fatal(err)
		}
		if reply.Interval < minute || reply.Interval > 75*second {
			t.Fatalf("the next heartbeat is due in %d ms", reply.Interval)
		}
		seen[reply.Interval] = true
	}
	if len(seen) < 35 {
		t.Errorf("40 pages have only %d intervals", len(seen))
	}
}

// P2: how long a page can wait follows from its cookie, which is never good past a deadline; what this environment has not made says nothing.
func TestP2_SlackFollowsTheCookie(t *testing.T) {
	w := newWorld(t)
	b := w.signedIn(clinic)
	expect := func(name string, want time.Duration) {
		t.Helper()
		if got, ok := w.Slack(b.env, b.cookie); !ok || got != want {
			t.Errorf("%s: slack %s, %t, want %s", name, got, ok, want)
		}
	}
	expect("fresh", 225*time.Second)
	w.pass(4 * minute)
	expect("after four minutes", -15*time.Second)
	b.takeNonce()
	for range 8 { // up to 14 minutes without activity
		w.pass(75 * second)
		if _, err := b.send(b.beat(14 * minute)); err != nil {
			t.Fatal(err)
		}
	}
	expect("a minute before the end by inactivity", -15*time.Second)
	for name, cookie := range map[string]string{"none": "", "forged": b.cookie + "x", "long": string(make([]byte, 9000))} {
		if slack, ok := w.Slack(b.env, cookie); ok || slack != 0 {
			t.Errorf("%s: slack %s, %t", name, slack, ok)
		}
	}
	old := b.cookie
	w.pass(6*minute + second)
	if _, ok := w.Slack(b.env, old); ok {
		t.Error("P8: a cookie that went stale more than a renewal ago makes a request urgent")
	}
	if _, ok := w.Slack(bank, b.cookie); ok {
		t.Error("P6: another environment's cookie is believed")
	}
}
