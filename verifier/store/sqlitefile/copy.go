package sqlitefile

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// CopyTo writes what is committed in the file at this moment into a new file, whoever writes meanwhile: a reader of a write-ahead log keeps
// its view. It waits for nobody and nobody waits for it. What was deleted is not in the copy. check is as for Inspect: the copy is read again
// before it counts. Its errors are *FileError, or ctx's.
func (f File) CopyTo(ctx context.Context, path string, check func(version int) (tables []string)) error {
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return f.Refuse(ErrFailed, fmt.Errorf("%s is there already", path))
	}
	if info, err := os.Stat(f.Path); err != nil {
		return f.Problem(err)
	} else if err := f.examine(info.Size()); err != nil {
		return err
	}
	made, err := f.Kind.At(path)
	if err != nil {
		return err
	}
	db, err := f.Connect(1)
	if err != nil {
		return err
	}
	defer db.Close()
	if _, err := db.ExecContext(ctx, "VACUUM INTO ?", made.Path); err != nil {
		return f.Problem(err)
	}
	copied, err := made.Connect(1)
	if err != nil {
		return err
	}
	defer copied.Close()
	conn, err := copied.Conn(ctx)
	if err != nil {
		return made.Problem(err)
	}
	_, err = made.Inspect(ctx, conn, check)
	if err := errors.Join(err, conn.Close(), copied.Close()); err != nil {
		return err
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return made.Problem(err)
	}
	return sync(path)
}

func sync(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(file.Sync(), file.Close())
}
