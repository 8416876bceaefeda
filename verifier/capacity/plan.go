// Command capacity plans how much a number of sessions takes, from what their parts were measured to cost (make bench). It prints the table of
// CAPACITY.md; each cost and each assumption is a flag.
package main

import (
	"fmt"
	"io"
	"math"
	"strconv"
)

// Costs are what was measured.
type Costs struct {
	HeartbeatCPU float64 // µs of a verifier, HTTP and Redis's client included
	CheckCPU     float64 // µs of a verifier, HTTP included
	RedisCPU     float64 // µs of Redis for a heartbeat
	RedisMemory  float64 // bytes of a session in Redis, with its secrets
	Memory       float64 // bytes of a session in a verifier with the embedded store
	Stream       float64 // bytes of an open event stream in a verifier
	Up, Down     float64 // bytes of a heartbeat on the wire, with the browser's own headers and TLS
}

// Assumptions are what an operator knows better.
type Assumptions struct {
	Interval float64 // seconds between heartbeats, on average
	Checks   float64 // of a session, a minute: requests to the application that its proxy asks about
	Streams  float64 // of a session: its page is open, and the one that leads
	Load     float64 // of a processor, at most
	Cores    float64 // of one verifier
	Held     float64 // event streams that one verifier holds at most
}

// Measured are the figures of make bench on two cores of a quiet machine; those of Redis and the streams, on busy ones.
var Measured = Costs{HeartbeatCPU: 161, CheckCPU: 26.7, RedisCPU: 30, RedisMemory: 2048, Memory: 395, Stream: 28 << 10, Up: 1600, Down: 1000}

// Assumed are the assumptions of CAPACITY.md.
var Assumed = Assumptions{Interval: 67.5, Checks: 6, Streams: 1, Load: 0.5, Cores: 4, Held: 50_000}

// Needs are what a number of sessions takes.
type Needs struct {
	Sessions        float64
	Heartbeats      float64 // a second
	Checks          float64 // a second
	HeartbeatCores  float64 // at Load
	CheckCores      float64 // at Load
	Verifiers       int     // for the cores or the streams, whichever takes more; one more than that where there is more than one
	StreamMemory    float64 // GiB, all verifiers
	Shards          int     // of Redis, for its one thread at Load; 0: the embedded store will do
	SessionMemory   float64 // GiB of sessions in each shard, or in the one verifier
	Megabits        float64 // a second of heartbeats, both ways
	Reopens, Reopen float64 // streams a second when all verifiers are replaced at once, and within how many seconds
}

// embedded is how many sessions one verifier keeps by itself: more take Redis anyway, for a second one.
const embedded = 1_000_000

// Plan says what a number of sessions takes.
func Plan(sessions float64, c Costs, a Assumptions) Needs {
	n := Needs{Sessions: sessions, Heartbeats: sessions / a.Interval, Checks: sessions * a.Checks / 60}
	n.SessionMemory = sessions * c.Memory / (1 << 30)
	n.HeartbeatCores = n.Heartbeats * c.HeartbeatCPU / 1e6 / a.Load
	n.CheckCores = n.Checks * c.CheckCPU / 1e6 / a.Load
	streams := sessions * a.Streams
	n.Verifiers = int(math.Ceil(max((n.HeartbeatCores+n.CheckCores)/a.Cores, streams/a.Held)))
	if n.Verifiers > 1 || sessions > embedded {
		n.Verifiers++
		n.Shards = int(math.Ceil(n.Heartbeats * c.RedisCPU / 1e6 / a.Load))
		n.SessionMemory = sessions * c.RedisMemory / float64(n.Shards) / (1 << 30)
	}
	n.StreamMemory = streams * c.Stream / (1 << 30)
	n.Megabits = n.Heartbeats * (c.Up + c.Down) * 8 / 1e6
	each := streams / float64(n.Verifiers)
	n.Reopen = min(max(each/1000, 5), 60) // verifier/steer
	n.Reopens = streams / n.Reopen
	return n
}

// Table prints plans as Markdown.
func Table(to io.Writer, sessions []float64, c Costs, a Assumptions) error {
	if _, err := fmt.Fprint(to, "| sessions | heartbeats/s | checks/s | cores: heartbeats | cores: checks | verifiers | memory of streams | Redis shards | memory of sessions | heartbeats' traffic | streams/s after a deploy |\n",
		"| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n"); err != nil {
		return err
	}
	for _, s := range sessions {
		n := Plan(s, c, a)
		shards, memory := "none", size(n.SessionMemory)
		if n.Shards > 0 {
			shards, memory = count(float64(n.Shards)), memory+" in each"
		}
		if _, err := fmt.Fprintf(to, "| %s | %s | %s | %s | %s | %s | %s | %s | %s | %s Mbit/s | %s for %.0f s |\n", count(n.Sessions), count(n.Heartbeats), count(n.Checks),
			count(n.HeartbeatCores), count(n.CheckCores), count(float64(n.Verifiers)), size(n.StreamMemory), shards, memory, count(n.Megabits), count(n.Reopens), n.Reopen); err != nil {
			return err
		}
	}
	return nil
}

// count writes a number in groups of three digits, small ones with one decimal.
func count(n float64) string {
	if n < 10 && n != math.Trunc(n) {
		return strconv.FormatFloat(n, 'f', 1, 64)
	}
	text := strconv.FormatFloat(math.Round(n), 'f', 0, 64)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

func size(gib float64) string {
	if gib < 1 {
		return count(gib*1024) + " MiB"
	}
	return count(gib) + " GiB"
}
