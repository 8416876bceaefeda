package chrome_test

import (
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

	near := func(name string, got float64, want time.Duration) {
		t.Helper()
		if off := time.Duration(got*float64(time.Millisecond)) - want; off.Abs() > 10*time.Second {
			t.Errorf("%s is off by %s", name, off)
		}
	}
	begin := chrome.Eval[[3]float64](t, tab, clocks)
	for _, c := range []struct {
		by      time.Duration
		cookies string
	}{
		{0, "hour=1; day=1"},
		{2 * time.Hour, "day=1"},
		{-1500 * time.Millisecond, "day=1"},
		{-5 * time.Hour, "day=1"},
		{48 * time.Hour, ""},
	} {
		clock.Shift(t, c.by)
		got := chrome.Eval[[3]float64](t, tab, clocks)
		near("Date.now in the page", got[0]-begin[0], clock.Moved())
		near("Date.now in a worker", got[2]-begin[2], clock.Moved())
		near("performance.now", got[1]-begin[1], 0)
		fresh := chrome.Tab(t, browser)
		chrome.Go(t, fresh, server.URL)
		near("Date.now in a new tab", chrome.Eval[float64](t, fresh, `Date.now()`), time.Duration(time.Now().UnixNano())+clock.Moved())
		if got := chrome.Eval[string](t, tab, `document.cookie`); got != c.cookies {
			t.Errorf("moved by %s: the cookies are %q, want %q", clock.Moved(), got, c.cookies)
		}
	}
}
