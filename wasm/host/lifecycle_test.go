package host

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

// beats starts a guest that calls beat every second, and returns the virtual seconds of its beats so far.
func beats(t *testing.T, loop *Loop, config Config) (*Realm, *Guest, func() string) {
	t.Helper()
	r := NewRealm(loop, config)
	var at []string
	r.Global().DefineFunc("beat", func(Call) (Value, error) {
		at = append(at, FormatNumber(float64(loop.Clock().Mono)/1e9))
		return nil, nil
	})
	g := start(t, testModule(t, guestPackage), r, "ticker", "1000", "100000")
	return r, g, func() string { return strings.Join(at, " ") }
}

func advance(t *testing.T, loop *Loop, d time.Duration) {
	t.Helper()
	if err := loop.Advance(t.Context(), d); err != nil {
		t.Fatalf("advancing by %v: %v", d, err)
	}
}

// TestA13_Freeze: a frozen tab runs nothing, and what became due runs once when it is thawed.
func TestA13_Freeze(t *testing.T) {
	loop := newLoop()
	r, _, at := beats(t, loop, Config{})
	advance(t, loop, 2500*time.Millisecond)
	r.Freeze()
	posted := ""
	r.Post(func() error { posted = at(); return nil })
	r.Global().Define("frozenFor", Number(1))
	advance(t, loop, time.Hour)
	if at() != "1 2" || posted != "" {
		t.Errorf("while frozen: beats at %s, posted task saw %q", at(), posted)
	}
	if next, ok := loop.Next(); ok {
		t.Errorf("a frozen realm has something to run at %d", next)
	}
	r.Thaw()
	if err := loop.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if posted != "1 2" {
		t.Errorf("the posted task, queued before the timer was due, saw beats %q", posted)
	}
	advance(t, loop, 2*time.Second)
	if want := "1 2 3602.5 3603 3604"; at() != want {
		t.Errorf("beats at %s, want %s", at(), want)
	}
}

func TestFrozenRealmHoldsMicrotasks(t *testing.T) {
	loop := newLoop()
	r := NewRealm(loop, Config{})
	d := r.NewDeferred()
	got := ""
	r.Then(d.Promise, func(v Value) error { got = Describe(v); return nil }, nil)
	r.Freeze()
	d.Resolve(String("answer"))
	advance(t, loop, time.Second)
	if got != "" {
		t.Errorf("a reaction ran in a frozen realm")
	}
	r.Thaw()
	advance(t, loop, time.Second)
	if got != "answer" {
		t.Errorf("after thawing the reaction got %q", got)
	}
}

// TestA13_Throttle: a hidden tab's timers run on whole seconds, later on whole minutes, from the moment it is hidden.
func TestA13_Throttle(t *testing.T) {
	loop := newLoop()
	advance(t, loop, 300*time.Millisecond)
	r, _, at := beats(t, loop, Config{})
	advance(t, loop, 2*time.Second)
	r.Throttle(AlignTo(time.Second))
	advance(t, loop, 2*time.Second)
	r.Throttle(AlignTo(time.Minute))
	advance(t, loop, 3*time.Minute)
	r.Throttle(nil)
	advance(t, loop, 1500*time.Millisecond)
	if want := "1.3 2.3 4 60 120 180 184.3 185.3"; at() != want {
		t.Errorf("beats at %s, want %s", at(), want)
	}
}

// TestA13_SleepMovesTheWallClockOnly: a guest sees the wall clock jump and its monotonic time stand still.
func TestA13_SleepMovesTheWallClockOnly(t *testing.T) {
	loop := newLoop()
	r := NewRealm(loop, Config{})
	start(t, testModule(t, guestPackage), r, "clocks")
	look := func() string {
		var s string
		if err := r.Run(t.Context(), func() error {
			v, err := r.Global().CallMethod("look")
			s = Describe(v)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		return s
	}
	advance(t, loop, time.Minute)
	if got := look(); got != "1m0s 1m0s" {
		t.Errorf("awake: %s", got)
	}
	loop.Clock().Sleep(8 * time.Hour)
	if got := look(); got != "8h1m0s 1m0s" {
		t.Errorf("after sleep: %s", got)
	}
	loop.Clock().Sleep(-9 * time.Hour)
	if got := look(); got != "-59m0s 1m0s" {
		t.Errorf("after the wall clock was set back: %s", got)
	}
}

func TestKill(t *testing.T) {
	loop := newLoop()
	r, g, at := beats(t, loop, Config{})
	advance(t, loop, 1500*time.Millisecond)
	r.Kill()
	r.Post(func() error { t.Error("a killed realm ran a task"); return nil })
	advance(t, loop, time.Minute)
	if at() != "1" || !errors.Is(g.Err(), ErrKilled) || g.MemorySize() != 0 {
		t.Errorf("beats at %s, guest ended with %v, memory %d", at(), g.Err(), g.MemorySize())
	}
	if err := r.Run(t.Context(), func() error { return nil }); !errors.Is(err, ErrKilled) {
		t.Errorf("running a task in a killed realm: %v", err)
	}
}

// TestKillFromWithin: a page that is closed by a call of its own program never gets back from that call.
func TestKillFromWithin(t *testing.T) {
	var out strings.Builder
	loop := newLoop()
	r := NewRealm(loop, Config{Stdout: &out})
	r.Global().DefineFunc("killMe", func(Call) (Value, error) { r.Kill(); return nil, nil })
	g := start(t, testModule(t, guestPackage), r, "serve")
	err := r.Run(t.Context(), func() error {
		_, err := r.Global().CallMethod("close")
		return err
	})
	if !errors.Is(err, ErrKilled) || !errors.Is(g.Err(), ErrKilled) || out.String() != "" {
		t.Errorf("call returned %v, guest ended with %v and printed %q", err, g.Err(), out.String())
	}
}

func TestGuestFunctions(t *testing.T) {
	loop := newLoop()
	r := NewRealm(loop, Config{Hooks: Hooks{Exit: func(*Guest, error) {}}})
	g := start(t, testModule(t, guestPackage), r, "serve")
	global := r.Global()
	if _, err := global.CallMethod("double", Number(2)); !errors.Is(err, ErrOutsideTask) {
		t.Errorf("outside a task: %v", err)
	}
	var answer Value
	in := func(f func() error) error { return r.Run(t.Context(), f) }
	if err := in(func() (err error) { answer, err = global.CallMethod("double", Number(21)); return err }); err != nil || answer != Number(42) {
		t.Errorf("double: %v, %v", answer, err)
	}
	settled := ""
	if err := in(func() error {
		p, err := global.CallMethod("later", Number(250))
		r.Then(p, func(v Value) error {
			settled = fmt.Sprint(v, " at ", loop.Clock().Mono/1e6)
			return nil
		}, nil)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	advance(t, loop, time.Second)
	if settled != "done at 250" {
		t.Errorf("the guest's promise: %q", settled)
	}
	var exit *ExitError
	if err := in(func() error { _, err := global.CallMethod("quit"); return err }); !errors.As(err, &exit) || exit.Code != 4 {
		t.Errorf("quit: %v", err)
	}
	var thrown *NamedError
	if err := in(func() error { _, err := global.CallMethod("double", Number(1)); return err }); !errors.As(err, &thrown) ||
		thrown.Message != "Go program has already exited" {
		t.Errorf("after the end: %v", err)
	}
	if !g.Ended() {
		t.Error("the guest lives on")
	}
}

func TestUnhandledRejectionIsReported(t *testing.T) {
	var reasons []string
	run(t, Config{Hooks: Hooks{Rejection: func(x Rejection) { reasons = append(reasons, Describe(x.Reason)) }}}, "reject")
	if len(reasons) != 1 || reasons[0] != "nobody listens" {
		t.Errorf("reported %q", reasons)
	}
}

func TestLivelockIsNoticed(t *testing.T) {
	loop := newLoop()
	loop.TasksPerInstant = 1000
	r := NewRealm(loop, Config{})
	r.Global().DefineFunc("post", func(c Call) (Value, error) {
		f, err := c.Func(0)
		r.Post(func() error { _, err := f.Call(Undefined); return err })
		return nil, err
	})
	start(t, testModule(t, guestPackage), r, "storm")
	if err := loop.Run(t.Context()); !errors.Is(err, ErrLivelock) {
		t.Errorf("a storm of tasks: %v", err)
	}
}

func TestLoopIsNotSteppedFromWithin(t *testing.T) {
	loop := newLoop()
	var err error
	loop.After(time.Second, func() { err = loop.Advance(t.Context(), time.Hour) })
	advance(t, loop, time.Minute)
	if !errors.Is(err, ErrInsideTask) || loop.Clock().Mono != int64(time.Minute) {
		t.Errorf("stepping from within: %v, clock at %v", err, time.Duration(loop.Clock().Mono))
	}
}

func TestContextStopsTheLoopAndTheGuest(t *testing.T) {
	loop := newLoop()
	_, g, _ := beats(t, loop, Config{})
	ctx, cancel := context.WithCancelCause(t.Context())
	reason := errors.New("enough")
	loop.After(10*time.Second, func() { cancel(reason) })
	if err := loop.Advance(ctx, time.Hour); !errors.Is(err, reason) {
		t.Errorf("advancing with a context that ends: %v", err)
	}
	if g.Ended() || loop.Clock().Mono != int64(10*time.Second) {
		t.Errorf("between tasks nothing may be lost: guest %v, stopped at %v", g.Err(), time.Duration(loop.Clock().Mono))
	}
	advance(t, loop, time.Hour) // goes on where it stopped

	// In the middle of a task the guest cannot be kept.
	ctx, cancel = context.WithCancelCause(t.Context())
	r := NewRealm(newLoop(), Config{Limits: Limits{CallsPerTask: 1 << 40}})
	count := 0
	r.Global().DefineFunc("nothing", func(Call) (Value, error) {
		if count++; count == 5000 {
			cancel(reason)
		}
		return nil, nil
	})
	spinning, err := testModule(t, guestPackage).Start(ctx, r, StartConfig{Args: []string{"guest", "calls", "1000000000"}})
	var interrupt *InterruptError
	if err != nil || !errors.As(spinning.Err(), &interrupt) || !errors.Is(interrupt, reason) {
		t.Errorf("interrupted guest: %v, %v", err, spinning.Err())
	}
}
