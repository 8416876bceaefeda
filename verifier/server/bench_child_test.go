//go:build linux

package server

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"runtime/pprof"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/curfew-project/curfew/shared/deadline"
	"github.com/curfew-project/curfew/shared/policy"
	"github.com/curfew-project/curfew/shared/proof"
	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/verifier/config"
	"github.com/curfew-project/curfew/verifier/engine"
	"github.com/curfew-project/curfew/verifier/session"
	"github.com/curfew-project/curfew/verifier/store/embedded"
)

// The benchmarks measure servers in processes of their own: then the processor time of the process is that of the server, with
// its garbage collector and the store's writer, and the client's is not in it. The test binary runs itself again with this
// variable naming the part to play, and the part's arguments in place of the flags.
const role = "CURFEW_BENCH_ROLE"

func TestMain(m *testing.M) {
	play, known := map[string]func(args []string) error{
		"verifier": playVerifier, "signature": playSignature, "bare": playBare,
		"fill": playFill, "open": playOpen, "map": playMap,
	}[os.Getenv(role)]
	if !known {
		os.Exit(m.Run())
	}
	// One processor, because idle ones that look for work would be measured too.
	runtime.GOMAXPROCS(1)
	if err := play(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// hello is what a server says when it is up. A line on its standard input asks for its processor time in nanoseconds; the end of
// the input ends it.
type hello struct {
	Address  string
	Sessions []signedIn
}

// signedIn is what a browser knows after sign-in.
type signedIn struct{ SID, Cookie string }

const host = "records.example"

var benchConfig = `
data: %q
rate_limits: {address: 100000, address_burst: 1000000, session: 100000, session_burst: 1000000}
switches: {AllowCustomSessionDuration: true, AllowCustomInactivityDuration: true, FCB.UCIInactivityTimeout: true}
environments:
  - id: records
    origin: https://` + host + `
    provider: {issuer: "https://login.example", client_id: records}
    settings: {session_timeout: 12h, session_warning: 20m, inactivity_timeout: 15m, inactivity_warning: 2m}
`

// playVerifier is the whole verifier with a number of living sessions, all bound to one key. Its arguments are the folder for
// the store, the number, and the key's thumbprint; and where the store is Redis, the file of the verifier's own keys and Redis's address.
func playVerifier(args []string) error {
	n, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	key, err := base64.RawURLEncoding.DecodeString(args[2])
	if err != nil {
		return err
	}
	text := fmt.Appendf(nil, benchConfig, args[0])
	if len(args) > 3 {
		text = fmt.Appendf(text, "keys: %q\nstore: {redis: {addresses: [%q], durability: operator}}\n", args[3], args[4])
	}
	c, err := config.Parse(text)
	if err != nil {
		return err
	}
	ctx := context.Background()
	s, err := New(ctx, c, Options{Now: time.Now, Random: rand.Reader, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	defer s.Close()
	running, stop := context.WithCancel(ctx)
	defer stop()
	go s.Run(running) // as curfew serve does
	env, ok := s.site.Environment(&http.Request{Host: host})
	if !ok {
		return fmt.Errorf("no environment has the host %s", host)
	}
	sessions := make([]signedIn, n)
	err = many(n, func(i int) error {
		// With a refresh token, so that each heartbeat looks whether a policy check is due, and none is within the hour.
		subject := fmt.Sprintf("subject-%09d", i)
		began, cookie, err := s.engine.Begin(ctx, env, engine.SignIn{
			Who: session.Identity{Issuer: "https://login.example", Subject: subject, Name: "Ada Lovelace",
				AuthTime: time.Now().Unix() - 60, IDToken: strings.Repeat("t", 1200)},
			RefreshToken: strings.Repeat("r", 64), Key: session.Thumbprint(key),
		})
		sessions[i] = signedIn{began.ID.String(), cookie}
		return err
	})
	if err != nil {
		return err
	}
	return serve(s.Public(), sessions)
}

// playSignature verifies one signature of the same size and does nothing else: the key is at hand, nothing is parsed, judged or
// kept. Its arguments are the key's coordinates.
func playSignature(args []string) error {
	point := []byte{4} // uncompressed (SEC 1 section 2.3.3)
	for _, coordinate := range args {
		raw, err := base64.RawURLEncoding.DecodeString(coordinate)
		if err != nil {
			return err
		}
		point = append(point, raw...)
	}
	public, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point)
	if err != nil {
		return err
	}
	return serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token := r.Header.Get(wire.HeaderProof)
		dot := strings.LastIndexByte(token, '.')
		signature, err := base64.RawURLEncoding.DecodeString(token[dot+1:])
		if err != nil || len(signature) != proof.SignatureSize {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		sum := sha256.Sum256([]byte(token[:dot]))
		if !ecdsa.Verify(public, sum[:], new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:])) {
			w.WriteHeader(http.StatusUnauthorized)
		}
	}), nil)
}

// playBare answers 204 and does nothing else.
func playBare([]string) error {
	return serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusNoContent) }), nil)
}

// serve answers on a port of its own until the standard input ends.
func serve(handler http.Handler, sessions []signedIn) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	finish, err := profiled()
	if err != nil {
		return err
	}
	defer finish()
	served := make(chan error, 1)
	go func() { served <- Serve(ctx, listener, handler, slog.New(slog.DiscardHandler)) }()
	out := json.NewEncoder(os.Stdout)
	if err := out.Encode(hello{listener.Addr().String(), sessions}); err != nil {
		return err
	}
	for asked := bufio.NewScanner(os.Stdin); asked.Scan(); {
		if err := out.Encode(cpu()); err != nil {
			return err
		}
	}
	stop()
	return <-served
}

// profiles is a folder for a profile of the processor and one of the heap of each server; empty: none are taken.
const profiles = "CURFEW_BENCH_PROFILES"

// profiled profiles this process until finish is called.
func profiled() (finish func(), err error) {
	folder := os.Getenv(profiles)
	if folder == "" {
		return func() {}, nil
	}
	name := filepath.Join(folder, os.Getenv(role)+"-"+strconv.Itoa(os.Getpid()))
	out, err := os.Create(name + ".cpu")
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(out); err != nil {
		return nil, err
	}
	return func() {
		pprof.StopCPUProfile()
		out.Close()
		if heap, err := os.Create(name + ".heap"); err == nil {
			pprof.Lookup("allocs").WriteTo(heap, 0)
			heap.Close()
		}
	}, nil
}

// cpu is the processor time, user and system, that this process has used.
func cpu() time.Duration {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		panic(err) // only for a wrong argument
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// many calls do for each number below n, many at once, so that durable changes share their commits.
func many(n int, do func(int) error) error {
	var next atomic.Int64
	var failed atomic.Pointer[error]
	var all sync.WaitGroup
	for range 512 {
		all.Go(func() {
			for i := next.Add(1) - 1; i < int64(n); i = next.Add(1) - 1 {
				if err := do(int(i)); err != nil {
					failed.Store(&err)
					return
				}
			}
		})
	}
	all.Wait()
	if err := failed.Load(); err != nil {
		return *err
	}
	return nil
}

// size is what a store or a map of sessions takes.
type size struct {
	Resident int64 // bytes of memory, the heap's reserve left out
	Took     time.Duration
}

// playFill makes a store with a number of living sessions.
func playFill(args []string) error {
	store, err := embedded.Open(context.Background(), filepath.Join(args[0], "sessions.db"), embedded.Options{})
	if err != nil {
		return err
	}
	n, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	err = many(n, func(i int) error { return store.Create(context.Background(), living(i), "", began) })
	if err != nil {
		return err
	}
	return store.Close()
}

const began = int64(1_800_000_000_000) // milliseconds since the epoch

// living is a session of the size that providers make them: a pairwise subject, an address, a UUID.
func living(i int) session.Session {
	s := session.Session{
		User: session.User{Environment: "records", Issuer: "https://login.example/tenant", Subject: fmt.Sprintf("%043d", i)},
		Name: "ada.lovelace@mail.example", Provider: "6f0e0b6c-5d0e-4f0c-9f5e-3c7a0c2b1d4e", AuthTime: began / 1000,
		State: deadline.Begin(policy.Defaults().Capped(policy.Cap), began),
		Check: session.Check{At: began, Bypassed: true},
	}
	// IDs spread as random ones do.
	binary.BigEndian.PutUint64(s.ID[:], uint64(i)*0x9e3779b97f4a7c15)
	binary.BigEndian.PutUint64(s.ID[8:], uint64(i))
	binary.BigEndian.PutUint64(s.Key[:], uint64(i))
	return s
}

// playOpen opens the store that playFill made.
func playOpen(args []string) error {
	before := resident()
	from := time.Now()
	store, err := embedded.Open(context.Background(), filepath.Join(args[0], "sessions.db"), embedded.Options{})
	if err != nil {
		return err
	}
	took := time.Since(from)
	if err := tell(before, took); err != nil {
		return err
	}
	return store.Close()
}

// playMap keeps the least that could be kept of a session in a Go map.
func playMap(args []string) error {
	n, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	before := resident()
	from := time.Now()
	sessions := map[session.ID][88]byte{}
	for i := range n {
		sessions[living(i).ID] = [88]byte{}
	}
	err = tell(before, time.Since(from))
	runtime.KeepAlive(sessions)
	return err
}

func tell(before int64, took time.Duration) error {
	return json.NewEncoder(os.Stdout).Encode(size{resident() - before, took})
}

// resident is the memory of this process that is in RAM, after garbage has gone and free pages were given back.
func resident() int64 {
	for range 3 { // finalizers and weak pointers take more than one round
		debug.FreeOSMemory()
	}
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		panic(err) // Linux always has it
	}
	pages, err := strconv.ParseInt(strings.Fields(string(text))[1], 10, 64)
	if err != nil {
		panic(err)
	}
	return pages * int64(os.Getpagesize())
}
