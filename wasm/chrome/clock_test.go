package chrome_test

import (
	"math"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/curfew-project/curfew/wasm/chrome"
)

// clocks reads the wall clock and the monotonic one in the page and the wall clock in a worker, in milliseconds.
const clocks = `new Promise((done) => {
	const worker = new Worker("/worker.js");
	worker.onmessage = (event) => done([Date.now(), performance.now(), event.data]);
})`

// A13's clock: pages, workers, new processes and the keeper of cookies see the wall clock move, both ways; monotonic time does not move with it.
func TestShiftedClock(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/worker.js" {
			w.Header().Set("Content-Type", "text/javascript")
			_, _ = w.Write([]byte(`postMessage(Date.now())`))
			return
		}
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte(`<!doctype html><title>clock</title>`))
	}))
	defer server.Close()
	clock := chrome.ShiftedClock(t)
	browser := chrome.New(t, clock.Option())
	tab := chrome.Tab(t, browser)
	chrome.Go(t, tab, server.URL)
	chrome.Eval[any](t, tab, `void (document.cookie = "hour=1; max-age=3600", document.cookie = "day=1; max-age=86400")`)

	// within says whether a wall clock, in milliseconds, is the real one between two moments, moved.
	within := func(name string, got float64, from, to time.Time) {
		t.Helper()
		at := time.UnixMicro(int64(got * 1000)).Add(-clock.Moved())
		if at.Before(from.Add(-2*time.Millisecond)) || at.After(to.Add(2*time.Millisecond)) {
			t.Errorf("moved by %s, %s is %s too late", clock.Moved(), name, at.Sub(to))
		}
	}
	began, beganAt := time.Now(), chrome.Eval[float64](t, tab, `performance.now()`)
	for _, c := range []struct {
		by      time.Duration
		cookies string
	}{
		{0, "hour=1; day=1"},
		{2*time.Hour + 999900*time.Microsecond, "day=1"}, // almost always carries a second
		{-1500 * time.Millisecond, "day=1"},
		{-5*time.Hour - 1499800*time.Microsecond, "day=1"}, // almost always borrows one
		{48 * time.Hour, ""},
	} {
		clock.Shift(t, c.by)
		from := time.Now()
		got := chrome.Eval[[3]float64](t, tab, clocks)
		to := time.Now()
		within("Date.now in the page", got[0], from, to)
		within("Date.now in a worker", got[2], from, to)
		if off := got[1] - beganAt - float64(to.Sub(began).Milliseconds()); math.Abs(off) > 10_000 {
			t.Errorf("moved by %s, performance.now is off by %v ms", clock.Moved(), off)
		}
		fresh := chrome.Tab(t, browser)
		chrome.Go(t, fresh, server.URL)
		from = time.Now()
		now := chrome.Eval[float64](t, fresh, `Date.now()`)
		within("Date.now in a new tab", now, from, time.Now())
		if got := chrome.Eval[string](t, tab, `document.cookie`); got != c.cookies {
			t.Errorf("moved by %s: the cookies are %q, want %q", clock.Moved(), got, c.cookies)
		}
	}
}
