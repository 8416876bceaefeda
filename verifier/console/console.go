// Package console is what administrators see of a verifier (C3): its environments, their settings, switches and clients, the sessions
// and the audit. It has pages that need no scripts, which do what package admin does and nothing besides. Whoever mounts it guards it
// with Curfew itself and says who administers. Its pages are in English.
package console

import (
	"context"
	"errors"
	"html/template"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/curfew-project/curfew/verifier/admin"
	"github.com/curfew-project/curfew/verifier/audit"
	"github.com/curfew-project/curfew/verifier/settings"
)

// Administration is what the console asks of *admin.Admin.
type Administration interface {
	Environments(ctx context.Context, actor admin.Actor) ([]admin.Environment, error)
	Environment(ctx context.Context, actor admin.Actor, id string) (admin.Environment, error)
	Deployment(ctx context.Context, actor admin.Actor) (admin.DeploymentView, error)
	History(ctx context.Context, actor admin.Actor, environment string, before int64, limit int) ([]admin.Version, error)
	Overview(ctx context.Context, actor admin.Actor, environment string) (admin.Overview, error)
	Reported(ctx context.Context, actor admin.Actor, environment string) ([]admin.ReportedPage, error)

	Change(ctx context.Context, actor admin.Actor, environment string, version int64, e admin.Edit, dryRun bool) (admin.Outcome, error)
	Create(ctx context.Context, actor admin.Actor, n admin.NewEnvironment) (admin.Environment, error)
	Remove(ctx context.Context, actor admin.Actor, id string, version int64, dryRun bool) (admin.Outcome, error)

	Sessions(ctx context.Context, actor admin.Actor, q admin.SessionQuery) (admin.SessionList, error)
	Session(ctx context.Context, actor admin.Actor, id string) (admin.SessionView, error)
	EndSession(ctx context.Context, actor admin.Actor, id string) error
	EndUser(ctx context.Context, actor admin.Actor, environment, subject string) (int, error)
	EndEnvironment(ctx context.Context, actor admin.Actor, environment string) (int, error)

	Audit(ctx context.Context, actor admin.Actor, q audit.Query) ([]audit.Entry, error)
	VerifyAudit(ctx context.Context, actor admin.Actor, progress func(done, all int64)) (audit.Verified, error)

	TryClient(ctx context.Context, actor admin.Actor, environment, clientID, userAgent string, draft *settings.Clients) (admin.Tried, error)
}

// Config is what a console needs. Location, Role and Log may be left out.
type Config struct {
	Admin Administration
	// Actor says who sends a request, and what people call them. ok is false for somebody who may administer nothing; person may be
	// known all the same.
	Actor func(r *http.Request) (actor admin.Actor, person string, ok bool)
	// Token is a secret of the request's session that no other site knows: a form is taken only with it. Empty: no form is taken.
	Token  func(r *http.Request) string
	Now    func() time.Time
	Prefix string // of the verifier's addresses at the console's origin, such as /.curfew/: for the agent and the sign-out
	// Location is the time zone in which instants are shown and read; nil: UTC.
	Location *time.Location
	// Role is what somebody lacks who may administer nothing, in words, such as “the role curfew-admin”.
	Role string
	// Refused records what somebody was not let do; nil: nobody does.
	Refused func(actor admin.Actor, detail string)
	// Log is for what goes wrong and is nobody's fault who uses the console; nil: it is not told.
	Log *slog.Logger
}

// console is safe for concurrent use.
type console struct {
	Config
	templates map[string]*template.Template
	mux       *http.ServeMux
	origins   *http.CrossOriginProtection
}

// New makes the handler of the console. It answers at the root of its origin, and everywhere but below Prefix.
func New(c Config) (http.Handler, error) {
	if c.Admin == nil || c.Actor == nil || c.Token == nil || c.Now == nil {
		return nil, errors.New("console: Admin, Actor, Token and Now are required")
	}
	if !strings.HasPrefix(c.Prefix, "/") || !strings.HasSuffix(c.Prefix, "/") {
		return nil, errors.New("console: Prefix is " + c.Prefix + "; allowed: a path that begins and ends with a slash")
	}
	if c.Location == nil {
		c.Location = time.UTC
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Role == "" {
		c.Role = "a role that lets you administer"
	}
	templates, err := parseTemplates()
	if err != nil {
		return nil, err
	}
	h := &console{Config: c, templates: templates, mux: http.NewServeMux(), origins: http.NewCrossOriginProtection()}
	for _, to := range routes() {
		h.mux.HandleFunc(to.pattern, h.serve(to))
	}
	h.mux.HandleFunc("/", h.serve(route{get: (*visit).nowhere, post: (*visit).nowhere}))
	return h, nil
}

// contentPolicy is the strict content security policy that the agent works under, and what the pages themselves need.
const contentPolicy = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; connect-src 'self'; worker-src 'self'; " +
	"img-src 'self' data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"

// ServeHTTP answers a request. Nobody may keep or frame an answer.
func (c *console) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Security-Policy", contentPolicy)
	h.Set("X-Frame-Options", "DENY")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	if r.URL.Path == stylePath {
		c.style(w, r)
		return
	}
	c.mux.ServeHTTP(w, r)
}
