//go:build !unix

package sqlitefile

import (
	"errors"
	"os"
)

// Lock refuses: without a lock that dies with its process, two verifiers could write one file.
func (f File) Lock() (*os.File, error) {
	return nil, f.Refuse(ErrFailed, errors.ErrUnsupported)
}
