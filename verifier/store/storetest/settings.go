package storetest

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/curfew-project/curfew/shared/policy"
	"github.com/curfew-project/curfew/verifier/audit"
	documents "github.com/curfew-project/curfew/verifier/settings"
)

// Ledger is a store of settings and audit, which are one: a change and its events are kept together.
type Ledger struct {
	Settings documents.Store
	Audit    audit.Store
	Close    func() error
}

// OpenLedger opens what lives in dir, or something new where there is nothing.
type OpenLedger func(t testing.TB, dir string) Ledger

// TestSettings proves the contract of settings.Store, sentence by sentence, and that all of it outlives a Close. Run it with the race
// detector. What outlives a kill only a store's own tests can show.
func TestSettings(t *testing.T, open OpenLedger) { runLedger(t, open, deciding) }

type ledgerCheck struct {
	name  string
	prove func(*ledgerFixture)
}

type ledgerFixture struct {
	*testing.T
	Ledger
	ctx  context.Context
	open func() Ledger
}

func runLedger(t *testing.T, open OpenLedger, checks []ledgerCheck) {
	for _, c := range checks {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			f := &ledgerFixture{t, open(t, dir), t.Context(), func() Ledger { return open(t, dir) }}
			t.Cleanup(func() {
				if err := f.Close(); err != nil {
					t.Errorf("Close: %v", err)
				}
			})
			c.prove(f)
			f.verified() // whatever was done, the chain holds
			f.reopen()
			f.verified()
		})
	}
}

func (f *ledgerFixture) reopen() {
	f.Helper()
	if err := f.Close(); err != nil {
		f.Fatalf("Close: %v", err)
	}
	f.Ledger = f.open()
}

func revision(environment string, version int64) documents.Revision {
	d := documents.New()
	d.Name = fmt.Sprintf("%s at %d", environment, version)
	return documents.Revision{Environment: environment, Version: version, At: start + version, By: "root", Document: d}
}

func changed(n int64) audit.Event {
	return audit.Event{At: start + n, Kind: audit.SettingsChanged, Environment: "crm", Actor: "root", Detail: fmt.Sprint(n)}
}

func (f *ledgerFixture) append(revisions ...documents.Revision) {
	f.Helper()
	if err := f.Settings.Append(f.ctx, revisions, nil); err != nil {
		f.Fatalf("Append: %v", err)
	}
}

func (f *ledgerFixture) latest(want ...documents.Revision) {
	f.Helper()
	got, err := f.Settings.Latest(f.ctx)
	f.same("Latest", got, want, err)
}

func (f *ledgerFixture) history(environment string, before int64, limit int, want ...documents.Revision) {
	f.Helper()
	got, err := f.Settings.History(f.ctx, environment, before, limit)
	f.same("History", got, want, err)
}

func (f *ledgerFixture) same(what string, got, want []documents.Revision, err error) {
	f.Helper()
	if err != nil || len(got) != len(want) || len(want) > 0 && !reflect.DeepEqual(got, want) {
		f.Fatalf("%s is\n%+v, %v; want\n%+v", what, got, err, want)
	}
}

// whole is a document with something in every field.
func whole(t *testing.T) documents.Document {
	d := documents.Document{
		Kind: documents.Portal, Name: "Kundenportal <München> \u2028 \"'\\ \x00", Origins: []string{"https://a.example", "https://b.example:8443"}, Provider: "main",
		Settings: documents.Times{SessionTimeout: 90 * time.Minute, SessionWarning: 61 * time.Second, InactivityTimeout: 20 * time.Minute,
			InactivityWarning: 2 * time.Minute, AnyActivityStays: true},
		Switches: map[policy.Switch]bool{}, Removed: true, Born: 3,
		Clients: documents.Clients{
			Matchers: []documents.Matcher{{Client: policy.Clients()[0], ClientID: "app", UserAgent: "*Outlook*"}, {UserAgent: "*"}},
			Enforced: map[policy.Client]documents.Enforced{policy.Clients()[0]: {Session: true}, policy.Clients()[1]: {Inactivity: true}},
		},
	}
	for i, name := range policy.SwitchNames() {
		d.Switches[name] = i%2 == 0
	}
	for _, value := range []reflect.Value{reflect.ValueOf(d), reflect.ValueOf(d.Settings), reflect.ValueOf(d.Clients), reflect.ValueOf(d.Clients.Matchers[0])} {
		for i := range value.NumField() {
			if value.Field(i).IsZero() {
				t.Fatalf("field %s of the test's document is empty: fill it", value.Type().Field(i).Name)
			}
		}
	}
	return d
}

var deciding = []ledgerCheck{
	{"C1/NothingAtFirst", func(f *ledgerFixture) {
		f.latest()
		f.history("crm", 0, 10)
	}},

	{"C1/WholeDocumentComesBack", func(f *ledgerFixture) {
		full := documents.Revision{Environment: "crm", Version: 1, At: start, By: "Ada <ada@example>", Document: whole(f.T)}
		empty := documents.Revision{Environment: documents.Deployment, Version: 1}
		f.append(full)
		f.append(empty)
		f.latest(empty, full)
		f.reopen()
		f.latest(empty, full)
		f.history("crm", 0, 1, full)
	}},

	{"C1/WhatIsKeptSharesNothingWithTheCaller", func(f *ledgerFixture) {
		mine := revision("crm", 1)
		mine.Document.Origins = []string{"https://a.example"}
		f.append(mine)
		mine.Document.Origins[0] = "https://evil.example"
		got, err := f.Settings.Latest(f.ctx)
		if err != nil || len(got) != 1 || got[0].Document.Origins[0] != "https://a.example" {
			f.Fatalf("Latest after the caller changed its document: %+v, %v", got, err)
		}
		got[0].Document.Origins[0] = "https://evil.example"
		mine.Document.Origins[0] = "https://a.example"
		f.latest(mine)
	}},

	{"C1/LatestOfEveryDocumentInOrderOfNames", func(f *ledgerFixture) {
		f.append(revision("b", 1), revision("a-b", 1), revision("a", 1), revision(documents.Deployment, 1), revision("B", 1))
		removed := revision("a", 2)
		removed.Document.Removed = true
		f.append(removed)
		f.append(revision("b", 2), revision("b", 3))
		want := []documents.Revision{revision(documents.Deployment, 1), revision("B", 1), removed, revision("a-b", 1), revision("b", 3)}
		f.latest(want...)
		f.reopen()
		f.latest(want...)
	}},

	{"C1/HistoryNewestFirst", func(f *ledgerFixture) {
		for n := range int64(12) {
			f.append(revision("crm", n+1), revision("clinic", n+1))
		}
		f.history("crm", 0, 2, revision("crm", 12), revision("crm", 11))
		f.history("crm", 12, 1, revision("crm", 11))
		f.history("crm", 3, 10, revision("crm", 2), revision("crm", 1))
		f.history("crm", 1, 10)
		f.history("crm", 99, 1, revision("crm", 12))
		f.history("cr", 0, 10)
		for _, wrong := range []struct {
			before int64
			limit  int
		}{{-1, 1}, {0, 0}, {0, -1}} {
			if _, err := f.Settings.History(f.ctx, "crm", wrong.before, wrong.limit); err == nil {
				f.Errorf("History before %d up to %d succeeded; want an error", wrong.before, wrong.limit)
			}
		}
		f.reopen()
		f.history("crm", 2, 10, revision("crm", 1))
	}},

	{"C1/AnotherVersionConflicts", func(f *ledgerFixture) {
		for _, version := range []int64{-1, 0, 2} {
			f.conflicts(revision("crm", version))
		}
		f.append(revision("crm", 1))
		for _, version := range []int64{-1, 0, 1, 3} {
			f.conflicts(revision("crm", version))
		}
		f.append(revision("crm", 2))
		f.conflicts(revision("clinic", 1), revision("crm", 2))
		f.conflicts(revision("crm", 3), revision("crm", 3))
		f.conflicts(revision("crm", 3), revision("crm", 5))
		f.latest(revision("crm", 2))
		f.entries()
	}},

	{"C1/EventsOfTheChangeAreKeptWithIt", func(f *ledgerFixture) {
		if err := f.Settings.Append(f.ctx, []documents.Revision{revision("crm", 1)}, []audit.Event{changed(1), changed(2)}); err != nil {
			f.Fatal(err)
		}
		f.add(changed(3))
		if err := f.Settings.Append(f.ctx, nil, []audit.Event{changed(4)}); err != nil {
			f.Fatalf("Append of an event only: %v", err)
		}
		if err := f.Settings.Append(f.ctx, nil, nil); err != nil {
			f.Fatalf("Append of nothing: %v", err)
		}
		if err := f.Settings.Append(f.ctx, []documents.Revision{revision("crm", 2)}, []audit.Event{changed(5), {At: start, Kind: "nonsense"}}); err == nil {
			f.Fatal("Append with an event of no kind succeeded")
		}
		if err := f.Settings.Append(f.ctx, []documents.Revision{revision("", 1)}, []audit.Event{changed(5)}); err == nil {
			f.Fatal("Append of a revision of no environment succeeded")
		}
		f.latest(revision("crm", 1))
		f.entries(changed(1), changed(2), changed(3), changed(4))
	}},

	{"C1/ExactlyOneWinsEachVersion", func(f *ledgerFixture) {
		const people, versions = 8, 12
		var won [versions]atomic.Int64
		var all sync.WaitGroup
		for person := range int64(people) {
			all.Go(func() {
				for version := int64(1); version <= versions; {
					mine := revision("crm", version)
					mine.By = fmt.Sprint(person)
					switch err := f.Settings.Append(f.ctx, []documents.Revision{mine}, []audit.Event{changed(version)}); {
					case err == nil:
						won[version-1].Add(1)
						version++
					case errors.Is(err, documents.ErrConflict):
						version++ // somebody else has made it
					default:
						f.Errorf("Append: %v", err)
						return
					}
				}
			})
		}
		all.Wait()
		var want []audit.Event
		for i := range won {
			if n := won[i].Load(); n != 1 {
				f.Errorf("%d won version %d; want 1", n, i+1)
			}
			want = append(want, changed(int64(i)+1))
		}
		f.entries(want...)
		got, err := f.Settings.History(f.ctx, "crm", 0, 100)
		if err != nil || len(got) != versions || got[0].Version != versions {
			f.Errorf("History has %d versions, %v; want %d", len(got), err, versions)
		}
	}},

	{"Context/EndedChangesNothing", func(f *ledgerFixture) {
		f.append(revision("crm", 1))
		cancelled, cancel := context.WithCancel(f.ctx)
		cancel()
		for name, call := range map[string]func() error{
			"Latest":  func() error { _, err := f.Settings.Latest(cancelled); return err },
			"History": func() error { _, err := f.Settings.History(cancelled, "crm", 0, 1); return err },
			"Append": func() error {
				return f.Settings.Append(cancelled, []documents.Revision{revision("crm", 2)}, []audit.Event{changed(1)})
			},
			"Append of nothing": func() error { return f.Settings.Append(cancelled, nil, nil) },
		} {
			if err := call(); !errors.Is(err, context.Canceled) {
				f.Errorf("%s with an ended context: %v; want context.Canceled", name, err)
			}
		}
		f.latest(revision("crm", 1))
		f.entries()
	}},
}

// conflicts fails unless these revisions are refused, with their events.
func (f *ledgerFixture) conflicts(revisions ...documents.Revision) {
	f.Helper()
	if err := f.Settings.Append(f.ctx, revisions, []audit.Event{changed(0)}); !errors.Is(err, documents.ErrConflict) {
		f.Fatalf("Append of version %d: %v; want ErrConflict", revisions[len(revisions)-1].Version, err)
	}
}
