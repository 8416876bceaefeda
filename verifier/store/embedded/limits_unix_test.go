//go:build unix

package embedded_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/curfew-project/curfew/verifier/session"
	"github.com/curfew-project/curfew/verifier/store/embedded"
	"github.com/curfew-project/curfew/verifier/store/sqlitefile"
)

// fill makes every write to a file fail until the returned function is called, as a full disk does: the limit on the size
// of files needs no privilege and meets the real system calls.
func fill() (empty func(), err error) {
	signal.Ignore(syscall.SIGXFSZ) // so that write returns EFBIG
	var was syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &was); err != nil {
		return nil, err
	}
	none := was
	none.Cur = 0
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &none); err != nil {
		return nil, err
	}
	return func() { syscall.Setrlimit(syscall.RLIMIT_FSIZE, &was) }, nil
}

// expectation collects what a child finds wrong.
type expectation struct{ err error }

func (e *expectation) that(ok bool, format string, args ...any) {
	if !ok {
		e.err = errors.Join(e.err, fmt.Errorf(format, args...))
	}
}

func isFileError(err error) bool {
	var file *sqlitefile.FileError
	return errors.As(err, &file)
}

func TestFullDisk(t *testing.T) { plays(t, "full", t.TempDir()) }

// playFull proves that nothing is acknowledged that is not durable, that an ending stays in force although it cannot be
// written, and that everything goes on by itself when there is room again.
func playFull(dir string) error {
	ctx := context.Background()
	path := filepath.Join(dir, "sessions.db")
	store, err := embedded.Open(ctx, path, embedded.Options{FlushEvery: 5 * time.Millisecond})
	if err != nil {
		return err
	}
	const signedOut, used, expired, idle, sealed, moved = 1, 2, 3, 4, 5, 6
	for n := signedOut; n <= moved; n++ {
		s := numbered(n)
		if n == expired {
			s.State.Settings.InactivityTimeout = 10 * time.Minute
		}
		if err := store.Create(ctx, s, "old", start); err != nil {
			return err
		}
	}
	if _, _, err := store.Mark(ctx, session.Key{1}, start+1000, start); err != nil {
		return err
	}
	if _, _, err := store.Mark(ctx, session.Key{2}, start+7, start); err != nil { // expires while the disk is full
		return err
	}
	empty, err := fill()
	if err != nil {
		return err
	}
	expect := &expectation{}

	for range 3 { // whichever comes first meets the full disk itself; the others a store that knows
		err = store.Create(ctx, numbered(9), "", start)
		expect.that(isFileError(err), "Create on a full disk: %v; want a FileError", err)
		_, ok, err := store.Get(ctx, numbered(9).ID, start)
		expect.that(!ok && err == nil, "Get of a session that was not created: %t, %v", ok, err)
		expect.that(isFileError(store.Ready(ctx)), "Ready on a full disk: %v; want a FileError", store.Ready(ctx))

		_, _, err = store.Update(ctx, numbered(signedOut).ID, start+5, ending(start+5))
		expect.that(isFileError(err) && !errors.Is(err, session.ErrEnded), "Update to an end on a full disk: %v; want a FileError", err)
		s, _, _ := store.Get(ctx, numbered(signedOut).ID, start)
		expect.that(s.State.EndedAt == start+5, "an ending that could not be written is not in force: %+v", s.State)
		last, _ := store.LastEnd(ctx, s.User, start+5)
		expect.that(last == start+5, "LastEnd is %d; want the ending that could not be written, %d", last, start+5)
		n, err := store.Forget(ctx, start+6, start+6)
		expect.that(n == 0 && err == nil, "Forget dropped %d sessions whose end is not durable, %v", n, err)

		_, _, err = store.Update(ctx, numbered(used).ID, start+6, acting(start+6))
		expect.that(isFileError(err), "activity on a full disk: %v; want a FileError", err)

		ended, err := store.Expire(ctx, start+11*60_000, 10)
		expect.that(isFileError(err) && len(ended) == 0, "Expire on a full disk: %v, %v; want a FileError", ended, err)
		s, _, _ = store.Get(ctx, numbered(expired).ID, start)
		expect.that(s.State.EndedAt == start+10*60_000, "an expired session lives: %+v", s.State)

		at, first, err := store.Mark(ctx, session.Key{3}, start+1000, start)
		expect.that(isFileError(err) && at == 0 && !first, "Mark on a full disk: %d, %t, %v; want a FileError", at, first, err)
		_, ok, err = store.Marked(ctx, session.Key{3}, start)
		expect.that(!ok && err == nil, "Marked of what could not be marked: %t, %v", ok, err)
		at, ok, err = store.Marked(ctx, session.Key{1}, start+1)
		expect.that(at == start && ok && err == nil, "Marked of an older mark on a full disk: %d, %t, %v", at, ok, err)
		_, err = store.Forget(ctx, start, start+7)
		expect.that(isFileError(err), "Forget of a mark on a full disk: %v; want a FileError", err)

		ok, err = store.SetSecrets(ctx, numbered(sealed).ID, "new", start)
		expect.that(isFileError(err) && !ok, "SetSecrets on a full disk: %t, %v; want a FileError", ok, err)
		secrets, ok, err := store.Secrets(ctx, numbered(sealed).ID, start)
		expect.that(secrets == "old" && ok && err == nil, "Secrets on a full disk: %q, %t, %v; want the old ones", secrets, ok, err)
		ok, err = store.SetSecrets(ctx, numbered(99).ID, "new", start)
		expect.that(!ok && err == nil, "SetSecrets of no session on a full disk: %t, %v", ok, err)
		ok, err = store.SetSecrets(ctx, numbered(signedOut).ID, "new", start)
		expect.that(isFileError(err) && !ok, "SetSecrets of a session whose ending is not durable: %t, %v; want a FileError", ok, err)

		_, _, err = store.Update(ctx, numbered(moved).ID, start+6, moving("moved"))
		expect.that(isFileError(err), "a change of the provider's session ID on a full disk: %v; want a FileError", err)
		for sid, want := range map[string]int{"moved": 1, numbered(moved).Provider: 0} {
			found, err := store.ByProvider(ctx, s.User.Environment, s.User.Issuer, sid, start)
			expect.that(len(found) == want && err == nil, "ByProvider of %q, on a full disk: %d sessions, %v; want %d, as memory has it", sid, len(found), err, want)
		}

		waiting, cancel := context.WithTimeout(ctx, time.Nanosecond)
		_, _, err = store.Update(waiting, numbered(idle).ID, start+6, acting(start+6))
		cancel()
		expect.that(err != nil, "activity was acknowledged on a full disk")
	}
	if expect.err != nil {
		return expect.err
	}

	empty()
	if err := store.Flush(ctx); err != nil {
		return fmt.Errorf("Flush with room again: %w", err)
	}
	expect.that(store.Ready(ctx) == nil, "Ready with room again: %v", store.Ready(ctx))
	ended, err := store.Expire(ctx, start+11*60_000, 10)
	expect.that(err == nil && len(ended) == 1 && ended[0].ID == numbered(expired).ID, "Expire with room again: %v, %v; want the session that ended meanwhile", ended, err)
	ended, err = store.Expire(ctx, start+11*60_000, 10)
	expect.that(err == nil && len(ended) == 0, "Expire returned a session twice: %v, %v", ended, err)
	_, _, err = store.Update(ctx, numbered(signedOut).ID, start+7, acting(start+7))
	expect.that(errors.Is(err, session.ErrEnded), "Update of the ended session with room again: %v; want ErrEnded", err)
	err = store.Create(ctx, numbered(9), "a.b.c", start)
	expect.that(err == nil, "Create with room again: %v", err)
	for range 2 { // nothing was marked, so somebody can be first; and only once
		_, ok, err := store.Marked(ctx, session.Key{3}, start)
		expect.that(!ok && err == nil, "Marked with room again: %t, %v; want no mark", ok, err)
	}
	at, first, err := store.Mark(ctx, session.Key{3}, start+1000, start+1)
	expect.that(at == start+1 && first && err == nil, "Mark with room again: %d, %t, %v; want to be first", at, first, err)
	at, first, err = store.Mark(ctx, session.Key{3}, start+1000, start+2)
	expect.that(at == start+1 && !first && err == nil, "the second Mark with room again: %d, %t, %v", at, first, err)
	secrets, _, err := store.Secrets(ctx, numbered(sealed).ID, start)
	expect.that((secrets == "new" || secrets == "old") && err == nil, "Secrets with room again: %q, %v", secrets, err)
	found, err := store.ByProvider(ctx, numbered(moved).User.Environment, numbered(moved).User.Issuer, "moved", start)
	expect.that(len(found) == 1 && err == nil, "ByProvider with room again: %d sessions, %v; want 1", len(found), err)
	expect.that(store.Close() == nil, "Close with room again failed")

	again, err := embedded.Open(ctx, path, embedded.Options{})
	if err != nil {
		return err
	}
	for n, want := range map[int]int64{signedOut: start + 5, expired: start + 10*60_000, used: 0, 9: 0} {
		s, ok, err := again.Get(ctx, numbered(n).ID, start)
		expect.that(ok && err == nil && s.State.EndedAt == want, "after reopening session %d is %+v, %t, %v; want its end at %d", n, s.State, ok, err, want)
	}
	s, _, _ := again.Get(ctx, numbered(used).ID, start)
	expect.that(s.Seq == 3 && s.State.Active == start+6, "after reopening the activity is %d at %d; want 3 at %d", s.Seq, s.State.Active, start+6)
	count, _ := again.Count(ctx, start)
	expect.that(count == 5, "after reopening %d sessions live; want 5", count)
	at, ok, err := again.Marked(ctx, session.Key{3}, start+3)
	expect.that(at == start+1 && ok && err == nil, "Marked after reopening: %d, %t, %v", at, ok, err)
	found, err = again.ByProvider(ctx, s.User.Environment, s.User.Issuer, "moved", start)
	expect.that(len(found) == 1 && err == nil, "ByProvider after reopening: %d sessions, %v; want 1", len(found), err)
	return errors.Join(expect.err, again.Close())
}

func TestFullDiskWhileOpening(t *testing.T) { plays(t, "full while opening", t.TempDir()) }

func playFullWhileOpening(dir string) error {
	path := filepath.Join(dir, "sessions.db")
	empty, err := fill()
	if err != nil {
		return err
	}
	expect := &expectation{}
	_, err = embedded.Open(context.Background(), path, embedded.Options{})
	expect.that(isFileError(err), "Open of a new store on a full disk: %v; want a FileError", err)
	empty()
	store, err := embedded.Open(context.Background(), path, embedded.Options{})
	if err != nil {
		return errors.Join(expect.err, fmt.Errorf("Open with room again: %w", err))
	}
	if err := store.Close(); err != nil {
		return err
	}
	empty, err = fill()
	if err != nil {
		return err
	}
	defer empty()
	_, err = embedded.Open(context.Background(), path, embedded.Options{})
	expect.that(isFileError(err), "Open of an old store on a full disk: %v; want a FileError", err)
	return expect.err
}

func TestCloseSaysWhatItCouldNotWrite(t *testing.T) { plays(t, "closing while full", t.TempDir()) }

func playClosingWhileFull(dir string) error {
	ctx := context.Background()
	store, err := embedded.Open(ctx, filepath.Join(dir, "sessions.db"), embedded.Options{FlushEvery: 900 * time.Millisecond})
	if err != nil {
		return err
	}
	if err := store.Create(ctx, numbered(1), "", start); err != nil {
		return err
	}
	if _, _, err := store.Update(ctx, numbered(1).ID, start+1, acting(start+1)); err != nil {
		return err
	}
	empty, err := fill()
	if err != nil {
		return err
	}
	defer empty()
	if err := store.Close(); !isFileError(err) {
		return fmt.Errorf("Close on a full disk: %w; want a FileError: activity is lost", err)
	}
	return nil
}

func TestSecretsOutlastAFullDisk(t *testing.T) { plays(t, "secrets while full", t.TempDir()) }

// playSecretsWhileFull replaces secrets as the first that meets the full disk: the caller gets an error, and the store keeps the
// new ones and writes them when it can, because the provider may have taken back the old.
func playSecretsWhileFull(dir string) error {
	ctx := context.Background()
	path := filepath.Join(dir, "sessions.db")
	store, err := embedded.Open(ctx, path, embedded.Options{FlushEvery: 900 * time.Millisecond})
	if err != nil {
		return err
	}
	if err := store.Create(ctx, numbered(1), "old", start); err != nil {
		return err
	}
	empty, err := fill()
	if err != nil {
		return err
	}
	if _, err := store.SetSecrets(ctx, numbered(1).ID, "new", start); !isFileError(err) {
		return fmt.Errorf("SetSecrets on a full disk: %w; want a FileError", err)
	}
	if _, err := store.SetSecrets(ctx, numbered(1).ID, "newer", start); !isFileError(err) {
		return fmt.Errorf("the second SetSecrets on a full disk: %w; want a FileError", err)
	}
	soon, cancel := context.WithTimeout(ctx, 300*time.Millisecond)
	defer cancel()
	if _, _, err := store.Mark(soon, session.Key{1}, start+1, start); !isFileError(err) {
		return fmt.Errorf("Mark when the disk is known to be full: %w; want a FileError at once", err)
	}
	empty()
	if err := store.Flush(ctx); err != nil {
		return fmt.Errorf("Flush with room again: %w", err)
	}
	if secrets, ok, err := store.Secrets(ctx, numbered(1).ID, start); secrets != "new" || !ok || err != nil {
		return fmt.Errorf("Secrets with room again: %q, %t, %w; want those that met the full disk", secrets, ok, err)
	}
	if err := store.Close(); err != nil {
		return err
	}
	again, err := embedded.Open(ctx, path, embedded.Options{})
	if err != nil {
		return err
	}
	if secrets, ok, err := again.Secrets(ctx, numbered(1).ID, start); secrets != "new" || !ok || err != nil {
		return fmt.Errorf("Secrets after reopening: %q, %t, %w", secrets, ok, err)
	}
	return again.Close()
}

func TestAFullDiskStaysKnown(t *testing.T) { plays(t, "nothing while full", t.TempDir()) }

// playNothingWhileFull meets the full disk with what is not tried again: that nothing else waits to be written proves nothing.
func playNothingWhileFull(dir string) error {
	ctx := context.Background()
	store, err := embedded.Open(ctx, filepath.Join(dir, "sessions.db"), embedded.Options{})
	if err != nil {
		return err
	}
	empty, err := fill()
	if err != nil {
		return err
	}
	if _, _, err := store.Mark(ctx, session.Key{1}, start+1, start); !isFileError(err) {
		return fmt.Errorf("Mark on a full disk: %w; want a FileError", err)
	}
	if err := store.Flush(ctx); !isFileError(err) {
		return fmt.Errorf("Flush of nothing on a full disk: %w; want a FileError", err)
	}
	if err := store.Ready(ctx); !isFileError(err) {
		return fmt.Errorf("Ready on a full disk: %w; want a FileError", err)
	}
	empty()
	return errors.Join(store.Flush(ctx), store.Ready(ctx), store.Close())
}

func TestUpgradeOnAFullDisk(t *testing.T) {
	for name, old := range oldFiles {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			old(t, filepath.Join(dir, "sessions.db"))
			before := definitions(t, filepath.Join(dir, "sessions.db"))
			plays(t, "full while upgrading", dir)
			if after := definitions(t, filepath.Join(dir, "sessions.db")); !slices.Equal(after, before) {
				t.Fatalf("after an upgrade on a full disk the file has the schema\n%s\nwant\n%s", after, before)
			}
			store := open(t, dir)
			defer store.Close()
			if n, err := store.Count(t.Context(), start); n != 2 || err != nil {
				t.Fatalf("after the upgrade with room again %d sessions live, %v; want 2", n, err)
			}
		})
	}
}

func playFullWhileUpgrading(dir string) error {
	empty, err := fill()
	if err != nil {
		return err
	}
	defer empty()
	if _, err := embedded.Open(context.Background(), filepath.Join(dir, "sessions.db"), embedded.Options{}); !isFileError(err) {
		return fmt.Errorf("Open: %w; want a FileError", err)
	}
	return nil
}

func TestActivityOutlastsAFullDisk(t *testing.T) { plays(t, "activity while full", t.TempDir()) }

// playActivityWhileFull acknowledges activity just before the disk is full: the first try to write it fails, the next must
// still have it.
func playActivityWhileFull(dir string) error {
	ctx := context.Background()
	path := filepath.Join(dir, "sessions.db")
	store, err := embedded.Open(ctx, path, embedded.Options{FlushEvery: 900 * time.Millisecond})
	if err != nil {
		return err
	}
	if err := store.Create(ctx, numbered(1), "", start); err != nil {
		return err
	}
	if _, _, err := store.Update(ctx, numbered(1).ID, start+1, acting(start+1)); err != nil {
		return err
	}
	empty, err := fill()
	if err != nil {
		return err
	}
	if err := store.Flush(ctx); !isFileError(err) {
		return fmt.Errorf("Flush on a full disk: %w; want a FileError", err)
	}
	empty()
	if err := store.Flush(ctx); err != nil {
		return fmt.Errorf("Flush with room again: %w", err)
	}
	if seq, err := readSeq(path); seq != 1 || err != nil {
		return fmt.Errorf("sequence number %d is on the disk, %w; want 1", seq, err)
	}
	return store.Close()
}

func TestReadOnly(t *testing.T) {
	for name, test := range map[string]struct{ file, folder os.FileMode }{
		"file":   {0o444, 0o777},
		"folder": {0o666, 0o555},
		"both":   {0o444, 0o555},
	} {
		t.Run(name, func(t *testing.T) {
			path := filled(t, 2)
			dir := filepath.Dir(path)
			for reach := filepath.Dir(dir); reach != os.TempDir() && reach != "/"; reach = filepath.Dir(reach) {
				if err := os.Chmod(reach, 0o755); err != nil {
					t.Fatal(err)
				}
			}
			if err := errors.Join(os.Chmod(path, test.file), os.Chmod(path+".lock", 0o666), os.Chmod(dir, test.folder)); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { os.Chmod(dir, 0o755) })
			plays(t, "nobody", dir)
		})
	}
}

// playNobody opens the store as somebody whom permissions bind: they do not bind root.
func playNobody(dir string) error {
	if os.Getuid() == 0 {
		const nobody = 65534
		if err := errors.Join(syscall.Setgroups(nil), syscall.Setgid(nobody), syscall.Setuid(nobody)); err != nil {
			return err
		}
	}
	_, err := embedded.Open(context.Background(), filepath.Join(dir, "sessions.db"), embedded.Options{})
	if !errors.Is(err, sqlitefile.ErrReadOnly) {
		return fmt.Errorf("Open: %w; want ErrReadOnly", err)
	}
	return nil
}
