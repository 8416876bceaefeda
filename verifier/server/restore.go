package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/curfew-project/curfew/verifier/audit"
	"github.com/curfew-project/curfew/verifier/keyring"
	"github.com/curfew-project/curfew/verifier/settings"
	"github.com/curfew-project/curfew/verifier/store/embedded"
	"github.com/curfew-project/curfew/verifier/store/ledger"
)

// Restoring is what to restore, and where to.
type Restoring struct {
	From string // a directory that Backup made
	Data string // the data directory
	Ring *keyring.Ring
	Now  time.Time
	// Actor is who restores, for the audit.
	Actor string
	// Unverified lets an audit pass that cannot be verified, because it is broken or because the ring is not the one that sealed its end.
	// The audit says so then.
	Unverified bool
	Progress   func(done, all int64) // entries of the audit; nil: nobody looks
}

// Restored is what a restoring came to.
type Restored struct {
	Made    time.Time `json:"made"`    // when the backup was begun
	Ended   int       `json:"ended"`   // sessions that lived in it
	Entries int       `json:"entries"` // of the audit
	Why     string    `json:"unverified,omitempty"`
}

// restoringFile is in a data directory while it is being restored, and stays when that was cut short.
const restoringFile = "restoring"

// ErrHalfRestored is in the tree of New's error when a restoring was cut short.
var ErrHalfRestored = errors.New("restoring it from a backup was cut short")

// Restore puts a backup into a data directory in which there is nothing yet. All of its sessions are ended, and everybody has to enter
// credentials again: what ended since the backup was made is not known, and must not live again (P4, B1). It is restored as a whole or
// not at all: a verifier does not start on half of it.
func Restore(ctx context.Context, r Restoring) (result Restored, err error) {
	m, err := readManifest(r.From)
	if err != nil {
		return result, err
	}
	result.Made = m.Made
	if r.Now.Before(m.Made) {
		return result, fmt.Errorf("the clock says %s, before the backup was made (%s); sessions would be ended in the past: set the clock", r.Now.UTC().Format(time.RFC3339), m.Made.Format(time.RFC3339))
	}
	if err := os.MkdirAll(r.Data, 0o700); err != nil {
		return result, err
	}
	marker := filepath.Join(r.Data, restoringFile)
	if err := vacant(r.Data, marker); err != nil {
		return result, err
	}
	if err := writeFile(marker, []byte("curfew restore has not finished\n")); err != nil && !errors.Is(err, fs.ErrExist) {
		return result, err
	}
	staged := func(name string) string { return filepath.Join(r.Data, name+".restored") }
	defer func() {
		for _, name := range backupFiles {
			for _, end := range []string{"", "-wal", "-shm", ".lock"} {
				os.Remove(staged(name) + end)
			}
		}
		if err != nil && !anyThere(r.Data) { // nothing is in its place yet
			os.Remove(marker)
		}
	}()
	for _, name := range backupFiles {
		if err := copyVerified(filepath.Join(r.From, name), staged(name), m.Files[name]); err != nil {
			return result, err
		}
	}
	if result.Ended, err = embedded.EndAll(ctx, staged(SessionsFile), r.Now.UnixMilli()); err != nil {
		return result, err
	}
	if err := r.audit(ctx, staged(LedgerFile), &result); err != nil {
		return result, err
	}
	for _, name := range backupFiles {
		if err := os.Rename(staged(name), filepath.Join(r.Data, name)); err != nil {
			return result, err
		}
	}
	if err := syncFolder(r.Data); err != nil {
		return result, err
	}
	return result, errors.Join(os.Remove(marker), syncFolder(r.Data))
}

// audit verifies the audit of a ledger and adds that it was restored.
func (r Restoring) audit(ctx context.Context, path string, result *Restored) error {
	store, err := ledger.Open(ctx, path, LedgerOptions(r.Ring, nil))
	if err != nil {
		return err
	}
	found, err := settings.Verify(ctx, store.Settings(), store.Audit(), r.Progress)
	var broken *audit.Broken
	switch {
	case errors.As(err, &broken) && r.Unverified:
		result.Why, err = broken.Error(), nil
	case err != nil:
		return errors.Join(err, store.Close())
	}
	result.Entries = found.Entries
	detail := fmt.Sprintf("from a backup of %s; entries after it are not here; %d living sessions were ended", result.Made.Format(time.RFC3339), result.Ended)
	if result.Why != "" {
		detail += "; its audit could not be verified: " + result.Why
	}
	err = store.Audit().Append(ctx, []audit.Event{{At: r.Now.UnixMilli(), Kind: audit.Restored, Actor: r.Actor, Detail: detail}})
	return errors.Join(err, store.Close())
}

// readManifest reads what a directory says that it is.
func readManifest(dir string) (m Manifest, err error) {
	text, err := os.ReadFile(filepath.Join(dir, manifestFile))
	if err != nil {
		return m, fmt.Errorf("%s is no backup: %w", dir, err)
	}
	if err := json.Unmarshal(text, &m); err != nil {
		return m, fmt.Errorf("%s: %s: %w", dir, manifestFile, err)
	}
	if m.Format != manifestFormat {
		return m, fmt.Errorf("%s is a backup of format %d; this version knows %d", dir, m.Format, manifestFormat)
	}
	for _, name := range backupFiles {
		if _, ok := m.Files[name]; !ok {
			return m, fmt.Errorf("%s: %s does not have %s", dir, manifestFile, name)
		}
	}
	return m, nil
}

func anyThere(data string) bool {
	for _, name := range backupFiles {
		for _, end := range []string{"", "-wal"} {
			if _, err := os.Lstat(filepath.Join(data, name+end)); !errors.Is(err, fs.ErrNotExist) {
				return true
			}
		}
	}
	return false
}

// vacant refuses a directory that has data, but for what was left of a restoring that was cut short.
func vacant(data, marker string) error {
	if _, err := os.Lstat(marker); err == nil || !anyThere(data) {
		return nil
	}
	return fmt.Errorf("%s has %s or %s already; nothing is overwritten: move them, and the files beside them that begin with their names, away", data, SessionsFile, LedgerFile)
}

// halfRestored refuses a data directory in which a restoring was cut short.
func halfRestored(data string) error {
	if _, err := os.Lstat(filepath.Join(data, restoringFile)); err == nil {
		return fmt.Errorf("%s: %w: run curfew restore again", data, ErrHalfRestored)
	}
	return nil
}

// copyVerified copies a file that must be what the manifest says.
func copyVerified(from, to string, want ManifestFile) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	if err := os.Remove(to); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	if err := errors.Join(err, out.Sync(), out.Close()); err != nil {
		return err
	}
	if got, err := digestOf(to); err != nil {
		return err
	} else if got != want {
		return fmt.Errorf("%s is not what the backup's manifest says: it was altered or damaged", from)
	}
	return nil
}
