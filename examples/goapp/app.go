package main

import (
	"context"
	"embed"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/curfew-project/curfew/verifier/middleware"
)

//go:embed pages
var pages embed.FS

// policy is as strict as it gets. The agent needs 'wasm-unsafe-eval'.
const policy = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self'; style-src 'self'; base-uri 'none'; form-action 'none'; " +
	"frame-ancestors 'none'; require-trusted-types-for 'script'"

// newApp is the application: it passes what is the verifier's on, and guards all the rest. It is all that such an application needs.
func newApp(ctx context.Context, verifier, origin, secret string) (http.Handler, error) {
	to, err := url.Parse(verifier)
	if err != nil {
		return nil, err
	}
	curfew, err := middleware.NewRemote(middleware.RemoteConfig{
		Verifier: verifier, Origin: origin, ID: "app", Secret: strings.TrimSpace(secret), Now: time.Now, Cache: middleware.MaxCache,
	})
	if err != nil {
		return nil, err
	}
	go curfew.Run(ctx) // hears of endings, so that verdicts may be kept for a while

	n := &notes{of: map[string][]string{}}
	guarded := http.NewServeMux()
	guarded.HandleFunc("GET /{$}", page)
	guarded.HandleFunc("GET /notes.js", page)
	guarded.HandleFunc("GET /style.css", page)
	guarded.HandleFunc("GET /live", n.live)

	api := http.NewServeMux()
	api.HandleFunc("GET /api/notes", n.list)
	api.HandleFunc("POST /api/notes", n.add)

	mux := http.NewServeMux()
	mux.Handle("/.curfew/", &httputil.ReverseProxy{FlushInterval: -1, Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(to)
		r.Out.Host = r.In.Host
		r.SetXForwarded()
	}})
	mux.Handle("/api/", middleware.GuardAPI(curfew, api)) // by token and proof, and never by the cookie
	mux.Handle("/", middleware.Guard(curfew, guarded))
	return mux, nil
}

func page(w http.ResponseWriter, r *http.Request) {
	name := strings.TrimPrefix(r.URL.Path, "/")
	if name == "" {
		name = "index.html"
	}
	w.Header().Set("Content-Security-Policy", policy)
	w.Header().Set("Cache-Control", "no-store")
	http.ServeFileFS(w, r, pages, "pages/"+name)
}

// notes are what people wrote, in memory, at most maxNotes each.
type notes struct {
	mu    sync.Mutex
	of    map[string][]string // by subject
	added chan struct{}       // closed when somebody adds one
}

const (
	maxNotes = 100
	maxNote  = 1000 // bytes
)

func (n *notes) list(w http.ResponseWriter, r *http.Request) {
	user, _ := middleware.UserOf(r.Context())
	n.mu.Lock()
	all := append([]string{}, n.of[user.Subject]...)
	n.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	json.NewEncoder(w).Encode(all)
}

func (n *notes) add(w http.ResponseWriter, r *http.Request) {
	user, _ := middleware.UserOf(r.Context())
	text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxNote))
	if err != nil || len(text) == 0 {
		http.Error(w, fmt.Sprintf("a note has 1 to %d bytes", maxNote), http.StatusBadRequest)
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.of[user.Subject]) >= maxNotes {
		http.Error(w, "too many notes", http.StatusConflict)
		return
	}
	n.of[user.Subject] = append(n.of[user.Subject], string(text))
	if n.added != nil {
		close(n.added)
		n.added = nil
	}
	w.WriteHeader(http.StatusNoContent)
}

// live is an event stream of how many notes there are. It ends with the session, because Guard ends its context.
func (n *notes) live(w http.ResponseWriter, r *http.Request) {
	user, _ := middleware.UserOf(r.Context())
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	control := http.NewResponseController(w)
	for {
		n.mu.Lock()
		if n.added == nil {
			n.added = make(chan struct{})
		}
		count, added := len(n.of[user.Subject]), n.added
		n.mu.Unlock()
		fmt.Fprintf(w, "data: %d\n\n", count)
		if control.Flush() != nil {
			return
		}
		select {
		case <-added:
		case <-r.Context().Done():
			return
		}
	}
}
