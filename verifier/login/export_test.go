package login

import (
	"net/http"

	"github.com/curfew-project/curfew/verifier/settings"
)

// Problems serves the page of each problem.
func (l *Login) Problems(env settings.Environment) map[string]http.HandlerFunc {
	all := map[string]http.HandlerFunc{}
	for name, p := range map[string]problem{
		"not begun": notBegun, "used up": usedUp, "still in": stillIn, "refused": refused, "more needed": moreNeeded, "unsure": unsure,
		"unreachable": unreachable, "misconfigured": misconfigured, "not asked": notAsked, "no auth_time": noAuthTime, "cannot": cannot,
	} {
		all[name] = func(w http.ResponseWriter, r *http.Request) { l.show(w, r, env, "/", p) }
	}
	return all
}
