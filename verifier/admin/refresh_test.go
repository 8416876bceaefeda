package admin_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/curfew-project/curfew/verifier/admin"
	"github.com/curfew-project/curfew/verifier/audit"
	"github.com/curfew-project/curfew/verifier/settings"
)

// other is a second verifier's administration on the same stores.
func (w *world) other(t *testing.T, base admin.Base, turn func(context.Context) (func(), error), store settings.Store) (*admin.Admin, *settings.Live, func() []string) {
	t.Helper()
	live, changed := &settings.Live{}, []string{}
	var mu sync.Mutex
	a, err := admin.New(admin.Config{
		Sessions: w.sessions, Engine: w.engine, Settings: store, Audit: w.ledger.Audit(),
		Record: func(audit.Event) {}, Kept: func(audit.Event) {}, Flush: w.flush, Live: live, Now: time.Now, Turn: turn,
		Provider: func(string) (string, string) { return "", "" }, Reported: func(string) []admin.ReportedPage { return nil },
		Changed: func(ids ...string) {
			mu.Lock()
			defer mu.Unlock()
			changed = append(changed, ids...)
		},
	})
	must(t, err)
	must(t, a.Load(t.Context(), base))
	changed = nil
	return a, live, func() []string {
		mu.Lock()
		defer mu.Unlock()
		defer func() { changed = nil }()
		return slices.Clone(changed)
	}
}

// A12 C1: what one verifier changed is in force at another when that one looks, and its pages are told; the same file at both is no change.
func TestA12_WhatAnotherVerifierChangedComesIntoForce(t *testing.T) {
	w := newWorld(t)
	versions := func() int64 {
		found, err := w.ledger.Settings().Latest(t.Context())
		must(t, err)
		sum := int64(0)
		for _, rev := range found {
			sum += rev.Version
		}
		return sum
	}
	before := versions()
	two, live, changed := w.other(t, w.file(), nil, w.ledger.Settings())
	if versions() != before {
		t.Error("a second verifier with the same file has made versions")
	}
	must(t, two.Refresh(t.Context()))
	if got := changed(); len(got) != 0 {
		t.Errorf("told %q of no change", got)
	}
	name := "Clinic in the north"
	if _, err := w.Change(t.Context(), root, "clinic", w.version("clinic"), admin.Edit{Name: &name}, false); err != nil {
		t.Fatal(err)
	}
	made := admin.NewEnvironment{ID: "lab", Origins: []string{"https://lab.example"}, Provider: "corporate"}
	if _, err := w.Create(t.Context(), root, made); err != nil {
		t.Fatal(err)
	}
	must(t, two.Refresh(t.Context()))
	env, _ := live.ByID("clinic")
	if _, there := live.ByHost("lab.example"); env.Page.Name != name || !there {
		t.Errorf("the other serves clinic as %q, and lab: %t", env.Page.Name, there)
	}
	if got := changed(); !slices.Contains(got, "clinic") || slices.Contains(got, "bank") {
		t.Errorf("told %q", got)
	}
	if _, err := w.Remove(t.Context(), root, "lab", 1, false); err != nil {
		t.Fatal(err)
	}
	must(t, two.Refresh(t.Context()))
	if _, there := live.ByHost("lab.example"); there {
		t.Error("an environment that was removed at the other is still served")
	}
	if _, err := two.Change(t.Context(), root, "clinic", w.version("clinic"), admin.Edit{Name: new(string)}, false); err != nil {
		t.Errorf("a change by the other, of the version it has heard of: %v", err)
	}
}

// What does not fit with this verifier's own file is not served, and takes nothing else with it.
func TestC1_AnEnvironmentOfAnotherFileIsNotServed(t *testing.T) {
	w := newWorld(t)
	smaller := w.file()
	two, live, _ := w.other(t, smaller, nil, w.ledger.Settings())
	larger := w.file()
	larger.Environments = append(larger.Environments, declared("lab", "https://lab.example"))
	must(t, w.Load(t.Context(), larger))
	name := "Bank"
	if _, err := w.Change(t.Context(), root, "bank", w.version("bank"), admin.Edit{Name: &name}, false); err != nil {
		t.Fatal(err)
	}
	must(t, two.Refresh(t.Context()))
	if _, there := live.ByHost("lab.example"); there {
		t.Error("an environment that is not in its file is served")
	}
	if env, _ := live.ByID("bank"); env.Page.Name != name {
		t.Errorf("bank is served as %q", env.Page.Name)
	}
}

// forgetful is a store that has come back without its data, or with an older copy.
type forgetful struct {
	settings.Store
	empty bool
}

func (f *forgetful) Latest(ctx context.Context) ([]settings.Revision, error) {
	if f.empty {
		return nil, nil
	}
	return f.Store.Latest(ctx)
}

// P7: versions that are in force and gone from the store are a loss, and no removal: what is in force stays.
func TestP7_LostSettingsStayInForce(t *testing.T) {
	w := newWorld(t)
	store := &forgetful{Store: w.ledger.Settings()}
	two, live, _ := w.other(t, w.file(), nil, store)
	store.empty = true
	if err := two.Refresh(t.Context()); !errors.Is(err, admin.ErrLost) {
		t.Errorf("Refresh: %v; want ErrLost", err)
	}
	if _, there := live.ByID("clinic"); !there {
		t.Error("clinic is not served any more")
	}
}

// Two verifiers that change at once go one after the other, each knowing what the one before has done; who does not get a turn changes
// nothing.
func TestC1_VerifiersChangeInTurn(t *testing.T) {
	w := newWorld(t)
	var one sync.Mutex
	waiting := errors.New("somebody else's turn")
	refused := false
	turn := func(context.Context) (func(), error) {
		if refused {
			return nil, waiting
		}
		one.Lock()
		return one.Unlock, nil
	}
	two, live, _ := w.other(t, w.file(), turn, w.ledger.Settings())
	name := "North"
	if _, err := w.Change(t.Context(), root, "clinic", w.version("clinic"), admin.Edit{Name: &name}, false); err != nil {
		t.Fatal(err)
	}
	south := "South"
	_, err := two.Change(t.Context(), root, "clinic", w.version("clinic")-1, admin.Edit{Name: &south}, false) // what its administrator saw
	var conflict *admin.Error
	if !errors.As(err, &conflict) || conflict.Code != admin.Conflict {
		t.Errorf("a change of what was changed elsewhere: %v; want a conflict", err)
	}
	if env, _ := live.ByID("clinic"); env.Page.Name != name {
		t.Errorf("it has not heard of the change before its turn: %q", env.Page.Name)
	}
	refused = true
	_, err = two.Change(t.Context(), root, "clinic", w.version("clinic"), admin.Edit{Name: &south}, false)
	if !errors.As(err, &conflict) || conflict.Code != admin.Unavailable || !errors.Is(err, waiting) {
		t.Errorf("a change out of turn: %v; want it refused", err)
	}
}
