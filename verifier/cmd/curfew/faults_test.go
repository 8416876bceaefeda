//go:build linux

package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	mathrand "math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/curfew-project/curfew/verifier/config"
	"github.com/curfew-project/curfew/verifier/server"
	"github.com/curfew-project/curfew/wasm/dist"
)

// faultsWanted names the variable that says how often the verifier is killed; `make faults` sets it to 100.
const faultsWanted = "CURFEW_FAULTS"

// fault is a row of the table. A kind of store with faults of its own adds rows with a configuration and a heal of its own.
type fault struct {
	name    string
	times   func(kills int) int
	command string // empty: curfew
	data    func(t *testing.T) string
	redis   func(t *testing.T) *redisWorld // where everything is kept; nil: in files
	passes  bool                           // nobody heals it, and hit returns when it is over: recovery is counted from the fault itself
	seldom  bool                           // only for make faults
	// hit brings the fault about, with the load at work, and returns what takes it away again. It says when the fault had its effect.
	hit func(l *load, r *mathrand.Rand) (hit time.Time, heal func() error, err error)
}

func some(n int) func(int) int { return func(kills int) int { return max(n, min(kills/10, 10)) } }

// faults are the rows that need nothing but the verifier.
var faults = []fault{
	{name: "kill -9", times: func(kills int) int { return kills }, hit: killed},
	{name: "stopped", seldom: true, times: some(1), hit: stopped},
	{name: "disk full", times: some(1), data: smallDisk, hit: diskFull},
	{name: "data read-only at start", seldom: true, times: some(1), hit: readOnly},
	{name: "session store damaged", times: some(1), hit: damaged(server.SessionsFile)},
	{name: "ledger damaged", seldom: true, times: some(1), hit: damaged(server.LedgerFile)},
	{name: "clock set back an hour", times: some(1), command: "curfew-with-clock", hit: clockBack},
	{name: "clock set forward an hour", seldom: true, times: some(1), command: "curfew-with-clock", hit: clockForward},
}

// P1 P4 P7: whatever happens to the verifier under load, nothing that was acknowledged is lost, nothing is let through that must not be, and
// nobody is signed out who must not be. The clients' own record decides.
func TestP1P4P7_Faults(t *testing.T) {
	faults := slices.Concat(faults, redisFaults)
	kills := 3
	if text := os.Getenv(faultsWanted); text != "" {
		var err error
		if kills, err = strconv.Atoi(text); err != nil || kills < 1 {
			t.Fatalf("%s is %q; allowed: a number of 1 or more", faultsWanted, text)
		}
	} else {
		faults = slices.DeleteFunc(faults, func(f fault) bool { return f.seldom })
	}
	t.Parallel()
	results := make([]*tally, len(faults))
	t.Run("each", func(t *testing.T) {
		for i, f := range faults {
			t.Run(strings.ReplaceAll(f.name, " ", "-"), func(t *testing.T) {
				t.Parallel()
				results[i] = f.run(t, f.times(kills))
			})
		}
	})
	printFaults(t, faults, results)
}

func (f fault) run(t *testing.T, times int) *tally {
	data, more, command := filepath.Join(t.TempDir(), "data"), "", f.command
	if f.data != nil {
		data = f.data(t)
	}
	var redis *redisWorld
	around := (*network)(nil)
	if f.redis != nil {
		redis = f.redis(t)
		more, around = redis.config, redis.around
	}
	if command == "" {
		command = "curfew"
	}
	seed := mathrand.Uint64()
	r := mathrand.New(mathrand.NewPCG(seed, 0))
	l := newLoad(newFaulty(t, command, data, more, around))
	l.redis = redis
	for range times {
		l.begin()
		err := l.until(20 + r.Int64N(60))
		if err == nil {
			err = f.once(l, r)
		}
		l.stop()
		if err == nil && l.acknowledged.Load() == 0 {
			err = errors.New("nothing was acknowledged: the round proves nothing")
		}
		for _, wrong := range l.wrong {
			t.Error(wrong)
		}
		if err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
	if n := len(l.unsure); n > 0 {
		t.Logf("%d sign-ins of the last second before a failover were lost", n)
	}
	return l.tally
}

// once is one round: the fault, the recovery, and the record held against the verifier, once more after a kill.
func (f fault) once(l *load, r *mathrand.Rand) error {
	hit, heal, err := f.hit(l, r)
	if err != nil {
		return err
	}
	l.stop()
	since := time.Now()
	if err := heal(); err != nil {
		return err
	}
	if !f.passes {
		if err := l.recovered(since); err != nil {
			return err
		}
	}
	if err := l.verify(hit, since); err != nil {
		return err
	}
	if strings.HasPrefix(f.name, "kill -9") || f.command != "" {
		return nil
	}
	hit = time.Now()
	l.kill()
	if err := l.start(); err != nil {
		return err
	}
	return l.verify(hit, hit)
}

func killed(l *load, r *mathrand.Rand) (time.Time, func() error, error) {
	if r.IntN(2) == 0 { // long enough for activity to be older than a second
		began := time.Now()
		for time.Since(began) < 1200*time.Millisecond {
			if err := l.until(1); err != nil {
				return began, nil, err
			}
		}
	}
	hit := time.Now()
	l.kill()
	return hit, l.start, nil
}

// stopped is no fault: an operator restarts the verifier.
func stopped(l *load, _ *mathrand.Rand) (time.Time, func() error, error) {
	l.faulty.stop()
	return time.Now(), l.start, nil
}

// smallDisk is a file system that can be filled. Who may not mount one has a limit on the size of files instead, which fails as many calls.
func smallDisk(t *testing.T) string {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=64m"); err == nil {
		t.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) })
	}
	return filepath.Join(dir, "data")
}

// diskFull leaves no room until it is healed. Nothing may be acknowledged meanwhile that is not kept.
func diskFull(l *load, _ *mathrand.Rand) (time.Time, func() error, error) {
	hit := time.Now()
	empty, err := fillDisk(l.faulty)
	if err != nil {
		return hit, nil, err
	}
	if err := l.suffer(40); err != nil {
		return hit, nil, err
	}
	if !strings.Contains(l.said(), "session_store_write_failed") && !strings.Contains(l.said(), "ledger_write_failed") {
		return hit, nil, fmt.Errorf("nobody says that nothing can be written:\n%s", l.said())
	}
	return time.Now(), empty, nil
}

// readOnly starts the verifier on data that it cannot write: it says so, and does not serve.
func readOnly(l *load, _ *mathrand.Rand) (time.Time, func() error, error) {
	hit := time.Now()
	l.kill()
	writable, err := protect(l.data)
	if err != nil {
		return hit, nil, err
	}
	err = l.start()
	if err == nil || !strings.Contains(err.Error(), "read-only") && !strings.Contains(err.Error(), "permission denied") {
		return hit, nil, errors.Join(fmt.Errorf("on data that cannot be written the verifier says %w", err), writable())
	}
	return hit, func() error { return errors.Join(writable(), l.start()) }, nil
}

// damaged overwrites the beginning of a file: the verifier says so, and does not serve. With the file back it goes on.
func damaged(name string) func(*load, *mathrand.Rand) (time.Time, func() error, error) {
	return func(l *load, r *mathrand.Rand) (time.Time, func() error, error) {
		l.faulty.stop() // which leaves nothing of the file anywhere else
		hit := time.Now()
		path := filepath.Join(l.data, name)
		files, err := filepath.Glob(path + "*") // with what has not come into the file itself yet
		if err != nil {
			return hit, nil, err
		}
		whole := map[string][]byte{}
		for _, file := range files {
			if whole[file], err = os.ReadFile(file); err != nil {
				return hit, nil, err
			}
		}
		broken := slices.Clone(whole[path])
		for i := range min(len(broken), 100+r.IntN(4000)) {
			broken[i] = byte(r.Uint32())
		}
		if err := os.WriteFile(path, broken, 0o600); err != nil {
			return hit, nil, err
		}
		if err := l.start(); err == nil || !strings.Contains(err.Error(), name) {
			return hit, nil, fmt.Errorf("with a damaged file the verifier says %v; want the name of the file", err)
		}
		return hit, func() error {
			for file, text := range whole {
				if err := os.WriteFile(file, text, 0o600); err != nil {
					return err
				}
			}
			return l.start()
		}, nil
	}
}

// clockWrong is how long the clock is wrong: cookies of before are stale by then.
const clockWrong = faultRenewal + 1500*time.Millisecond

// clockBack sets the clock of the verifier's computer back while it runs, and later right again. Nothing is to be healed.
func clockBack(l *load, _ *mathrand.Rand) (time.Time, func() error, error) {
	hit := time.Now()
	l.setClock(-time.Hour)
	for time.Since(hit) < clockWrong {
		if err := l.until(1); err != nil {
			return hit, nil, err
		}
	}
	if !strings.Contains(l.said(), "clock_set_back") {
		return hit, nil, fmt.Errorf("nobody says that the clock was set back:\n%s", l.said())
	}
	l.setClock(0)
	return hit, func() error { return nil }, nil
}

// clockForward sets it forward, which the verifier believes: a sign-in is refused, because the provider's tokens have expired by that clock,
// and whoever is signed in goes on. When it is right again the operator restarts the verifier, as its log says.
func clockForward(l *load, _ *mathrand.Rand) (time.Time, func() error, error) {
	hit := time.Now()
	l.leap = time.Hour
	l.setClock(time.Hour)
	if err := l.suffer(3); err != nil {
		return hit, nil, err
	}
	l.stop()
	before := l.acknowledged.Load()
	for time.Since(hit) < clockWrong {
		for _, v := range l.all {
			l.use(v)
		}
	}
	if l.acknowledged.Load() == before {
		return hit, nil, fmt.Errorf("nobody who was signed in went on:\n%s", l.said())
	}
	l.setClock(0)
	for deadline := time.Now().Add(time.Minute); !strings.Contains(l.said(), "clock_set_back"); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			return hit, nil, fmt.Errorf("nobody says that the clock was set back:\n%s", l.said())
		}
	}
	return time.Now(), func() error { l.faulty.stop(); return l.start() }, nil
}

// serveWithClock is `curfew serve --config FILE` on a computer whose clock can be set: every line of the standard input says by how much it is
// wrong. What runs without being set, as the time since the computer was started, goes on.
func serveWithClock() error {
	var wrong atomic.Int64
	go func() {
		for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
			if by, err := time.ParseDuration(lines.Text()); err == nil {
				wrong.Store(int64(by))
			}
		}
	}()
	source := config.Source{Path: os.Args[len(os.Args)-1]}
	c, err := source.Load()
	if err != nil {
		return err
	}
	agent, err := dist.Load()
	if err != nil {
		return err
	}
	now := func() time.Time { return time.Now().Round(0).Add(time.Duration(wrong.Load())) }
	return serve(context.Background(), source, c, server.Options{Now: now, Elapsed: sinceStart(), Random: rand.Reader, Log: slog.New(slog.NewJSONHandler(os.Stderr, nil)), Agent: agent})
}

// printFaults prints the table.
func printFaults(t *testing.T, faults []fault, results []*tally) {
	var text strings.Builder
	table := tabwriter.NewWriter(&text, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "fault\ttimes\tacknowledged\trefused\tjudged\tlost\twrongly let through\twrongly signed out\tto recover, median\tat most\t")
	for i, r := range results {
		if r == nil {
			fmt.Fprintf(table, "%s\t-\tnot run, or failed\t\n", faults[i].name)
			continue
		}
		slices.Sort(r.recovery)
		n := len(r.recovery)
		fmt.Fprintf(table, "%s\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%s\t%s\t\n", faults[i].name, n, r.acknowledged.Load(), r.refused.Load(), r.checked.Load(),
			r.lost.Load(), r.through.Load(), r.signedOut.Load(), r.recovery[n/2].Round(time.Millisecond), r.recovery[n-1].Round(time.Millisecond))
	}
	table.Flush()
	t.Logf("\n%s", text.String())
	if os.Getenv(faultsWanted) != "" {
		fmt.Print(text.String())
	}
}
