//go:build unix

package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/curfew-project/curfew/verifier/audit"
	"github.com/curfew-project/curfew/verifier/settings"
	"github.com/curfew-project/curfew/verifier/store/ledger"
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

// playFull proves that nothing is acknowledged that is not durable, that reading goes on, and that everything goes on by itself when
// there is room again.
func playFull(dir string) error {
	ctx := context.Background()
	path := filepath.Join(dir, "admin.db")
	store, err := ledger.Open(ctx, path, sealing("key"))
	if err != nil {
		return err
	}
	first, second := []settings.Revision{revision(0, 1)}, []settings.Revision{revision(0, 2)}
	if err := store.Settings().Append(ctx, first, []audit.Event{change(0, 1)}); err != nil {
		return err
	}
	empty, err := fill()
	if err != nil {
		return err
	}
	expect := &expectation{}
	for range 3 {
		err := store.Audit().Append(ctx, batch(0, 0, 0))
		expect.that(isFileError(err), "Append of events on a full disk: %v; want a FileError", err)
		err = store.Settings().Append(ctx, second, []audit.Event{change(0, 2)})
		expect.that(isFileError(err), "Append of a revision on a full disk: %v; want a FileError", err)
		err = store.Settings().Append(ctx, first, nil)
		expect.that(err != nil, "Append of a revision that conflicts succeeded on a full disk")
		n, err := store.Audit().Trim(ctx, start+1, start, "root")
		expect.that(isFileError(err) && n == 0, "Trim on a full disk: %d, %v; want a FileError", n, err)
		expect.that(isFileError(store.Ready(ctx)), "Ready on a full disk: %v; want a FileError", store.Ready(ctx))
		latest, err := store.Settings().Latest(ctx)
		expect.that(err == nil && len(latest) == 1 && latest[0].Version == 1, "Latest on a full disk: %+v, %v", latest, err)
		found, err := audit.Verify(ctx, store.Audit(), nil)
		expect.that(err == nil && found.Entries == 1, "Verify on a full disk: %+v, %v", found, err)
	}
	empty()
	expect.that(store.Ready(ctx) == nil, "Ready with room again: %v", store.Ready(ctx))
	err = store.Settings().Append(ctx, second, []audit.Event{change(0, 2)})
	expect.that(err == nil, "Append with room again: %v", err)
	expect.that(store.Close() == nil, "Close failed")
	again, err := ledger.Open(ctx, path, sealing("key"))
	if err != nil {
		return errors.Join(expect.err, err)
	}
	found, err := audit.Verify(ctx, again.Audit(), nil)
	expect.that(err == nil && found.Entries == 2, "Verify after reopening: %+v, %v; want 2 entries", found, err)
	return errors.Join(expect.err, again.Close())
}

func TestFullDiskWhileOpening(t *testing.T) { plays(t, "full while opening", t.TempDir()) }

func playFullWhileOpening(dir string) error {
	path := filepath.Join(dir, "admin.db")
	expect := &expectation{}
	for _, what := range []string{"new", "old"} {
		empty, err := fill()
		if err != nil {
			return err
		}
		_, err = ledger.Open(context.Background(), path, sealing("key"))
		expect.that(isFileError(err), "Open of a %s ledger on a full disk: %v; want a FileError", what, err)
		empty()
		store, err := ledger.Open(context.Background(), path, sealing("key"))
		if err != nil {
			return errors.Join(expect.err, fmt.Errorf("Open of a %s ledger with room again: %w", what, err))
		}
		if err := store.Close(); err != nil {
			return err
		}
	}
	return expect.err
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

// playNobody opens the ledger as somebody whom permissions bind: they do not bind root.
func playNobody(dir string) error {
	if os.Getuid() == 0 {
		const nobody = 65534
		if err := errors.Join(syscall.Setgroups(nil), syscall.Setgid(nobody), syscall.Setuid(nobody)); err != nil {
			return err
		}
	}
	_, err := ledger.Open(context.Background(), filepath.Join(dir, "admin.db"), sealing("key"))
	if !errors.Is(err, sqlitefile.ErrReadOnly) {
		return fmt.Errorf("Open: %w; want ErrReadOnly", err)
	}
	return nil
}
