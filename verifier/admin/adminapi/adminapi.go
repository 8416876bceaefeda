// Package adminapi is the administration of a verifier over HTTP, for programs and the command line (C6): decode, one call of admin,
// encode. It decides nothing. Its Client is the other side.
package adminapi

import (
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/curfew-project/curfew/verifier/admin"
)

// Prefix is what every address of the API begins with.
const Prefix = "/admin/v1/"

// route is one address and what it answers.
type route struct {
	method, path string // the path is below Prefix
	serve        func(*call) error
}

// routes are all addresses.
func routes() []route {
	return []route{
		{"GET", "environments", listEnvironments},
		{"POST", "environments", createEnvironment},
		{"GET", "environments/{id}", showEnvironment},
		{"PATCH", "environments/{id}", changeEnvironment},
		{"DELETE", "environments/{id}", removeEnvironment},
		{"GET", "environments/{id}/history", environmentHistory},
		{"GET", "environments/{id}/reported", reportedPages},
		{"POST", "environments/{id}/clients/try", tryClient},
		{"GET", "deployment", showDeployment},
		{"PATCH", "deployment", changeDeployment},
		{"GET", "deployment/history", deploymentHistory},
		{"GET", "presets", listPresets},
		{"GET", "overview", showOverview},
		{"GET", "sessions", listSessions},
		{"DELETE", "sessions", endSessions},
		{"GET", "sessions/{id}", showSession},
		{"DELETE", "sessions/{id}", endSession},
		{"GET", "keys", listKeys},
		{"GET", "audit", searchAudit},
		{"GET", "audit/export", exportAudit},
		{"POST", "audit/verify", verifyAudit},
	}
}

// New is the API of an administration. authenticate says who asks, by a bearer token or by the socket's peer; it gets no cookies. now is
// for instants that are given relative to it. It answers below Prefix.
// log gets what goes wrong and is nobody's fault who asks. Whoever is not let in is recorded.
func New(a *admin.Admin, authenticate func(*http.Request) (admin.Actor, bool), now func() time.Time, log *slog.Logger) http.Handler {
	mux := http.NewServeMux()
	allowed := map[string][]string{}
	for _, route := range routes() {
		allowed[route.path] = append(allowed[route.path], route.method)
		mux.HandleFunc(route.method+" "+Prefix+route.path, func(w http.ResponseWriter, r *http.Request) {
			c := &call{admin: a, actor: actorOf(r.Context()), now: now, w: w, r: r}
			if err := route.serve(c); err != nil {
				if status, _ := statusOf(asRefusal(err).Code); status >= http.StatusInternalServerError && r.Context().Err() == nil {
					log.Error("admin_api_failed", "method", r.Method, "path", r.URL.Path, "actor", c.actor.Name, "error", err)
				}
				refuse(w, err)
			}
		})
	}
	for path, methods := range allowed {
		slices.Sort(methods)
		mux.HandleFunc(Prefix+path, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Allow", strings.Join(methods, ", "))
			refuse(w, refusal(WrongMethod, "the method is %s; allowed: %s", r.Method, strings.Join(methods, ", ")))
		})
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		refuse(w, refusal(admin.NotFound, "there is no such address"))
	})
	return guard(a, authenticate, mux)
}
