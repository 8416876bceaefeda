package storetest

import (
	"context"
	"flag"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/curfew-project/curfew/shared/deadline"
	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/verifier/session"
)

var sessions = flag.Int("storetest.sessions", 100_000, "how many sessions the store's benchmarks keep")

// callers is how many goroutines a processor waits for durable changes with: what a verifier has in flight under load.
const callers = 64

// Bench measures a store that holds many sessions, each of a user of its own, beside what the same costs with nothing around it:
//
//	bytes/session, open-s/million   memory while they live and time to open; one run each, so use -benchtime 1x
//	cpu-ns/update                   activity of every session once, in no order of the disk's, and all of it written
//	cpu-ns/op                       processor time of the whole process, its writer and the garbage collector included
func Bench(b *testing.B, open OpenIn) {
	ctx, dir := context.Background(), b.TempDir()
	store := open(b, dir)
	defer func() { store.Close() }()
	n := *sessions
	populate(b, store, 0, n)

	b.Run("Memory", func(b *testing.B) {
		for range b.N {
			if err := store.Close(); err != nil {
				b.Fatal(err)
			}
			store = nil
			before := heap()
			from := time.Now()
			store = open(b, dir)
			took := time.Since(from)
			used := heap() - before
			b.ReportMetric(float64(used)/float64(n), "bytes/session")
			b.ReportMetric(took.Seconds()*1e6/float64(n), "open-s/million")
			b.ReportMetric(plainMap(n), "plain-map-bytes/session")
		}
		runtime.KeepAlive(store)
	})

	b.Run("Get", func(b *testing.B) {
		parallel(b, 1, func(i uint64) error {
			_, _, err := store.Get(ctx, id(i%uint64(n)), start)
			return err
		})
	})
	b.Run("GetFromPlainMap", func(b *testing.B) {
		var mu sync.RWMutex
		plain := make(map[session.ID]session.Session, n)
		for i := range uint64(n) {
			plain[id(i)] = sample(i, user("ada"), start)
		}
		parallel(b, 1, func(i uint64) error {
			mu.RLock()
			defer mu.RUnlock()
			if _, ok := plain[id(i%uint64(n))]; !ok {
				return session.ErrClosed
			}
			return nil
		})
	})
	b.Run("UpdateActivity", func(b *testing.B) {
		parallel(b, callers, func(i uint64) error {
			at := start + int64(i/uint64(n))%minute + 1
			_, _, err := store.Update(ctx, id(i%uint64(n)), at, stepped(deadline.Report{At: at}, at))
			return err
		})
	})
	b.Run("UpdateActivityOfAllAndClose", func(b *testing.B) {
		var used time.Duration
		for round := range b.N {
			before := cpu()
			at := start + minute + int64(round) + 1
			var numbers atomic.Uint64
			var all sync.WaitGroup
			for range callers {
				all.Go(func() {
					for i := numbers.Add(1) - 1; i < uint64(n); i = numbers.Add(1) - 1 {
						i := i * scatter % uint64(n)
						if _, _, err := store.Update(ctx, id(i), at, stepped(deadline.Report{At: at}, at)); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			all.Wait()
			if err := store.Close(); err != nil {
				b.Fatal(err)
			}
			used += cpu() - before
			b.StopTimer()
			store = open(b, dir)
			b.StartTimer()
		}
		b.ReportMetric(float64(used.Nanoseconds())/float64(b.N)/float64(n), "cpu-ns/update")
	})
	var next atomic.Uint64
	next.Store(uint64(n))
	b.Run("Create", func(b *testing.B) {
		first := next.Add(uint64(b.N)) - uint64(b.N)
		parallel(b, callers, func(i uint64) error {
			return store.Create(ctx, sample(first+i, distinct(first+i), start), session.Sealed(token), start)
		})
	})
	b.Run("UpdateEnding", func(b *testing.B) {
		first := next.Add(uint64(b.N)) - uint64(b.N)
		populate(b, store, first, b.N)
		parallel(b, callers, func(i uint64) error {
			_, _, err := store.Update(ctx, id(first+i), start+1, stepped(deadline.End{Reason: wire.SignedOut}, start+1))
			return err
		})
	})
	b.Run("SetSecrets", func(b *testing.B) {
		parallel(b, callers, func(i uint64) error {
			_, err := store.SetSecrets(ctx, id(i*scatter%uint64(n)), session.Sealed(token), start)
			return err
		})
	})
	b.Run("ByProvider", func(b *testing.B) {
		of := user("any")
		parallel(b, 1, func(i uint64) error {
			found, err := store.ByProvider(ctx, of.Environment, of.Issuer, providerID(i*scatter%uint64(n)), start)
			if err == nil && len(found) != 1 {
				err = fmt.Errorf("found %d sessions; want 1", len(found))
			}
			return err
		})
	})
	b.Run("Scan", func(b *testing.B) {
		b.ReportAllocs()
		visits := 0
		for range b.N {
			if err := store.Scan(ctx, "", start, func(session.Session) bool { visits++; return true }); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(visits), "ns/visit")
	})
	b.Run("Mark", func(b *testing.B) {
		first := next.Add(uint64(b.N)) - uint64(b.N)
		parallel(b, callers, func(i uint64) error {
			_, _, err := store.Mark(ctx, key(fmt.Sprint(first+i)), start+hour, start)
			return err
		})
	})
	b.Run("ExpireNothing", func(b *testing.B) {
		for b.Loop() {
			if ended, err := store.Expire(ctx, start, 1000); err != nil || len(ended) != 0 {
				b.Fatalf("Expire: %v, %v", ended, err)
			}
		}
	})
}

// stepped is a heartbeat, or what else happens to a session.
func stepped(event deadline.Event, now int64) func(session.Session) (session.Session, error) {
	step := stepping(event, now)
	return func(s session.Session) (session.Session, error) {
		s.Seq++
		return step(s), nil
	}
}

// scatter is a prime, so that counting in steps of it reaches every session once.
const scatter = 999_999_937

// parallel measures op, which gets another number each time.
func parallel(b *testing.B, goroutines int, op func(uint64) error) {
	var numbers atomic.Uint64
	b.ReportAllocs()
	b.SetParallelism(goroutines)
	b.ResetTimer()
	used := cpu()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if err := op(numbers.Add(1) - 1); err != nil {
				b.Error(err)
				return
			}
		}
	})
	b.ReportMetric(float64((cpu()-used).Nanoseconds())/float64(b.N), "cpu-ns/op")
}

// distinct is a user with a subject as long as providers make them pairwise.
func distinct(n uint64) session.User {
	of := id(n)
	return user(of.String() + "AbCdEfGhIjKlMnOpQrStU")
}

var token = string(make([]byte, 1200))

func populate(b *testing.B, store session.Store, first uint64, n int) {
	b.Helper()
	var numbers atomic.Uint64
	var all sync.WaitGroup
	for range 512 {
		all.Go(func() {
			for i := numbers.Add(1) - 1; i < uint64(n); i = numbers.Add(1) - 1 {
				err := store.Create(context.Background(), sample(first+i, distinct(first+i), start), session.Sealed(token), start)
				if err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
}

// heap is what lives in memory, after whatever is garbage has gone.
func heap() uint64 {
	var stats runtime.MemStats
	for range 3 { // finalizers and weak pointers take more than one round
		runtime.GC()
	}
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}

// plainMap is what a session costs in a Go map of the least that could be kept of it: no name, no user, no index.
func plainMap(n int) float64 {
	type least [88]byte
	before := heap()
	m := map[session.ID]least{}
	for i := range uint64(n) {
		m[id(i)] = least{}
	}
	used := heap() - before
	runtime.KeepAlive(m)
	return float64(used) / float64(n)
}
