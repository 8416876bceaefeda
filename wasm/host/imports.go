package host

import (
	"io"
	"time"
)

const callExit = "runtime.wasmExit"

// gojsImports lists what a GOOS=js program of Go 1.26 imports. The offsets are those of the frames of the Go declarations
// (runtime, syscall/js); behaviour follows Go's lib/wasm/wasm_exec.js.
func gojsImports() []gojsImport {
	return append([]gojsImport{
		{callExit, wasmExit},
		{"runtime.wasmWrite", wasmWrite},
		{"runtime.resetMemoryDataView", func(*frame) {}}, // views are taken anew each time here
		{"runtime.nanotime1", nanotime1},
		{"runtime.walltime", walltime},
		{"runtime.scheduleTimeoutEvent", scheduleTimeoutEvent},
		{"runtime.clearTimeoutEvent", clearTimeoutEvent},
		{"runtime.getRandomData", getRandomData},
		{"debug", debug},
	}, valueImports()...)
}

// func wasmExit(code int32)
func wasmExit(f *frame) {
	code := f.int32(8)
	f.trace("exit", Number(code))
	f.g.end(&ExitError{Code: int(code), Text: string(f.g.stderrTail)})
}

// func wasmWrite(fd uintptr, p unsafe.Pointer, n int32)
func wasmWrite(f *frame) {
	fd, p, n := f.uint64(8), f.uint64(16), f.int32(24)
	b := f.bytes(p, uint64(uint32(max(n, 0))))
	f.trace("wasmWrite", Number(fd), String(decodeText(b)))
	f.g.write(fd, b)
}

// write is the program's output to a file descriptor; only 1 and 2 are open.
func (g *Guest) write(fd uint64, b []byte) {
	g.realm.writeOutput(fd, b)
	if fd != 2 {
		return
	}
	const keep = 16 << 10
	g.stderrTail = append(g.stderrTail, b...)
	if n := len(g.stderrTail); n > keep {
		g.stderrTail = append([]byte(nil), g.stderrTail[n-keep:]...)
	}
}

// writeOutput sends b to the realm's writer for the descriptor, and reports whether the descriptor is open. A writer's failure
// is the embedder's own affair: a guest's output must not change its behaviour.
func (r *Realm) writeOutput(fd uint64, b []byte) bool {
	var w io.Writer
	switch fd {
	case 1:
		w = r.config.Stdout
	case 2:
		w = r.config.Stderr
	default:
		return false
	}
	_, _ = w.Write(b)
	return true
}

// func nanotime1() int64
//
// Go's runtime takes the wall time when the page began plus the monotonic time since, and requires that it is not zero.
func nanotime1(f *frame) {
	t := max(f.g.realm.origin.Wall, 1) + f.g.realm.monotonic()
	if f.tracing() {
		f.trace("nanotime1", Number(t))
	}
	f.setInt64(8, t)
}

// monotonic returns the nanoseconds since the realm was made.
func (r *Realm) monotonic() int64 { return r.loop.clock.Mono - r.origin.Mono }

// func walltime() (sec int64, nsec int32)
func walltime(f *frame) {
	ms := f.g.realm.loop.clock.WallMillis()
	sec := floorDiv(ms, 1000)
	f.trace("walltime", Number(ms))
	f.setInt64(8, sec)
	f.setInt32(16, int32(ms-sec*1000)*int32(time.Millisecond))
}

// func scheduleTimeoutEvent(delay int64) int32
func scheduleTimeoutEvent(f *frame) {
	g, delay := f.g, f.int64(8)
	id := g.nextID
	g.nextID++
	g.timeouts[id] = g.realm.SetTimeout(timeoutDelay(float64(delay)), func() error {
		const attempts = 100
		for range attempts {
			if err := g.resumeGuest(); err != nil {
				return err
			}
			// The program clears the timeout while it handles it. When it did not, time was not up for it: let it look again.
			if _, waiting := g.timeouts[id]; !waiting {
				return nil
			}
		}
		delete(g.timeouts, id)
		return nil
	})
	f.trace("scheduleTimeoutEvent", Number(delay), Number(id))
	f.setInt32(16, id)
}

// func clearTimeoutEvent(id int32)
func clearTimeoutEvent(f *frame) {
	id := f.int32(8)
	f.trace("clearTimeoutEvent", Number(id))
	if t := f.g.timeouts[id]; t != nil {
		t.Stop()
		delete(f.g.timeouts, id)
	}
}

// func getRandomData(r []byte)
func getRandomData(f *frame) {
	b := f.slice(8)
	f.check(f.g.realm.fillRandom(b))
	f.trace("getRandomData", Number(len(b)))
}

// fillRandom is crypto.getRandomValues: at most 65536 bytes.
func (r *Realm) fillRandom(b []byte) error {
	const most = 65536
	if len(b) > most {
		return Errorf("QuotaExceededError", "The requested length exceeds 65,536 bytes")
	}
	if _, err := io.ReadFull(r.config.Random, b); err != nil {
		return Errorf("OperationError", "random source: %v", err)
	}
	return nil
}

// debug prints a number; it is for those who debug Go's linker.
func debug(f *frame) { f.g.realm.console("log", FormatNumber(float64(int32(f.sp)))) }
