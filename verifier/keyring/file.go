package keyring

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// LoadFile reads a ring from a file with one secret a line in base64, the newest first; empty lines and lines that begin with # are
// skipped, but for those that say since when a secret is there and from when it is used. Where there is no file it makes one with a fresh
// secret from random, readable by its owner only. A file that others can read, or that belongs to another user, is refused.
func LoadFile(path string, random io.Reader, now time.Time) (*Ring, error) {
	text, err := readOwn(path)
	if errors.Is(err, fs.ErrNotExist) {
		text, err = createFile(path, random, now)
	}
	if err != nil {
		return nil, err
	}
	return readRing(path, text, now)
}

func readRing(path string, text []byte, now time.Time) (*Ring, error) {
	f, err := parseFile(path, text)
	if err != nil {
		return nil, err
	}
	return f.ring(nil, now)
}

// Comments that say something of the secret below them.
const (
	addedPrefix  = "# added "
	activePrefix = "# active "
)

// keyFile is a key file as lines, so that what else an operator has written in it stays.
type keyFile struct {
	path    string
	lines   []string
	at      []int // the line of each secret
	secrets [][]byte
	list    []Listed // without what depends on the time of day
}

// maxFile bounds a key file, in bytes.
const maxFile = 64 << 10

func parseFile(path string, text []byte) (*keyFile, error) {
	f := &keyFile{path: path, lines: strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")}
	var added, active time.Time
	for number, line := range f.lines {
		line = strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(line, addedPrefix):
			added, _ = time.Parse(time.RFC3339, strings.TrimPrefix(line, addedPrefix))
		case strings.HasPrefix(line, activePrefix):
			var err error
			if active, err = time.Parse(time.RFC3339, strings.TrimPrefix(line, activePrefix)); err != nil {
				return nil, fmt.Errorf("key file %s, line %d: %q is no instant such as 2026-03-01T09:00:00Z", path, number+1, line[len(activePrefix):])
			}
		case line == "" || strings.HasPrefix(line, "#"):
		default:
			secret, err := base64.StdEncoding.Strict().DecodeString(line)
			if err != nil || len(secret) != SecretSize {
				return nil, fmt.Errorf("key file %s, line %d: not %d bytes in base64", path, number+1, SecretSize)
			}
			if active.IsZero() {
				active = added
			}
			f.at = append(f.at, number)
			f.secrets = append(f.secrets, secret)
			f.list = append(f.list, Listed{ID: hex.EncodeToString(derive(secret, "id", idSize)), Added: added.UTC(), Active: active.UTC()})
			added, active = time.Time{}, time.Time{}
		}
	}
	if len(f.list) == 0 {
		return nil, fmt.Errorf("key file %s has no secret", path)
	}
	if len(f.list) > MaxSecrets {
		return nil, fmt.Errorf("key file %s has %d secrets; allowed: up to %d", path, len(f.list), MaxSecrets)
	}
	return f, nil
}

// ring is of the file's secrets without those that are gone.
func (f *keyFile) ring(gone map[int]bool, now time.Time) (*Ring, error) {
	var secrets [][]byte
	var list []Listed
	for i, secret := range f.secrets {
		if !gone[i] {
			secrets, list = append(secrets, secret), append(list, f.list[i])
		}
	}
	ring, err := newRing(secrets, list, now)
	if err != nil {
		return nil, fmt.Errorf("key file %s: %w", f.path, err)
	}
	return ring, nil
}

// readOwn reads a file that only its owner can read. The owner is whoever reads it, or root; root reads everybody's.
func readOwn(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	info, err := file.Stat()
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("key file %s is no file", path)
	case info.Mode().Perm()&0o077 != 0:
		return nil, fmt.Errorf("key file %s has mode %#o: others can read it; run chmod 600 %s", path, info.Mode().Perm(), path)
	}
	if err := ownedByUs(info, path); err != nil {
		return nil, err
	}
	text, err := io.ReadAll(io.LimitReader(file, maxFile+1))
	if err == nil && len(text) > maxFile {
		return nil, fmt.Errorf("key file %s has more than %d bytes", path, maxFile)
	}
	return text, err
}

// createFile writes the whole file under another name and links it into place, so that two verifiers that start at once
// agree on one secret and a crash leaves no half of a file.
func createFile(path string, random io.Reader, now time.Time) ([]byte, error) {
	secret, err := NewSecret(random)
	if err != nil {
		return nil, err
	}
	var text bytes.Buffer
	text.WriteString("# Curfew's master secrets, one a line; the newest is the first.\n")
	text.WriteString(addedPrefix + second(now).Format(time.RFC3339) + "\n")
	text.WriteString(base64.StdEncoding.EncodeToString(secret) + "\n")
	temporary, err := os.CreateTemp(filepath.Dir(path), ".curfew-keys-*") // mode 0600
	if err != nil {
		return nil, err
	}
	defer os.Remove(temporary.Name())
	_, err = temporary.Write(text.Bytes())
	err = errors.Join(err, temporary.Sync(), temporary.Close())
	if err != nil {
		return nil, err
	}
	if err := os.Link(temporary.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	if err := syncFolder(filepath.Dir(path)); err != nil {
		return nil, err
	}
	return readOwn(path)
}

func second(t time.Time) time.Time { return t.UTC().Truncate(time.Second) }
