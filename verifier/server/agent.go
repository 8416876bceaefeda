package server

import (
	"net/http"
	"path"
	"strings"

	"github.com/curfew-project/curfew/verifier/api"
	"github.com/curfew-project/curfew/wasm/dist"
)

// webResource is the name under which pages written for another product ask for the script (A10).
const webResource = "ClientGlobalContext.js.aspx"

// registerAgent adds what browsers download: the loader, which knows its environment, the agent and the texts of each language.
func (s *Server) registerAgent(mux *http.ServeMux, site *api.Site) {
	catalog, agent := s.texts, s.o.Agent
	prefix, languages := site.Prefix(), catalog.Names()
	loader := func(w http.ResponseWriter, r *http.Request) {
		of := dist.Site{Prefix: prefix, Languages: languages}
		if env, ok := site.Environment(r); ok {
			of.Name, of.Logo, of.Frames, of.Notify = env.Page.Name, env.Page.Logo, env.Page.Frames, env.Page.Notify
			s.reported.saw(env.ID, env.Origin, r, s.o.Now().UnixMilli())
		}
		agent.ServeLoader(w, r, of)
	}
	mux.HandleFunc("GET "+prefix+"agent.js", loader)
	mux.HandleFunc("GET "+prefix+dist.APIName, agent.ServeAPI)
	mux.HandleFunc("GET "+prefix+"{file}", func(w http.ResponseWriter, r *http.Request) {
		file := r.PathValue("file")
		switch {
		case strings.HasPrefix(file, "agent.") && strings.HasSuffix(file, ".wasm"):
			agent.ServeWasm(w, r)
		case strings.HasPrefix(file, "texts.") && strings.HasSuffix(file, ".json"):
			catalog.ServeHTTP(w, r)
		default:
			http.NotFound(w, r)
		}
	})
	mux.HandleFunc("GET /", func(w http.ResponseWriter, r *http.Request) {
		if path.Base(r.URL.Path) == webResource {
			loader(w, r)
			return
		}
		http.NotFound(w, r)
	})
}
