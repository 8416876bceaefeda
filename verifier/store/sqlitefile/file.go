// Package sqlitefile is what every store in a SQLite file has in common: one process has the file, what was committed survives kill -9
// and power loss, a damaged file is never taken for a new one, and every problem has a name and a way out.
package sqlitefile

import (
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
)

// Kind is what one kind of store keeps in its file.
type Kind struct {
	Name    string // what operators call it
	Loss    string // what happens to users when the file is moved away, after a comma
	ID      int32  // the file's application ID, by which SQLite's own tools tell it too; 0: none
	Version int    // of the schema; the table schema_version is made by this package
	Schema  string // makes all other tables
}

// File is a store's file.
type File struct {
	Kind *Kind
	Path string
}

// At is the file at path, which becomes absolute and free of symbolic links, so that one file has one lock.
func (k *Kind) At(path string) (File, error) {
	real, err := resolve(path)
	if err != nil {
		return File{}, File{k, path}.Problem(err)
	}
	return File{k, real}, nil
}

func resolve(path string) (string, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	if real, err := filepath.EvalSymlinks(path); err == nil {
		return real, nil
	}
	folder, err := filepath.EvalSymlinks(filepath.Dir(path))
	if err != nil {
		return "", err
	}
	return filepath.Join(folder, filepath.Base(path)), nil
}

// Connect opens a pool of at most so many connections. In WAL mode synchronous=FULL syncs the log at every commit, so a commit is
// durable when it returns. A small one writes 4.8 KB and takes 0.3 ms here; with a rollback journal, in any of its modes, 17 KB
// and 0.7 to 1.7 ms, because journal, file and folder are synced. What is deleted is overwritten: secrets may be among it.
func (f File) Connect(most int, pragmas ...string) (*sql.DB, error) {
	query := url.Values{"_pragma": append([]string{"busy_timeout(2000)", "synchronous(FULL)", "secure_delete(ON)"}, pragmas...)}
	dsn := url.URL{Scheme: "file", Path: f.Path, RawQuery: "mode=rw&" + query.Encode()}
	db, err := sql.Open("sqlite", dsn.String())
	if err != nil {
		return nil, f.Problem(err)
	}
	db.SetMaxOpenConns(most)
	db.SetMaxIdleConns(most)
	return db, nil
}

// Prepare makes sure that there is a file, and creates one only where there is nothing. SQLite would take an empty file
// for a new database, so a new one is made complete under another name first: an empty file is a damaged one. fill, which may be nil,
// puts into a new one what belongs there from the beginning.
func (f File) Prepare(ctx context.Context, fill func(context.Context, *sql.Conn) error) error {
	switch info, err := os.Stat(f.Path); {
	case err == nil && !info.Mode().IsRegular():
		return f.Refuse(ErrForeign, fmt.Errorf("it is not a regular file but %s", info.Mode().Type()))
	case err == nil:
		return f.examine(info.Size())
	case !errors.Is(err, fs.ErrNotExist):
		return f.Problem(err)
	}
	if info, err := os.Stat(f.Path + "-wal"); err == nil && info.Size() > 0 {
		return f.Refuse(ErrCorrupt, errors.New("it is missing, but its log "+f.Path+"-wal is there"))
	}
	if err := f.create(ctx, fill); err != nil {
		return f.Problem(err)
	}
	return nil
}

// examine looks at what SQLite is generous about: it would write a new database into a file too short for a header, and read
// what is missing of the last page as zeroes. It runs before SQLite opens the file, because closing it afterwards would drop
// SQLite's locks.
func (f File) examine(size int64) error {
	file, err := os.OpenFile(f.Path, os.O_RDWR, 0)
	if err != nil {
		return f.Problem(err)
	}
	defer file.Close()
	var header [100]byte // https://sqlite.org/fileformat.html section 1.3
	if n, err := file.ReadAt(header[:], 0); n < len(header) {
		return f.Refuse(ErrCorrupt, fmt.Errorf("it ends within its header, after %d bytes: %w", n, err))
	}
	page := int64(binary.BigEndian.Uint16(header[16:]))
	if page == 1 {
		page = 65536
	}
	if log, err := os.Stat(f.Path + "-wal"); err == nil && log.Size() > 0 || page == 0 {
		return nil // the log completes the file; SQLite judges the header
	}
	if size%page != 0 {
		return f.Refuse(ErrCorrupt, fmt.Errorf("its %d bytes are no whole number of pages", size))
	}
	return nil
}

func (f File) create(ctx context.Context, fill func(context.Context, *sql.Conn) error) error {
	draft := File{f.Kind, f.Path + ".new"} // left by a process that died in here, or not there
	if err := os.Remove(draft.Path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	file, err := os.OpenFile(draft.Path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600) // SQLite gives its log the same mode
	if err != nil {
		return err
	}
	if err := file.Close(); err != nil {
		return err
	}
	db, err := draft.Connect(1)
	if err != nil {
		return err
	}
	defer db.Close()
	if err := draft.build(ctx, db, fill); err != nil {
		return err
	}
	if err := db.Close(); err != nil {
		return err
	}
	if err := os.Rename(draft.Path, f.Path); err != nil {
		return err
	}
	folder, err := os.Open(filepath.Dir(f.Path))
	if err != nil {
		return err
	}
	defer folder.Close()
	return folder.Sync() // the new name
}

func (f File) build(ctx context.Context, db *sql.DB, fill func(context.Context, *sql.Conn) error) error {
	conn, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	if _, err := conn.ExecContext(ctx, fmt.Sprintf("PRAGMA application_id = %d", f.Kind.ID)); err != nil {
		return err
	}
	const version = "CREATE TABLE schema_version (version INTEGER NOT NULL) STRICT; INSERT INTO schema_version VALUES (?);"
	if _, err := conn.ExecContext(ctx, "BEGIN IMMEDIATE;"+version+f.Kind.Schema, f.Kind.Version); err != nil {
		return err
	}
	if fill != nil {
		if err := fill(ctx, conn); err != nil {
			return err
		}
	}
	_, err = conn.ExecContext(ctx, "COMMIT")
	return err
}
