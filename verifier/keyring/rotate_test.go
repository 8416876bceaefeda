package keyring

import (
	"bytes"
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"strings"
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
	ring, err := LoadFile(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	return ring
}

// A whole rotation: what the old key made is good until the old key is dropped.
func TestRotateFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys")
	first, err := LoadFile(path, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	old := first.Sign(Nonce, "", nil)
	made, err := AddFile(path, rand.Reader, rotated)
	if err != nil {
		t.Fatal(err)
	}
	both := load(t, path)
	if _, err := both.Open(Nonce, "", old); err != nil {
		t.Errorf("the old key's token: %v", err)
	}
	if _, err := first.Open(Nonce, "", both.Sign(Nonce, "", nil)); err == nil {
		t.Error("the new key is not the current one")
	}
	list, err := ListFile(path)
	if err != nil || len(list) != 2 || list[0] != made || !list[0].Added.Equal(rotated) || !list[1].Added.IsZero() || list[0].ID == list[1].ID {
		t.Errorf("%+v, %v", list, err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if dropped, err := PruneFile(path, rotated, nil); err != nil || len(dropped) != 0 {
		t.Errorf("too early: %+v, %v", dropped, err)
	}
	dropped, err := PruneFile(path, rotated.Add(time.Second), nil)
	if err != nil || len(dropped) != 1 || dropped[0].ID != list[1].ID {
		t.Errorf("%+v, %v", dropped, err)
	}
	after := load(t, path)
	if _, err := after.Open(Nonce, "", old); err == nil {
		t.Error("a dropped key's token is good")
	}
	if _, err := after.Open(Nonce, "", both.Sign(Nonce, "", nil)); err != nil {
		t.Errorf("the current key's token: %v", err)
	}
	if dropped, err := PruneFile(path, time.Time{}, nil); err != nil || len(dropped) != 0 || len(load(t, path).keys) != 1 {
		t.Errorf("the current key was dropped: %+v, %v", dropped, err)
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(path), ".*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// Nobody knows since when a key is old that has nothing said above the one before; it goes only when all old ones go.
func TestPruneFileKeepsWhatItDoesNotKnow(t *testing.T) {
	path := writeKeys(t, "# ours\nTmV3IHNlY3JldCBvZiBleGFjdGx5IDMyIGJ5dGVzISE=\n\n# kept for the night shift\nT2xkIHNlY3JldCBvZiBleGFjdGx5IDMyIGJ5dGVzISE=\n")
	if dropped, err := PruneFile(path, rotated, nil); err != nil || len(dropped) != 0 {
		t.Errorf("%+v, %v", dropped, err)
	}
	if _, err := AddFile(path, rand.Reader, rotated); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil || !strings.HasPrefix(string(text), "# ours\n# added 2026-03-01T09:00:00Z\n") || !strings.Contains(string(text), "# kept for the night shift\nT2xk") {
		t.Errorf("%s, %v", text, err)
	}
	// The second is old since the first was added; since when the third is, nobody has written down.
	if dropped, err := PruneFile(path, rotated.Add(time.Hour), nil); err != nil || len(dropped) != 1 {
		t.Errorf("%+v, %v", dropped, err)
	}
	if list, err := ListFile(path); err != nil || len(list) != 2 {
		t.Errorf("%+v, %v", list, err)
	}
	if dropped, err := PruneFile(path, time.Time{}, nil); err != nil || len(dropped) != 1 {
		t.Errorf("%+v, %v", dropped, err)
	}
}

func TestRotateFileRefuses(t *testing.T) {
	sound := "TmV3IHNlY3JldCBvZiBleGFjdGx5IDMyIGJ5dGVzISE=\n"
	for name, text := range map[string]string{"no secret": "# nothing\n", "half a secret": sound + "AAAA\n", "garbage": "not base64!\n"} {
		path := writeKeys(t, text)
		if _, err := AddFile(path, rand.Reader, rotated); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v", name, err)
		}
		if now, _ := os.ReadFile(path); string(now) != text {
			t.Errorf("%s: the file was changed to %q", name, now)
		}
	}
	if _, err := AddFile(filepath.Join(t.TempDir(), "none"), rand.Reader, rotated); !os.IsNotExist(err) {
		t.Errorf("no file: %v", err)
	}
	open := writeKeys(t, sound)
	os.Chmod(open, 0o640)
	if _, err := AddFile(open, rand.Reader, rotated); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("a file that others can read: %v", err)
	}
	dry := writeKeys(t, sound)
	if _, err := AddFile(dry, bytes.NewReader(nil), rotated); err == nil {
		t.Error("no randomness")
	}
	full := writeKeys(t, sound)
	for range MaxSecrets - 1 {
		if _, err := AddFile(full, rand.Reader, rotated); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := AddFile(full, rand.Reader, rotated); err == nil || !strings.Contains(err.Error(), "allowed: up to 16") {
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
	if _, err := AddFile(link, rand.Reader, rotated); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Lstat(link); err != nil || info.Mode().Type() != os.ModeSymlink {
		t.Errorf("%v, %v", info, err)
	}
	if list, err := ListFile(path); err != nil || len(list) != 2 {
		t.Errorf("%+v, %v", list, err)
	}
}

// Whoever is asked sees the ring before and after, and a no leaves the file as it is.
func TestC5_PruneFileAsks(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys")
	first, err := LoadFile(path, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	old := first.Sign(AuditEnd, "", nil)
	if _, err := AddFile(path, rand.Reader, rotated); err != nil {
		t.Fatal(err)
	}
	list, err := ListFile(path)
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
	if _, err := PruneFile(path, time.Time{}, may); !errors.Is(err, no) || asked != 1 {
		t.Errorf("%v, asked %d times", err, asked)
	}
	if after, err := ListFile(path); err != nil || len(after) != 2 {
		t.Errorf("after a no: %+v, %v", after, err)
	}
	if _, err := PruneFile(path, rotated, may); err != nil || asked != 1 {
		t.Errorf("nothing to drop: %v, asked %d times", err, asked)
	}
}
