package api_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/curfew-project/curfew/shared/policy"
	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/verifier/api"
	"github.com/curfew-project/curfew/verifier/engine"
	"github.com/curfew-project/curfew/verifier/keyring"
	"github.com/curfew-project/curfew/verifier/session"
	"github.com/curfew-project/curfew/verifier/settings"
	"github.com/curfew-project/curfew/verifier/store/embedded"
)

var records = settings.Environment{ID: "records", Origin: "https://records.example",
	Settings: policy.Defaults().Capped(policy.Cap), Check: settings.PolicyCheck{Bypass: true, Cap: policy.Cap}}

// site is the API over a real engine, in a bubble of virtual time.
type site struct {
	*engine.Engine
	http.Handler
	live   *settings.Live
	cookie string
}

func newSite(t *testing.T) *site {
	t.Helper()
	store, err := embedded.Open(context.Background(), filepath.Join(t.TempDir(), "sessions.db"), embedded.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	ring, err := keyring.New(bytes.Repeat([]byte{7}, keyring.SecretSize))
	if err != nil {
		t.Fatal(err)
	}
	e, err := engine.New(engine.Config{Store: store, Ring: ring, Now: time.Now, Random: rand.Reader, Renewal: policy.MaxCookieRenewal})
	if err != nil {
		t.Fatal(err)
	}
	live := settings.NewLive(records)
	where := api.NewSite("/.curfew/", live, e.RecordRefusal)
	mux := http.NewServeMux()
	api.New(e, where).Register(mux, nil)
	s := &site{Engine: e, Handler: mux, live: live}
	_, s.cookie, err = e.Begin(t.Context(), records, engine.SignIn{
		Who: session.Identity{Issuer: "https://login.example", Subject: "amara", Provider: "one", AuthTime: time.Now().Unix()},
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// end ends amara's session by the provider's word.
func (s *site) end(t *testing.T) {
	t.Helper()
	n, err := s.EndByProvider(context.Background(), records, engine.ProviderLogout{
		Issuer: "https://login.example", SID: "one", JTI: "token", Until: time.Now().Add(time.Minute).UnixMilli(),
	})
	if n != 1 || err != nil {
		t.Fatalf("%d sessions ended, %v", n, err)
	}
}

// listener is a browser's end of a stream.
type listener struct {
	done chan struct{}
	stop context.CancelFunc

	mu     sync.Mutex
	answer *httptest.ResponseRecorder
	sent   http.Header // as it was when the status was
}

func (l *listener) Header() http.Header { return l.answer.Header() }
func (l *listener) Flush()              {}

func (l *listener) WriteHeader(status int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.answer.WriteHeader(status)
	l.sent = l.answer.Header().Clone()
}

func (l *listener) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.answer.Write(p)
}

func (l *listener) heard() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.answer.Body.String()
}

func (l *listener) header() http.Header {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.sent
}

func (l *listener) status() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.answer.Code
}

func (l *listener) open() bool {
	select {
	case <-l.done:
		return false
	default:
		return true
	}
}

func (s *site) listen(t *testing.T, cookie string) *listener {
	ctx, cancel := context.WithCancel(t.Context())
	l := &listener{answer: httptest.NewRecorder(), done: make(chan struct{}), stop: cancel}
	r := httptest.NewRequestWithContext(ctx, http.MethodGet, "https://records.example/.curfew/events", nil)
	r.AddCookie(&http.Cookie{Name: "__Host-curfew", Value: cookie})
	go func() {
		defer close(l.done)
		s.ServeHTTP(l, r)
	}()
	synctest.Wait()
	return l
}

// B4 B5: a page that listens hears of the end when it happens, and the stream is over then.
func TestB4_EventsTellOfTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t)
		first, second := s.listen(t, s.cookie), s.listen(t, s.cookie)
		if got := first.heard(); !strings.HasPrefix(got, "retry: ") || strings.Contains(got, "event") {
			t.Errorf("before the end: %q", got)
		}
		if h := first.header(); h.Get("Content-Type") != "text/event-stream" || h.Get("Cache-Control") != "no-store" {
			t.Errorf("headers %v", h)
		}
		time.Sleep(6 * time.Minute)
		synctest.Wait()
		if n := strings.Count(first.heard(), ":\n\n"); n != 14 {
			t.Errorf("%d pulses in six minutes, want one every 25 seconds", n)
		}
		s.end(t)
		synctest.Wait()
		for _, l := range []*listener{first, second} {
			if got := l.heard(); !strings.HasSuffix(got, "event: ended\ndata: "+string(wire.EndedByProvider)+"\n\n") || l.open() {
				t.Errorf("after the end: %q", got)
			}
		}
		// Who comes back later is told at once: the message may have been lost.
		if late := s.listen(t, s.cookie); !strings.Contains(late.heard(), "event: ended") || late.open() {
			t.Errorf("a page that was not connected: %d %q", late.status(), late.heard())
		}
	})
}

func TestEventsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t)
		var all []*listener
		for range engine.MaxWatches {
			all = append(all, s.listen(t, s.cookie))
		}
		if l := s.listen(t, s.cookie); l.status() != http.StatusTooManyRequests || l.open() {
			t.Errorf("one too many: %d", l.status())
		}
		all[0].stop()
		<-all[0].done
		if l := s.listen(t, s.cookie); !l.open() {
			t.Errorf("after one has gone: %d %q", l.status(), l.heard())
		}
		time.Sleep(10*time.Minute + time.Second)
		synctest.Wait()
		for i, l := range all {
			if l.open() {
				t.Errorf("stream %d is open after ten minutes", i)
			}
		}
		for _, forged := range []string{"", s.cookie + "x", strings.Repeat("x", 5000)} {
			if l := s.listen(t, forged); l.status() != http.StatusUnauthorized {
				t.Errorf("with cookie %.20q: %d", forged, l.status())
			}
		}
	})
}

const changedEvent = "event: settings\ndata:\n\n"

// A12: all pages of an environment are told of a change within two seconds, and not all at once; several changes until then are one.
func TestA12_EventsTellOfChangedSettings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t)
		var all []*listener
		for i := range 50 {
			_, cookie, err := s.Begin(t.Context(), records, engine.SignIn{
				Who: session.Identity{Issuer: "https://login.example", Subject: fmt.Sprint("user", i), AuthTime: time.Now().Unix()},
			})
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, s.listen(t, cookie))
		}
		told := func() (count int) {
			for _, l := range all {
				count += strings.Count(l.heard(), changedEvent)
			}
			return count
		}
		s.SettingsChanged("another", "")
		time.Sleep(3 * time.Second)
		synctest.Wait()
		if n := told(); n > 0 {
			t.Errorf("%d pages were told of another environment's change", n)
		}
		most := 0
		for range 20 {
			before := told()
			s.SettingsChanged("another", "records")
			time.Sleep(100 * time.Millisecond)
			synctest.Wait()
			most = max(most, told()-before)
		}
		if n := told(); n < len(all) || most > len(all)/2 {
			t.Errorf("after two seconds %d messages to %d pages, up to %d at once", n, len(all), most)
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		after := told()
		time.Sleep(time.Minute)
		synctest.Wait()
		if n := told(); n != after {
			t.Errorf("%d messages without any change", n-after)
		}
		for range 100 {
			s.SettingsChanged("records")
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		// Whoever has woken for the first of them may be told once more.
		if n := told() - after; n < len(all) || n > 2*len(all) {
			t.Errorf("%d messages to %d pages for a hundred changes at once", n, len(all))
		}
		for i, l := range all {
			if !l.open() {
				t.Errorf("stream %d has ended", i)
			}
		}
	})
}

// A12: who comes back is told of what changed while no stream was open.
func TestA12_EventsTellOfAChangeBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t)
		before := s.listen(t, s.cookie)
		tight := records
		tight.Settings.SessionTimeout = time.Hour
		s.live.Set([]settings.Environment{tight})
		after := s.listen(t, s.cookie)
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if n := strings.Count(after.heard(), changedEvent); n != 1 {
			t.Errorf("told %d times", n)
		}
		if strings.Contains(before.heard(), changedEvent) {
			t.Error("told although nobody said that anything had changed")
		}
	})
}
