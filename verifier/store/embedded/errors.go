package embedded

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// What can be wrong with the file. Every error of Open, and every error about writing, is a *FileError in whose tree one
// of these stands.
var (
	ErrCorrupt  = errors.New("the file is damaged")
	ErrForeign  = errors.New("the file is not a session store")
	ErrNewer    = errors.New("the file was written by a newer version")
	ErrLocked   = errors.New("another process has the file open")
	ErrReadOnly = errors.New("the file or its folder cannot be written")
	ErrFull     = errors.New("there is no room to write")
	ErrFailed   = errors.New("the file cannot be read or written")
)

// FileError says which file has a problem, what it is and what an operator can do.
type FileError struct {
	Path    string
	Problem error // one of the errors above
	Cause   error // what the system or SQLite said; may be nil
}

// Error names the file, the problem and the way out.
func (e *FileError) Error() string {
	text := fmt.Sprintf("session store %s: %v", e.Path, e.Problem)
	if e.Cause != nil {
		text += fmt.Sprintf(" (%v)", e.Cause)
	}
	if hint := e.hint(); hint != "" {
		text += ": " + hint
	}
	return text
}

// Unwrap gives the problem and its cause to errors.Is and errors.As.
func (e *FileError) Unwrap() []error {
	if e.Cause == nil {
		return []error{e.Problem}
	}
	return []error{e.Problem, e.Cause}
}

func (e *FileError) hint() string {
	switch e.Problem {
	case ErrCorrupt:
		return "restore it from a backup, or move it and the files beside it that begin with its name away to start empty, " +
			"which signs every user out and forgets when they last signed out"
	case ErrForeign:
		return "name another file, or move this one away"
	case ErrNewer:
		return "run the version that wrote it, or a later one"
	case ErrLocked:
		return "stop the other verifier, or give this one a file of its own"
	case ErrReadOnly:
		return "let the verifier's user write the file and its folder"
	case ErrFull:
		return "make room on its disk; writing is tried again by itself"
	}
	return ""
}

// problem wraps err with what it means for the operator.
func problem(path string, err error) error {
	var already *FileError
	if errors.As(err, &already) {
		return err
	}
	return &FileError{Path: path, Problem: classify(err), Cause: err}
}

func classify(err error) error {
	var from *sqlite.Error
	if errors.As(err, &from) {
		switch from.Code() & 0xff { // the low byte is the primary result code
		case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB:
			return ErrCorrupt
		case sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM:
			return ErrReadOnly
		case sqlite3.SQLITE_FULL:
			return ErrFull
		case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
			return ErrLocked
		}
		return ErrFailed
	}
	switch {
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		return ErrReadOnly
	case errors.Is(err, syscall.ENOSPC):
		return ErrFull
	}
	return ErrFailed
}
