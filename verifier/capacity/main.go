package main

import (
	"flag"
	"fmt"
	"os"
	"strconv"
)

func main() {
	costs, assumed := Measured, Assumed
	for _, f := range []struct {
		to         *float64
		name, what string
	}{
		{&costs.HeartbeatCPU, "heartbeat-cpu", "µs of a verifier for a heartbeat"},
		{&costs.CheckCPU, "check-cpu", "µs of a verifier for a check"},
		{&costs.RedisCPU, "redis-cpu", "µs of Redis for a heartbeat"},
		{&costs.RedisMemory, "redis-memory", "bytes of a session in Redis"},
		{&costs.Memory, "memory", "bytes of a session in the embedded store"},
		{&costs.Stream, "stream", "bytes of an open event stream"},
		{&costs.Up, "up", "bytes of a heartbeat"},
		{&costs.Down, "down", "bytes of its answer"},
		{&assumed.Interval, "interval", "seconds between heartbeats"},
		{&assumed.Checks, "checks", "checks of a session a minute"},
		{&assumed.Streams, "streams", "event streams of a session"},
		{&assumed.Load, "load", "of a processor, at most: above 0, to 1"},
		{&assumed.Cores, "cores", "of one verifier"},
		{&assumed.Held, "held", "event streams that one verifier holds at most"},
	} {
		flag.Float64Var(f.to, f.name, *f.to, f.what)
	}
	flag.Usage = func() {
		fmt.Fprintln(flag.CommandLine.Output(), "capacity [flags] [sessions ...]\n\nExample: capacity -checks 20 5000000")
		flag.PrintDefaults()
	}
	flag.Parse()
	sessions := Steps()
	if flag.NArg() > 0 {
		sessions = nil
	}
	for _, text := range flag.Args() {
		n, err := strconv.ParseFloat(text, 64)
		if err != nil || !(n >= 1 && n <= 1e12) {
			fail("sessions is %q; allowed: 1 to 1e12", text)
		}
		sessions = append(sessions, n)
	}
	for _, v := range []float64{assumed.Interval, assumed.Load, assumed.Cores, assumed.Held} {
		if !(v > 0) || assumed.Load > 1 {
			fail("-interval, -cores and -held must be above 0, -load above 0 and at most 1")
		}
	}
	if err := Table(os.Stdout, sessions, costs, assumed); err != nil {
		fail("%v", err)
	}
}

// Steps are the numbers of sessions in CAPACITY.md.
func Steps() []float64 { return []float64{10_000, 100_000, 1_000_000, 10_000_000, 100_000_000} }

func fail(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "capacity: "+format+"\n", args...)
	os.Exit(2)
}
