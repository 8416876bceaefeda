// Package clinic is a small patient-record application, made to show how
// Curfew protects one. Its patients are invented, and what is written in it
// stays in memory until the process ends.
//
// It does not protect itself: wrap the handler in a guard for every path that
// Public does not name, and let Config.User tell who the guard let through.
// Without a user, the clinic shows nothing but its public pages.
package clinic

import (
	"embed"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// ErrConfig is wrapped by every error that New returns.
var ErrConfig = errors.New("clinic: bad configuration")

// Account is a line of the welcome page's table of accounts to sign in with.
type Account struct{ Name, Password, Role string }

// Config is what New needs. All fields from Notice on may be empty.
type Config struct {
	// AgentSrc is the path of Curfew's script, such as "/.curfew/agent.js".
	AgentSrc string
	// SignInPath takes the browser to the sign-in; return_to is added.
	SignInPath string
	// SignOutPath is where the "Sign out" link leads.
	SignOutPath string
	// User tells who sends the request; ok is false for nobody.
	User func(*http.Request) (name string, ok bool)
	// Now is the clock, read once for each request.
	Now func() time.Time
	// Notice is a sentence on the welcome page, for example about the lengths
	// that the demo uses.
	Notice string
	// Accounts are listed on the welcome page.
	Accounts []Account
	// AccountsPage is where accounts can be disabled: a page of the identity
	// provider. The welcome page says what to try there.
	AccountsPage string
	// CheckWithin says how soon a disabled account's session ends, such as "the
	// hour" or "half a minute".
	CheckWithin string
}

//go:embed templates/*.html
var templateFiles embed.FS

//go:embed assets/*.css assets/*.svg assets/*.js
var assetFiles embed.FS

// assetNames are the files under /assets/.
var assetNames = [...]string{"clinic.css", "mark.svg", "note.js"}

// Public says whether a path is for everybody: the welcome page and the files
// that it needs. Anything else, and any path that is not in its shortest form,
// is not.
func Public(path string) bool {
	if path == "/" {
		return true
	}
	name, ok := strings.CutPrefix(path, "/assets/")
	return ok && slices.Contains(assetNames[:], name)
}

// clinic is the application. All of it but notes and drafts stays as New made it.
type clinic struct {
	cfg      Config
	pages    *template.Template
	patients []patient
	notes    *notebook
	drafts   *drafts
}

// New makes the application's handler. It is safe for concurrent use.
func New(cfg Config) (http.Handler, error) {
	for name, path := range map[string]string{"AgentSrc": cfg.AgentSrc, "SignInPath": cfg.SignInPath, "SignOutPath": cfg.SignOutPath} {
		if u, err := url.Parse(path); err != nil || u.Host != "" || u.Scheme != "" || !strings.HasPrefix(path, "/") {
			return nil, fmt.Errorf("%w: %s %q: must be a path of this origin", ErrConfig, name, path)
		}
	}
	if cfg.User == nil || cfg.Now == nil {
		return nil, fmt.Errorf("%w: User and Now are required", ErrConfig)
	}
	pages, err := template.ParseFS(templateFiles, "templates/*.html")
	if err != nil {
		return nil, fmt.Errorf("clinic: templates: %w", err)
	}
	start := cfg.Now()
	c := &clinic{cfg: cfg, pages: pages, patients: fictionalPatients(start), notes: newNotebook(start), drafts: &drafts{byPage: map[draftKey]string{}}}

	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", c.welcome)
	for _, name := range assetNames {
		mux.Handle("GET /assets/"+name, asset(name))
	}
	mux.Handle("GET /patients", c.signedIn(c.list))
	mux.Handle("GET /patients/{id}", c.signedIn(c.record))
	mux.Handle("GET /patients/{id}/chart", c.signedIn(c.chart))
	mux.Handle("POST /patients/{id}/notes", c.signedIn(c.addNote))
	mux.Handle("POST /patients/{id}/draft", c.signedIn(c.keepDraft))
	mux.Handle("/", c.signedIn(c.notFound))

	// A form on another site cannot post here, whatever cookies the browser sends.
	sameOrigin := http.NewCrossOriginProtection()
	sameOrigin.SetDenyHandler(http.HandlerFunc(c.foreignForm))
	return sameOrigin.Handler(mux), nil
}

// visit is one request of a signed-in user.
type visit struct {
	user string
	now  time.Time
}

// signedIn is the second lock behind the guard: without a user there is no page.
func (c *clinic) signedIn(next func(http.ResponseWriter, *http.Request, visit)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name, ok := c.cfg.User(r)
		switch {
		case ok:
			next(w, r, visit{name, c.cfg.Now()})
		case r.Method == http.MethodGet || r.Method == http.MethodHead:
			w.Header().Set("Cache-Control", "no-store")
			http.Redirect(w, r, c.signInAddress(r.URL.RequestURI()), http.StatusSeeOther)
		default:
			c.show(w, http.StatusUnauthorized, publicPage, "problem.html", c.problem(
				"You are signed out", "What you sent was not saved. Sign in and send it again."))
		}
	})
}

func (c *clinic) signInAddress(returnTo string) string {
	return c.cfg.SignInPath + "?" + url.Values{"return_to": {returnTo}}.Encode()
}

func asset(name string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "public, max-age=3600")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		http.ServeFileFS(w, r, assetFiles, "assets/"+name)
	})
}
