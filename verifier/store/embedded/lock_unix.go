//go:build unix

package embedded

import (
	"errors"
	"os"
	"syscall"
)

// lock keeps every other process, and every other Store of this one, from opening the same store. The kernel drops it when
// the process dies, whatever kills it. A file of its own carries it: closing any descriptor of the database itself would
// drop the locks that SQLite holds on it (POSIX fcntl).
func lock(path string) (*os.File, error) {
	file, err := os.OpenFile(path+".lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, problem(path, err)
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		file.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, &FileError{Path: path, Problem: ErrLocked}
		}
		return nil, problem(path, err)
	}
	return file, nil
}
