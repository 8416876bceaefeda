package agent_test

import (
	"testing"

	"github.com/curfew-project/curfew/agent"
	"github.com/curfew-project/curfew/agent/agenttest"
	"github.com/curfew-project/curfew/agent/tabs"
	"github.com/curfew-project/curfew/agent/warning"
	"github.com/curfew-project/curfew/shared/wire"
)

// A15, A14: another tab says that this browser has another session while a request about the old one is under way. Whatever comes back
// for that is no word about the new session: the page asks anew and goes on.
func TestA15_AnswerAboutTheSessionBefore(t *testing.T) {
	for name, old := range map[string]func(wire.Reply, error) (wire.Reply, error){
		"a reply":       func(reply wire.Reply, err error) (wire.Reply, error) { return reply, err },
		"it has ended":  refuse(wire.Refusal{Error: wire.SessionEnded, Reason: wire.SignedOutElsewhere}),
		"no session":    refuse(wire.Refusal{Error: wire.NoSession}),
		"another nonce": refuse(wire.Refusal{Error: wire.UseNonce, SID: "sid", Key: "old key", Nonce: "n", Seq: 9}),
		"lost":          func(wire.Reply, error) (wire.Reply, error) { return wire.Reply{}, agenttest.ErrUnreachable },
		"no key":        func(wire.Reply, error) (wire.Reply, error) { return wire.Reply{}, agent.ErrNoKey },
	} {
		t.Run(name, func(t *testing.T) {
			v, d := begin(times)
			d.Latency = 500
			d.Verifier = func(r agent.Request, now int64) (wire.Reply, error) {
				d.Verifier = keyed(v)
				return old(v.answer(r, now))
			}
			d.Choose(warning.Stay) // something to ask at once
			d.Pass(700)            // the verifier has answered, and the answer is on its way back
			v.anew("second", d.Now)
			d.Hear(tabs.Message{Kind: tabs.Renewed, Wall: d.Moment().Now.Wall})
			expect(t, d, checking)
			d.Pass(10 * second)
			expect(t, d, page)
			if v.seq == 0 {
				t.Error("the new session had no heartbeat")
			}
		})
	}
}

func refuse(with wire.Refusal) func(wire.Reply, error) (wire.Reply, error) {
	return func(wire.Reply, error) (wire.Reply, error) { return wire.Reply{}, &agent.Refused{Refusal: with} }
}

// keyed is the verifier of a browser that has the new session's key, and none where it is asked for none.
func keyed(v *verifier) agenttest.Verifier {
	return func(r agent.Request, now int64) (wire.Reply, error) {
		if r.Nonce != "" && r.Key != "new key" {
			return wire.Reply{}, agent.ErrNoKey
		}
		reply, err := v.answer(r, now)
		if refused, ok := err.(*agent.Refused); ok {
			refused.Refusal.Key = "new key"
		}
		return reply, err
	}
}
