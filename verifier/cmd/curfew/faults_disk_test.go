//go:build linux

package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"unsafe"
)

// fillDisk leaves no room for a running verifier's data, until the returned function is called.
func fillDisk(w *faulty) (empty func() error, err error) {
	if mounted(w.data) {
		filler := filepath.Join(w.data, "filler")
		file, err := os.Create(filler)
		if err != nil {
			return nil, err
		}
		block := make([]byte, 64<<10)
		for err == nil {
			if _, err = file.Write(block); err != nil && len(block) > 1 && errors.Is(err, syscall.ENOSPC) {
				block, err = block[:len(block)/2], nil
			}
		}
		if err := errors.Join(file.Close(), unless(err, syscall.ENOSPC)); err != nil {
			return nil, err
		}
		return func() error { return os.Remove(filler) }, nil
	}
	w.mu.Lock()
	id := w.process.Process.Pid
	w.mu.Unlock()
	was, err := limitFiles(id, &syscall.Rlimit{Cur: 0, Max: ^uint64(0)})
	if err != nil {
		return nil, err
	}
	return func() error { _, err := limitFiles(id, &was); return err }, nil
}

func unless(err, want error) error {
	if errors.Is(err, want) {
		return nil
	}
	return fmt.Errorf("the disk could not be filled: %w", err)
}

// mounted reports whether a folder is on another file system than the temporary files: on one of its own.
func mounted(dir string) bool {
	var own, all syscall.Stat_t
	return syscall.Stat(dir, &own) == nil && syscall.Stat(os.TempDir(), &all) == nil && own.Dev != all.Dev
}

// limitFiles sets the largest size of files of a process (prlimit64, RLIMIT_FSIZE) and returns the one before.
func limitFiles(id int, limit *syscall.Rlimit) (was syscall.Rlimit, err error) {
	const fileSize = 1
	_, _, code := syscall.RawSyscall6(syscall.SYS_PRLIMIT64, uintptr(id), fileSize, uintptr(unsafe.Pointer(limit)), uintptr(unsafe.Pointer(&was)), 0, 0)
	if code != 0 {
		return was, code
	}
	return was, nil
}

// protect lets nobody write into a folder until the returned function is called. Permissions do not bind root, so for root it is mounted
// over itself, read-only.
func protect(dir string) (writable func() error, err error) {
	if os.Geteuid() != 0 {
		if err := os.Chmod(dir, 0o500); err != nil {
			return nil, err
		}
		return func() error { return os.Chmod(dir, 0o700) }, nil
	}
	if err := syscall.Mount(dir, dir, "", syscall.MS_BIND, ""); err != nil {
		return nil, fmt.Errorf("mount %s over itself: %w", dir, err)
	}
	undo := func() error { return syscall.Unmount(dir, syscall.MNT_DETACH) }
	if err := syscall.Mount("", dir, "", syscall.MS_REMOUNT|syscall.MS_BIND|syscall.MS_RDONLY, ""); err != nil {
		return nil, errors.Join(err, undo())
	}
	return undo, nil
}
