package shed

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// P8: whatever comes, waits, gives up and leaves in whatever order, a gate stays within its limits, forgets nobody, keeps the order, and
// keeps nothing of those who are gone.
func TestP8_GateIsBoundedAndForgetsNobody(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		draw := func(name string, most int) int { return rapid.IntRange(0, most).Draw(t, name) }
		limits := Limits{Checks: 1 + draw("checks", 3), Heartbeats: 1 + draw("heartbeats", 3),
			Waiting: [classes]int{draw("checks wait", 4), draw("urgent wait", 4), draw("routine wait", 4)}}
		g := NewGate(limits)
		var waiting [classes][]*Ticket
		var running [classes]int
		came := func(ticket *Ticket) {
			c := ticket.Class
			if len(waiting[c]) == 0 || waiting[c][0] != ticket {
				t.Fatalf("a %s came in out of turn", c)
			}
			waiting[c] = waiting[c][1:]
			running[c]++
			if c == Routine && len(waiting[Check])+len(waiting[Urgent]) > 0 {
				t.Fatal("a heartbeat that can wait came in before others")
			}
		}
		for range rapid.IntRange(1, 200).Draw(t, "steps") {
			switch c := Class(draw("class", 2)); draw("what", 3) {
			case 0, 1:
				ticket := &Ticket{Class: c}
				ticket.Turn = func() { came(ticket) }
				full := g.Full(c)
				switch place := g.Enter(ticket); place {
				case In:
					running[c]++
					if full {
						t.Fatal("one came into a full gate")
					}
				case Waits:
					waiting[c] = append(waiting[c], ticket)
				case Turned:
					if len(waiting[c]) < limits.Waiting[c] {
						t.Fatalf("a %s was turned away with %d waiting", c, len(waiting[c]))
					}
				}
			case 2:
				if running[c] > 0 {
					running[c]--
					g.Leave(c)
				}
			case 3:
				if n := len(waiting[c]); n > 0 {
					i := draw("who", n-1)
					ticket := waiting[c][i]
					waiting[c] = slices.Delete(waiting[c], i, i+1)
					if !g.GiveUp(ticket) || g.GiveUp(ticket) {
						t.Fatal("one that waits could not give up, or could twice")
					}
				}
			}
			beats := running[Urgent] + running[Routine]
			if running[Check] > limits.Checks || beats > limits.Heartbeats {
				t.Fatalf("%d checks and %d heartbeats at once", running[Check], beats)
			}
			for c := range classes {
				if len(waiting[c]) > limits.Waiting[c] || len(g.queues[c]) > 3*limits.Waiting[c] {
					t.Fatalf("%d %ss wait, and %d are kept", len(waiting[c]), c, len(g.queues[c]))
				}
			}
			if len(waiting[Check]) > 0 && running[Check] < limits.Checks || len(waiting[Urgent]) > 0 && beats < limits.Heartbeats {
				t.Fatal("somebody waits although there is room")
			}
			if got := g.Pressure(); got < 0 || got > 1 {
				t.Fatalf("pressure %v", got)
			}
		}
		// When all leave, all that waited come in.
		for range 2000 {
			for c := range classes {
				if running[c] > 0 {
					running[c]--
					g.Leave(c)
				}
			}
		}
		if len(waiting[Check])+len(waiting[Urgent])+len(waiting[Routine]) > 0 {
			t.Fatal("somebody waits for ever")
		}
	})
}

// P8: while nobody leaves, those who come, wait and give up are not kept.
func TestP8_NothingIsKeptOfThoseWhoGaveUp(t *testing.T) {
	g := NewGate(Limits{Checks: 1, Heartbeats: 1, Waiting: [classes]int{8, 8, 8}})
	for c := range classes {
		g.Enter(&Ticket{Class: c})
	}
	for range 10_000 {
		for c := range classes {
			ticket := &Ticket{Class: c, Turn: func() { t.Fatal("nobody left") }}
			if g.Enter(ticket) == Waits {
				g.GiveUp(ticket)
			}
		}
	}
	for c := range classes {
		if len(g.queues[c]) > 24 {
			t.Errorf("%d %ss are kept", len(g.queues[c]), c)
		}
	}
}
