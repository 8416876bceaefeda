// Package orders is an application as somebody may own it who wants Curfew before it: pages, an API, a download, an upload and a
// WebSocket. It knows nothing of Curfew. It takes the user's name from a header, as applications behind a reverse proxy do, and trusts
// whatever it finds there.
package orders

import (
	"compress/gzip"
	"embed"
	"encoding/json"
	"html/template"
	"io"
	"net/http"
	"net/url"
	"sort"
	"strings"
	"time"

	"github.com/coder/websocket"
)

//go:embed pages
var files embed.FS

var pages = template.Must(template.ParseFS(files, "pages/*.html"))

// Config is what its owner can set.
type Config struct {
	// Head is put into the head of every page: many applications have such a setting, and some have none.
	Head string
}

// order is one line of the list.
type order struct {
	Number int    `json:"number"`
	Item   string `json:"item"`
	State  string `json:"state"`
}

var all = []order{{1041, "Greenhouse glass, 12 panes", "packed"}, {1042, "Fern pots, 40", "new"}, {1043, "Drip hose, 50 m", "sent"}}

// New makes the application.
func New(c Config) http.Handler {
	mux := http.NewServeMux()
	page := func(name string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) { c.page(w, r, name) }
	}
	mux.HandleFunc("GET /{$}", page("orders.html"))
	mux.HandleFunc("GET /orders/{number}", page("order.html"))
	mux.HandleFunc("POST /orders/{number}", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, r.URL.Path, http.StatusSeeOther) // it keeps nothing
	})
	mux.HandleFunc("GET /api/orders", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, all) })
	mux.HandleFunc("GET /export", export)
	mux.HandleFunc("POST /import", receive)
	mux.HandleFunc("GET /socket", echo)
	mux.HandleFunc("GET /orders/{number}/socket", echo)
	mux.HandleFunc("GET /public/socket", echo)
	mux.HandleFunc("GET /seen", seen)
	mux.HandleFunc("GET /public/seen", seen)
	mux.HandleFunc("GET /public/orders.css", func(w http.ResponseWriter, r *http.Request) {
		http.ServeFileFS(w, r, files, "pages/orders.css")
	})
	mux.HandleFunc("GET /orders.js", func(w http.ResponseWriter, r *http.Request) { http.ServeFileFS(w, r, files, "pages/orders.js") })
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Powered-By", "Fernhill Orders")
		mux.ServeHTTP(w, r)
	})
}

// page answers with a page, compressed where the browser can take that.
func (c Config) page(w http.ResponseWriter, r *http.Request, name string) {
	user, err := url.PathUnescape(r.Header.Get("Curfew-Name"))
	if err != nil {
		user = ""
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Vary", "Accept-Encoding")
	var out io.Writer = w
	if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		h.Set("Content-Encoding", "gzip")
		compressed := gzip.NewWriter(w)
		defer compressed.Close()
		out = compressed
	}
	// A page that could not be sent whole is the visitor's to load again.
	_ = pages.ExecuteTemplate(out, name, struct {
		Head         template.HTML
		User, Number string
		Orders       []order
	}{template.HTML(c.Head), user, r.PathValue("number"), all}) // #nosec: the owner's own setting
}

// ExportSize is how large the download is, in bytes.
const ExportSize = 64 << 20

// export is a large download, also in parts (RFC 9110 section 14).
func export(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/csv")
	w.Header().Set("Content-Disposition", `attachment; filename="orders.csv"`)
	http.ServeContent(w, r, "", time.Time{}, io.NewSectionReader(line{}, 0, ExportSize))
}

// line is a file of one line again and again.
type line struct{}

const text = "1041,Greenhouse glass,packed\n"

func (line) ReadAt(p []byte, at int64) (int, error) {
	for i := range p {
		p[i] = text[(at+int64(i))%int64(len(text))]
	}
	return len(p), nil
}

// Line is byte i of the download.
func Line(i int64) byte { return text[i%int64(len(text))] }

// receive takes a file of any size and says how long it was.
func receive(w http.ResponseWriter, r *http.Request) {
	n, err := io.Copy(io.Discard, r.Body)
	if err != nil {
		http.Error(w, "the file broke off", http.StatusBadRequest)
		return
	}
	writeJSON(w, map[string]any{"received": n, "user": r.Header.Get("Curfew-User")})
}

// echo says back whatever a socket says, until it is closed.
func echo(w http.ResponseWriter, r *http.Request) {
	socket, err := websocket.Accept(w, r, &websocket.AcceptOptions{InsecureSkipVerify: true}) // like many that never heard of Origin
	if err != nil {
		return
	}
	defer socket.CloseNow()
	for {
		kind, text, err := socket.Read(r.Context())
		if err != nil || socket.Write(r.Context(), kind, text) != nil {
			return
		}
	}
}

// seen answers with every header of the request, one a line: what this application believes.
func seen(w http.ResponseWriter, r *http.Request) {
	var lines []string
	for name, values := range r.Header {
		for _, value := range values {
			lines = append(lines, name+": "+value)
		}
	}
	sort.Strings(lines)
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "public, max-age=3600")
	io.WriteString(w, strings.Join(lines, "\n")+"\n")
}

func writeJSON(w http.ResponseWriter, value any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(value)
}
