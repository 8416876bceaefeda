//go:build linux

package server

import (
	"context"
	"flag"
	"fmt"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/curfew-project/curfew/verifier/loadtest"
	"github.com/curfew-project/curfew/verifier/store/redistest"
	"github.com/curfew-project/curfew/wasm/dist/figure"
)

var (
	loadSessions = flag.Int("load.sessions", 2000, "sessions that send heartbeats under load")
	loadLength   = flag.Duration("load.length", 4*time.Second, "how long an open loop lasts")
)

// fleetUnderLoad is verifiers in processes of their own with sessions whose pages sign their heartbeats.
type fleetUnderLoad struct {
	name      string
	verifiers []*running
	pages     []*loadtest.Page
	target    *loadtest.Target
}

// underLoad starts verifiers on the embedded store, or with redis on that.
func underLoad(b *testing.B, name string, verifiers int, redis *redistest.Server) *fleetUnderLoad {
	b.Helper()
	key, err := loadtest.NewKey()
	if err != nil {
		b.Fatal(err)
	}
	sum := key.Thumbprint()
	f := &fleetUnderLoad{name: name}
	keys := filepath.Join(b.TempDir(), "keys")
	var bases []string
	for n := range verifiers {
		sessions := *loadSessions
		if n > 0 {
			sessions = 0 // those of the first are everybody's
		}
		args := []string{b.TempDir(), strconv.Itoa(sessions), encoded(sum)}
		if redis != nil {
			args = append(args, keys, redis.Address)
		}
		v := start(b, "verifier", args...)
		f.verifiers = append(f.verifiers, v)
		bases = append(bases, "http://"+v.Address)
	}
	f.target = loadtest.NewTarget("https://"+host, 512, bases...)
	b.Cleanup(f.target.Client.CloseIdleConnections)
	for _, s := range f.verifiers[0].Sessions {
		f.pages = append(f.pages, &loadtest.Page{Key: key, SID: s.SID, Cookie: "__Host-curfew=" + s.Cookie})
	}
	return f
}

// beat is the heartbeat of the nth arrival: each page's turn comes round, each time at another verifier.
func (f *fleetUnderLoad) beat(ctx context.Context, n int) error {
	return f.pages[n%len(f.pages)].Beat(ctx, f.target, n/len(f.pages)+n)
}

func (f *fleetUnderLoad) check(ctx context.Context, n int) error {
	return f.pages[n%len(f.pages)].Check(ctx, f.target, n/len(f.pages)+n)
}

func (f *fleetUnderLoad) cpu(b *testing.B) (used time.Duration) {
	for _, v := range f.verifiers {
		used += v.cpu(b)
	}
	return used
}

// sound fails when anything was answered otherwise than it must: each heartbeat is accepted once, whichever verifier it went to.
func (f *fleetUnderLoad) sound(b *testing.B, r loadtest.Result) loadtest.Result {
	b.Helper()
	if len(r.Refused) > 0 || r.Failed > 0 || r.Unserved > 0 || r.Done == 0 {
		b.Fatalf("%s: %s", f.name, r)
	}
	return r
}

// Figure: how many heartbeats are answered, and how long they take, embedded and on Redis with one verifier and three. All, and the pages that sign,
// share this machine's processors, so three verifiers on few of them show that nothing is lost or doubled and what sharing costs, and no growth.
func BenchmarkFigureLoad(b *testing.B) {
	ctx := context.Background()
	var rows []figure.Row
	var base, alone float64
	for _, c := range []struct {
		name      string
		verifiers int
		redis     bool
	}{{"embedded", 1, false}, {"Redis, one verifier", 1, true}, {"Redis, three verifiers", 3, true}} {
		var redis *redistest.Server
		if c.redis {
			redis = redistest.Start(b, "--appendonly", "yes", "--appendfsync", "everysec")
		}
		f := underLoad(b, c.name, c.verifiers, redis)
		f.sound(b, loadtest.Closed(ctx, 32, len(f.pages), f.beat)) // each gets its nonce, and everything is warm
		before := f.cpu(b)
		closed := f.sound(b, loadtest.Closed(ctx, 32, 5*len(f.pages), f.beat))
		used := (f.cpu(b) - before).Seconds() * 1e6 / float64(closed.Done)
		half := closed.Rate() / 2
		open := f.sound(b, loadtest.Open(ctx, half, *loadLength, 2000, 1, f.beat))
		fmt.Printf("\n%s\n  heartbeats, closed loop of 32: %s\n  heartbeats, open loop, %.0f a second: %s\n", c.name, closed, half, open)
		checks := f.sound(b, loadtest.Closed(ctx, 32, 10*len(f.pages), f.check))
		fmt.Printf("  checks, closed loop of 32: %s\n", checks)
		switch {
		case !c.redis:
			base = used
			rows = append(rows, figure.Row{Figure: "CPU of a heartbeat under load, embedded", Measured: used, Unit: "µs"})
		case c.verifiers == 1:
			alone = used
			rows = append(rows, figure.Row{Figure: "CPU of a heartbeat under load, Redis", Measured: used, Unit: "µs", With: "embedded", Base: base, AtMost: 1.5})
		default:
			rows = append(rows, figure.Row{Figure: "CPU of a heartbeat, three verifiers on one Redis", Measured: used, Unit: "µs", With: "one verifier on Redis", Base: alone})
		}
		rows = append(rows, figure.Row{Figure: "heartbeat at half load, 99 % within, " + c.name, Measured: open.At(99).Seconds() * 1000, Unit: "ms", With: "50 % within",
			Base: open.At(50).Seconds() * 1000})
		f.target.Client.CloseIdleConnections()
		for _, v := range f.verifiers {
			v.end()
		}
	}
	report(b, rows...)
}
