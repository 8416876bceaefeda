package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/verifier/audit"
)

// TestAudit proves the contract of audit.Store, sentence by sentence, and that all of it outlives a Close. Run it with the race
// detector. What outlives a kill, and that whoever tampers with the store is found, only a store's own tests can show.
func TestAudit(t *testing.T, open OpenLedger) { runLedger(t, open, recording) }

func (f *ledgerFixture) add(events ...audit.Event) {
	f.Helper()
	if err := f.Audit.Append(f.ctx, events); err != nil {
		f.Fatalf("Append: %v", err)
	}
}

// walk gives the whole chain.
func (f *ledgerFixture) walk() (first, last audit.Link, all []audit.Entry) {
	f.Helper()
	err := f.Audit.Walk(f.ctx, func(from, to audit.Link) error {
		first, last = from, to
		return nil
	}, func(e audit.Entry) error {
		all = append(all, e)
		return nil
	})
	if err != nil {
		f.Fatalf("Walk: %v", err)
	}
	return first, last, all
}

// entries fails unless exactly these events are in the chain, from its beginning.
func (f *ledgerFixture) entries(want ...audit.Event) {
	f.Helper()
	_, _, got := f.walk()
	for i, e := range got {
		if i >= len(want) || e.Event != want[i] || e.Seq != int64(i)+1 {
			f.Fatalf("entry %d is %+v; want %d entries of\n%+v", i+1, e, len(want), want)
		}
	}
	if len(got) != len(want) {
		f.Fatalf("the chain has %d entries; want %d", len(got), len(want))
	}
}

func (f *ledgerFixture) verified() audit.Verified {
	f.Helper()
	found, err := audit.Verify(context.Background(), f.Audit, nil)
	if err != nil {
		f.Errorf("Verify: %v", err)
	}
	return found
}

func (f *ledgerFixture) search(q audit.Query) []audit.Entry {
	f.Helper()
	got, err := f.Audit.Search(f.ctx, q)
	if err != nil {
		f.Fatalf("Search for %+v: %v", q, err)
	}
	return got
}

func (f *ledgerFixture) trims(before int64, want int) {
	f.Helper()
	if n, err := f.Audit.Trim(f.ctx, before, start+hour, "root"); err != nil || n != want {
		f.Fatalf("Trim dropped %d, %v; want %d", n, err, want)
	}
}

// happening is an event with something in every field.
func happening(n int64) audit.Event {
	return audit.Event{At: start + n, Kind: audit.Ended, Environment: "crm", Session: fmt.Sprint("session-", n), Subject: "ada", Client: "phone",
		Reason: wire.Inactivity, Code: wire.Replayed, Actor: "root", Digest: "d1", Detail: "ü <&> \u2028 \x00 \"\\"}
}

// events are random ones, alike enough for every search to find some.
func events(random *rand.Rand, n int) []audit.Event {
	all := make([]audit.Event, n)
	for i := range all {
		e := audit.Event{At: start + int64(i)/3 + random.Int64N(5), Kind: audit.Kinds()[random.IntN(len(audit.Kinds()))],
			Environment: pick(random, "", "crm", "clinic"), Subject: pick(random, "", "ada", "bob", "eve"), Actor: pick(random, "", "", "root")}
		if e.Subject != "" {
			e.Session = fmt.Sprint(e.Subject, random.IntN(4))
		}
		switch e.Kind {
		case audit.Trimmed:
			e.Kind = audit.SignIn
		case audit.Ended:
			e.Reason = wire.Reasons()[random.IntN(3)]
		case audit.Refused:
			e.Code = wire.Codes()[random.IntN(3)]
		}
		all[i] = e
	}
	return all
}

func pick[T any](random *rand.Rand, from ...T) T { return from[random.IntN(len(from))] }

// query is a random one, with few fields.
func query(random *rand.Rand, of int) (q audit.Query) {
	at := func() int64 { return start + random.Int64N(int64(of)/3+10) - 5 }
	for range random.IntN(4) {
		switch random.IntN(12) {
		case 0:
			q.From = at()
		case 1:
			q.To = at()
		case 2:
			q.Environment = pick(random, "crm", "clinic", "nowhere")
		case 3:
			q.Subject = pick(random, "ada", "bob", "nobody")
		case 4:
			q.Session = pick(random, "ada1", "bob2", "bob9")
		case 5:
			q.Actor = pick(random, "root", "nobody")
		case 6:
			q.Kinds = []audit.Kind{pick(random, audit.Kinds()...)}
		case 7:
			q.Kinds = []audit.Kind{audit.Refused, audit.Ended, audit.SignIn, audit.Ended}
		case 8:
			q.Reason = wire.Reasons()[random.IntN(4)]
		case 9:
			q.Code = wire.Codes()[random.IntN(4)]
		case 10:
			q.After = random.Int64N(int64(of))
		case 11:
			q.Before = random.Int64N(int64(of))
		}
	}
	if q.To != 0 && q.From >= q.To {
		q.From = 0
	}
	q.Ascending = random.IntN(2) == 0
	q.Limit = pick(random, 0, 1, 3, 50, audit.MaxLimit)
	return q
}

// fits is the plainest form of a search.
func fits(q audit.Query, e audit.Entry) bool {
	is := func(want, has string) bool { return want == "" || want == has }
	return (q.From == 0 || e.At >= q.From) && (q.To == 0 || e.At < q.To) && (q.After == 0 || e.Seq > q.After) && (q.Before == 0 || e.Seq < q.Before) &&
		is(q.Environment, e.Environment) && is(q.Subject, e.Subject) && is(q.Session, e.Session) && is(q.Actor, e.Actor) &&
		is(string(q.Reason), string(e.Reason)) && is(string(q.Code), string(e.Code)) && (len(q.Kinds) == 0 || slices.Contains(q.Kinds, e.Kind))
}

// Searched is what Search must find among all entries.
func Searched(q audit.Query, all []audit.Entry) (found []audit.Entry) {
	for _, e := range all {
		if fits(q, e) {
			found = append(found, e)
		}
	}
	if !q.Ascending {
		slices.Reverse(found)
	}
	return found[:min(len(found), q.Most())]
}

var recording = []ledgerCheck{
	{"C5/EmptyChain", func(f *ledgerFixture) {
		f.entries()
		if got := f.search(audit.Query{}); len(got) != 0 {
			f.Errorf("Search found %v", got)
		}
		f.add()
		f.trims(start, 0)
		if found := f.verified(); found != (audit.Verified{}) {
			f.Errorf("Verify of an empty chain: %+v", found)
		}
	}},

	{"C5/EntriesInTheirOrder", func(f *ledgerFixture) {
		f.add(happening(5), happening(4))
		f.reopen()
		f.add(happening(3), audit.Event{Kind: audit.Lost})
		f.entries(happening(5), happening(4), happening(3), audit.Event{Kind: audit.Lost})
		first, last, all := f.walk()
		if first != (audit.Link{}) || last != all[3].Link() {
			f.Errorf("the chain goes from %v to %v; want it to go from the beginning to %v", first, last, all[3].Link())
		}
	}},

	{"C5/AllOrNone", func(f *ledgerFixture) {
		f.add(happening(1))
		for name, wrong := range map[string]audit.Event{
			"kind":    {At: start, Kind: "nonsense"},
			"no kind": {At: start},
			"reason":  {At: start, Kind: audit.Ended, Reason: "bored"},
			"code":    {At: start, Kind: audit.Refused, Code: "teapot"},
			"at":      {At: -1, Kind: audit.SignIn},
			"trimmed": audit.TrimEvent(1, audit.Link{Seq: 1}, start, "eve"),
		} {
			if err := f.Audit.Append(f.ctx, []audit.Event{happening(2), wrong}); err == nil {
				f.Errorf("Append of an event with a wrong %s succeeded", name)
			}
		}
		f.entries(happening(1))
	}},

	{"C5/TextOfAnyKind", func(f *ledgerFixture) {
		long := strings.Repeat("ü", audit.MaxDetail)
		f.add(audit.Event{Kind: audit.Refused, Subject: "\xff\xfe", Detail: long}, audit.Event{Kind: audit.Refused, Subject: long, Detail: "a\xffb"})
		_, _, all := f.walk()
		for _, e := range all {
			if line := audit.AppendLine(nil, e); len(line) > audit.MaxLine {
				f.Errorf("a line of %d bytes", len(line))
			} else if back, err := audit.ReadLine(line); back != e {
				f.Errorf("an entry does not come back from its line: %v", err)
			}
			if !strings.Contains(e.Subject+e.Detail, "\ufffd") || len(e.Detail) > audit.MaxDetail || len(e.Subject) > audit.MaxField {
				f.Errorf("an entry has a subject of %d and a detail of %d bytes", len(e.Subject), len(e.Detail))
			}
		}
	}},

	{"C5/SearchByEveryField", func(f *ledgerFixture) {
		seed := rand.Uint64()
		f.Logf("seed %d", seed)
		random := rand.New(rand.NewPCG(seed, 0))
		f.add(events(random, 700)...)
		_, _, all := f.walk()
		found := 0
		for range 150 {
			q := query(random, len(all))
			got, want := f.search(q), Searched(q, all)
			if !slices.Equal(got, want) {
				f.Fatalf("Search for %+v found %d entries; want %d:\n%+v\n%+v", q, len(got), len(want), got, want)
			}
			found += len(got)
		}
		if found < 200 {
			f.Errorf("all searches together found %d entries: the test proves nothing", found)
		}
	}},

	{"C5/SearchWithinBounds", func(f *ledgerFixture) {
		for field, q := range map[string]audit.Query{
			"limit is 1001": {Limit: audit.MaxLimit + 1}, "limit is -1": {Limit: -1},
			"from is -1": {From: -1}, "to is -1": {To: -1}, "after is -1": {After: -1}, "before is -1": {Before: -1},
			"from is 5": {From: 5, To: 5}, `kind is "nonsense"`: {Kinds: []audit.Kind{"nonsense"}},
			`reason is "bored"`: {Reason: "bored"}, `code is "teapot"`: {Code: "teapot"},
		} {
			_, err := f.Audit.Search(f.ctx, q)
			if !errors.Is(err, audit.ErrQuery) || !strings.Contains(err.Error(), field) || !strings.Contains(err.Error(), "allowed") {
				f.Errorf("Search for %+v: %v; want ErrQuery that says that %s", q, err, field)
			}
		}
	}},

	{"C5/ReadingOnPageByPage", func(f *ledgerFixture) {
		f.add(events(rand.New(rand.NewPCG(1, 2)), 400)...)
		for _, q := range []audit.Query{{Limit: 7}, {Limit: 7, Ascending: true}, {Limit: 7, Environment: "crm"}, {Limit: 7, From: start + 10}} {
			var got []audit.Entry
			for {
				page := f.search(q)
				if got = append(got, page...); len(page) < q.Limit {
					break
				}
				if last := page[len(page)-1].Seq; q.Ascending {
					q.After = last
				} else {
					q.Before = last
				}
			}
			q.After, q.Before, q.Limit = 0, 0, audit.MaxLimit
			if want := f.search(q); !slices.Equal(got, want) || len(want) < 100 {
				f.Errorf("page by page %d entries; want %d", len(got), len(want))
			}
		}
	}},

	{"C5/EndsByReason", func(f *ledgerFixture) {
		random := rand.New(rand.NewPCG(3, 4))
		f.add(events(random, 900)...)
		_, _, all := f.walk()
		for _, environment := range []string{"", "crm", "nowhere"} {
			for _, since := range []int64{0, start + 100, start + hour} {
				want := map[wire.Reason]int{}
				for _, e := range all {
					if e.Kind == audit.Ended && e.At >= since && (environment == "" || environment == e.Environment) {
						want[e.Reason]++
					}
				}
				got, err := f.Audit.Ends(f.ctx, environment, since)
				if err != nil || !maps.Equal(got, want) {
					f.Errorf("Ends in %q since %d: %v, %v; want %v", environment, since, got, err, want)
				}
			}
		}
	}},

	{"C5/WalkPassesErrorsOn", func(f *ledgerFixture) {
		f.add(happening(1), happening(2))
		enough := errors.New("enough")
		visits := 0
		visit := func(audit.Entry) error { visits++; return enough }
		err := f.Audit.Walk(f.ctx, func(first, last audit.Link) error { return enough }, visit)
		if err != enough || visits != 0 {
			f.Errorf("Walk with an error of begin: %v after %d visits; want the same error at once", err, visits)
		}
		err = f.Audit.Walk(f.ctx, func(first, last audit.Link) error { return nil }, visit)
		if err != enough || visits != 1 {
			f.Errorf("Walk with an error of visit: %v after %d visits; want the same error at once", err, visits)
		}
		ending, cancel := context.WithCancel(f.ctx)
		err = f.Audit.Walk(ending, func(first, last audit.Link) error { cancel(); return nil }, func(audit.Entry) error { return nil })
		if !errors.Is(err, context.Canceled) {
			f.Errorf("Walk whose context ends: %v; want context.Canceled", err)
		}
	}},

	{"C5/WalkSeesOneState", func(f *ledgerFixture) {
		f.add(happening(1), happening(2), happening(3))
		visits := 0
		err := f.Audit.Walk(f.ctx, func(first, last audit.Link) error {
			f.add(happening(4))
			f.trims(start+2, 1)
			return nil
		}, func(e audit.Entry) error {
			f.add(happening(5))
			if visits++; e.Event != happening(int64(visits)) {
				f.Errorf("entry %d is %+v", visits, e)
			}
			return nil
		})
		if err != nil || visits != 3 {
			f.Errorf("Walk visited %d entries, %v; want the 3 that were there when it began", visits, err)
		}
	}},

	{"C5/TrimKeepsTheChainVerifiable", func(f *ledgerFixture) {
		f.add(happening(1), happening(2), happening(3), happening(2), happening(5))
		_, _, all := f.walk()
		f.trims(start+1, 0)
		f.trims(start+3, 2) // the fourth entry is older than the third, and is kept for its sake
		first, last, left := f.walk()
		if first != all[1].Link() || len(left) != 4 || left[0] != all[2] || last != left[3].Link() {
			f.Fatalf("after Trim the chain goes from %v to %v with %+v", first, last, left)
		}
		if want := audit.TrimEvent(2, all[1].Link(), start+hour, "root"); left[3].Event != want {
			f.Errorf("the newest entry is %+v; want %+v", left[3].Event, want)
		}
		f.verified()
		f.reopen()
		f.trims(start+3, 0)
		f.trims(start+2*hour, 4)
		if found := f.verified(); found.Entries != 1 || found.Last.Seq != 7 {
			f.Errorf("after Trim of everything: %+v; want the entry that says so", found)
		}
		f.add(happening(9))
		if found := f.verified(); found.Entries != 2 || found.Last.Seq != 8 {
			f.Errorf("after Trim of everything and an event: %+v", found)
		}
		if got := f.search(audit.Query{Kinds: []audit.Kind{audit.Trimmed}}); len(got) != 1 || got[0].Actor != "root" {
			f.Errorf("found %+v; want the one entry of the last Trim", got)
		}
	}},

	{"C5/ExportVerifiesLikeTheStore", func(f *ledgerFixture) {
		f.add(events(rand.New(rand.NewPCG(5, 6)), 300)...)
		f.trims(start+50, int(f.search(audit.Query{From: start + 50, Ascending: true, Limit: 1})[0].Seq-1))
		var file bytes.Buffer
		n, err := audit.Export(f.ctx, f.Audit, &file)
		if err != nil || n < 100 {
			f.Fatalf("Export of %d entries: %v", n, err)
		}
		got, err := audit.VerifyLines(&file)
		if want := f.verified(); err != nil || got != want || got.Entries != n {
			f.Errorf("VerifyLines: %+v, %v; want %+v", got, err, want)
		}
	}},

	{"C5/ManyAppendAtOnce", func(f *ledgerFixture) {
		const workers, rounds, together = 8, 20, 3
		var all sync.WaitGroup
		for worker := range int64(workers) {
			all.Go(func() {
				for round := range int64(rounds) {
					var batch []audit.Event
					for n := range int64(together) {
						batch = append(batch, audit.Event{At: worker, Kind: audit.SignIn, Detail: fmt.Sprint(round*together + n)})
					}
					if err := f.Audit.Append(f.ctx, batch); err != nil {
						f.Errorf("Append: %v", err)
						return
					}
				}
			})
		}
		all.Wait()
		_, _, entries := f.walk()
		next := map[int64]int{}
		for i, e := range entries {
			if e.Detail != fmt.Sprint(next[e.At]) || i%together != 0 && entries[i-1].At != e.At {
				f.Fatalf("entry %d of worker %d is %s; want %d, and its batch together", e.Seq, e.At, e.Detail, next[e.At])
			}
			next[e.At]++
		}
		if len(entries) != workers*rounds*together {
			f.Errorf("%d entries; want %d", len(entries), workers*rounds*together)
		}
	}},

	{"Context/EndedChangesNothing", func(f *ledgerFixture) {
		f.add(happening(1))
		cancelled, cancel := context.WithCancel(f.ctx)
		cancel()
		for name, call := range map[string]func() error{
			"Append":            func() error { return f.Audit.Append(cancelled, []audit.Event{happening(2)}) },
			"Append of nothing": func() error { return f.Audit.Append(cancelled, nil) },
			"Search":            func() error { _, err := f.Audit.Search(cancelled, audit.Query{}); return err },
			"Ends":              func() error { _, err := f.Audit.Ends(cancelled, "", 0); return err },
			"Trim":              func() error { _, err := f.Audit.Trim(cancelled, start+hour, start, "root"); return err },
			"Walk": func() error {
				return f.Audit.Walk(cancelled, func(first, last audit.Link) error { return nil }, func(audit.Entry) error { return nil })
			},
		} {
			if err := call(); !errors.Is(err, context.Canceled) {
				f.Errorf("%s with an ended context: %v; want context.Canceled", name, err)
			}
		}
		f.entries(happening(1))
	}},
}
