package firefox_test

import (
	"fmt"
	"runtime"
	"testing"
)

// recorder hears how a helper would end a test.
type recorder struct {
	testing.TB
	fatal, skipped string
}

func (r *recorder) run(f func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	<-done
}

func (r *recorder) Fatal(args ...any) {
	r.fatal = fmt.Sprintln(args...)
	runtime.Goexit()
}

func (r *recorder) Fatalf(format string, args ...any) { r.Fatal(fmt.Sprintf(format, args...)) }

func (r *recorder) Skip(args ...any) {
	r.skipped = fmt.Sprintln(args...)
	runtime.Goexit()
}
