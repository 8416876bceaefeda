package redisledger_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/curfew-project/curfew/verifier/audit"
	"github.com/curfew-project/curfew/verifier/settings"
	"github.com/curfew-project/curfew/verifier/store/redisconn"
	"github.com/curfew-project/curfew/verifier/store/redisledger"
	"github.com/curfew-project/curfew/verifier/store/redistest"
	"github.com/curfew-project/curfew/wasm/needs"
)

func events(by string, n int) []audit.Event {
	all := make([]audit.Event, n)
	for i := range all {
		all[i] = audit.Event{At: start + int64(i), Kind: audit.SignIn, Environment: "crm", Subject: by, Detail: fmt.Sprint(i)}
	}
	return all
}

func verified(t testing.TB, store *redisledger.Store) audit.Verified {
	t.Helper()
	found, err := audit.Verify(t.Context(), store.Audit(), nil)
	if err != nil {
		t.Errorf("Verify: %v", err)
	}
	return found
}

// P7: with replicas an entry is acknowledged when one of them has it, and one that was not is not there twice when it is tried again.
func TestP7_AnEntryIsAcknowledgedWhenAReplicaHasIt(t *testing.T) {
	t.Parallel()
	master := redistest.Start(t, "--min-replicas-to-write", "1", "--min-replicas-max-lag", "5")
	replica := master.Replica()
	conn, err := redisconn.Open(t.Context(), redisconn.Options{Addresses: []string{master.Address}, Timeout: time.Second, Replicated: true})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	store := open(t, conn, sealing("key", "kept"))
	batch := events("ada", 3)
	replica.Pause()
	for range 2 { // the second finds the first in the chain
		if err := store.Audit().Append(t.Context(), batch); err == nil {
			t.Error("entries that no replica has were acknowledged")
		}
	}
	replica.Resume()
	needs.Until(t, "the entries to be acknowledged", func() bool { return store.Audit().Append(t.Context(), batch) == nil })
	if found := verified(t, store); found.Entries != 3 {
		t.Errorf("%d entries; want 3", found.Entries)
	}
	if got := replica.Do("XLEN", "{kept:ledger}entries"); got != "3" {
		t.Errorf("the replica has %s entries; want 3", got)
	}
}

// C5: several verifiers add to one chain; nothing is lost, doubled or torn apart, and every version of the settings has one maker.
func TestC5_SeveralVerifiersAddToOneChain(t *testing.T) {
	t.Parallel()
	address := redistest.Start(t).Address
	const verifiers, rounds, together = 3, 40, 5
	var stores []*redisledger.Store
	for range verifiers {
		stores = append(stores, open(t, dial(t, address), sealing("key", "many")))
	}
	var all sync.WaitGroup
	var mu sync.Mutex
	won := map[int64]int{}
	for i, store := range stores {
		all.Go(func() {
			for round := range rounds {
				batch := events(fmt.Sprint(i), together)
				for n := range batch {
					batch[n].Detail = fmt.Sprint(round*together + n)
				}
				if err := store.Audit().Append(t.Context(), batch); err != nil {
					t.Errorf("Append: %v", err)
				}
			}
		})
		all.Go(func() {
			for version := int64(1); version <= rounds; version++ {
				r := settings.Revision{Environment: "crm", Version: version, At: start, By: fmt.Sprint(i), Document: settings.New()}
				e := audit.Event{At: start, Kind: audit.SettingsChanged, Environment: "crm", Digest: r.Digest()}
				switch err := store.Settings().Append(t.Context(), []settings.Revision{r}, []audit.Event{e}); {
				case err == nil:
					mu.Lock()
					won[version]++
					mu.Unlock()
				case !errors.Is(err, settings.ErrConflict):
					t.Errorf("Append of a revision: %v", err)
				}
			}
		})
	}
	all.Wait()
	next := map[string]int{}
	changes := 0
	err := stores[0].Audit().Walk(t.Context(), func(_, _ audit.Link) error { return nil }, func(e audit.Entry) error {
		if e.Kind == audit.SettingsChanged {
			changes++
		} else if e.Detail != fmt.Sprint(next[e.Subject]) {
			return fmt.Errorf("entry %d of verifier %s is %s; want %d", e.Seq, e.Subject, e.Detail, next[e.Subject])
		} else {
			next[e.Subject]++
		}
		return nil
	})
	if err != nil || changes != rounds || len(next) != verifiers {
		t.Errorf("%d changes of %d verifiers, %v", changes, len(next), err)
	}
	for by, n := range next {
		if n != rounds*together {
			t.Errorf("verifier %s has %d entries; want %d", by, n, rounds*together)
		}
	}
	for version := int64(1); version <= rounds; version++ {
		if won[version] != 1 {
			t.Errorf("%d verifiers made version %d; want 1", won[version], version)
		}
	}
	for _, store := range stores {
		if found, err := settings.Verify(t.Context(), store.Settings(), store.Audit(), nil); err != nil || found.Entries != rounds*(verifiers*together+1) {
			t.Errorf("Verify: %+v, %v", found, err)
		}
	}
}

// P7: what Redis did although it could not say so is not made a second time by whoever tries again.
func TestP7_AnAnswerThatIsLostIsNotMadeTwice(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t)
	store := open(t, dial(t, redis.Address), sealing("key", "lost"))
	other := open(t, dial(t, redis.Address), sealing("key", "lost"))
	batch := events("ada", 3)
	redis.Pause() // the command lies in the server's socket, and is carried out when it goes on
	if err := store.Audit().Append(t.Context(), batch); err == nil {
		t.Fatal("Append succeeded while redis stood still")
	}
	if err := store.Ready(t.Context()); err == nil {
		t.Error("the ledger is ready while redis stands still")
	}
	redis.Resume()
	if err := other.Audit().Append(t.Context(), events("bob", 2)); err != nil {
		t.Fatal(err)
	}
	if err := store.Audit().Append(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
	if err := store.Audit().Append(t.Context(), batch); err != nil { // the same again, which is meant
		t.Fatal(err)
	}
	if found := verified(t, store); found.Entries != 8 {
		t.Errorf("%d entries; want 3, 2 and 3", found.Entries)
	}
	if err := store.Ready(t.Context()); err != nil {
		t.Error(err)
	}
}

// P7: a Redis that was restarted has what was acknowledged; one that comes back without its data is noticed, and the chain says so.
func TestP7_RedisComesBackWithAndWithoutItsData(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t)
	var log bytes.Buffer
	options := sealing("key", "back")
	options.Logger = slog.New(slog.NewTextHandler(&log, nil))
	store := open(t, dial(t, redis.Address), options)
	if err := store.Audit().Append(t.Context(), events("ada", 3)); err != nil {
		t.Fatal(err)
	}
	redis.Restart()
	eventually(t, func() error { _, err := audit.Verify(t.Context(), store.Audit(), nil); return err })
	eventually(t, func() error { return store.Audit().Append(t.Context(), events("bob", 2)) })
	if found := verified(t, store); found.Entries != 5 {
		t.Errorf("%d entries after a restart; want 5", found.Entries)
	}
	redis.RestartEmpty()
	eventually(t, func() error { return store.Ready(t.Context()) }) // connections that broke have been replaced
	eventually(t, func() error { return store.Audit().Append(t.Context(), events("eve", 2)) })
	if found := verified(t, store); found.Entries != 3 {
		t.Errorf("%d entries after a restart without data; want 2 and one that says so", found.Entries)
	}
	lost, err := store.Audit().Search(t.Context(), audit.Query{Kinds: []audit.Kind{audit.Lost}})
	if err != nil || len(lost) != 1 || !strings.Contains(lost[0].Detail, "entry 5") || strings.Count(log.String(), "ledger_lost") != 1 {
		t.Errorf("%+v, %v; the log is\n%s", lost, err, log.String())
	}
}

func eventually(t *testing.T, try func() error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for ctx.Err() == nil {
		if err := try(); err == nil {
			return
		} else if ctx.Err() != nil {
			t.Fatal(err)
		}
	}
	t.Fatal("it never succeeded")
}

// P6: where the newest seal is by keys of another verifier which this one does not have, it adds nothing and does not call it tampering.
func TestP6_AVerifierWithOtherKeysAddsNothing(t *testing.T) {
	t.Parallel()
	conn := dial(t, redistest.Start(t).Address)
	theirs := open(t, conn, sealing("theirs", "keys"))
	if err := theirs.Audit().Append(t.Context(), events("ada", 2)); err != nil {
		t.Fatal(err)
	}
	differ := errors.New("another verifier has other keys")
	options := sealing("mine", "keys")
	options.Refuse = func(seal string) error { return differ }
	if _, err := redisledger.Open(t.Context(), conn, options); !errors.Is(err, differ) {
		t.Errorf("Open with other keys: %v; want what Refuse says", err)
	}
	if found := verified(t, theirs); found.Entries != 2 {
		t.Errorf("%+v", found)
	}
}

// C5: whoever walks sees every entry that was there when the walk began, whatever is dropped meanwhile; it is swept up afterwards.
func TestC5_DroppedEntriesAreSweptUp(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t)
	store := open(t, dial(t, redis.Address), sealing("key", "sweep"))
	other := open(t, dial(t, redis.Address), sealing("key", "sweep"))
	const n = 1000
	for batch := range slices.Chunk(events("ada", n), 100) {
		for i := range batch {
			batch[i].Session = batch[i].Detail
		}
		if err := store.Audit().Append(t.Context(), batch); err != nil {
			t.Fatal(err)
		}
	}
	length := func() string { return redis.Do("XLEN", "{sweep:ledger}entries") }
	visited := 0
	err := store.Audit().Walk(t.Context(), func(_, _ audit.Link) error {
		dropped, err := other.Audit().Trim(t.Context(), start+900, start+n, "retention")
		if err != nil || dropped != 900 || length() != fmt.Sprint(n+1) {
			return fmt.Errorf("Trim dropped %d, %v, and left %s", dropped, err, length())
		}
		return nil
	}, func(e audit.Entry) error { visited++; return nil })
	if err != nil || visited != n {
		t.Errorf("the walk saw %d, %v; want %d", visited, err, n)
	}
	if length() != "101" {
		t.Errorf("%s entries are there after the walk; want 101", length())
	}
	if found := verified(t, other); found.Entries != 101 || found.First.Seq != 900 {
		t.Errorf("%+v", found)
	}
	for key, want := range map[string]string{"by:session:1": "0", "by:session:950": "1", "by:subject:ada": "100", "by:kind:sign_in:crm": "2"} {
		if got := redis.Do("ZCARD", "{sweep:ledger}"+key); got != want {
			t.Errorf("%s has %s; want %s", key, got, want)
		}
	}
	found, err := store.Audit().Search(t.Context(), audit.Query{Subject: "ada", Limit: audit.MaxLimit})
	if err != nil || len(found) != 100 {
		t.Errorf("Search found %d, %v; want 100", len(found), err)
	}
	if ends, err := store.Audit().Search(t.Context(), audit.Query{From: start + 950, To: start + 960}); err != nil || len(ends) != 10 {
		t.Errorf("Search by time found %d, %v; want 10", len(ends), err)
	}
}

// C5: what a search reads depends on what it finds, and not on how long the chain is.
func TestC5_ALongChain(t *testing.T) {
	t.Parallel()
	long(t, 5_000)
}

// A hundred thousand entries, with what each operation takes.
func BenchmarkAHundredThousandEntries(b *testing.B) {
	for b.Loop() {
		long(b, 100_000)
	}
}

func long(t testing.TB, n int) {
	redis := redistest.Start(t, "--appendfsync", "no")
	store := open(t, dial(t, redis.Address), sealing("key", "large"))
	const at = 1000
	began := time.Now()
	kinds := []audit.Kind{audit.SignIn, audit.Warned, audit.Extended, audit.Ended, audit.Refused}
	for from := 0; from < n; from += at {
		batch := make([]audit.Event, at)
		for i := range batch {
			k := from + i
			batch[i] = audit.Event{At: start + int64(k)*100, Kind: kinds[k%len(kinds)], Environment: []string{"crm", "clinic"}[k%2], Subject: fmt.Sprint("user", k%(n/20)), Session: fmt.Sprint("session", k/5)}
			if k == n/2 {
				batch[i].Kind, batch[i].Actor = audit.SettingsChanged, "root"
			}
		}
		if err := store.Audit().Append(t.Context(), batch); err != nil {
			t.Fatal(err)
		}
	}
	memory := redis.Do("INFO", "memory")
	memory, _, _ = strings.Cut(memory[strings.Index(memory, "used_memory_human"):], "\r")
	t.Logf("%d entries in %s; %s", n, time.Since(began).Round(time.Millisecond), memory)
	for name, q := range map[string]struct {
		query audit.Query
		want  int
	}{
		"newest":           {audit.Query{}, 100},
		"user":             {audit.Query{Subject: "user7", Limit: audit.MaxLimit}, 20},
		"session":          {audit.Query{Session: "session77"}, 5},
		"rare kind":        {audit.Query{Kinds: []audit.Kind{audit.SettingsChanged}}, 1},
		"kind of crm":      {audit.Query{Kinds: []audit.Kind{audit.Refused}, Environment: "crm", Limit: 50}, 50},
		"minute in middle": {audit.Query{From: start + int64(n)*50, To: start + int64(n)*50 + 60_000, Limit: audit.MaxLimit}, 600},
		"nobody":           {audit.Query{Subject: "nobody"}, 0},
	} {
		began := time.Now()
		before := read(redis)
		found, err := store.Audit().Search(t.Context(), q.query)
		if err != nil || len(found) != q.want {
			t.Errorf("%s: %d entries, %v; want %d", name, len(found), err, q.want)
		}
		t.Logf("%s: %d entries in %s", name, len(found), time.Since(began).Round(time.Microsecond))
		if commands := read(redis) - before; commands > 60 {
			t.Errorf("%s: %d commands for %d entries", name, commands, len(found))
		}
	}
	began = time.Now()
	if ends, err := store.Audit().Ends(t.Context(), "crm", start+int64(n)*50); err != nil || ends[""] != n/len(kinds)/4 {
		t.Errorf("Ends: %v, %v", ends, err)
	}
	t.Logf("Ends of a half: %s", time.Since(began).Round(time.Millisecond))
	began = time.Now()
	if found := verified(t, store); found.Entries != n {
		t.Errorf("%+v", found)
	}
	t.Logf("Verify: %s", time.Since(began).Round(time.Millisecond))
	if count, err := audit.Export(t.Context(), store.Audit(), io.Discard); err != nil || count != n {
		t.Errorf("Export: %d, %v", count, err)
	}
	began = time.Now()
	if dropped, err := store.Audit().Trim(t.Context(), start+int64(n)*50, start+int64(n)*100, "retention"); err != nil || dropped != n/2 {
		t.Errorf("Trim: %d, %v", dropped, err)
	}
	t.Logf("Trim of a half: %s", time.Since(began).Round(time.Millisecond))
	verified(t, store)
}

// read is how many commands that read entries and indexes the server has carried out.
func read(redis *redistest.Server) int {
	total := 0
	for line := range strings.Lines(redis.Do("INFO", "commandstats")) {
		var name string
		var calls int
		if name, line, _ = strings.Cut(line, ":"); strings.HasPrefix(name, "cmdstat_x") || strings.HasPrefix(name, "cmdstat_zr") {
			fmt.Sscanf(line, "calls=%d", &calls)
			total += calls
		}
	}
	return total
}
