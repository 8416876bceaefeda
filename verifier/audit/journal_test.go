package audit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// running starts a journal before a store. stop ends its context and gives Run's error.
func running(t *testing.T, store Store, o JournalOptions) (j *Journal, stop func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	j = NewJournal(store, o)
	done := make(chan error, 1)
	go func() { done <- j.Run(ctx) }()
	return j, func() error { cancel(); return <-done }
}

func noted(n int) Event { return Event{At: int64(n), Kind: SignIn, Detail: fmt.Sprint(n)} }

func TestC5_JournalWritesTogetherWhatCameTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &memory{}
		j, stop := running(t, m, JournalOptions{})
		for n := range 3 {
			j.Record(noted(n))
			time.Sleep(GatherFor / 4)
		}
		synctest.Wait()
		if got := m.details(); got != "" {
			t.Errorf("%q was written at once; want it to wait for more", got)
		}
		time.Sleep(GatherFor / 4)
		synctest.Wait()
		if got := m.details(); got != "0 1 2" || len(m.batches) != 1 {
			t.Errorf("%q was written in %d batches %s after the first; want all in one", got, len(m.batches), GatherFor)
		}
		j.Record(noted(3))
		time.Sleep(GatherFor)
		synctest.Wait()
		if got := m.details(); got != "0 1 2 3" {
			t.Errorf("%q was written; want the later one too", got)
		}
		if err := stop(); err != nil {
			t.Errorf("Run: %v", err)
		}
	})
}

func TestC5_FlushMakesDurable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &memory{slow: time.Second}
		j, stop := running(t, m, JournalOptions{})
		begun := time.Now()
		if err := j.Flush(t.Context()); err != nil || time.Since(begun) != 0 {
			t.Errorf("Flush of nothing: %v after %s", err, time.Since(begun))
		}
		for n := range portion + 1 {
			j.Record(noted(n))
		}
		if err := j.Flush(t.Context()); err != nil || len(m.entries) != portion+1 || time.Since(begun) != 2*time.Second {
			t.Errorf("Flush: %v with %d entries after %s; want %d as soon as they can be written", err, len(m.entries), time.Since(begun), portion+1)
		}
		var all sync.WaitGroup
		for n := range 20 {
			all.Go(func() {
				j.Record(noted(n))
				if err := j.Flush(t.Context()); err != nil || !strings.Contains(m.details()+" ", fmt.Sprintf(" %d ", n)) {
					t.Errorf("Flush: %v; the store does not have event %d", err, n)
				}
			})
		}
		all.Wait()
		m.fail(errFull)
		j.Record(noted(99))
		short, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		if err := j.Flush(short); !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, errFull) {
			t.Errorf("Flush to a full disk: %v; want the context's error and the store's", err)
		}
		m.fail(nil)
		if err := stop(); err != nil {
			t.Errorf("Run: %v", err)
		}
		if err := j.Flush(t.Context()); err != nil {
			t.Errorf("Flush when everything was written: %v", err)
		}
	})
}

func TestC5_JournalTriesAgainInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &memory{failure: errFull}
		var log bytes.Buffer
		j, stop := running(t, m, JournalOptions{Log: slog.New(slog.NewTextHandler(&log, nil))})
		var want []string
		for n := range 600 { // a minute
			j.Record(noted(n))
			want = append(want, fmt.Sprint(n))
			time.Sleep(100 * time.Millisecond)
		}
		synctest.Wait()
		if m.tries < 12 || m.tries > 25 || len(m.entries) != 0 {
			t.Errorf("%d tries in a minute; want them further and further apart, up to %s", m.tries, lastRetry)
		}
		if err := j.Ready(); !errors.Is(err, errFull) {
			t.Errorf("Ready: %v; want the store's error", err)
		}
		m.fail(nil)
		time.Sleep(lastRetry)
		synctest.Wait()
		if got := m.details(); got != strings.Join(want, " ") {
			t.Errorf("after the store's failure it has\n%s\nwant all, once each, in order", got)
		}
		if err := j.Ready(); err != nil {
			t.Errorf("Ready: %v", err)
		}
		if err := stop(); err != nil {
			t.Errorf("Run: %v", err)
		}
		if lines := strings.Split(strings.TrimSpace(log.String()), "\n"); len(lines) != 2 || !strings.Contains(lines[0], "audit_write_failed") || !strings.Contains(lines[1], "audit_written_again") {
			t.Errorf("the log is\n%s\nwant the failure and the recovery, once each", log.String())
		}
	})
}

func TestC5_JournalSaysWhatItLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &memory{failure: errFull}
		var dropped atomic.Int64
		j, stop := running(t, m, JournalOptions{Capacity: 10, Dropped: func(n int) { dropped.Add(int64(n)) }})
		for n := range 17 {
			j.Record(noted(n))
			if n == 4 {
				time.Sleep(2 * GatherFor) // the first ones are on their way when the rest comes
			}
		}
		if dropped.Load() != 7 {
			t.Errorf("%d were dropped; want 7", dropped.Load())
		}
		m.fail(nil)
		if err := j.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		want := "0 1 2 3 4 5 6 7 8 9 7 entries could not be kept"
		if got := m.details(); got != want {
			t.Errorf("the store has %q; want %q", got, want)
		}
		lost := m.entries[10].Event
		if lost.Kind != Lost || lost.At != 16 {
			t.Errorf("the entry is %+v; want it to be of kind lost, at the time of the last that was", lost)
		}
		j.Record(noted(17))
		if err := stop(); err != nil {
			t.Errorf("Run: %v", err)
		}
		if got := m.details(); got != want+" 17" {
			t.Errorf("the store has %q; want the gap to be told once", got)
		}
	})
}

// A gap is told where it is, between what was before and what was after.
func TestC5_JournalTellsTheGapInItsPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &memory{slow: time.Second}
		j, stop := running(t, m, JournalOptions{Capacity: 4})
		for n := range 3 {
			j.Record(noted(n))
		}
		time.Sleep(GatherFor + time.Second/2) // these are being written
		for n := range 3 {
			j.Record(noted(3 + n))
		}
		time.Sleep(time.Second/2 + GatherFor/2) // these are written, and those wait for more
		j.Record(noted(6))
		if err := stop(); err != nil {
			t.Errorf("Run: %v", err)
		}
		if got, want := m.details(), "0 1 2 3 2 entries could not be kept 6"; got != want {
			t.Errorf("the store has %q; want %q", got, want)
		}
	})
}

func TestC5_JournalsMemoryIsBounded(t *testing.T) {
	m := &memory{}
	dropped := 0
	j := NewJournal(m, JournalOptions{Capacity: 1000, Dropped: func(n int) { dropped += n }})
	for range 1000 {
		j.Record(Event{Kind: Refused, Detail: strings.Repeat("x", 10*MaxDetail)})
	}
	if size := j.queue.bytes; size > 1000*perEvent+2*MaxDetail || size < 1000*perEvent || dropped < 900 {
		t.Errorf("%d bytes wait and %d events were dropped; want up to %d bytes", size, dropped, 1000*perEvent+MaxDetail)
	}
}

func TestC5_JournalRefusesWhatNoChainCanHave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &memory{}
		dropped := 0
		var forwarded bytes.Buffer
		j, stop := running(t, m, JournalOptions{Dropped: func(n int) { dropped += n }, Forward: &forwarded})
		j.Record(Event{Kind: "nonsense"})
		j.Record(TrimEvent(1, Link{1, Hash{}}, 1, "eve"))
		j.Record(noted(1))
		if err := stop(); err != nil || m.details() != "1" || dropped != 2 || strings.Count(forwarded.String(), "\n") != 1 {
			t.Errorf("Run: %v; the store has %q, %d dropped, %q forwarded", err, m.details(), dropped, forwarded.String())
		}
	})
}

func TestC5_JournalEndsInTime(t *testing.T) {
	for name, store := range map[string]*memory{"failing": {failure: errFull}, "hanging": {slow: time.Hour}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				dropped := 0
				j, stop := running(t, store, JournalOptions{Grace: 2 * time.Second, Dropped: func(n int) { dropped += n }})
				for n := range 3 {
					j.Record(noted(n))
				}
				time.Sleep(time.Minute)
				j.Record(noted(3))
				begun := time.Now()
				err := stop()
				if took := time.Since(begun); err == nil || !strings.Contains(err.Error(), "4 events") || took != 2*time.Second || dropped != 4 {
					t.Errorf("Run: %v after %s, %d dropped; want an error that says 4 after 2s", err, took, dropped)
				}
				if tries := store.tries; name == "failing" && (tries < 20 || tries > 60) {
					t.Errorf("%d tries", tries)
				}
				j.Record(noted(4))
				if err := j.Flush(t.Context()); !errors.Is(err, ErrStopped) || dropped != 5 {
					t.Errorf("Flush: %v, %d dropped; want ErrStopped and 5", err, dropped)
				}
			})
		})
	}
}

func TestC5_JournalWritesTheRestWhenItEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &memory{failure: errFull}
		j, stop := running(t, m, JournalOptions{})
		for n := range 2*portion + 1 {
			j.Record(noted(n))
		}
		time.Sleep(time.Minute)
		time.AfterFunc(3*time.Second, func() { m.fail(nil) })
		begun := time.Now()
		if err := stop(); err != nil || len(m.entries) != 2*portion+1 {
			t.Errorf("Run: %v with %d entries", err, len(m.entries))
		}
		if took := time.Since(begun); took > 4*time.Second {
			t.Errorf("the end took %s; want it soon after the store works again", took)
		}
	})
}

// blocked takes nothing until it is opened.
type blocked struct {
	open  chan struct{}
	lines bytes.Buffer
}

func (b *blocked) Write(text []byte) (int, error) {
	<-b.open
	return b.lines.Write(text)
}

func TestC5_ForwardHoldsUpNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &memory{failure: errFull}
		to := &blocked{open: make(chan struct{})}
		var log bytes.Buffer
		j, stop := running(t, m, JournalOptions{Forward: to, Log: slog.New(slog.NewTextHandler(&log, nil))})
		j.Record(noted(0))
		j.Forwarded(noted(1))
		synctest.Wait()
		long := strings.Repeat("x", MaxDetail)
		for range 2 * forwardRoom / MaxDetail {
			j.Forwarded(Event{Kind: Refused, Detail: long})
		}
		m.fail(nil)
		if err := j.Flush(t.Context()); err != nil || m.details() != "0" {
			t.Errorf("Flush: %v; the store has %q", err, m.details())
		}
		close(to.open)
		if err := stop(); err != nil {
			t.Errorf("Run: %v", err)
		}
		lines := strings.Split(to.lines.String(), "\n")
		if lines[0] != `{"at":0,"kind":"sign_in","detail":"0"}` || lines[1] != `{"at":1,"kind":"sign_in","detail":"1"}` {
			t.Errorf("forwarded were %q", lines[:2])
		}
		if got := len(lines) - 3; got < forwardRoom/MaxDetail*9/10 || got > forwardRoom/MaxDetail {
			t.Errorf("%d long lines were forwarded; want about %d", got, forwardRoom/MaxDetail)
		}
		if !strings.Contains(log.String(), "audit_forward_slow") {
			t.Errorf("the log does not say that lines were left out:\n%s", log.String())
		}
	})
}

// A reader of the lines that never comes back delays the end by Grace at most.
func TestC5_ForwardThatHangsEndsInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		to := &blocked{open: make(chan struct{})}
		j, stop := running(t, &memory{}, JournalOptions{Forward: to})
		j.Record(noted(0))
		begun := time.Now()
		if err := stop(); err != nil || time.Since(begun) != DefaultGrace {
			t.Errorf("Run: %v after %s; want it to end after %s", err, time.Since(begun), DefaultGrace)
		}
		close(to.open)
	})
}

type failing struct {
	bytes.Buffer
	err error
}

func (f *failing) Write(text []byte) (int, error) {
	if f.err != nil {
		return 0, f.err
	}
	return f.Buffer.Write(text)
}

func TestC5_ForwardThatFailsIsSaidOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		to := &failing{err: errFull}
		var log bytes.Buffer
		j, stop := running(t, &memory{}, JournalOptions{Forward: to, Log: slog.New(slog.NewTextHandler(&log, nil))})
		for n := range 3 {
			j.Record(noted(n))
		}
		synctest.Wait()
		to.err = nil
		j.Record(noted(3))
		j.Record(noted(4))
		if err := stop(); err != nil || strings.Count(to.String(), "\n") != 2 || strings.Count(log.String(), "\n") != 2 {
			t.Errorf("Run: %v; forwarded\n%s\nthe log is\n%s", err, to.String(), log.String())
		}
	})
}

func TestC5_JournalTakesEventsFromEverywhere(t *testing.T) {
	m := &memory{}
	j, stop := running(t, m, JournalOptions{})
	const workers, each = 8, 2000
	var all sync.WaitGroup
	for worker := range workers {
		all.Go(func() {
			for n := range each {
				j.Record(Event{At: int64(worker), Kind: SignIn, Detail: fmt.Sprint(n)})
			}
		})
	}
	all.Wait()
	if err := stop(); err != nil {
		t.Fatalf("Run: %v", err)
	}
	next := make([]int, workers)
	for _, e := range m.entries {
		if e.Detail != fmt.Sprint(next[e.At]) {
			t.Fatalf("worker %d: %s came after %d; want the order in which they were recorded", e.At, e.Detail, next[e.At])
		}
		next[e.At]++
	}
	if len(m.entries) != workers*each {
		t.Errorf("%d entries; want %d", len(m.entries), workers*each)
	}
}
