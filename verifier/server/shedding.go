package server

import (
	"net/http"
	"runtime"
	"time"

	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/verifier/api"
	"github.com/curfew-project/curfew/verifier/audit"
	"github.com/curfew-project/curfew/verifier/metrics"
	"github.com/curfew-project/curfew/verifier/shed"
)

// timed measures an endpoint of some environments, and lets checks and heartbeats in only as far as they can be carried out. What is refused
// is measured too.
func (s *Server) timed(site *api.Site) api.Timed {
	return func(endpoint string, next http.Handler) http.Handler {
		switch endpoint {
		case metrics.Check:
			next = s.shedder.Checks(s.turned(site), next)
		case metrics.Heartbeat:
			next = s.shedder.Heartbeats(s.slack(site), s.turned(site), next)
		}
		return s.metrics.Timed(endpoint, next)
	}
}

// slack is how long a heartbeat can wait without harm.
func (s *Server) slack(site *api.Site) shed.Slack {
	return func(r *http.Request) (time.Duration, bool) {
		env, ok := site.Environment(r)
		if !ok {
			return 0, false
		}
		return s.engine.Slack(env, api.ReadSessionCookie(r, env))
	}
}

// turned records that a request was refused because there is too much to do.
func (s *Server) turned(site *api.Site) shed.Tell {
	return func(r *http.Request, class shed.Class) {
		env, _ := site.Environment(r)
		s.record(audit.Event{At: s.o.Now().UnixMilli(), Kind: audit.Refused, Environment: env.ID, Code: wire.Unavailable, Detail: "too much to do: " + class.String()})
	}
}

// limits are those of what is carried out at once.
func limits(o Options) shed.Limits {
	if o.Limits != nil {
		return *o.Limits
	}
	return shed.LimitsFor(runtime.GOMAXPROCS(0))
}
