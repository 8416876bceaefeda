package middleware

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/curfew-project/curfew/shared/wire"
)

// answers is a verifier that answers each question for endings at once.
type answers func(asked url.Values) wire.Endings

func (a answers) RoundTrip(request *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(request.Body)
	if err != nil {
		return nil, err
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, err
	}
	answer, err := json.Marshal(a(form))
	if err != nil {
		return nil, err
	}
	return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader(string(answer)))}, nil
}

// P8: Run never asks without a pause where it gets nowhere: behind a load balancer each verifier begins a feed of its own, and several that
// share a Redis have none.
func TestP8_RunPausesWhereItGetsNowhere(t *testing.T) {
	for name, verifiers := range map[string]struct {
		answer func(n int) wire.Endings
		alive  bool // afterwards it may use what it keeps
	}{
		"another verifier each time": {func(n int) wire.Endings { return wire.Endings{Feed: strconv.Itoa(n), Lost: true, Lease: 3000} }, true},
		"none has feeds":             {func(int) wire.Endings { return wire.Endings{Lost: true} }, false},
		"a feed without a lease":     {func(int) wire.Endings { return wire.Endings{Feed: "one", Next: 1} }, false},
	} {
		synctest.Test(t, func(t *testing.T) {
			asked := 0
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute-time.Millisecond)
			defer cancel()
			r, err := NewRemote(RemoteConfig{Verifier: "http://127.0.0.1:8480", Origin: "https://records.example", ID: "app", Secret: "secret", Now: time.Now,
				Client: &http.Client{Transport: answers(func(url.Values) wire.Endings {
					if asked++; asked == 100 {
						cancel() // it would never end
					}
					return verifiers.answer(asked)
				})}})
			if err != nil {
				t.Fatal(err)
			}
			followed, stop := r.cache.follow("session")
			defer stop()
			done := make(chan struct{})
			go func() { defer close(done); r.Run(ctx) }()
			time.Sleep(30 * time.Second)
			synctest.Wait()
			if got := r.cache.alive(); got != verifiers.alive {
				t.Errorf("%s: alive is %t", name, got)
			}
			<-done
			if asked < 55 || asked > 62 {
				t.Errorf("%s: asked %d times in a minute", name, asked)
			}
			if !verifiers.alive && len(followed.look) != 0 {
				t.Errorf("%s: whoever follows a session is to look although nothing was kept", name)
			}
		})
	}
}
