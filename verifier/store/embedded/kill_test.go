package embedded_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/curfew-project/curfew/verifier/session"
	"github.com/curfew-project/curfew/verifier/store/embedded"
)

// One worker of the load has sessions of its own, so that what it was told about a session is told in order.
const (
	workers  = 8
	perRound = 1 << 20 // numbers for a round's sessions
)

// playLoad opens the store, counts its sessions, and then creates, uses, changes and ends sessions until it is killed. It
// says what was acknowledged, one line each, and nothing that was not.
func playLoad(dir string) error {
	store, err := embedded.Open(context.Background(), filepath.Join(dir, "sessions.db"), embedded.Options{})
	if err != nil {
		return err
	}
	var base int
	if _, err := fmt.Fscan(os.Stdin, &base); err != nil {
		return err
	}
	failed := make(chan error)
	for worker := range workers {
		go func() { failed <- work(store, base+worker) }()
	}
	return <-failed
}

func work(store session.Store, first int) error {
	ctx := context.Background()
	say := func(kind string, n int, value uint64) error {
		_, err := fmt.Printf("%s %d %d %d\n", kind, n, value, time.Now().UnixMilli())
		return err
	}
	for n := first; ; n += workers {
		s := numbered(n)
		if err := store.Create(ctx, s, sealedOf(n, 0), start); err != nil {
			return err
		}
		if err := say("created", n, 0); err != nil {
			return err
		}
		at, fresh, err := store.Mark(ctx, markOf(n), start+1000, start+int64(n)%1000)
		if err == nil && (!fresh || at != start+int64(n)%1000) {
			err = fmt.Errorf("Mark of a fresh key: %d, %t", at, fresh)
		}
		if err == nil {
			err = say("marked", n, uint64(at))
		}
		for version := uint64(1); err == nil && version <= 3; version++ {
			if _, err = store.SetSecrets(ctx, s.ID, sealedOf(n, version), start); err == nil {
				err = say("sealed", n, version)
			}
		}
		if err != nil {
			return err
		}
		for range 40 {
			for old := n; old >= first && old > n-20*workers; old -= workers { // those that have ended are left alone
				got, _, err := store.Update(ctx, numbered(old).ID, start+1, acting(start+1))
				if errors.Is(err, session.ErrEnded) {
					continue
				}
				if err == nil {
					err = say("active", old, got.Seq)
				}
				if err != nil {
					return err
				}
			}
		}
		got, _, err := store.Update(ctx, s.ID, start, func(s session.Session) (session.Session, error) {
			s.State.Settings.SessionTimeout = time.Hour
			s.Check.At, s.Check.Next, s.State.CheckBy = start+1000, 0, start+2000
			s.Check.Bypassed, s.Check.Stay = true, true
			s.Provider = "moved " + s.Provider
			return s, nil
		})
		if err == nil {
			err = say("changed", n, uint64(got.State.Settings.SessionTimeout.Minutes()))
		}
		if err == nil && n%3 == 0 {
			at := start + int64(n)%1000 + 1
			if _, _, err = store.Update(ctx, s.ID, at, ending(at)); err == nil {
				err = say("ended", n, uint64(at))
			}
		}
		if err != nil {
			return err
		}
	}
}

func markOf(n int) session.Key { return session.NewKey(subject(n)) }

// sealedOf are the secrets that a session gets, one version after the other, each too long for one page.
func sealedOf(n int, version uint64) session.Sealed {
	return session.Sealed(strings.Repeat(fmt.Sprintf("%s/%d ", subject(n), version), 300))
}

func sealedVersion(n int, secrets session.Sealed) (version uint64, ok bool) {
	for version := range uint64(4) {
		if secrets == sealedOf(n, version) {
			return version, true
		}
	}
	return 0, false
}

// told is what one round's process acknowledged.
type told struct {
	kind   string
	number int
	value  uint64
	at     int64 // milliseconds, by the clock that the parent has too
}

func TestP7_NothingAcknowledgedIsLostToKill9(t *testing.T) {
	const rounds = 10
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	dir := t.TempDir()
	proved := map[string]int{}
	for round := range rounds {
		atLeast := time.Duration(0)
		if round%2 == 1 {
			atLeast = 1300 * time.Millisecond // long enough for activity to be older than a second
		}
		lines, killed := loadAndKill(t, dir, round, random.IntN(3000), atLeast)
		verify(t, dir, lines, killed, proved)
		if t.Failed() {
			t.Fatalf("round %d, killed after %d acknowledgements", round, len(lines))
		}
	}
	t.Logf("found again: %v", proved)
	for _, kind := range []string{"created", "marked", "sealed", "active", "changed", "ended"} {
		if proved[kind] == 0 {
			t.Errorf("no acknowledgement of kind %q was old enough to be tested", kind)
		}
	}
}

// loadAndKill kills the process once it has acknowledged so much, and for so long.
func loadAndKill(t *testing.T, dir string, round, enough int, atLeast time.Duration) (lines []told, killed int64) {
	command := child(t, "load", dir)
	command.Stderr = os.Stderr
	in, err := command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	fmt.Fprintln(in, round*perRound)
	var all sync.WaitGroup
	defer all.Wait()
	scanner := bufio.NewScanner(out)
	for scanner.Scan() {
		var line told
		if _, err := fmt.Sscan(scanner.Text(), &line.kind, &line.number, &line.value, &line.at); err != nil {
			break // the last line, cut short
		}
		lines = append(lines, line)
		if killed == 0 && len(lines) > enough && line.at-lines[0].at >= atLeast.Milliseconds() {
			killed = time.Now().UnixMilli()
			if err := command.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	io.Copy(io.Discard, out)
	err = command.Wait()
	if killed == 0 {
		t.Fatalf("the process ended by itself: %v", err)
	}
	return lines, killed
}

func verify(t *testing.T, dir string, lines []told, killed int64, proved map[string]int) {
	store := open(t, dir)
	defer func() {
		if err := store.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	}()
	for _, line := range lines {
		want := numbered(line.number)
		got, ok, err := store.Get(t.Context(), want.ID, start)
		if err != nil || !ok || got.User != want.User {
			t.Errorf("%s session %d is gone: %+v, %t, %v", line.kind, line.number, got, ok, err)
			return
		}
		switch line.kind {
		case "created":
			secrets, _, err := store.Secrets(t.Context(), want.ID, start)
			if _, ok := sealedVersion(line.number, secrets); err != nil || !ok {
				t.Errorf("session %d lost its secrets: %.40q, %v", line.number, secrets, err)
			}
			if !listed(t, store, got) {
				t.Errorf("session %d is not found under its provider's session ID %q", line.number, got.Provider)
			}
		case "marked":
			at, ok, err := store.Marked(t.Context(), markOf(line.number), start+999)
			if at != int64(line.value) || !ok || err != nil {
				t.Errorf("mark %d is lost: %d, %t, %v; want %d", line.number, at, ok, err, line.value)
			}
		case "sealed":
			secrets, _, err := store.Secrets(t.Context(), want.ID, start)
			if version, ok := sealedVersion(line.number, secrets); err != nil || !ok || version < line.value {
				t.Errorf("session %d has version %d of its secrets, %t, %v; want %d or a later one", line.number, version, ok, err, line.value)
			}
		case "active":
			if line.at > killed-1000 {
				continue
			}
			if got.Seq < line.value {
				t.Errorf("session %d is at sequence number %d; %d was acknowledged %d ms before the kill", line.number, got.Seq, line.value, killed-line.at)
			}
		case "changed":
			if got.State.Settings.SessionTimeout != time.Hour {
				t.Errorf("session %d lost its settings: %+v", line.number, got.State.Settings)
			}
			if got.Check != (session.Check{At: start + 1000, Bypassed: true, Stay: true}) || got.State.CheckBy != start+2000 {
				t.Errorf("session %d lost its policy check: %+v, by %d", line.number, got.Check, got.State.CheckBy)
			}
			if got.Provider != "moved "+want.Provider {
				t.Errorf("session %d lost its provider session ID: %q", line.number, got.Provider)
			}
		case "ended":
			last, err := store.LastEnd(t.Context(), want.User, start)
			if got.State.EndedAt != int64(line.value) || err != nil || last != int64(line.value) {
				t.Errorf("session %d ended at %d; now it says %d, and its user's last end %d, %v", line.number, line.value, got.State.EndedAt, last, err)
			}
		}
		proved[line.kind]++
	}
}

// listed reports whether a session is found by its provider's session ID.
func listed(t *testing.T, store session.Store, s session.Session) bool {
	found, err := store.ByProvider(t.Context(), s.User.Environment, s.User.Issuer, s.Provider, start)
	return err == nil && slices.Contains(found, s)
}
