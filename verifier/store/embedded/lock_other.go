//go:build !unix

package embedded

import (
	"errors"
	"os"
)

// lock refuses: without a lock that dies with its process, two verifiers could write one file.
func lock(path string) (*os.File, error) {
	return nil, &FileError{Path: path, Problem: ErrFailed, Cause: errors.ErrUnsupported}
}
