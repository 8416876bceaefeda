package dist

import (
	"net/http"
	"path"
	"strconv"
	"strings"
)

// DefaultPrefix is the prefix that the loader takes when it cannot tell from its own address.
const DefaultPrefix = "/.curfew/"

// ServeLoader answers GET and HEAD with agent.js for a site, at whatever address: <prefix>agent.js and ClientGlobalContext.js.aspx
// (A10). Each site's loader is made once and kept, as long as there are not too many.
func (d *Dist) ServeLoader(w http.ResponseWriter, r *http.Request, site Site) {
	serve(w, r, d.sites.get(&d.loader, site), "no-cache")
}

// ServeAPI answers GET and HEAD with api.js. It is the same for every site: it finds the prefix in its own address.
func (d *Dist) ServeAPI(w http.ResponseWriter, r *http.Request) { serve(w, r, &d.api, "no-cache") }

// ServeWasm answers GET and HEAD with the module, and anything but its name with 404: an old page must not get a module that does
// not belong to it.
func (d *Dist) ServeWasm(w http.ResponseWriter, r *http.Request) {
	if path.Base(r.URL.Path) != d.manifest.Wasm {
		w.Header().Set("Cache-Control", "no-store")
		http.Error(w, "no such version of the agent; reload the page", http.StatusNotFound)
		return
	}
	serve(w, r, &d.wasm, "public, max-age=31536000, immutable")
}

func serve(w http.ResponseWriter, r *http.Request, a *asset, caching string) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
		return
	}
	encoding, data := a.choose(strings.Join(r.Header.Values("Accept-Encoding"), ","))
	h := w.Header()
	h.Set("Content-Type", a.kind)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cache-Control", caching)
	h.Set("Vary", "Accept-Encoding")
	h.Set("ETag", a.tag(encoding))
	if a.known(r.Header.Values("If-None-Match")) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	if encoding != "" {
		h.Set("Content-Encoding", encoding)
	}
	h.Set("Content-Length", strconv.Itoa(len(data)))
	w.WriteHeader(http.StatusOK)
	if r.Method == http.MethodGet {
		_, _ = w.Write(data) // a client that went away is no concern here
	}
}

// known reports whether If-None-Match names this asset, in any of its forms: they decode to the same bytes. The comparison is
// weak (RFC 9110 section 13.1.2).
func (a *asset) known(values []string) bool {
	for _, tag := range strings.Split(strings.Join(values, ","), ",") {
		tag = strings.TrimPrefix(strings.TrimSpace(tag), "W/")
		if tag == "*" || tag == a.tag("") {
			return true
		}
		for _, encoding := range Encodings {
			if tag == a.tag(encoding.Name) {
				return true
			}
		}
	}
	return false
}
