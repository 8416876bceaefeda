package server

import (
	"net/http"
	"path"
	"strings"

	"github.com/curfew-project/curfew/wasm/dist"
)

// webResource is the name under which pages written for another product ask for the script (A10).
const webResource = "ClientGlobalContext.js.aspx"

func registerAgent(mux *http.ServeMux, prefix string, agent *dist.Dist) {
	loader := func(w http.ResponseWriter, r *http.Request) { agent.ServeLoader(w, r, dist.Site{Prefix: prefix}) }
	mux.HandleFunc("GET "+prefix+"agent.js", loader)
	mux.HandleFunc("GET "+prefix+"{file}", func(w http.ResponseWriter, r *http.Request) {
		if file := r.PathValue("file"); strings.HasPrefix(file, "agent.") && strings.HasSuffix(file, ".wasm") {
			agent.ServeWasm(w, r)
			return
		}
		http.NotFound(w, r)
	})
	mux.HandleFunc("GET /", func(w http.ResponseWriter, r *http.Request) {
		if path.Base(r.URL.Path) == webResource {
			loader(w, r)
			return
		}
		http.NotFound(w, r)
	})
}
