package chrome

import (
	_ "embed"
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/curfew-project/curfew/wasm/needs"
)

//go:embed clock/clock.c
var clockSource []byte

// Clock moves the wall clock that a browser and all its pages see, as a person's hand, a time server or a computer's sleep does. Monotonic time
// (performance.now, timers) goes on as it is. Linux only.
type Clock struct {
	library, file string
	moved         time.Duration
}

// ShiftedClock makes a clock that is right until it is shifted. It needs a C compiler; see needs.Lack. Call
// it before New, so that it is there until the browser has ended.
func ShiftedClock(t testing.TB) *Clock {
	t.Helper()
	compiler := needs.Program(t, "install gcc", "gcc")
	dir := t.TempDir()
	c := &Clock{library: filepath.Join(dir, "clock.so"), file: filepath.Join(dir, "moved")}
	source := filepath.Join(dir, "clock.c")
	if err := os.WriteFile(source, clockSource, 0o600); err != nil {
		t.Fatal(err)
	}
	build := exec.Command(compiler, "-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-o", c.library, source, "-ldl")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", build, err, out)
	}
	c.write(t)
	return c
}

// Option makes a browser live by the clock.
func (c *Clock) Option() Option { return Env("LD_PRELOAD="+c.library, "CURFEW_CLOCK="+c.file) }

// Shift moves the clock at once, forwards or (when negative) backwards, from where it is.
func (c *Clock) Shift(t testing.TB, by time.Duration) {
	t.Helper()
	c.moved += by
	c.write(t)
}

// Moved is how far the clock is from the right time.
func (c *Clock) Moved() time.Duration { return c.moved }

// write puts the eight bytes into the file that the browser has mapped. It does not make a new file.
func (c *Clock) write(t testing.TB) {
	t.Helper()
	file, err := os.OpenFile(c.file, os.O_WRONLY|os.O_CREATE, 0o600)
	if err == nil {
		_, err = file.WriteAt(binary.NativeEndian.AppendUint64(nil, uint64(c.moved)), 0)
		if closed := file.Close(); err == nil {
			err = closed
		}
	}
	if err != nil {
		t.Fatal("moving the clock:", err)
	}
}
