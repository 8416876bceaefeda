package engine_test

import (
	"context"
	"testing"
	"time"

	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/verifier/engine"
	"github.com/curfew-project/curfew/verifier/settings"
)

// B4: pages that wait are told of every kind of end, once, and of no other session's.
func TestB4_WatchesAreTold(t *testing.T) {
	for want, end := range map[wire.Reason]func(*world, *browser, *browser){
		wire.SignedOutElsewhere: func(w *world, _, other *browser) { w.must(other.signOut()) },
		wire.SignedOut:          func(w *world, b, _ *browser) { w.must(b.signOut()) },
		wire.Inactivity: func(w *world, _, _ *browser) {
			w.pass(15 * minute)
			w.must(w.Sweep(context.Background(), time.Hour))
		},
	} {
		w := newWorld(t)
		b, other := w.signedIn(clinic), w.signedIn(clinic)
		bystander := w.at(bank, amara, "")
		w.pass(6 * minute) // the cookie is stale and names the session all the same
		b.takeNonce()
		other.takeNonce()
		watch, err := w.Watch(context.Background(), clinic, b.cookie)
		w.must(err)
		theirs, err := w.Watch(context.Background(), bank, bystander.cookie)
		w.must(err)
		end(w, b, other)
		select {
		case reason := <-watch.Ended:
			if reason != want {
				t.Errorf("told %s, want %s", reason, want)
			}
		default:
			t.Errorf("%s: nobody was told", want)
		}
		if len(watch.Ended) != 0 || want != wire.Inactivity && len(theirs.Ended) != 0 {
			t.Errorf("%s: told twice, or of another environment's session", want)
		}
		watch.Stop()
		theirs.Stop()
		if _, err := w.Watch(context.Background(), clinic, b.cookie); w.refusal(err).Reason != want {
			t.Errorf("watching an ended session: %v", err)
		}
	}
}

// A12: pages that wait in an environment are told of a change of its settings, once for any number of changes; so is who begins to wait
// when the session's settings are not those in force.
func TestA12_WatchesAreToldOfChangedSettings(t *testing.T) {
	w := newWorld(t)
	watch := func(env settings.Environment, b *browser) *engine.Watch {
		t.Helper()
		watch, err := w.Watch(context.Background(), env, b.cookie)
		w.must(err)
		t.Cleanup(watch.Stop)
		return watch
	}
	b, other := w.signedIn(clinic), w.at(bank, amara, "")
	first, second, theirs := watch(clinic, b), watch(clinic, b), watch(bank, other)
	wants := func(when string, want ...int) {
		t.Helper()
		for i, watch := range []*engine.Watch{first, second, theirs} {
			if got := len(watch.Changed); got != want[i] {
				t.Errorf("%s: watch %d was told %d times, want %d", when, i, got, want[i])
			}
		}
	}
	wants("at first", 0, 0, 0)
	w.SettingsChanged()
	w.SettingsChanged("clin", "")
	wants("another's change", 0, 0, 0)
	w.SettingsChanged(clinic.ID)
	wants("a change", 1, 1, 0)
	<-first.Changed
	w.SettingsChanged(bank.ID, clinic.ID)
	w.SettingsChanged(clinic.ID)
	wants("three changes", 1, 1, 1)

	tight := clinic
	tight.Settings.SessionTimeout = 30 * time.Minute
	if late := watch(tight, b); len(late.Changed) != 1 {
		t.Error("who waits with old settings was not told")
	}
	_, err := b.send(b.beat(0))
	w.must(err)
	b.env = tight
	_, err = b.send(b.beat(0))
	w.must(err)
	if late := watch(tight, b); len(late.Changed) != 0 {
		t.Error("who has the settings was told that they changed")
	}

	w.must(b.signOut())
	for len(first.Changed) > 0 {
		<-first.Changed
	}
	w.SettingsChanged(clinic.ID)
	if len(first.Changed) != 0 {
		t.Error("a page that was told of the end was told of a change")
	}
}

func TestWatchesAreBounded(t *testing.T) {
	w := newWorld(t)
	b := w.signedIn(clinic)
	var last *engine.Watch
	for range engine.MaxWatches {
		watch, err := w.Watch(context.Background(), clinic, b.cookie)
		w.must(err)
		last = watch
	}
	if _, err := w.Watch(context.Background(), clinic, b.cookie); w.refusal(err).Error != wire.TooMany {
		t.Errorf("one too many: %v", err)
	}
	last.Stop()
	last.Stop() // again changes nothing
	if _, err := w.Watch(context.Background(), clinic, b.cookie); err != nil {
		t.Errorf("after one has gone: %v", err)
	}
	if _, err := w.Watch(context.Background(), bank, b.cookie); w.refusal(err).Error != wire.NoSession {
		t.Errorf("P6: with another environment's cookie: %v", err)
	}
}
