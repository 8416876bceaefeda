package sim

import (
	"strings"
	"testing"
	"time"

	"github.com/curfew-project/curfew/shared/policy"
)

// D3: two runs from the same seed send the same requests and get the same answers, byte for byte; another seed does not.
func TestD3_SameSeedSameTrace(t *testing.T) {
	run := func(seed uint64) string {
		times := policy.Settings{
			SessionTimeout: 2 * time.Hour, SessionWarning: 20 * time.Minute, InactivityTimeout: 10 * time.Minute, InactivityWarning: 2 * time.Minute,
		}
		s := newScene(t, seed, times)
		p := s.signIn("laptop", time.Duration(seed)*time.Minute, lan)
		q := s.signIn("desktop", -time.Hour, slow)
		other := p.secondTab()
		p.browser.Network.LoseAnswer = .2
		for range 10 {
			p.works(time.Minute)
			other.works(30 * time.Second)
			q.works(20 * time.Second)
		}
		s.must(s.world.Sleep(q.browser, 5*time.Minute))
		q.acts()
		other.tab.Hide()
		s.pass(30 * time.Minute)
		var trace strings.Builder
		for _, exchange := range s.world.Trace() {
			trace.WriteString(exchange.String())
		}
		for _, tab := range []*person{p, other, q} {
			trace.WriteString(tab.tab.Screen() + "\n")
		}
		return trace.String()
	}
	seed := only()
	first, second := run(seed), run(seed)
	if first != second {
		a, b := strings.Split(first, "\n"), strings.Split(second, "\n")
		for i := range min(len(a), len(b)) {
			if a[i] != b[i] {
				t.Fatalf("seed %d: line %d of the trace differs:\n%s\n%s", seed, i, a[i], b[i])
			}
		}
		t.Fatalf("seed %d: the traces have %d and %d lines", seed, len(a), len(b))
	}
	if len(first) < 10_000 {
		t.Errorf("the trace has only %d bytes", len(first))
	}
	if run(seed+1) == first {
		t.Error("another seed gives the same trace")
	}
}
