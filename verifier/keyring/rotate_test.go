package keyring

import (
	"bytes"
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

var rotated = time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)

func writeKeys(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "keys")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func load(t *testing.T, path string) *Ring {
	t.Helper()
	ring, err := LoadFile(path, nil, rotated.Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	return ring
}

// replacedBy lets those go that another key took the place of by an instant.
func replacedBy(before time.Time) func(Listed) bool {
	return func(one Listed) bool { return !one.Replaced.IsZero() && !one.Replaced.After(before) }
}

func all(Listed) bool { return true }

// A whole rotation: a key is accepted before it is used, and what the old one made is good until the old one is dropped.
func TestRotateFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys")
	ring, err := LoadFile(path, rand.Reader, rotated.Add(-time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	old := ring.Sign(Nonce, "", nil)
	overlap := 10 * time.Minute
	made, err := AddFile(path, rand.Reader, rotated, rotated.Add(overlap))
	if err != nil || made.Use != Published {
		t.Fatalf("%+v, %v", made, err)
	}
	elsewhere, err := LoadFile(path, nil, rotated) // another verifier, that has taken the file already
	if err != nil {
		t.Fatal(err)
	}
	if token := elsewhere.Sign(Nonce, "", nil); elsewhere.MadeWith(token) == made.ID {
		t.Error("a key is used that others may not know yet")
	} else if _, err := ring.Open(Nonce, "", token); err != nil {
		t.Errorf("a verifier that has not read the file yet refuses: %v", err)
	}
	if elsewhere.Turn(rotated.Add(overlap - time.Second)) {
		t.Error("turned a second too early")
	}
	if !elsewhere.Turn(rotated.Add(overlap)) || elsewhere.Turn(rotated.Add(overlap+time.Second)) {
		t.Error("did not turn once")
	}
	if token := elsewhere.Sign(Nonce, "", nil); elsewhere.MadeWith(token) != made.ID {
		t.Error("the key whose time has come is not used")
	} else if _, err := ring.Open(Nonce, "", token); err == nil {
		t.Error("a ring accepts what it has no key for")
	}
	if _, err := elsewhere.Open(Nonce, "", old); err != nil {
		t.Errorf("the old key's token: %v", err)
	}
	if !elsewhere.Turn(rotated) || elsewhere.MadeWith(elsewhere.Sign(Nonce, "", nil)) == made.ID {
		t.Error("a clock that was set back uses a key before its time")
	}

	later := rotated.Add(time.Hour)
	list, err := ListFile(path, later)
	if err != nil || len(list) != 2 || list[0].ID != made.ID || list[0].Use != Current || !list[0].Active.Equal(rotated.Add(overlap)) {
		t.Errorf("%+v, %v", list, err)
	}
	if list[1].Use != Accepted || !list[1].Added.Equal(rotated.Add(-time.Hour)) || !list[1].Replaced.Equal(list[0].Active) || list[0].ID == list[1].ID {
		t.Errorf("%+v", list)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if dropped, err := PruneFile(path, rotated, all, nil); err != nil || len(dropped) != 0 {
		t.Errorf("dropped while the new one waits: %+v, %v", dropped, err)
	}
	if dropped, err := PruneFile(path, later, replacedBy(rotated.Add(overlap-time.Second)), nil); err != nil || len(dropped) != 0 {
		t.Errorf("too early: %+v, %v", dropped, err)
	}
	dropped, err := PruneFile(path, later, replacedBy(rotated.Add(overlap)), nil)
	if err != nil || len(dropped) != 1 || dropped[0].ID != list[1].ID {
		t.Errorf("%+v, %v", dropped, err)
	}
	after := load(t, path)
	if _, err := after.Open(Nonce, "", old); err == nil {
		t.Error("a dropped key's token is good")
	}
	if token := elsewhere.Sign(Nonce, "", nil); after.MadeWith(token) != "" {
		t.Error("the dropped key is there")
	}
	if dropped, err := PruneFile(path, later, all, nil); err != nil || len(dropped) != 0 || len(load(t, path).Keys()) != 1 {
		t.Errorf("the current key was dropped: %+v, %v", dropped, err)
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(path), ".*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// Nobody knows since when a key is old that has nothing said above the one before.
func TestPruneFileKeepsWhatItDoesNotKnow(t *testing.T) {
	path := writeKeys(t, "# ours\nTmV3IHNlY3JldCBvZiBleGFjdGx5IDMyIGJ5dGVzISE=\n\n# kept for the night shift\nT2xkIHNlY3JldCBvZiBleGFjdGx5IDMyIGJ5dGVzISE=\n")
	later := rotated.Add(time.Hour)
	if dropped, err := PruneFile(path, later, replacedBy(later), nil); err != nil || len(dropped) != 0 {
		t.Errorf("%+v, %v", dropped, err)
	}
	if _, err := AddFile(path, rand.Reader, rotated, rotated); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil || !strings.HasPrefix(string(text), "# ours\n# added 2026-03-01T09:00:00Z\n") || !strings.Contains(string(text), "# kept for the night shift\nT2xk") {
		t.Errorf("%s, %v", text, err)
	}
	// The second is old since the first was added; since when the third is, nobody has written down.
	if dropped, err := PruneFile(path, later, replacedBy(later), nil); err != nil || len(dropped) != 1 {
		t.Errorf("%+v, %v", dropped, err)
	}
	if list, err := ListFile(path, later); err != nil || len(list) != 2 {
		t.Errorf("%+v, %v", list, err)
	}
	if dropped, err := PruneFile(path, later, all, nil); err != nil || len(dropped) != 1 {
		t.Errorf("%+v, %v", dropped, err)
	}
}

// By schedule: once when it is due, however many try at the same time.
func TestRotateFileBySchedule(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys")
	if _, err := LoadFile(path, rand.Reader, rotated); err != nil {
		t.Fatal(err)
	}
	const every, overlap = 24 * time.Hour, time.Hour
	if _, ok, err := RotateFile(path, rand.Reader, rotated.Add(every-time.Second), every, overlap); ok || err != nil {
		t.Errorf("too early: %t, %v", ok, err)
	}
	var made atomic.Int32
	var running sync.WaitGroup
	for range 8 {
		running.Go(func() {
			if _, ok, err := RotateFile(path, rand.Reader, rotated.Add(every), every, overlap); err != nil {
				t.Error(err)
			} else if ok {
				made.Add(1)
			}
		})
	}
	running.Wait()
	list, err := ListFile(path, rotated.Add(every))
	if err != nil || len(list) != 2 || made.Load() != 1 || list[0].Use != Published || !list[0].Active.Equal(rotated.Add(every+overlap)) {
		t.Errorf("%d made: %+v, %v", made.Load(), list, err)
	}
	// Of a file that does not say how old its key is, the file's own age counts.
	undated := writeKeys(t, "TmV3IHNlY3JldCBvZiBleGFjdGx5IDMyIGJ5dGVzISE=\n")
	if err := os.Chtimes(undated, rotated, rotated); err != nil {
		t.Fatal(err)
	}
	if _, ok, err := RotateFile(undated, rand.Reader, rotated.Add(every-time.Second), every, overlap); ok || err != nil {
		t.Errorf("too early: %t, %v", ok, err)
	}
	if _, ok, err := RotateFile(undated, rand.Reader, rotated.Add(every), every, overlap); !ok || err != nil {
		t.Errorf("due: %t, %v", ok, err)
	}
}

// Several that change a file at once lose nothing of each other's.
func TestAddFileAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys")
	if _, err := LoadFile(path, rand.Reader, rotated); err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	for range 12 {
		running.Go(func() {
			if _, err := AddFile(path, rand.Reader, rotated, rotated); err != nil {
				t.Error(err)
			}
		})
	}
	running.Wait()
	if list, err := ListFile(path, rotated); err != nil || len(list) != 13 {
		t.Errorf("%d keys, %v", len(list), err)
	}
}

func TestActivateFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys")
	if _, err := LoadFile(path, rand.Reader, rotated); err != nil {
		t.Fatal(err)
	}
	now := rotated.Add(time.Minute)
	if _, err := ActivateFile(path, "", now); !errors.Is(err, ErrNotPublished) {
		t.Errorf("the current key: %v", err)
	}
	first, err := AddFile(path, rand.Reader, now, now.Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	second, err := AddFile(path, rand.Reader, now, now.Add(2*time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := ActivateFile(path, first.ID, now); err != nil || got.ID != first.ID || got.Use != Current || !got.Active.Equal(now) {
		t.Errorf("%+v, %v", got, err)
	}
	list, err := ListFile(path, now)
	if err != nil || list[0].ID != second.ID || list[0].Use != Published || list[1].Use != Current || list[2].Use != Accepted || !list[2].Replaced.Equal(now) {
		t.Errorf("%+v, %v", list, err)
	}
	if got, err := ActivateFile(path, "", now); err != nil || got.ID != second.ID || got.Use != Current {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := ActivateFile(path, "00000000", now); err == nil || !strings.Contains(err.Error(), "00000000") {
		t.Errorf("unknown: %v", err)
	}
	if text, _ := os.ReadFile(path); strings.Count(string(text), activePrefix) != 2 {
		t.Errorf("each is active once:\n%s", text)
	}
	// One that was added by a clock that was ahead waits without the file saying so.
	ahead := writeKeys(t, "# added 2030-01-01T00:00:00Z\nTmV3IHNlY3JldCBvZiBleGFjdGx5IDMyIGJ5dGVzISE=\n# added 2026-01-01T00:00:00Z\nT2xkIHNlY3JldCBvZiBleGFjdGx5IDMyIGJ5dGVzISE=\n")
	if got, err := ActivateFile(ahead, "", now); err != nil || got.Use != Current {
		t.Errorf("%+v, %v", got, err)
	}
	if list, err := ListFile(ahead, now); err != nil || list[0].Use != Current || !list[0].Active.Equal(now) {
		t.Errorf("%+v, %v", list, err)
	}
}

func TestRotateFileRefuses(t *testing.T) {
	sound := "TmV3IHNlY3JldCBvZiBleGFjdGx5IDMyIGJ5dGVzISE=\n"
	for name, text := range map[string]string{"no secret": "# nothing\n", "half a secret": sound + "AAAA\n", "garbage": "not base64!\n"} {
		path := writeKeys(t, text)
		if _, err := AddFile(path, rand.Reader, rotated, rotated); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v", name, err)
		}
		if now, _ := os.ReadFile(path); string(now) != text {
			t.Errorf("%s: the file was changed to %q", name, now)
		}
	}
	if _, err := AddFile(filepath.Join(t.TempDir(), "none"), rand.Reader, rotated, rotated); !os.IsNotExist(err) {
		t.Errorf("no file: %v", err)
	}
	open := writeKeys(t, sound)
	os.Chmod(open, 0o640)
	if _, err := AddFile(open, rand.Reader, rotated, rotated); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("a file that others can read: %v", err)
	}
	dry := writeKeys(t, sound)
	if _, err := AddFile(dry, bytes.NewReader(nil), rotated, rotated); err == nil {
		t.Error("no randomness")
	}
	full := writeKeys(t, sound)
	for range MaxSecrets - 1 {
		if _, err := AddFile(full, rand.Reader, rotated, rotated); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := AddFile(full, rand.Reader, rotated, rotated); err == nil || !strings.Contains(err.Error(), "allowed: up to 64") {
		t.Errorf("one too many: %v", err)
	}
}

// What leads to the file stays, and the file that it leads to is replaced.
func TestRotateFileThroughALink(t *testing.T) {
	path := writeKeys(t, "TmV3IHNlY3JldCBvZiBleGFjdGx5IDMyIGJ5dGVzISE=\n")
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	if _, err := AddFile(link, rand.Reader, rotated, rotated); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Lstat(link); err != nil || info.Mode().Type() != os.ModeSymlink {
		t.Errorf("%v, %v", info, err)
	}
	if list, err := ListFile(path, rotated.Add(time.Hour)); err != nil || len(list) != 2 {
		t.Errorf("%+v, %v", list, err)
	}
}

// Whoever is asked sees the ring before and after, and a no leaves the file as it is.
func TestC5_PruneFileAsks(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys")
	first, err := LoadFile(path, rand.Reader, rotated)
	if err != nil {
		t.Fatal(err)
	}
	old := first.Sign(AuditEnd, "", nil)
	if _, err := AddFile(path, rand.Reader, rotated, rotated); err != nil {
		t.Fatal(err)
	}
	list, err := ListFile(path, rotated.Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	no := errors.New("no")
	asked := 0
	may := func(now, rest *Ring) error {
		asked++
		if _, err := now.Open(AuditEnd, "", old); err != nil || now.MadeWith(old) != list[1].ID {
			t.Errorf("now: %v, %q", err, now.MadeWith(old))
		}
		if _, err := rest.Open(AuditEnd, "", old); err == nil || rest.MadeWith(old) != "" {
			t.Errorf("the rest has the old key: %q", rest.MadeWith(old))
		}
		return no
	}
	if _, err := PruneFile(path, rotated, all, may); !errors.Is(err, no) || asked != 1 {
		t.Errorf("%v, asked %d times", err, asked)
	}
	if after, err := ListFile(path, rotated.Add(time.Hour)); err != nil || len(after) != 2 {
		t.Errorf("after a no: %+v, %v", after, err)
	}
	if _, err := PruneFile(path, rotated, replacedBy(rotated.Add(-time.Second)), may); err != nil || asked != 1 {
		t.Errorf("nothing to drop: %v, asked %d times", err, asked)
	}
}
