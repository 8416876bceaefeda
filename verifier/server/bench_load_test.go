//go:build linux

package server

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/curfew-project/curfew/shared/wire"
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
	f.target = loadtest.NewTarget("https://"+host, 2000, bases...)
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

var redisCPU = regexp.MustCompile(`(?m)^used_cpu_(?:sys|user):([0-9.]+)`)

// redisTime is the processor time that a Redis has used.
func redisTime(b *testing.B, redis *redistest.Server) (used time.Duration) {
	b.Helper()
	if redis == nil {
		return 0
	}
	for _, found := range redisCPU.FindAllStringSubmatch(redis.Do("INFO", "cpu"), -1) {
		seconds, err := strconv.ParseFloat(found[1], 64)
		if err != nil {
			b.Fatal(err)
		}
		used += time.Duration(seconds * float64(time.Second))
	}
	return used
}

// sound fails when anything was answered otherwise than it must: each heartbeat is accepted once, whichever verifier it went to. That a
// verifier has no time, or its Redis has not answered in time, is an answer too: it is told with the rest.
func (f *fleetUnderLoad) sound(b *testing.B, r loadtest.Result) loadtest.Result {
	b.Helper()
	for what := range r.Refused {
		if what != unavailable {
			b.Fatalf("%s: %s", f.name, r)
		}
	}
	if r.Failed > 0 || r.Unserved > 0 || r.Done == 0 {
		b.Fatalf("%s: %s", f.name, r)
	}
	return r
}

var unavailable = (&loadtest.Refused{Status: http.StatusServiceUnavailable, Refusal: wire.Refusal{Error: wire.Unavailable}}).Error()

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
		before, redisBefore := f.cpu(b), redisTime(b, redis)
		closed := f.sound(b, loadtest.Closed(ctx, 32, 5*len(f.pages), f.beat))
		used := (f.cpu(b) - before).Seconds() * 1e6 / float64(closed.Done)
		usedByRedis := (redisTime(b, redis) - redisBefore).Seconds() * 1e6 / float64(closed.Done)
		half := closed.Rate() / 2
		open := f.sound(b, loadtest.Open(ctx, half, *loadLength, 2000, 1, f.beat))
		fmt.Printf("\n%s\n  heartbeats, closed loop of 32: %s\n  heartbeats, open loop, %.0f a second: %s\n", c.name, closed, half, open)
		checks := f.sound(b, loadtest.Closed(ctx, 32, 10*len(f.pages), f.check))
		fmt.Printf("  checks, closed loop of 32: %s\n", checks)
		if c.redis {
			rows = append(rows, figure.Row{Figure: "CPU of Redis for a heartbeat, " + c.name, Measured: usedByRedis, Unit: "µs"})
		}
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

// Figure: what an open event stream takes of a verifier's memory, and how many bytes a heartbeat is on the wire, TLS and the browser's own headers
// left out.
func BenchmarkFigureStreams(b *testing.B) {
	const streams = 4000
	f := underLoad(b, "streams", 1, nil)
	v := f.verifiers[0]
	before := residentOf(b, v)
	var open []net.Conn
	defer func() {
		for _, connection := range open {
			connection.Close()
		}
	}()
	for n := range streams {
		connection, err := net.Dial("tcp", v.Address)
		if err != nil {
			b.Fatal(err)
		}
		open = append(open, connection)
		page := f.pages[n%len(f.pages)]
		fmt.Fprintf(connection, "GET /.curfew/events HTTP/1.1\r\nHost: %s\r\nAccept: text/event-stream\r\nCookie: %s\r\n\r\n", host, page.Cookie)
		answer, err := http.ReadResponse(bufio.NewReader(connection), nil)
		if err != nil || answer.StatusCode != http.StatusOK {
			b.Fatalf("stream %d: %v, %v", n, answer, err)
		}
	}
	each := float64(residentOf(b, v)-before) / streams
	page := f.pages[0]
	if err := page.Beat(b.Context(), f.target, 0); err != nil {
		b.Fatal(err)
	}
	up, down := page.Sizes()
	report(b,
		figure.Row{Figure: "resident memory of an open event stream", Measured: each / 1024, Unit: "KiB"},
		figure.Row{Figure: "a heartbeat on the wire, up", Measured: float64(up), Unit: "bytes"},
		figure.Row{Figure: "a heartbeat on the wire, down", Measured: float64(down), Unit: "bytes"},
	)
}

// residentOf is the memory of a server's process that is in RAM.
func residentOf(b *testing.B, v *running) int64 {
	b.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", v.pid))
	if err != nil {
		b.Fatal(err)
	}
	pages, err := strconv.ParseInt(strings.Fields(string(text))[1], 10, 64)
	if err != nil {
		b.Fatal(err)
	}
	return pages * int64(os.Getpagesize())
}
