package policycheck

import (
	"testing"
	"time"

	"github.com/curfew-project/curfew/verifier/engine"
)

func TestBreaker(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	silence := engine.Failure{Cause: "unreachable (timeout)"}
	var b breaker
	for i := range inARow {
		if b.resting(now) || b.asks() != ask {
			t.Fatalf("spared after %d failures", i)
		}
		b.silent(silence, now)
	}
	for _, c := range []struct {
		after time.Duration
		rests bool
	}{{0, true}, {probeEvery - 1, true}, {probeEvery, false}, {-time.Hour, false}} {
		if got := b.resting(now.Add(c.after)); got != c.rests {
			t.Errorf("%s after the last failure: resting %t", c.after, got)
		}
	}
	if why := b.reason(now.Add(4 * time.Second)); why.RetryAfter != probeEvery-4*time.Second || why.Cause == silence.Cause {
		t.Errorf("the reason is %+v", why)
	}
	if b.asks() != probe {
		t.Error("the next to ask is no probe")
	}
	b.silent(engine.Failure{RetryAfter: time.Minute}, now)
	b.silent(silence, now)
	if !b.resting(now.Add(time.Minute - 1)) {
		t.Error("a later failure shortened the pause that the provider asked for")
	}
	if b.answered(); b.resting(now) || b.asks() != ask {
		t.Error("still spared after an answer")
	}
	b.silent(engine.Failure{RetryAfter: 30 * time.Second}, now)
	if !b.resting(now.Add(29*time.Second)) || b.resting(now.Add(30*time.Second)) {
		t.Error("Retry-After does not count at once")
	}
}
