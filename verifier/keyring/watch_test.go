package keyring

import (
	"crypto/rand"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// look looks often enough for a change to have settled, and reports whether anything was taken, and the errors that were told.
func look(w *Watcher, now time.Time) (changed bool, told []string) {
	for range 4 {
		took, err := w.Look(now)
		changed = changed || took
		if err != nil {
			told = append(told, err.Error())
		}
	}
	return changed, told
}

func TestWatcherTakesAChangedFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys")
	ring, err := LoadFile(path, rand.Reader, rotated)
	if err != nil {
		t.Fatal(err)
	}
	w := NewWatcher(path, ring)
	if changed, told := look(w, rotated); changed || told != nil {
		t.Errorf("nothing has changed: %t, %v", changed, told)
	}
	old := ring.Sign(Nonce, "", nil)
	made, err := AddFile(path, rand.Reader, rotated, rotated.Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	if changed, err := w.Look(rotated); changed || err != nil {
		t.Errorf("a file that may still be written is taken: %t, %v", changed, err)
	}
	if changed, err := w.Look(rotated); !changed || err != nil {
		t.Errorf("a file that stood still is not taken: %t, %v", changed, err)
	}
	if keys := ring.Keys(); len(keys) != 2 || keys[0].Use != Published || ring.MadeWith(ring.Sign(Nonce, "", nil)) == made.ID {
		t.Errorf("%+v", keys)
	}
	if changed, told := look(w, rotated.Add(time.Hour)); !changed || told != nil || ring.MadeWith(ring.Sign(Nonce, "", nil)) != made.ID {
		t.Errorf("its time has come: %t, %v", changed, told)
	}
	if _, err := PruneFile(path, rotated.Add(time.Hour), all, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := ring.Open(Nonce, "", old); err != nil {
		t.Errorf("refused before the file was taken: %v", err)
	}
	if changed, told := look(w, rotated.Add(time.Hour)); !changed || told != nil {
		t.Errorf("%t, %v", changed, told)
	}
	if _, err := ring.Open(Nonce, "", old); err == nil {
		t.Error("a dropped key's token is good in a running verifier")
	}
}

// A file that is gone, cut short, broken, or open to others changes nothing, and is told once for each thing that it is.
func TestWatcherKeepsTheKeysItHas(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys")
	ring, err := LoadFile(path, rand.Reader, rotated)
	if err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	token, w := ring.Sign(Nonce, "", nil), NewWatcher(path, ring)
	for _, spoil := range []struct {
		name, tells string
		do          func() error
	}{
		{"cut short", "not 32 bytes in base64", func() error { return os.WriteFile(path, whole[:len(whole)-9], 0o600) }},
		{"empty", "has no secret", func() error { return os.Truncate(path, 0) }},
		{"gone", "no such file", func() error { return os.Remove(path) }},
		{"a folder", "is no file", func() error { return os.Mkdir(path, 0o700) }},
		{"open to others", "chmod 600", func() error {
			os.Remove(path)
			if err := os.WriteFile(path, whole, 0o600); err != nil {
				return err
			}
			return os.Chmod(path, 0o640)
		}},
	} {
		if err := spoil.do(); err != nil {
			t.Fatal(err)
		}
		changed, told := look(w, rotated)
		if changed || len(told) != 1 || !strings.Contains(told[0], spoil.tells) {
			t.Errorf("%s: %t, %q", spoil.name, changed, told)
		}
		if _, err := ring.Open(Nonce, "", token); err != nil {
			t.Errorf("%s: the ring has lost its keys: %v", spoil.name, err)
		}
	}
	os.Chmod(path, 0o600)
	if changed, told := look(w, rotated); changed || told != nil {
		t.Errorf("as it was: %t, %v", changed, told)
	}
}
