package server

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/curfew-project/curfew/verifier/store/embedded"
	"github.com/curfew-project/curfew/verifier/store/ledger"
)

// Manifest says what a backup is. It is a file of JSON beside the others.
type Manifest struct {
	Format int                     `json:"format"` // 1
	Made   time.Time               `json:"made"`   // when it was begun
	Files  map[string]ManifestFile `json:"files"`
}

// ManifestFile is a file of a backup.
type ManifestFile struct {
	Size   int64  `json:"size"` // bytes
	SHA256 string `json:"sha256"`
}

const (
	manifestFile   = "manifest.json"
	manifestFormat = 1
)

// backupFiles are those of a backup, in the order in which they are copied: the audit knows of every session that there is then.
var backupFiles = []string{SessionsFile, LedgerFile}

// Backup copies the session store and the ledger of a data directory into a new directory, while a verifier may be running. Each copy is of
// one moment, and is read again before it counts; the directory is there under its name only when it is complete. Keys are not among it:
// they are needed to read what it holds of secrets, and belong in a place of their own. progress, which may be nil, is told how many bytes
// of all have been copied, about.
func Backup(ctx context.Context, data, to string, now time.Time, progress func(done, all int64)) (m Manifest, err error) {
	m = Manifest{Format: manifestFormat, Made: now.UTC().Truncate(time.Millisecond), Files: map[string]ManifestFile{}}
	if _, err := os.Lstat(to); !errors.Is(err, fs.ErrNotExist) {
		return m, fmt.Errorf("%s is there already; allowed: the name of a new directory", to)
	}
	var all, done int64
	for _, name := range backupFiles {
		info, err := os.Stat(filepath.Join(data, name))
		if err != nil {
			return m, err
		}
		all += info.Size()
	}
	draft := to + ".partial"
	if err := os.Mkdir(draft, 0o700); err != nil {
		return m, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(draft))
		}
	}()
	for _, name := range backupFiles {
		from, copied := filepath.Join(data, name), filepath.Join(draft, name)
		make := embedded.Copy
		if name == LedgerFile {
			make = ledger.Copy
		}
		stop := follow(copied, func(size int64) {
			if progress != nil {
				progress(min(done+size, all), all)
			}
		})
		err := make(ctx, from, copied)
		stop()
		if err != nil {
			return m, err
		}
		if m.Files[name], err = digestOf(copied); err != nil {
			return m, err
		}
		done += m.Files[name].Size
	}
	text, err := json.MarshalIndent(m, "", "  ")
	if err == nil {
		err = writeFile(filepath.Join(draft, manifestFile), append(text, '\n'))
	}
	if err == nil {
		err = syncFolder(draft)
	}
	if err == nil {
		err = os.Rename(draft, to)
	}
	if err == nil {
		err = syncFolder(filepath.Dir(to))
	}
	return m, err
}

// follow tells how big a file is that is being made, until stop.
func follow(path string, tell func(size int64)) (stop func()) {
	ended, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		ticker := time.NewTicker(200 * time.Millisecond)
		defer ticker.Stop()
		for {
			select {
			case <-ended:
				return
			case <-ticker.C:
				if info, err := os.Stat(path); err == nil {
					tell(info.Size())
				}
			}
		}
	}()
	return func() {
		close(ended)
		<-done
	}
}

func digestOf(path string) (of ManifestFile, err error) {
	file, err := os.Open(path)
	if err != nil {
		return of, err
	}
	defer file.Close()
	hash := sha256.New()
	of.Size, err = io.Copy(hash, file)
	of.SHA256 = hex.EncodeToString(hash.Sum(nil))
	return of, err
}

func writeFile(path string, text []byte) error {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(text)
	return errors.Join(err, file.Sync(), file.Close())
}

func syncFolder(path string) error {
	folder, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}
