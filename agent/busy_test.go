package agent_test

import (
	"testing"

	"github.com/curfew-project/curfew/agent"
	"github.com/curfew-project/curfew/agent/agenttest"
	"github.com/curfew-project/curfew/shared/wire"
)

// busy makes a verifier refuse with a time to come back, for as long as it is set.
type busy struct {
	after int64
	at    []int64 // when requests were refused
}

func (b *busy) before(next agenttest.Verifier) agenttest.Verifier {
	return func(r agent.Request, now int64) (wire.Reply, error) {
		if b.after == 0 {
			return next(r, now)
		}
		b.at = append(b.at, now)
		return wire.Reply{}, &agent.Refused{Refusal: wire.Refusal{Error: wire.Unavailable, RetryAfter: b.after}}
	}
}

// P2: a verifier that has too much to do says when to come back, and a page with nothing at stake keeps to that and stays as it is. Whatever it
// says, the page is back within minutes.
func TestP2_BusyVerifierIsGivenItsTime(t *testing.T) {
	for _, c := range []struct{ after, low, high int64 }{
		{90 * second, 90 * second, 90*second + 100},
		{24 * 60 * minute, wire.MaxRetry / 2, wire.MaxRetry + 100},
	} {
		v, d := begin(times)
		b := &busy{after: c.after}
		d.Verifier = b.before(v.answer)
		d.Pass(6*minute + second)
		for i := 1; i < len(b.at); i++ {
			if wait := b.at[i] - b.at[i-1]; wait < c.low || wait > c.high {
				t.Errorf("told to come back after %d ms, it did after %d", c.after, wait)
			}
		}
		if len(b.at) < 2 {
			t.Errorf("told to come back after %d ms, it never did", c.after)
		}
		expect(t, d, page)
		b.after = 0
		d.Pass(wire.MaxRetry)
		sent := d.Sent
		d.Pass(3 * minute)
		if n := d.Sent - sent; n < 2 || n > 4 {
			t.Errorf("afterwards it sent %d heartbeats in three minutes", n)
		}
	}
}

// P2: whose session may end before the verifier hears of its user does not wait that long.
func TestP2_BusyVerifierAndAWarning(t *testing.T) {
	v, d := begin(times)
	d.Pass(12 * minute) // a minute before the warning
	b := &busy{after: 150 * second}
	d.Verifier = b.before(v.answer)
	d.Act()
	d.Pass(2 * minute)
	if since := d.Now - b.at[len(b.at)-1]; since > 10*second {
		t.Errorf("the user is active, the end is near, and the last attempt was %d ms ago", since)
	}
	b.after = 0
	d.Pass(11 * second)
	expect(t, d, page)
	exact(t, v, d)
}

// A13: a page that opens while the verifier is busy was let through a moment ago, and is not covered at once; but it is, when the verifier goes on
// to say nothing of its session.
func TestA13_PageThatOpensWhileTheVerifierIsBusy(t *testing.T) {
	v := newVerifier(times)
	b := &busy{after: 120 * second}
	d := agenttest.New(start, b.before(v.answer))
	for len(b.at) < 3 {
		expect(t, d, page)
		d.Pass(second / 2)
	}
	if took := b.at[2] - b.at[0]; took < 240*second || took > 241*second {
		t.Errorf("three attempts took %d ms", took)
	}
	for len(b.at) < 4 {
		d.Pass(second / 2)
	}
	d.Pass(second)
	expect(t, d, "cover: We cannot check your session")
	b.after = 0
	d.Pass(11 * second)
	expect(t, d, page)
}

// Pages that lose the verifier in the same moment do not come back to it in the same moment: not at the first attempt and not later.
func TestPagesThatFailTogetherPart(t *testing.T) {
	const pages = 200
	attempts := map[int]map[int64]bool{} // the instants of each page's first attempt, second, ...
	for i := range int64(pages) {
		v := newVerifier(times)
		d := agenttest.New(start, v.answer)
		d.Mono += i * 7919 // it was opened at a moment of its own
		d.Pass(second)
		tries := 0
		d.Verifier = func(agent.Request, int64) (wire.Reply, error) {
			if tries++; attempts[tries] == nil {
				attempts[tries] = map[int64]bool{}
			}
			attempts[tries][d.Now] = true
			return wire.Reply{}, agenttest.ErrUnreachable
		}
		d.Pass(5 * minute)
		if tries < 8 {
			t.Fatalf("%d attempts in five minutes", tries)
		}
	}
	if len(attempts[1]) != 1 {
		t.Fatalf("the first attempts were at %d moments", len(attempts[1]))
	}
	for try := 2; try <= 8; try++ {
		if len(attempts[try]) < pages/2 {
			t.Errorf("attempt %d of %d pages was at %d moments", try, pages, len(attempts[try]))
		}
	}
}
