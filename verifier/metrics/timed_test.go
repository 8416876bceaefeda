package metrics_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/curfew-project/curfew/verifier/metrics"
)

// clocked are metrics on a clock that moves with sleep alone.
func clocked() (m *metrics.Metrics, sleep func(time.Duration)) {
	now := time.UnixMilli(1_800_000_000_000)
	return metrics.New(func() time.Time { return now }), func(d time.Duration) { now = now.Add(d) }
}

func TestC6_Latency(t *testing.T) {
	for name, test := range map[string]struct {
		answer func(w http.ResponseWriter)
		status string
	}{
		"nothing said":    {func(http.ResponseWriter) {}, "ok"},
		"a body alone":    {func(w http.ResponseWriter) { io.WriteString(w, "x") }, "ok"},
		"204":             {func(w http.ResponseWriter) { w.WriteHeader(204) }, "ok"},
		"a redirect":      {func(w http.ResponseWriter) { w.WriteHeader(303) }, "ok"},
		"401":             {func(w http.ResponseWriter) { w.WriteHeader(401) }, "refused"},
		"499":             {func(w http.ResponseWriter) { w.WriteHeader(499) }, "refused"},
		"500":             {func(w http.ResponseWriter) { w.WriteHeader(500) }, "error"},
		"503":             {func(w http.ResponseWriter) { w.WriteHeader(503) }, "error"},
		"hints, then 403": {func(w http.ResponseWriter) { w.WriteHeader(103); w.WriteHeader(403) }, "refused"},
		"twice":           {func(w http.ResponseWriter) { w.WriteHeader(200); w.WriteHeader(500) }, "ok"},
		"a body, then 500": {func(w http.ResponseWriter) {
			io.WriteString(w, "x")
			w.WriteHeader(500)
		}, "ok"},
	} {
		t.Run(name, func(t *testing.T) {
			m, sleep := clocked()
			handler := m.Timed(metrics.Check, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				sleep(3 * time.Millisecond)
				test.answer(w)
			}))
			for range 2 { // the second takes the first one's writer
				w := httptest.NewRecorder()
				handler.ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
			}
			for _, status := range []string{"ok", "refused", "error"} {
				count, sum := "0", "0"
				if status == test.status {
					count, sum = "2", "0.006"
				}
				labels := `{endpoint="check",status="` + status + `"}`
				shows(t, m, map[string]string{
					"curfew_request_duration_seconds_count" + labels: count, "curfew_request_duration_seconds_sum" + labels: sum,
					`curfew_request_duration_seconds_bucket{endpoint="check",status="` + status + `",le="0.0025"}`: "0",
					`curfew_request_duration_seconds_bucket{endpoint="check",status="` + status + `",le="0.005"}`:  count,
				})
			}
		})
	}
}

// Endpoints have their series before anybody asks them, and others when they are timed.
func TestC6_LatencyBeginsAtZero(t *testing.T) {
	m, _ := clocked()
	m.Timed("other", http.NotFoundHandler())
	for _, endpoint := range []string{metrics.Heartbeat, metrics.Check, metrics.Callback, "other"} {
		for _, status := range []string{"ok", "refused", "error"} {
			shows(t, m, map[string]string{`curfew_request_duration_seconds_count{endpoint="` + endpoint + `",status="` + status + `"}`: "0"})
		}
	}
}

func TestC6_APanicIsAnError(t *testing.T) {
	m, sleep := clocked()
	broken := true
	handler := m.Timed(metrics.Heartbeat, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		sleep(time.Second)
		if broken {
			w.WriteHeader(200)
			panic(http.ErrAbortHandler)
		}
	}))
	func() {
		defer func() {
			if recover() != http.ErrAbortHandler {
				t.Error("the panic did not reach the server")
			}
		}()
		handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil))
	}()
	broken = false
	handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil))
	shows(t, m, map[string]string{
		`curfew_request_duration_seconds_sum{endpoint="heartbeat",status="error"}`: "1",
		`curfew_request_duration_seconds_sum{endpoint="heartbeat",status="ok"}`:    "1",
	})
}

// The answer is the handler's own, and the server's writer can still do all it can.
func TestC6_TimingChangesNoAnswer(t *testing.T) {
	m, _ := clocked()
	reached := make(chan bool, 1)
	server := httptest.NewServer(m.Timed(metrics.Check, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Own", "yes")
		w.WriteHeader(http.StatusTeapot)
		io.WriteString(w, "first,")
		control := http.NewResponseController(w)
		if err := errors.Join(control.SetWriteDeadline(time.Time{}), control.Flush()); err != nil {
			t.Errorf("the response controller: %v", err)
			return
		}
		<-reached
		io.WriteString(w, "second")
	})))
	defer server.Close()
	answer, err := http.Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	first := make([]byte, 6)
	if _, err := io.ReadFull(answer.Body, first); err != nil || string(first) != "first," {
		t.Fatalf("%q, %v; want what was flushed", first, err)
	}
	reached <- true
	rest, err := io.ReadAll(answer.Body)
	if err != nil || string(rest) != "second" || answer.StatusCode != http.StatusTeapot || answer.Header.Get("X-Own") != "yes" {
		t.Errorf("%d, %v, %q, %v", answer.StatusCode, answer.Header, rest, err)
	}
}

func TestC6_ManyAnswersAtOnce(t *testing.T) {
	m := of()
	handler := m.Timed(metrics.Check, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == "POST" {
			w.WriteHeader(401)
		}
	}))
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for range 200 {
				handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest([]string{"GET", "POST"}[i%2], "/", nil))
			}
		})
	}
	all.Wait()
	shows(t, m, map[string]string{
		`curfew_request_duration_seconds_count{endpoint="check",status="ok"}`:      "800",
		`curfew_request_duration_seconds_count{endpoint="check",status="refused"}`: "800",
	})
}

// Without a clock nothing is measured, and nothing stands in the way.
func TestC6_WithoutAClock(t *testing.T) {
	m := metrics.New(nil)
	m.ConfigLoaded(true)
	m.Timed(metrics.Check, http.NotFoundHandler()).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil))
	shows(t, m, map[string]string{
		`curfew_request_duration_seconds_count{endpoint="check",status="refused"}`: "0",
		`curfew_config_last_load_timestamp_seconds`:                                "0",
		`curfew_config_loads_total{outcome="loaded"}`:                              "1",
	})
}

// bare is a ResponseWriter that costs nothing.
type bare struct{ header http.Header }

func (b bare) Header() http.Header         { return b.header }
func (b bare) Write(p []byte) (int, error) { return len(p), nil }
func (b bare) WriteHeader(int)             {}

var noContent = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusNoContent) })

// The check of every request of every application goes through here.
func TestC6_TimingAllocatesNothing(t *testing.T) {
	handler := metrics.New(time.Now).Timed(metrics.Check, noContent)
	var w http.ResponseWriter = bare{http.Header{}}
	r := httptest.NewRequest("GET", "/", nil)
	// The race detector makes a pool forget some of what it is given; the average is rounded down.
	if allocated := testing.AllocsPerRun(1000, func() { handler.ServeHTTP(w, r) }); allocated != 0 {
		t.Errorf("timing one answer allocates %v times", allocated)
	}
}

func BenchmarkTimed(b *testing.B) {
	var w http.ResponseWriter = bare{http.Header{}}
	r := httptest.NewRequest("GET", "/", nil)
	for _, one := range []struct {
		name    string
		handler http.Handler
	}{{"Bare", noContent}, {"Timed", metrics.New(time.Now).Timed(metrics.Check, noContent)}} {
		b.Run(one.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				one.handler.ServeHTTP(w, r)
			}
		})
	}
}
