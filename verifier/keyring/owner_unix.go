//go:build unix

package keyring

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// ownedByUs refuses a file of another user, who could read and exchange the keys. Root may have given it to us, and may use everybody's.
func ownedByUs(info fs.FileInfo, path string) error {
	of, ok := info.Sys().(*syscall.Stat_t)
	if self := os.Geteuid(); ok && self != 0 && of.Uid != 0 && int(of.Uid) != self {
		return fmt.Errorf("key file %s belongs to user %d; allowed: %d, who runs this, or root", path, of.Uid, self)
	}
	return nil
}

// lockFolder waits until no other process changes a key file in a folder. The folder itself is locked, so that nothing is left behind that
// another user could not open.
func lockFolder(path string) (unlock func(), err error) {
	folder, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(folder.Fd()), syscall.LOCK_EX); err != nil {
		return nil, errors.Join(fmt.Errorf("lock %s: %w", path, err), folder.Close())
	}
	return func() { folder.Close() }, nil
}

// sameOwner gives a file the owner and group that another one has.
func sameOwner(file *os.File, as string) error {
	info, err := os.Stat(as)
	if err != nil {
		return err
	}
	of, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return nil
	}
	own, err := file.Stat()
	if err != nil {
		return err
	}
	if now, ok := own.Sys().(*syscall.Stat_t); ok && now.Uid == of.Uid && now.Gid == of.Gid {
		return nil
	}
	return file.Chown(int(of.Uid), int(of.Gid))
}

// syncFolder makes the names in a folder durable.
func syncFolder(path string) error {
	folder, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}
