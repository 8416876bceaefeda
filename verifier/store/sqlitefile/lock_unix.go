//go:build unix

package sqlitefile

import (
	"errors"
	"os"
	"syscall"
)

// Lock keeps every other process, and every other store of this one, from opening the same file, until it is closed. The kernel drops
// it when the process dies, whatever kills it. A file of its own carries it: closing any descriptor of the database itself would
// drop the locks that SQLite holds on it (POSIX fcntl).
func (f File) Lock() (*os.File, error) {
	file, err := os.OpenFile(f.Path+".lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, f.Problem(err)
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		file.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, f.Refuse(ErrLocked, nil)
		}
		return nil, f.Problem(err)
	}
	return file, nil
}
