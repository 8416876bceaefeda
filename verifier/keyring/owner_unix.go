//go:build unix

package keyring

import (
	"errors"
	"os"
	"syscall"
)

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
