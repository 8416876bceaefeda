package console

import (
	"net/http"

	"github.com/curfew-project/curfew/verifier/admin"
	"github.com/curfew-project/curfew/verifier/settings"
)

// environmentRow is an environment in the table of all.
type environmentRow struct {
	admin.Environment
	Label, KindName     string
	Session, Inactivity string // in force
	Count               string // of its living sessions
	Held                bool   // an inactivity timeout is set and not in force
}

type overviewData struct {
	Environments []environmentRow
	Left, Ends   *chart
	Unknown      bool // the audit cannot be read
	Since        *instant

	Living, Warned, Exempt, Ended string
	Console                       string // its own living sessions, or empty where the actor does not see them
}

// overview shows the environments, and how their sessions do.
func (v *visit) overview() {
	environments, err := v.Admin.Environments(v.r.Context(), v.actor)
	if err != nil {
		v.fail(err)
		return
	}
	found, err := v.Admin.Overview(v.r.Context(), v.actor, "")
	if err != nil {
		v.fail(err)
		return
	}
	data := overviewData{Left: leftChart(found.Left), Ends: endsChart(found.Ends), Since: v.at(found.Since),
		Living: grouped(found.Living), Warned: grouped(found.Warned), Exempt: grouped(found.Exempt), Unknown: !found.EndsKnown}
	if data.Ended = grouped(data.Ends.Total); data.Unknown {
		data.Ended = "?"
	}
	if n := found.ByEnvID[settings.ReservedID]; n > 0 && v.actor.All {
		data.Console = count(n, "session")
	}
	for _, env := range environments {
		data.Environments = append(data.Environments, environmentRow{env, labelOf(env), environmentKind(env.Kind),
			timeout(env.InForce.SessionTimeout), inactivity(env.InForce.InactivityTimeout), grouped(env.Sessions), env.InForce.InactivityTimeout != env.Set.InactivityTimeout})
	}
	v.show(http.StatusOK, "overview", page{Title: "Overview", Section: "overview", Data: data})
}
