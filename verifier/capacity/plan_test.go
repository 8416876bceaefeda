package main

import (
	"math"
	"os"
	"strings"
	"testing"
)

// CAPACITY.md has the table that the costs give: whoever measures anew changes Measured, and this test says that the page must follow.
func TestCapacityPageFollowsTheCosts(t *testing.T) {
	page, err := os.ReadFile("CAPACITY.md")
	if err != nil {
		t.Fatal(err)
	}
	var table strings.Builder
	if err := Table(&table, Steps(), Measured, Assumed); err != nil {
		t.Fatal(err)
	}
	if strings.Count(table.String(), "\n") != 2+len(Steps()) || !strings.Contains(string(page), "\n"+table.String()+"\n") {
		t.Errorf("CAPACITY.md lacks this table (go run ./verifier/capacity):\n%s", table.String())
	}
}

// A plan worked out by hand.
func TestPlan(t *testing.T) {
	c := Costs{HeartbeatCPU: 200, CheckCPU: 20, RedisCPU: 50, RedisMemory: 1 << 10, Memory: 512, Stream: 32 << 10, Up: 500, Down: 500}
	a := Assumptions{Interval: 60, Checks: 3, Streams: 0.5, Load: 0.5, Cores: 2, Held: 50_000}
	near := func(what string, got, want float64) {
		t.Helper()
		if math.Abs(got-want) > 1e-6*want {
			t.Errorf("%s: %v, want %v", what, got, want)
		}
	}
	n := Plan(6_000_000, c, a)
	near("heartbeats a second", n.Heartbeats, 100_000)
	near("checks a second", n.Checks, 300_000)
	near("cores for heartbeats", n.HeartbeatCores, 40)
	near("cores for checks", n.CheckCores, 12)
	near("verifiers, for their streams", float64(n.Verifiers), 61)
	near("shards", float64(n.Shards), 10)
	near("memory of a shard", n.SessionMemory, 6e6*1024/10/(1<<30))
	near("traffic", n.Megabits, 800)
	near("reopened within", n.Reopen, 3e6/61/1000)
	a.Streams = 0
	near("verifiers, for their cores", float64(Plan(6_000_000, c, a).Verifiers), 27)
	if alone := Plan(10_000, c, a); alone.Verifiers != 1 || alone.Shards != 0 {
		t.Errorf("ten thousand sessions take %+v", alone)
	}
	for _, number := range []struct {
		n    float64
		want string
	}{{0.04, "0.0"}, {9.96, "10.0"}, {10, "10"}, {999.6, "1,000"}, {1234567, "1,234,567"}} {
		if got := count(number.n); got != number.want {
			t.Errorf("%v is written %s, want %s", number.n, got, number.want)
		}
	}
}
