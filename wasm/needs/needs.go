// Package needs is what tests that run other programs have in common: a program that is missing, folders in which programs leave
// things behind, and waiting for what another process does. Only tests and what drives them import it.
package needs

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// SkipMissing names the environment variable that turns what is missing from a failure into a skip.
const SkipMissing = "CURFEW_SKIP_MISSING"

// Patience is how long a test waits for what another process does. Nothing takes that long on a machine that has anything left to
// give: a test that runs out of it has failed.
const Patience = time.Minute

// Lack fails the test because something is missing, and says what to do about it; with CURFEW_SKIP_MISSING=1 it skips the test.
func Lack(t testing.TB, err error, advice string) {
	t.Helper()
	if os.Getenv(SkipMissing) == "1" {
		t.Skip("skipped because of "+SkipMissing+":", err)
	}
	t.Fatal(err, "("+advice+", or set "+SkipMissing+"=1 to skip)")
}

// Program returns the path of the first of these programs that is there; see Lack.
func Program(t testing.TB, advice string, names ...string) string {
	t.Helper()
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	Lack(t, errors.New("none of "+strings.Join(names, ", ")+" is in PATH"), advice)
	return ""
}

// Folder makes a folder, and removes it at the end of the test. Unlike testing's own it tries for a while, because a program's
// children may still be writing when the program itself has ended.
func Folder(t testing.TB, name string) string {
	t.Helper()
	dir, err := os.MkdirTemp("", name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		var err error
		for range 20 {
			if err = os.RemoveAll(dir); err == nil {
				return
			}
			time.Sleep(50 * time.Millisecond)
		}
		t.Log("left behind:", err)
	})
	return dir
}

// Until waits until something is so, and fails the test when that takes longer than Patience.
func Until(t testing.TB, what string, so func() bool) {
	t.Helper()
	for began := time.Now(); !so(); time.Sleep(10 * time.Millisecond) {
		if time.Since(began) > Patience {
			t.Fatalf("waiting for %s: not so in %s", what, Patience)
		}
	}
}

// UntilEqual waits until something has a value, and fails the test with the last value that it had.
func UntilEqual[V comparable](t testing.TB, what string, want V, is func() V) {
	t.Helper()
	got := is()
	for began := time.Now(); got != want; got = is() {
		if time.Since(began) > Patience {
			t.Fatalf("%s: %v, want %v", what, got, want)
		}
		time.Sleep(10 * time.Millisecond)
	}
}
