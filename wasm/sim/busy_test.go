package sim

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/curfew-project/curfew/verifier/api"
	"github.com/curfew-project/curfew/verifier/shed"
)

// P1, P2: a verifier that has time only for heartbeats that cannot wait any more keeps everybody who works signed in and let through, for less than
// half of the usual heartbeats; and who does not work is signed out as ever.
func TestP1_P2_ABusyVerifierHearsWhoIsInNeed(t *testing.T) {
	seeds(t, 3, func(t *testing.T, seed uint64) {
		s := newScene(t, seed, idle)
		p := s.signIn("laptop", time.Hour, slow)
		slack := func(r *http.Request) (time.Duration, bool) {
			return s.site.engine.Slack(s.site.env, api.ReadSessionCookie(r, s.site.env))
		}
		turned := 0
		full := shed.New(shed.Limits{}, s.world.Now).Heartbeats(slack, func(_ *http.Request, class shed.Class) {
			if turned++; class != shed.Routine {
				t.Errorf("seed %d: a heartbeat that can wait is taken for a %s", seed, class)
			}
		}, nil)
		s.world.Serve(origin, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if rest, ok := slack(r); strings.HasSuffix(r.URL.Path, "/heartbeat") && ok && rest > 0 {
				full.ServeHTTP(w, r)
				return
			}
			s.site.mux.ServeHTTP(w, r)
		}))
		before := p.statuses()
		for range 60 {
			p.works(time.Minute)
			p.sees(thePage)
			if ok, why := p.admitted(); !ok {
				t.Fatalf("seed %d: refused after %s: %s", seed, s.passed(), why)
			}
		}
		after := p.statuses()
		if accepted := after[http.StatusOK] - before[http.StatusOK]; accepted < 12 || accepted > 24 {
			t.Errorf("seed %d: %d heartbeats were heard in an hour", seed, accepted)
		}
		if all := after[http.StatusServiceUnavailable]; turned == 0 || all != turned || all > 90 {
			t.Errorf("seed %d: %d heartbeats were put off, %d refused", seed, turned, all)
		}
		s.pass(idle.InactivityTimeout + time.Minute)
		p.sees(signedOut)
		if ok, _ := p.admitted(); ok {
			t.Errorf("seed %d: somebody who has gone is let through", seed)
		}
	})
}
