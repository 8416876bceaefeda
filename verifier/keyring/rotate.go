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

// MaxSecrets is how many secrets a file can have: every token is looked up among all of them.
const MaxSecrets = 64

// changing opens a key file of which nobody else changes anything until done is called.
func changing(path string) (f *keyFile, done func(), err error) {
	path, err = filepath.EvalSymlinks(path) // the file itself is replaced, not what leads to it
	if err != nil {
		return nil, nil, err
	}
	unlock, err := lockFolder(filepath.Dir(path))
	if err != nil {
		return nil, nil, fmt.Errorf("key file %s stays as it was: %w", path, err)
	}
	if f, err = openKeyFile(path); err != nil {
		unlock()
		return nil, nil, err
	}
	return f, unlock, nil
}

func openKeyFile(path string) (*keyFile, error) {
	text, err := readOwn(path)
	if err != nil {
		return nil, err
	}
	return parseFile(path, text)
}

// ListFile lists the secrets of a key file, the newest first.
func ListFile(path string, now time.Time) ([]Listed, error) {
	f, err := openKeyFile(path)
	if err != nil {
		return nil, err
	}
	list, _ := judge(f.list, now)
	return list, nil
}

// AddFile puts a fresh secret first into a key file, to be used from an instant on; until then it is only accepted, so that all verifiers
// can know it before one uses it. Those that are there stay, so that what was made with them stays good.
func AddFile(path string, random io.Reader, now, active time.Time) (Listed, error) {
	f, done, err := changing(path)
	if err != nil {
		return Listed{}, err
	}
	defer done()
	return f.add(random, now, active)
}

// RotateFile adds a fresh secret, to be used after overlap, when the newest one is at least as old as every. Where the file does not say
// how old that is, it was added when the file was changed last. ok is false when none is due.
func RotateFile(path string, random io.Reader, now time.Time, every, overlap time.Duration) (made Listed, ok bool, err error) {
	if due, err := due(path, now, every); err != nil || !due {
		return Listed{}, false, err
	}
	f, done, err := changing(path)
	if err != nil {
		return Listed{}, false, err
	}
	defer done()
	if due, err := due(f.path, now, every); err != nil || !due { // somebody else was faster
		return Listed{}, false, err
	}
	made, err = f.add(random, now, now.Add(overlap))
	return made, err == nil, err
}

func due(path string, now time.Time, every time.Duration) (bool, error) {
	list, err := ListFile(path, now)
	if err != nil {
		return false, err
	}
	added := list[0].Added
	if added.IsZero() {
		info, err := os.Stat(path)
		if err != nil {
			return false, err
		}
		added = info.ModTime()
	}
	return !now.Before(added.Add(every)), nil
}

func (f *keyFile) add(random io.Reader, now, active time.Time) (Listed, error) {
	if len(f.list) >= MaxSecrets {
		return Listed{}, fmt.Errorf("key file %s has %d secrets; allowed: up to %d; drop old ones first", f.path, len(f.list), MaxSecrets)
	}
	secret, err := NewSecret(random)
	if err != nil {
		return Listed{}, err
	}
	made := Listed{ID: hex.EncodeToString(derive(secret, "id", idSize)), Added: second(now), Active: second(active)}
	if slices.ContainsFunc(f.list, func(one Listed) bool { return one.ID == made.ID }) {
		return Listed{}, fmt.Errorf("key file %s has a secret with the ID %s already; try again", f.path, made.ID)
	}
	above := []string{addedPrefix + made.Added.Format(time.RFC3339)}
	if !made.Active.Equal(made.Added) {
		above = append(above, activePrefix+made.Active.Format(time.RFC3339))
	}
	lines := slices.Insert(f.lines, f.from(0), append(above, base64.StdEncoding.EncodeToString(secret))...)
	list, _ := judge(append([]Listed{made}, f.list...), now)
	return list[0], f.replace(lines)
}

// from is the first line that belongs to a secret: what is said of it stands above it.
func (f *keyFile) from(i int) int {
	line := f.at[i]
	for line > 0 && said(f.lines[line-1]) {
		line--
	}
	return line
}

func said(line string) bool {
	line = strings.TrimSpace(line)
	return strings.HasPrefix(line, addedPrefix) || strings.HasPrefix(line, activePrefix)
}

// ErrNotPublished is returned by ActivateFile for a secret that does not wait to be used.
var ErrNotPublished = errors.New("does not wait to be used")

// ActivateFile lets a published secret be used at once; without an ID it is the newest. Every verifier that has not read it yet refuses
// what is made with it.
func ActivateFile(path, id string, now time.Time) (Listed, error) {
	f, done, err := changing(path)
	if err != nil {
		return Listed{}, err
	}
	defer done()
	list, _ := judge(f.list, now)
	i := slices.IndexFunc(list, func(one Listed) bool { return id == "" || one.ID == id })
	switch {
	case i < 0:
		return Listed{}, fmt.Errorf("key file %s has no key %q", f.path, id)
	case list[i].Use != Published:
		return Listed{}, fmt.Errorf("key %s %w: it is %s", list[i].ID, ErrNotPublished, list[i].Use)
	}
	lines := slices.Insert(slices.Clone(f.lines), f.at[i], activePrefix+second(now).Format(time.RFC3339)) // the last word counts
	for line := f.at[i] - 1; line >= f.from(i); line-- {
		if strings.HasPrefix(strings.TrimSpace(lines[line]), activePrefix) {
			lines = slices.Delete(lines, line, line+1)
		}
	}
	list[i].Active = second(now)
	list, _ = judge(list, now)
	return list[i], f.replace(lines)
}

// PruneFile drops accepted secrets that are to go, and lists them. The current one always stays, and so do those that wait to be used.
// may, which can be nil, is asked before anything is dropped, with the ring as it is and as it would be; its error leaves the file as it
// is.
func PruneFile(path string, now time.Time, goes func(Listed) bool, may func(now, rest *Ring) error) ([]Listed, error) {
	f, done, err := changing(path)
	if err != nil {
		return nil, err
	}
	defer done()
	list, _ := judge(f.list, now)
	dropped := []Listed{}
	gone := map[int]bool{}
	lines := slices.Clone(f.lines)
	for i := len(list) - 1; i >= 0; i-- {
		if list[i].Use == Accepted && goes(list[i]) {
			dropped = append(dropped, list[i])
			gone[i] = true
			lines = slices.Delete(lines, f.from(i), f.at[i]+1)
		}
	}
	slices.Reverse(dropped)
	if len(dropped) == 0 {
		return dropped, nil
	}
	if may != nil {
		before, err := f.ring(nil, now)
		if err != nil {
			return nil, err
		}
		rest, err := f.ring(gone, now)
		if err != nil {
			return nil, err
		}
		if err := may(before, rest); err != nil {
			return nil, err
		}
	}
	return dropped, f.replace(lines)
}

// MadeWith is the ID of the secret, as in Listed, that a token says it was made with, or empty where the ring has no such secret.
func (r *Ring) MadeWith(token string) string {
	k, _, err := r.find(token, 0)
	if err != nil {
		return ""
	}
	return hex.EncodeToString(k.id[:])
}

// Fresh reports whether a token says that it was made with the key in use.
func (r *Ring) Fresh(token string) bool {
	k, _, err := r.find(token, 0)
	return err == nil && k == r.use()
}

// replace writes the whole file under another name and puts it into place, so that a crash leaves the old or the new one. It belongs to
// whom it belonged to, or the verifier could not read it any more.
func (f *keyFile) replace(lines []string) error {
	temporary, err := os.CreateTemp(filepath.Dir(f.path), ".curfew-keys-*") // mode 0600
	if err != nil {
		return fmt.Errorf("key file %s stays as it was: %w", f.path, err)
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
