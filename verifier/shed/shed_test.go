package shed

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/curfew-project/curfew/shared/wire"
)

// scene is a verifier whose requests last until they are told to end.
type scene struct {
	*testing.T
	shedder *Shedder
	handler map[Class]http.Handler
	end     chan struct{} // one request ends for each
	began   []Class       // in this order
	told    []Class       // of these that were refused
}

func newScene(t *testing.T, limits Limits) *scene {
	s := &scene{T: t, shedder: New(limits, time.Now), end: make(chan struct{})}
	work := func(c Class) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			s.began = append(s.began, c)
			<-s.end
			w.WriteHeader(http.StatusNoContent)
		})
	}
	slack := func(of time.Duration) Slack { return func(*http.Request) (time.Duration, bool) { return of, true } }
	var mu sync.Mutex
	tell := func(_ *http.Request, c Class) {
		mu.Lock()
		defer mu.Unlock()
		s.told = append(s.told, c)
	}
	s.handler = map[Class]http.Handler{
		Check:   s.shedder.Checks(tell, work(Check)),
		Urgent:  s.shedder.Heartbeats(slack(-time.Second), tell, work(Urgent)),
		Routine: s.shedder.Heartbeats(slack(150*time.Second), tell, work(Routine)),
	}
	return s
}

// ask begins a request and returns its answer, which comes later.
func (s *scene) ask(ctx context.Context, c Class) chan *httptest.ResponseRecorder {
	answer := make(chan *httptest.ResponseRecorder, 1)
	go func() {
		w := httptest.NewRecorder()
		s.handler[c].ServeHTTP(w, httptest.NewRequest("GET", "/", nil).WithContext(ctx))
		answer <- w
	}()
	synctest.Wait()
	return answer
}

func (s *scene) ends(n int) {
	for range n {
		s.end <- struct{}{}
		synctest.Wait()
	}
}

func (s *scene) refused(answer chan *httptest.ResponseRecorder, low, high time.Duration) {
	s.Helper()
	select {
	case w := <-answer:
		var refusal wire.Refusal
		if err := json.Unmarshal(w.Body.Bytes(), &refusal); err != nil || w.Code != http.StatusServiceUnavailable || refusal.Error != wire.Unavailable {
			s.Fatalf("status %d, %v: %s", w.Code, err, w.Body)
		}
		after := time.Duration(refusal.RetryAfter) * time.Millisecond
		if after < low || after > high {
			s.Errorf("come back after %s, want %s to %s", after, low, high)
		}
		if got := w.Header().Get("Retry-After"); got != strconv.FormatInt((refusal.RetryAfter+999)/1000, 10) {
			s.Errorf("Retry-After is %q for %s", got, after)
		}
	default:
		s.Fatal("no answer yet")
	}
}

func (s *scene) passed(answer chan *httptest.ResponseRecorder) {
	s.Helper()
	select {
	case w := <-answer:
		if w.Code != http.StatusNoContent {
			s.Errorf("status %d", w.Code)
		}
	default:
		s.Error("no answer yet")
	}
}

// P2, P8: with no room for heartbeats a check is answered at once, a heartbeat in need comes before those that can wait, and those are
// refused with a time that their session can well do without.
func TestP2_WhoCanWaitWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx := context.Background()
		s := newScene(t, Limits{Checks: 2, Heartbeats: 2, Waiting: [classes]int{4, 4, 2}})
		first, second := s.ask(ctx, Routine), s.ask(ctx, Routine)
		third, fourth := s.ask(ctx, Routine), s.ask(ctx, Routine)
		if got := s.shedder.Pressure(); got != 1 {
			t.Errorf("pressure %v with all places taken", got)
		}
		s.refused(s.ask(ctx, Routine), 112*time.Second, 150*time.Second)
		needy := s.ask(ctx, Urgent)
		check := s.ask(ctx, Check)
		if got := s.began[len(s.began)-1]; got != Check {
			t.Fatalf("behind heartbeats a check waits; last began a %s", got)
		}
		s.ends(2) // two of the three that run
		if got := s.began[len(s.began)-1]; got == Routine && s.began[len(s.began)-2] != Urgent {
			t.Fatalf("a heartbeat that can wait came before one in need: %v", s.began)
		}
		s.ends(4)
		for _, answer := range []chan *httptest.ResponseRecorder{first, second, third, fourth, needy, check} {
			s.passed(answer)
		}
		if got := s.shedder.Pressure(); got != 0 || s.shedder.Turned(Routine) != 1 || s.shedder.Turned(Check)+s.shedder.Turned(Urgent) != 0 {
			t.Errorf("afterwards: pressure %v, %d turned away", got, s.shedder.Turned(Routine))
		}
	})
}

// P8: nobody waits for ever; who has waited long enough, or has gone, makes room and is not carried out.
func TestP8_WaitingIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t, Limits{Checks: 1, Heartbeats: 1, Waiting: [classes]int{1, 1, 1}})
		ctx, leave := context.WithCancel(context.Background())
		running := []chan *httptest.ResponseRecorder{s.ask(context.Background(), Check), s.ask(context.Background(), Routine)}
		routine := s.ask(context.Background(), Routine)
		urgent, check := s.ask(ctx, Urgent), s.ask(ctx, Check)
		time.Sleep(Routine.Patience())
		synctest.Wait()
		s.refused(routine, 112*time.Second, 150*time.Second)
		time.Sleep(Check.Patience())
		synctest.Wait()
		s.refused(check, 2*time.Second, 10*time.Second)
		leave() // the client has gone
		synctest.Wait()
		s.refused(urgent, 10*time.Second, 60*time.Second)
		s.ends(2)
		for _, answer := range running {
			s.passed(answer)
		}
		if len(s.began) != 2 {
			t.Errorf("what was refused was carried out: %v", s.began)
		}
		if !slices.Equal(s.told, []Class{Routine, Check, Urgent}) {
			t.Errorf("told of refusals: %v", s.told)
		}
		after := s.ask(context.Background(), Routine)
		s.ends(1)
		s.passed(after)
	})
}

// P8: whoever announces a body that never comes takes no place from others, and one with a body is refused.
func TestP8_ABodyThatNeverComesHoldsNoPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t, Limits{Checks: 1, Heartbeats: 1, Waiting: [classes]int{0, 0, 0}})
		body, never := io.Pipe()
		for range 10 {
			go s.handler[Routine].ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("POST", "/", body))
		}
		synctest.Wait()
		honest := s.ask(context.Background(), Routine)
		s.ends(1)
		s.passed(honest)
		w := httptest.NewRecorder()
		s.handler[Routine].ServeHTTP(w, httptest.NewRequest("POST", "/", strings.NewReader("x")))
		if w.Code != http.StatusBadRequest || len(s.began) != 1 {
			t.Errorf("status %d, and %v began", w.Code, s.began)
		}
		if n, err := never.Write(make([]byte, 10)); n != 10 || err != nil { // it comes after all
			t.Fatal(n, err)
		}
		synctest.Wait()
		if len(s.began) != 1 {
			t.Errorf("%v began", s.began)
		}
	})
}
