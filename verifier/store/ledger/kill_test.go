package ledger_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/curfew-project/curfew/verifier/audit"
	"github.com/curfew-project/curfew/verifier/settings"
	"github.com/curfew-project/curfew/verifier/store/ledger"
)

// perBatch is how many events are appended together, workers how many append at once.
const (
	perBatch = 5
	workers  = 4
)

func environment(worker int) string { return fmt.Sprint("environment-", worker) }

// playLoad opens the ledger, and then makes revisions with their events, and appends batches, trimming now and then, until it is
// killed. It says what was acknowledged, one line each, and nothing that was not.
func playLoad(dir string) error {
	store, err := ledger.Open(context.Background(), filepath.Join(dir, "admin.db"), sealing("key"))
	if err != nil {
		return err
	}
	var round int
	if _, err := fmt.Fscan(os.Stdin, &round); err != nil {
		return err
	}
	latest, err := store.Settings().Latest(context.Background())
	if err != nil {
		return err
	}
	failed := make(chan error)
	for worker := range workers {
		version := int64(0)
		for _, of := range latest {
			if of.Environment == environment(worker) {
				version = of.Version
			}
		}
		go func() { failed <- work(store, round, worker, version) }()
	}
	return <-failed
}

func work(store *ledger.Store, round, worker int, version int64) error {
	ctx := context.Background()
	for n := 0; ; n++ {
		version++
		if err := store.Settings().Append(ctx, []settings.Revision{revision(worker, version)}, []audit.Event{change(worker, version)}); err != nil {
			return err
		}
		if _, err := fmt.Printf("revision %d %d\n", worker, version); err != nil {
			return err
		}
		if err := store.Audit().Append(ctx, batch(round, worker, n)); err != nil {
			return err
		}
		if _, err := fmt.Printf("batch %d %d\n", worker, n); err != nil {
			return err
		}
		if worker == 0 && n%10 == 9 { // drops the entries that are made to be dropped
			if err := store.Audit().Append(ctx, []audit.Event{{At: 1, Kind: audit.Refused}}); err != nil {
				return err
			}
			if _, err := store.Audit().Trim(ctx, 2, start, "root"); err != nil {
				return err
			}
		}
	}
}

func revision(worker int, version int64) settings.Revision {
	d := settings.New()
	d.Name = fmt.Sprint(worker, "/", version)
	return settings.Revision{Environment: environment(worker), Version: version, At: start, By: "root", Document: d}
}

func change(worker int, version int64) audit.Event {
	return audit.Event{At: start, Kind: audit.SettingsChanged, Environment: environment(worker), Detail: fmt.Sprint(version)}
}

func batch(round, worker, n int) (all []audit.Event) {
	for i := range perBatch {
		all = append(all, audit.Event{At: start + int64(round), Kind: audit.SignIn, Environment: environment(worker), Detail: fmt.Sprint(n, ".", i)})
	}
	return all
}

func TestP7_NothingAcknowledgedIsLostToKill9(t *testing.T) {
	const rounds = 8
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	dir := t.TempDir()
	proved := map[string]int{}
	for round := range rounds {
		lines := loadAndKill(t, dir, round, random.IntN(120))
		verify(t, dir, round, lines, proved)
		if t.Failed() {
			t.Fatalf("round %d, killed after %d acknowledgements", round, len(lines))
		}
	}
	t.Logf("found again: %v", proved)
	if proved["revision"] == 0 || proved["batch"] == 0 {
		t.Error("one kind was never acknowledged: the test proves nothing")
	}
}

// told is one thing that a round's process acknowledged.
type told struct {
	kind   string
	worker int
	value  int64
}

// loadAndKill kills the process once it has acknowledged so much.
func loadAndKill(t *testing.T, dir string, round, enough int) (lines []told) {
	command := child(t, "load", dir)
	command.Stderr = os.Stderr
	in, err := command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	fmt.Fprintln(in, round)
	killed := false
	scanner := bufio.NewScanner(out)
	for scanner.Scan() {
		var line told
		if _, err := fmt.Sscan(scanner.Text(), &line.kind, &line.worker, &line.value); err != nil {
			break // the last line, cut short
		}
		if lines = append(lines, line); !killed && len(lines) > enough {
			if err := command.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			killed = true
		}
	}
	io.Copy(io.Discard, out)
	if err := command.Wait(); !killed {
		t.Fatalf("the process ended by itself: %v", err)
	}
	return lines
}

func verify(t *testing.T, dir string, round int, lines []told, proved map[string]int) {
	store := open(t, dir)
	defer func() {
		if err := store.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	}()
	if _, err := audit.Verify(t.Context(), store.Audit(), nil); err != nil {
		t.Errorf("Verify: %v", err)
	}
	changesOf, batchesOf := entriesOf(t, store, round)
	for worker := range workers {
		kept := revisionsOf(t, store, worker)
		changes, batches := changesOf[worker], batchesOf[worker]
		for _, line := range lines {
			if line.worker != worker {
				continue
			}
			if line.kind == "revision" && kept < line.value || line.kind == "batch" && batches <= line.value {
				t.Errorf("%s %d of worker %d was acknowledged and is lost", line.kind, line.value, worker)
			}
			proved[line.kind]++
		}
		if kept != changes {
			t.Errorf("worker %d has %d revisions and %d events about them; they must be kept together", worker, kept, changes)
		}
	}
}

// revisionsOf gives the number of revisions of a worker, which must be whole.
func revisionsOf(t *testing.T, store *ledger.Store, worker int) int64 {
	all, err := store.Settings().History(t.Context(), environment(worker), 0, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	for i, got := range all {
		if want := revision(worker, int64(len(all)-i)); got.Version != want.Version || got.Document.Name != want.Document.Name {
			t.Errorf("a revision of worker %d is %+v; want %+v", worker, got, want)
		}
	}
	return int64(len(all))
}

// entriesOf counts the events about each worker's revisions, and its whole batches of a round.
func entriesOf(t *testing.T, store *ledger.Store, round int) (changes, batches [workers]int64) {
	t.Helper()
	var events [workers]int
	err := store.Audit().Walk(t.Context(), func(first, last audit.Link) error { return nil }, func(e audit.Entry) error {
		for worker := range workers {
			switch {
			case e.Environment != environment(worker):
			case e.Kind == audit.SettingsChanged:
				if changes[worker]++; e.Event != change(worker, changes[worker]) {
					return fmt.Errorf("event %d about a revision of worker %d is %+v", changes[worker], worker, e)
				}
			case e.At == start+int64(round):
				if want := batch(round, worker, events[worker]/perBatch)[events[worker]%perBatch]; e.Event != want {
					return fmt.Errorf("event %d of worker %d is %+v; want %+v", events[worker], worker, e, want)
				}
				events[worker]++
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for worker, n := range events {
		if n%perBatch != 0 {
			t.Errorf("worker %d has %d events; want whole batches of %d", worker, n, perBatch)
		}
		batches[worker] = int64(n / perBatch)
	}
	return changes, batches
}

// A journal in front of the ledger: what Flush has acknowledged survives too.
func TestP7_JournalOverTheLedger(t *testing.T) {
	dir := t.TempDir()
	store := open(t, dir)
	j := audit.NewJournal(store.Audit(), audit.JournalOptions{})
	ctx, cancel := context.WithCancel(t.Context())
	ran := make(chan error, 1)
	go func() { ran <- j.Run(ctx) }()
	var all sync.WaitGroup
	for worker := range workers {
		all.Go(func() {
			for n := range 20 {
				for _, e := range batch(0, worker, n) {
					j.Record(e)
				}
				if n%5 == 4 {
					if err := j.Flush(ctx); err != nil {
						t.Errorf("Flush: %v", err)
					}
				}
			}
		})
	}
	all.Wait()
	cancel()
	if err := errors.Join(<-ran, store.Close()); err != nil {
		t.Fatal(err)
	}
	again := open(t, dir)
	defer again.Close()
	if found, err := audit.Verify(t.Context(), again.Audit(), nil); err != nil || found.Entries != workers*20*perBatch {
		t.Errorf("Verify: %+v, %v; want %d entries", found, err, workers*20*perBatch)
	}
	if _, batches := entriesOf(t, again, 0); batches != [workers]int64{20, 20, 20, 20} {
		t.Errorf("the workers have %d batches; want 20 each", batches)
	}
}
