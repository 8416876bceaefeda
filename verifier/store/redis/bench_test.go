package redis_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/curfew-project/curfew/verifier/session"
	"github.com/curfew-project/curfew/verifier/store/embedded"
	"github.com/curfew-project/curfew/verifier/store/redistest"
	"github.com/curfew-project/curfew/verifier/store/storetest"
	"github.com/curfew-project/curfew/wasm/dist/figure"
)

func BenchmarkStore(b *testing.B) { storetest.Bench(b, inFolder(redistest.Start(b))) }

const (
	benchSessions = 2000
	benchCallers  = 64 // as many requests as a busy verifier has in hand
	benchRounds   = 12
)

func cpu() time.Duration {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		return 0
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// beats gives every session one heartbeat, and says what that cost each in microseconds of this process's processor time. besides is what
// a heartbeat needs besides the store.
func beats(b *testing.B, store session.Store, round int, besides func()) float64 {
	b.Helper()
	var all sync.WaitGroup
	before := cpu()
	for caller := range benchCallers {
		all.Go(func() {
			for n := caller; n < benchSessions; n += benchCallers {
				besides()
				if _, ok, err := store.Update(b.Context(), numbered(n).ID, start, acting(start+int64(round))); err != nil || !ok {
					b.Errorf("Update: %t, %v", ok, err)
					return
				}
			}
		})
	}
	all.Wait()
	return float64((cpu() - before).Nanoseconds()) / 1e3 / benchSessions
}

// Figure: what a heartbeat costs the verifier with Redis and with the embedded store, and how many round trips.
func BenchmarkFigureHeartbeatRedis(b *testing.B) {
	server := redistest.Start(b)
	there := open(b, options(server))
	here, err := embedded.Open(b.Context(), filepath.Join(b.TempDir(), "sessions.db"), embedded.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer here.Close()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	digest := sha256.Sum256([]byte("a proof"))
	signature, err := ecdsa.SignASN1(rand.Reader, key, digest[:])
	if err != nil {
		b.Fatal(err)
	}
	verify := func() {
		if !ecdsa.VerifyASN1(&key.PublicKey, digest[:], signature) {
			b.Error("a good signature is refused")
		}
	}
	for n := range benchSessions {
		create(b, there, n)
		create(b, here, n)
	}
	scripts := 0
	var redisAlone, embeddedAlone, redisSigned, embeddedSigned []float64
	for round := range benchRounds {
		before := calls(server, "evalsha")
		alone := beats(b, there, round, func() {})
		if round == 0 {
			continue // warms up
		}
		scripts += calls(server, "evalsha") - before
		redisAlone = append(redisAlone, alone)
		embeddedAlone = append(embeddedAlone, beats(b, here, round, func() {}))
		redisSigned = append(redisSigned, beats(b, there, round+benchRounds, verify))
		embeddedSigned = append(embeddedSigned, beats(b, here, round+benchRounds, verify))
	}
	err = figure.Print(os.Stdout,
		figure.Row{Figure: "CPU of a heartbeat's signature and store, Redis", Measured: median(redisSigned), Unit: "µs",
			With: "the same, embedded", Base: median(embeddedSigned), AtMost: 1.5},
		figure.Row{Figure: "the store alone", Measured: median(redisAlone), Unit: "µs", With: "embedded", Base: median(embeddedAlone)},
		figure.Row{Figure: "scripts a heartbeat, renewals included", Measured: float64(scripts) / benchSessions / (benchRounds - 1), Unit: "", AtMost: 1.01})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(0, "ns/op")
}

// Figure: how long an ending takes until every verifier has confirmed it, and what a session weighs in Redis.
func BenchmarkFigureEndingRedis(b *testing.B) {
	server := redistest.Start(b)
	took := map[int]float64{}
	for _, verifiers := range []int{1, 3} {
		all := replicas(b, options(server), verifiers)
		var each []float64
		for n := range 500 {
			create(b, all[0], n)
			for _, store := range all {
				store.Get(b.Context(), numbered(n).ID, start)
			}
			began := time.Now()
			update(b, all[0], n, ending(start+1))
			each = append(each, float64(time.Since(began).Microseconds()))
		}
		took[verifiers] = median(each)
	}
	fill := open(b, options(server))
	before := memory(b, server)
	for n := range 5000 {
		create(b, fill, n)
	}
	err := figure.Print(os.Stdout,
		figure.Row{Figure: "an ending confirmed by three verifiers, median", Measured: took[3], Unit: "µs", With: "one verifier", Base: took[1]},
		figure.Row{Figure: "memory of a session in Redis, with secrets of six bytes", Measured: float64(memory(b, server)-before) / 5000, Unit: "bytes"})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(0, "ns/op")
}

func median(of []float64) float64 {
	slices.Sort(of)
	return of[len(of)/2]
}

func memory(b *testing.B, server *redistest.Server) int {
	found := regexp.MustCompile(`used_memory:(\d+)`).FindStringSubmatch(server.Do("INFO", "memory"))
	if found == nil {
		b.Fatal("INFO memory says nothing")
	}
	n, err := strconv.Atoi(found[1])
	if err != nil {
		b.Fatal(err)
	}
	return n
}
