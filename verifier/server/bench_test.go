//go:build linux

package server

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/curfew-project/curfew/shared/proof"
	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/verifier/proofcheck/prooftest"
	"github.com/curfew-project/curfew/wasm/dist/figure"
)

var keep = flag.Int("figure.sessions", 1_000_000, "how many living sessions the memory figure is taken with")

const (
	// Every heartbeat is of a session that has not sent one for longer than the store gathers activity, as in real life, so
	// that each costs a row of its own in the file.
	beating = 8192
	slice   = 1024 // requests to one server before it is the other's turn: what else the machine does hits both alike
	clients = 32   // connections, each with one request under way, kept alive
)

// Figure: CPU of one heartbeat in the verifier, HTTP and store included.
func BenchmarkFigureHeartbeat(b *testing.B) {
	key := prooftest.New(b)
	verifier := start(b, "verifier", b.TempDir(), strconv.Itoa(beating), thumbprint(key))
	signature := start(b, "signature", key.Public.X, key.Public.Y)
	laps := signedBeats(b, key, verifier, 5)
	measured, base := race(b, laps, contestant{verifier, http.StatusOK}, contestant{signature, http.StatusOK})
	report(b, figure.Row{Figure: "CPU of a heartbeat, HTTP and store included", Measured: measured, Unit: "µs",
		With: "handler that verifies one such signature", Base: base, AtMost: 1.25})
}

// Figure: CPU of one check, HTTP included.
func BenchmarkFigureCheck(b *testing.B) {
	verifier := start(b, "verifier", b.TempDir(), strconv.Itoa(beating), thumbprint(prooftest.New(b)))
	bare := start(b, "bare")
	var checks [][]byte
	for _, s := range verifier.Sessions {
		checks = append(checks, request("GET", "check", s.Cookie, ""))
	}
	laps := slices.Repeat([][][]byte{checks}, 21)
	measured, base := race(b, laps, contestant{verifier, http.StatusNoContent}, contestant{bare, http.StatusNoContent})
	report(b, figure.Row{Figure: "CPU of a check, HTTP included", Measured: measured, Unit: "µs",
		With: "bare 204 handler", Base: base, AtMost: 1.4})
}

func thumbprint(key prooftest.Maker) string { return encoded(key.Thumbprint()) }

func encoded(sum [32]byte) string { return base64.RawURLEncoding.EncodeToString(sum[:]) }

// Figure: memory of a living session in the embedded store, and how long the store takes to open.
func BenchmarkFigureMemory(b *testing.B) {
	dir, n := b.TempDir(), strconv.Itoa(*keep)
	play[struct{}](b, "fill", dir, n)
	opened := play[size](b, "open", dir, n)
	plain := play[size](b, "map", dir, n)
	each := func(of size) float64 { return float64(of.Resident) / float64(*keep) }
	report(b,
		figure.Row{Figure: "resident memory of a living session, embedded", Measured: each(opened), Unit: "bytes", AtMost: 400},
		figure.Row{Figure: "the same", Measured: each(opened), Unit: "bytes", With: "Go map of 88-byte records", Base: each(plain)},
		figure.Row{Figure: "start with " + n + " living sessions", Measured: opened.Took.Seconds(), Unit: "s", AtMost: 10},
	)
}

func report(b *testing.B, rows ...figure.Row) {
	b.Helper()
	if err := figure.Print(os.Stdout, rows...); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(0, "ns/op") // the benchmark's own length says nothing
}

// contestant is a server and the status that each of its answers must have.
type contestant struct {
	*running
	status int
}

// race sends the same requests to both in turns and returns the processor time of each for one request, in microseconds. The
// first lap is not counted: it warms up caches, connections and heaps.
func race(b *testing.B, laps [][][]byte, both ...contestant) (float64, float64) {
	b.Helper()
	var before [2]time.Duration
	var used [2]float64
	counted := 0
	for i, lap := range laps {
		for part := range slices.Chunk(lap, slice) {
			for _, one := range both {
				one.send(b, part, one.status)
			}
		}
		if i == 0 {
			for i, one := range both {
				before[i] = one.cpu(b)
			}
			continue
		}
		counted += len(lap)
	}
	time.Sleep(time.Second) // until the store's writer has written what was acknowledged: that is counted
	for i, one := range both {
		used[i] = (one.cpu(b) - before[i]).Seconds() * 1e6 / float64(counted)
	}
	return used[0], used[1]
}

// running is a server in a process of its own.
type running struct {
	hello
	in          io.WriteCloser
	out         *json.Decoder
	connections []net.Conn
	end         func()
	pid         int
}

func start(b *testing.B, part string, args ...string) *running {
	b.Helper()
	command := child(b, part, args...)
	in, err := command.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	out, err := command.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := command.Start(); err != nil {
		b.Fatal(err)
	}
	r := &running{in: in, out: json.NewDecoder(out), pid: command.Process.Pid}
	r.end = sync.OnceFunc(func() {
		for _, connection := range r.connections {
			connection.Close()
		}
		in.Close()
		if err := command.Wait(); err != nil {
			b.Errorf("%s ended with %v", part, err)
		}
	})
	b.Cleanup(r.end)
	if err := r.out.Decode(&r.hello); err != nil {
		b.Fatalf("%s did not start: %v", part, err)
	}
	for range clients {
		connection, err := net.Dial("tcp", r.Address)
		if err != nil {
			b.Fatal(err)
		}
		r.connections = append(r.connections, connection)
	}
	return r
}

// play plays a part to its end and returns what it says.
func play[T any](b *testing.B, part string, args ...string) (said T) {
	b.Helper()
	out, err := child(b, part, args...).Output()
	if err == nil && len(out) > 0 {
		err = json.Unmarshal(out, &said)
	}
	if err != nil {
		b.Fatalf("%s: %v", part, err)
	}
	return said
}

func child(b *testing.B, part string, args ...string) *exec.Cmd {
	b.Helper()
	self, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	command := exec.Command(self, args...)
	command.Env = append(os.Environ(), role+"="+part)
	command.Stderr = os.Stderr
	return command
}

func (r *running) cpu(b *testing.B) (used time.Duration) {
	b.Helper()
	_, err := io.WriteString(r.in, "cpu\n")
	if err == nil {
		err = r.out.Decode(&used)
	}
	if err != nil {
		b.Fatalf("asking a server for its processor time: %v", err)
	}
	return used
}

// send sends all requests, spread over the connections, and reads every answer.
func (r *running) send(b *testing.B, requests [][]byte, status int) {
	b.Helper()
	var all sync.WaitGroup
	for i, connection := range r.connections {
		all.Go(func() {
			answers := bufio.NewReader(connection)
			for at := i; at < len(requests); at += len(r.connections) {
				if _, err := connection.Write(requests[at]); err != nil {
					b.Error(err)
					return
				}
				answer, err := http.ReadResponse(answers, nil)
				if err != nil {
					b.Error(err)
					return
				}
				body, err := io.ReadAll(answer.Body)
				if err != nil || answer.StatusCode != status {
					b.Errorf("status %d instead of %d, %v: %s", answer.StatusCode, status, err, body)
					return
				}
			}
		})
	}
	all.Wait()
	if b.Failed() {
		b.FailNow()
	}
}

// request is one as a reverse proxy hands it on.
func request(method, endpoint, cookie, token string) []byte {
	var text bytes.Buffer
	fmt.Fprintf(&text, "%s /.curfew/%s HTTP/1.1\r\nHost: %s\r\nCookie: __Host-curfew=%s\r\n", method, endpoint, host, cookie)
	if method == http.MethodPost {
		fmt.Fprintf(&text, "Origin: https://%s\r\nSec-Fetch-Site: same-origin\r\nContent-Length: 0\r\n", host)
	}
	if token != "" {
		fmt.Fprintf(&text, "%s: %s\r\n", wire.HeaderProof, token)
	}
	text.WriteString("\r\n")
	return text.Bytes()
}

// signedBeats are heartbeats of every session, lap after lap, signed ahead so that signing is not measured. Each session asks
// for one nonce, which outlasts the benchmark.
func signedBeats(b *testing.B, key prooftest.Maker, verifier *running, laps int) [][][]byte {
	b.Helper()
	nonces := make([]string, len(verifier.Sessions))
	answers := bufio.NewReader(verifier.connections[0])
	for i, s := range verifier.Sessions {
		if _, err := verifier.connections[0].Write(request("POST", "heartbeat", s.Cookie, "")); err != nil {
			b.Fatal(err)
		}
		answer, err := http.ReadResponse(answers, nil)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, answer.Body); err != nil {
			b.Fatal(err)
		}
		if nonces[i] = answer.Header.Get(wire.HeaderNonce); nonces[i] == "" {
			b.Fatalf("no nonce, but status %d", answer.StatusCode)
		}
	}
	all := make([][][]byte, laps)
	for lap := range all {
		for i, s := range verifier.Sessions {
			token := key.Token(b, proof.Claims{
				JTI: "4jX0v1m5Qv6cS8yJxK2n3w", HTM: http.MethodPost, HTU: "https://" + host + "/.curfew/heartbeat",
				IAT: time.Now().Unix(), Nonce: nonces[i],
				Heartbeat: &proof.Heartbeat{SID: s.SID, Seq: uint64(lap) + 1, Idle: int64(100 + lap), Age: 600_000},
			})
			all[lap] = append(all[lap], request("POST", "heartbeat", s.Cookie, token))
		}
	}
	return all
}
