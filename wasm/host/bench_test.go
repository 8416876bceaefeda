package host

import (
	"context"
	"strconv"
	"testing"
	"time"
)

// BenchmarkHostCall is one js.Value.Invoke of an empty function, seen from the guest.
func BenchmarkHostCall(b *testing.B) {
	m := testModule(b, guestPackage)
	r := NewRealm(newLoop(), Config{Limits: Limits{CallsPerTask: 1 << 40}})
	r.Global().DefineFunc("nothing", func(Call) (Value, error) { return nil, nil })
	b.ResetTimer()
	if _, err := m.Start(context.Background(), r, StartConfig{Args: []string{"guest", "calls", strconv.Itoa(b.N)}}); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N), "ns/hostcall")
}

// BenchmarkCallback is one call of a js.Func from the host.
func BenchmarkCallback(b *testing.B) {
	r := NewRealm(newLoop(), Config{})
	start(b, testModule(b, guestPackage), r, "serve")
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		if err := r.Run(context.Background(), func() error {
			_, err := r.Global().CallMethod("double", Number(2))
			return err
		}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkStart is the start of one more guest until it waits.
func BenchmarkStart(b *testing.B) {
	m := testModule(b, guestPackage)
	b.ResetTimer()
	for range b.N {
		loop := newLoop()
		r := NewRealm(loop, Config{})
		start(b, m, r, "idle")
		r.Kill()
	}
}

// BenchmarkRealm is the making of a realm without a guest.
func BenchmarkRealm(b *testing.B) {
	b.ReportAllocs()
	for range b.N {
		NewRealm(newLoop(), Config{})
	}
}

// BenchmarkVirtualHour is one guest that wakes each virtual second for an hour.
func BenchmarkVirtualHour(b *testing.B) {
	m := testModule(b, guestPackage)
	b.ResetTimer()
	for range b.N {
		loop := newLoop()
		r := NewRealm(loop, Config{})
		r.Global().DefineFunc("beat", func(Call) (Value, error) { return nil, nil })
		start(b, m, r, "ticker", "1000", "3600")
		if err := loop.Advance(context.Background(), time.Hour); err != nil {
			b.Fatal(err)
		}
	}
}
