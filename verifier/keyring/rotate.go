package keyring

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Listed is a secret of a key file, without the secret.
type Listed struct {
	ID    string    `json:"id"`             // what its tokens begin with, in hexadecimal
	Added time.Time `json:"added,omitzero"` // zero: the file does not say
}

// addedPrefix begins the comment above a secret that says when it was added.
const addedPrefix = "# added "

// keyFile is a key file as lines, so that what else an operator has written in it stays.
type keyFile struct {
	path  string
	lines []string
	at    []int // the line of each secret
	list  []Listed
}

func openKeyFile(path string) (*keyFile, error) {
	path, err := filepath.EvalSymlinks(path) // the file itself is replaced, not what leads to it
	if err != nil {
		return nil, err
	}
	text, err := readOwn(path)
	if err != nil {
		return nil, err
	}
	f := &keyFile{path: path, lines: strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")}
	added := time.Time{}
	for number, line := range f.lines {
		line = strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(line, addedPrefix):
			added, _ = time.Parse(time.RFC3339, strings.TrimPrefix(line, addedPrefix))
		case line == "" || strings.HasPrefix(line, "#"):
		default:
			secret, err := readSecret(path, number, line)
			if err != nil {
				return nil, err
			}
			f.at = append(f.at, number)
			f.list = append(f.list, Listed{ID: hex.EncodeToString(derive(secret, "id", idSize)), Added: added})
			added = time.Time{}
		}
	}
	if len(f.list) == 0 {
		return nil, fmt.Errorf("key file %s has no secret", path)
	}
	return f, nil
}

// ListFile lists the secrets of a key file, the current one first.
func ListFile(path string) ([]Listed, error) {
	f, err := openKeyFile(path)
	if err != nil {
		return nil, err
	}
	return f.list, nil
}

// MaxSecrets is how many secrets AddFile lets a file have: every token is looked up among all of them.
const MaxSecrets = 16

// AddFile puts a fresh secret first into a key file. Those that are there stay, so that what was made with them stays good. Only one
// process may change a file at a time.
func AddFile(path string, random io.Reader, now time.Time) (Listed, error) {
	f, err := openKeyFile(path)
	if err != nil {
		return Listed{}, err
	}
	if len(f.list) >= MaxSecrets {
		return Listed{}, fmt.Errorf("key file %s has %d secrets; allowed: up to %d; drop old ones first", path, len(f.list), MaxSecrets)
	}
	secret, err := NewSecret(random)
	if err != nil {
		return Listed{}, err
	}
	made := Listed{ID: hex.EncodeToString(derive(secret, "id", idSize)), Added: now.UTC().Truncate(time.Second)}
	first := f.at[0]
	if first > 0 && strings.HasPrefix(strings.TrimSpace(f.lines[first-1]), addedPrefix) {
		first--
	}
	lines := slices.Insert(f.lines, first, addedPrefix+made.Added.Format(time.RFC3339), base64.StdEncoding.EncodeToString(secret))
	return made, f.replace(lines)
}

// PruneFile drops the secrets that another one took the place of before an instant, and lists them. The current one always stays, and so
// does one of which the file does not say since when it is an old one, unless before is zero: then all old ones go. may, which can be nil,
// is asked before anything is dropped, with the ring as it is and as it would be; its error leaves the file as it is.
func PruneFile(path string, before time.Time, may func(now, rest *Ring) error) ([]Listed, error) {
	f, err := openKeyFile(path)
	if err != nil {
		return nil, err
	}
	dropped := []Listed{}
	gone := map[int]bool{}
	for i, one := range f.list {
		if i == 0 {
			continue
		}
		since := f.list[i-1].Added
		if !before.IsZero() && (since.IsZero() || !since.Before(before)) {
			continue
		}
		dropped = append(dropped, one)
		gone[f.at[i]] = true
		if above := f.at[i] - 1; strings.HasPrefix(strings.TrimSpace(f.lines[above]), addedPrefix) {
			gone[above] = true
		}
	}
	if len(dropped) == 0 {
		return dropped, nil
	}
	var lines []string
	for number, line := range f.lines {
		if !gone[number] {
			lines = append(lines, line)
		}
	}
	if may != nil {
		now, err := f.ring(nil)
		if err != nil {
			return nil, err
		}
		rest, err := f.ring(gone)
		if err != nil {
			return nil, err
		}
		if err := may(now, rest); err != nil {
			return nil, err
		}
	}
	return dropped, f.replace(lines)
}

// ring is of the file's secrets without those on lines that are gone.
func (f *keyFile) ring(gone map[int]bool) (*Ring, error) {
	var secrets [][]byte
	for _, number := range f.at {
		if gone[number] {
			continue
		}
		secret, err := readSecret(f.path, number, strings.TrimSpace(f.lines[number]))
		if err != nil {
			return nil, err
		}
		secrets = append(secrets, secret)
	}
	return New(secrets...)
}

// MadeWith is the ID of the secret, as in Listed, that a token says it was made with, or empty where the ring has no such secret.
func (r *Ring) MadeWith(token string) string {
	k, _, err := r.find(token, 0)
	if err != nil {
		return ""
	}
	return hex.EncodeToString(k.id[:])
}

// replace writes the whole file under another name and puts it into place, so that a crash leaves the old or the new one. It belongs to
// whom it belonged to, or the verifier could not read it any more.
func (f *keyFile) replace(lines []string) error {
	temporary, err := os.CreateTemp(filepath.Dir(f.path), ".curfew-keys-*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(temporary.Name())
	var text bytes.Buffer
	for _, line := range lines {
		text.WriteString(line + "\n")
	}
	_, err = temporary.Write(text.Bytes())
	err = errors.Join(err, sameOwner(temporary, f.path), temporary.Sync(), temporary.Close())
	if err != nil {
		return fmt.Errorf("key file %s stays as it was: %w", f.path, err)
	}
	if err := os.Rename(temporary.Name(), f.path); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(f.path))
}
