package server

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/curfew-project/curfew/verifier/admin"
	"github.com/curfew-project/curfew/verifier/audit"
	"github.com/curfew-project/curfew/verifier/keyring"
	"github.com/curfew-project/curfew/verifier/session"
	"github.com/curfew-project/curfew/verifier/store/ledger"
)

const (
	// lookAtKeysEvery is how often the key file is looked at; a change is taken at the second look.
	lookAtKeysEvery = 2 * time.Second
	// pruneKeysEvery is how often keys are looked for that nothing needs any more, where they are exchanged by schedule.
	pruneKeysEvery = time.Hour
	// settleKeys is how long after its replacement a key may still be what something short-lived was made with: cookies on their way,
	// attempts to sign in or out, nonces, forms, assertions. The longest of them live ten minutes; the rest is for clocks that differ, and
	// for answers that were lost.
	settleKeys = keyring.Verified
	// keepKeys is how long a replaced key is kept at least by the schedule: a verifier that was stopped over a night finds the end of its
	// audit sealed with a key that is still there.
	keepKeys = 24 * time.Hour
)

// watchKeys keeps the ring true to its file, and exchanges keys by schedule, until ctx ends.
func (s *Server) watchKeys(ctx context.Context) {
	ticker := time.NewTicker(lookAtKeysEvery)
	defer ticker.Stop()
	keys := &keyWatch{Server: s, file: keyring.NewWatcher(s.started.Keys, s.ring)}
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			keys.look(ctx)
		}
	}
}

// keyWatch is what watchKeys remembers. It is for one goroutine.
type keyWatch struct {
	*Server
	file   *keyring.Watcher
	failed string    // what was told last of why the schedule is not kept
	pruned time.Time // when keys were dropped last, or could have been
}

func (k *keyWatch) look(ctx context.Context) {
	now := k.o.Now()
	changed, err := k.file.Look(now)
	if err != nil {
		k.o.Log.Error("keys_refused", "error", err, "meaning", "the verifier goes on with the keys that it has; a restart would need the file")
	}
	if changed {
		// The entry also seals the end of the audit with the key in use, so that an earlier one can go.
		k.record(audit.Event{At: now.UnixMilli(), Kind: audit.KeysChanged, Detail: keysDetail(k.ring.Keys())})
	}
	every, overlap := k.configuration().KeyRotation.Every, k.configuration().KeyRotation.Overlap
	if every == 0 {
		return
	}
	err = k.rotate(ctx, now, time.Duration(every), time.Duration(overlap))
	switch {
	case err == nil:
		k.failed = ""
	case err.Error() != k.failed && ctx.Err() == nil:
		k.failed = err.Error()
		k.o.Log.Error("keys_not_rotated", "error", err)
	}
}

// rotate does what is due by the schedule.
func (k *keyWatch) rotate(ctx context.Context, now time.Time, every, overlap time.Duration) error {
	made, ok, err := keyring.RotateFile(k.started.Keys, k.o.Random, now, every, overlap)
	if ok {
		k.o.Log.Info("key_added", "key", made.ID, "active", made.Active)
	}
	if err != nil || now.Sub(k.pruned) < pruneKeysEvery && !now.Before(k.pruned) {
		return err
	}
	k.pruned = now
	dropped, err := k.pruneKeys(ctx, now)
	for _, one := range dropped {
		k.o.Log.Info("key_dropped", "key", one.ID, "replaced", one.Replaced)
	}
	return err
}

// pruneKeys drops the keys that nothing needs any more.
func (s *Server) pruneKeys(ctx context.Context, now time.Time) ([]keyring.Listed, error) {
	old := func(one keyring.Listed) bool {
		return one.Use == keyring.Accepted && !one.Replaced.IsZero() && !now.Before(one.Replaced.Add(keepKeys))
	}
	if list, err := keyring.ListFile(s.started.Keys, now); err != nil || !anyOf(list, old) {
		return nil, err
	}
	oldest := int64(0) // of everything that a session depends on, or 0
	err := s.store.Scan(ctx, "", now.UnixMilli(), func(one session.Session) bool {
		if since := madeSince(one); oldest == 0 || since < oldest {
			oldest = since
		}
		return ctx.Err() == nil
	})
	if err = errors.Join(err, ctx.Err()); err != nil {
		return nil, err
	}
	goes := func(one keyring.Listed) bool { return old(one) && (oldest == 0 || !mayNeed(one, oldest)) }
	return keyring.PruneFile(s.started.Keys, now, goes, func(before, rest *keyring.Ring) error {
		text, seal, err := s.ledger.SealedEnd(ctx)
		return endStays(text, seal, err, before, rest)
	})
}

// madeSince is since when everything was made that a session depends on, in milliseconds since the epoch: its cookie, which is renewed by
// every heartbeat and so at the last activity or later, and its secrets, which are sealed at sign-in and again by every policy check that
// confirms. A session that is over counts too: its page may still ask why.
func madeSince(s session.Session) int64 {
	return max(s.State.Began, min(s.State.Active, s.Check.At))
}

// mayNeed reports whether what was made since an instant may have been made with a key.
func mayNeed(one keyring.Listed, since int64) bool {
	return one.Replaced.IsZero() || one.Replaced.Add(settleKeys).UnixMilli() > since
}

// keys tells how the keys stand and what each may still be needed for.
func (s *Server) keys(ctx context.Context) ([]admin.Key, error) {
	now := s.o.Now()
	list, all := s.ring.Keys(), []admin.Key{}
	for _, one := range list {
		all = append(all, admin.Key{ID: one.ID, Use: string(one.Use), Added: millis(one.Added), Active: millis(one.Active), Replaced: millis(one.Replaced)})
	}
	err := s.store.Scan(ctx, "", now.UnixMilli(), func(of session.Session) bool {
		since := madeSince(of)
		for i, one := range list {
			if one.Use != keyring.Published && mayNeed(one, since) {
				all[i].Sessions++
			}
		}
		return ctx.Err() == nil
	})
	if err = errors.Join(err, ctx.Err()); err != nil {
		return nil, err
	}
	end, err := s.sealedWith(ctx)
	if err != nil {
		return nil, err
	}
	for i, one := range list {
		all[i].AuditEnd = end == one.ID
		all[i].Needed = one.Use != keyring.Accepted || all[i].Sessions > 0 || all[i].AuditEnd ||
			!one.Replaced.IsZero() && now.Before(one.Replaced.Add(settleKeys))
	}
	return all, nil
}

func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

func anyOf(list []keyring.Listed, is func(keyring.Listed) bool) bool {
	for _, one := range list {
		if is(one) {
			return true
		}
	}
	return false
}

// keysDetail says what the keys are used for, for the audit.
func keysDetail(list []keyring.Listed) string {
	of := map[keyring.Use][]string{}
	for _, one := range list {
		of[one.Use] = append(of[one.Use], one.ID)
	}
	var parts []string
	for _, use := range []keyring.Use{keyring.Current, keyring.Published, keyring.Accepted} {
		if ids := of[use]; len(ids) > 0 {
			parts = append(parts, string(use)+": "+strings.Join(ids, " "))
		}
	}
	return strings.Join(parts, "; ")
}

// sealedWith is the ID of the key that the end of the audit is sealed with, or empty where no key of the ring fits.
func (s *Server) sealedWith(ctx context.Context) (string, error) {
	text, seal, err := s.ledger.SealedEnd(ctx)
	if err != nil || !LedgerOptions(s.ring, nil).Sealed(text, seal) {
		return "", err
	}
	return s.ring.MadeWith(seal), nil
}

// EndStays refuses when the end of the audit in the ledger at path is sealed with a key that is to be dropped (C5): now is the ring with that
// key, rest without. An end that no key of the file fits is not spoiled by it. Where there is no ledger there is no end.
func EndStays(ctx context.Context, path string, now, rest *keyring.Ring) error {
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	text, seal, err := ledger.SealedEnd(ctx, path)
	return endStays(text, seal, err, now, rest)
}

func endStays(text, seal string, err error, now, rest *keyring.Ring) error {
	if err != nil {
		return fmt.Errorf("no key was dropped: with which one the end of the audit is sealed cannot be read: %w", err)
	}
	if LedgerOptions(rest, nil).Sealed(text, seal) || !LedgerOptions(now, nil).Sealed(text, seal) {
		return nil
	}
	return fmt.Errorf("no key was dropped: the end of the audit is still sealed with key %s: a running verifier seals it with the present one within seconds, a stopped one when it is started",
		now.MadeWith(seal))
}
