package metrics

import (
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// The endpoints that have latencies before anybody asks them.
const (
	Heartbeat = "heartbeat"
	Check     = "check"
	Callback  = "callback" // the end of a sign-in, with the provider's part in it
)

// buckets reach from a check, some 20 microseconds, to a provider that is about to be given up.
var buckets = []float64{.00005, .0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}

// The statuses of an answer.
const (
	isOK = iota
	isRefused
	isError
	statuses
)

var statusNames = [statuses]string{isOK: "ok", isRefused: "refused", isError: "error"}

func (m *Metrics) observers(endpoint string) (all [statuses]prometheus.Observer) {
	for i, name := range statusNames {
		all[i] = m.requests.WithLabelValues(endpoint, name)
	}
	return all
}

// Timed measures how long an endpoint takes to answer. It costs two readings of the clock and allocates nothing. The handler must not
// keep its ResponseWriter. Without a clock it is next itself.
func (m *Metrics) Timed(endpoint string, next http.Handler) http.Handler {
	if m.now == nil {
		return next
	}
	return &timed{next: next, now: m.now, took: m.observers(endpoint)}
}

type timed struct {
	next    http.Handler
	now     func() time.Time
	took    [statuses]prometheus.Observer
	writers sync.Pool // of *writer
}

func (t *timed) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	began := t.now()
	seen, _ := t.writers.Get().(*writer)
	if seen == nil {
		seen = &writer{}
	}
	seen.ResponseWriter, seen.status = w, 0
	answered := false
	defer func() { // a handler that panics has not answered, and that is an error
		class := isError
		if answered {
			class = classOf(seen.status)
		}
		t.took[class].Observe(t.now().Sub(began).Seconds())
		seen.ResponseWriter = nil
		t.writers.Put(seen)
	}()
	t.next.ServeHTTP(seen, r)
	answered = true
}

func classOf(status int) int {
	switch {
	case status < 400:
		return isOK
	case status < 500:
		return isRefused
	}
	return isError
}

// writer notes the status of an answer. http.ResponseController finds through it what the real one can do besides.
type writer struct {
	http.ResponseWriter
	status int // 0 until the answer begins, and then 200 where the handler says none
}

func (w *writer) WriteHeader(status int) {
	if w.status == 0 && (status >= 200 || status == http.StatusSwitchingProtocols) { // others are informational, and more come
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *writer) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(b)
}

// Unwrap is for http.ResponseController.
func (w *writer) Unwrap() http.ResponseWriter { return w.ResponseWriter }
