package ledger

import (
	"context"
	"errors"
)

// SealedEnd reads what is sealed of where the chain of the ledger at path begins and ends, and the seal, which is for Options.Sealed (C5).
// It takes no lock and changes nothing, so that a verifier may be running. An end of which the hashes have been tampered with has an
// empty text. Its errors are *sqlitefile.FileError, or ctx's.
func SealedEnd(ctx context.Context, path string) (text, seal string, err error) {
	file, err := kind.At(path)
	if err != nil {
		return "", "", err
	}
	db, err := file.Connect(1, "query_only(ON)")
	if err != nil {
		return "", "", err
	}
	note := func(t, with string) bool {
		text, seal = t, with
		return true
	}
	s := &Store{file: file, options: Options{Sealed: note}}
	_, _, err = s.readNote(ctx, db)
	if err != nil {
		err = s.unread(ctx, err)
	}
	return text, seal, errors.Join(err, db.Close())
}

// SealedEnd is that of the ledger.
func (s *Store) SealedEnd(ctx context.Context) (text, seal string, err error) {
	if err := s.usable(ctx); err != nil {
		return "", "", err
	}
	note := func(t, with string) bool {
		text, seal = t, with
		return true
	}
	reader := &Store{file: s.file, options: Options{Sealed: note}}
	if _, _, err = reader.readNote(ctx, s.reads); err != nil {
		err = s.unread(ctx, err)
	}
	return text, seal, err
}
