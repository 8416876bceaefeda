package host

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

const guestPackage = "./testdata/guest"

// run starts the test program in a realm of its own and advances an hour.
func run(t testing.TB, config Config, args ...string) (*Guest, string) {
	t.Helper()
	var out bytes.Buffer
	config.Stdout = &out
	loop := newLoop()
	g := start(t, testModule(t, guestPackage), NewRealm(loop, config), args...)
	if err := loop.Advance(t.Context(), time.Hour); err != nil {
		t.Fatalf("advancing: %v", err)
	}
	return g, out.String()
}

func TestHello(t *testing.T) {
	var out bytes.Buffer
	r := NewRealm(newLoop(), Config{Stdout: &out})
	g, err := testModule(t, guestPackage).Start(t.Context(), r, StartConfig{
		Args: []string{"guest", "hello"}, Env: map[string]string{"WHO": "wörld", "OTHER": "x"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if !g.Ended() || g.Err() != nil || out.String() != "hello wörld\n" {
		t.Errorf("ended %v with %v after printing %q", g.Ended(), g.Err(), out.String())
	}
	if g.MemorySize() != 0 {
		t.Errorf("an ended guest still has %d bytes", g.MemorySize())
	}
}

func TestGuestEndsAreTyped(t *testing.T) {
	var budget *BudgetError
	var exit *ExitError
	var uncaught *UncaughtError
	isExit := func(code int, text string) func(error) bool {
		return func(err error) bool {
			return errors.As(err, &exit) && exit.Code == code && strings.Contains(exit.Text, text)
		}
	}
	for _, c := range []struct {
		name string
		args []string
		want func(error) bool
	}{
		{"exit code 0", []string{"exit", "0"}, func(err error) bool { return err == nil }},
		{"exit code 9", []string{"exit", "9"}, isExit(9, "")},
		{"panic", []string{"panic"}, isExit(2, "the guest has had enough")},
		{"panic in a callback", []string{"panic-in-callback"}, isExit(2, "inside a callback")},
		{"exit in a callback", []string{"exit-in-callback"}, isExit(3, "")},
		{"spinning on the clock", []string{"spin"}, func(err error) bool { return errors.As(err, &budget) && budget.Limit == 50_000 }},
		{"microtasks for ever", []string{"forever"}, func(err error) bool { return errors.As(err, &budget) }},
		{"out of memory", []string{"eat"}, isExit(2, "out of memory")},
		{"a throwing getter", []string{"get"}, func(err error) bool { return errors.As(err, &uncaught) && uncaught.Throw.Value == String("boom") }},
	} {
		t.Run(c.name, func(t *testing.T) {
			told := 0
			var out bytes.Buffer
			loop := newLoop()
			r := NewRealm(loop, Config{Stdout: &out, Limits: Limits{CallsPerTask: 50_000}, Hooks: Hooks{
				Exit:      func(_ *Guest, err error) { told++ },
				Exception: func(x *Throw) { t.Errorf("the end was reported as an exception too: %v", x) },
				Rejection: func(x Rejection) { t.Errorf("the end was reported as a rejection too: %v", Describe(x.Reason)) },
			}})
			r.Global().DefineAccessor("bomb", func(Call) (Value, error) { return nil, &Throw{String("boom")} }, nil)
			g := start(t, testModule(t, guestPackage), r, c.args...)
			if err := loop.Advance(t.Context(), time.Minute); err != nil {
				t.Fatal(err)
			}
			if !g.Ended() || !c.want(g.Err()) {
				t.Errorf("ended %v with %#v", g.Ended(), g.Err())
			}
			if told != 1 {
				t.Errorf("Hooks.Exit was called %d times", told)
			}
			if strings.Contains(out.String(), "must not be reached") {
				t.Error("the guest ran on after its end")
			}
			if next, ok := loop.Next(); ok {
				t.Errorf("something is still queued for %d", next)
			}
		})
	}
}

func TestReentry(t *testing.T) {
	g, out := run(t, Config{}, "reentry")
	want := "down 1\ndown 2\ndown 3\ndown 4\ndown 5\nup 5\nup 4\nup 3\nup 2\nup 1\ndown 4\ndown 5\nup 5\nup 4\nend\n"
	if out != want || g.Err() != nil {
		t.Errorf("printed %q, ended with %v", out, g.Err())
	}
}

func TestRecursionEndsInRangeError(t *testing.T) {
	g, out := run(t, Config{Limits: Limits{Depth: 50}}, "recurse")
	if want := "JavaScript error: Maximum call stack size exceeded 49\n"; out != want || g.Err() != nil {
		t.Errorf("printed %q, want %q, ended with %v", out, want, g.Err())
	}
}

func TestThousandsOfTimersKeepTheirOrder(t *testing.T) {
	if _, out := run(t, Config{}, "timers", "5000"); out != "5000 fired, 0 out of order\n" {
		t.Errorf("printed %q", out)
	}
}

func TestReferencesAreGivenBack(t *testing.T) {
	g, out := run(t, Config{}, "finalize", "20000")
	if out != "collected\n" {
		t.Fatalf("printed %q, ended with %v", out, g.Err())
	}
	if held := len(g.refs.values) - len(g.refs.free); held > 200 {
		t.Errorf("%d references are still held; 20000 objects and as many strings were garbage", held)
	}
	if len(g.refs.values) < 20000 {
		t.Errorf("only %d references were ever held: the test shows nothing", len(g.refs.values))
	}
}

func TestManyGuestsInOneEngine(t *testing.T) {
	const guests = 200
	loop := newLoop()
	var order []string
	for i := range guests {
		r := NewRealm(loop, Config{Name: fmt.Sprint(i), Random: SeededRandom(uint64(i))})
		r.Global().DefineFunc("beat", func(Call) (Value, error) {
			order = append(order, r.Name())
			return nil, nil
		})
		start(t, testModule(t, guestPackage), r, "ticker", "1000", "3")
	}
	if err := loop.Advance(t.Context(), 10*time.Second); err != nil {
		t.Fatal(err)
	}
	if len(order) != 3*guests {
		t.Fatalf("%d beats, want %d", len(order), 3*guests)
	}
	for i, name := range order {
		if name != fmt.Sprint(i%guests) {
			t.Fatalf("beat %d came from guest %s: simultaneous timers must fire in the order of their making", i, name)
		}
	}
	if _, ok := loop.Next(); ok {
		t.Error("all guests have ended, but something is queued")
	}
}

func TestVirtualDay(t *testing.T) {
	beats := 0
	var out bytes.Buffer
	loop := newLoop()
	r := NewRealm(loop, Config{Stdout: &out})
	r.Global().DefineFunc("beat", func(Call) (Value, error) { beats++; return nil, nil })
	g := start(t, testModule(t, guestPackage), r, "ticker", "1000", "86400")
	if err := loop.Advance(t.Context(), 24*time.Hour); err != nil {
		t.Fatal(err)
	}
	if beats != 86400 || !g.Ended() || out.String() != "ticked for 24h0m0s\n" {
		t.Errorf("%d beats in a day, ended %v, printed %q", beats, g.Ended(), out.String())
	}
}
