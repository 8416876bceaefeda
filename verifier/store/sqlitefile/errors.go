package sqlitefile

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// What can be wrong with the file. Every error of opening it, and every error about writing, is a *FileError in whose tree one
// of these stands.
var (
	ErrCorrupt  = errors.New("the file is damaged")
	ErrForeign  = errors.New("the file is something else")
	ErrNewer    = errors.New("the file was written by a newer version")
	ErrLocked   = errors.New("another process has the file open")
	ErrReadOnly = errors.New("the file or its folder cannot be written")
	ErrFull     = errors.New("there is no room to write")
	ErrFailed   = errors.New("the file cannot be read or written")
)

// FileError says which file has a problem, what it is and what an operator can do.
type FileError struct {
	File    File
	Problem error // one of the errors above
	Cause   error // what the system or SQLite said; may be nil
}

// Error names the file, the problem and the way out.
func (e *FileError) Error() string {
	text := fmt.Sprintf("%s %s: %v", e.File.Kind.Name, e.File.Path, e.Problem)
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
		return "restore it from a backup, or move it and the files beside it that begin with its name away to start empty, " + e.File.Kind.Loss
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

// Refuse is the error for a problem. cause may be nil.
func (f File) Refuse(problem, cause error) *FileError {
	return &FileError{File: f, Problem: problem, Cause: cause}
}

// Problem wraps err with what it means for the operator.
func (f File) Problem(err error) *FileError {
	var already *FileError
	if errors.As(err, &already) {
		return already
	}
	return f.Refuse(classify(err), err)
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

// isNoTable tells SQLite's plain error, which a reading of a table that is not there gives, from those of reading the file.
func isNoTable(err error) bool {
	var from *sqlite.Error
	return errors.As(err, &from) && from.Code() == sqlite3.SQLITE_ERROR
}
