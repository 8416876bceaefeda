package console

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"errors"
	"html/template"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/curfew-project/curfew/verifier/admin"
	"github.com/curfew-project/curfew/verifier/settings"
)

//go:embed assets
var assets embed.FS

// stylePath is where the style sheet is. It is for everybody: it says nothing.
const stylePath = "/console.css"

func (c *console) style(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "this can only be read", http.StatusMethodNotAllowed)
		return
	}
	http.ServeFileFS(w, r, assets, "assets/console.css")
}

// parseTemplates gives each page its own templates, with what all pages share.
func parseTemplates() (map[string]*template.Template, error) {
	shared, err := template.ParseFS(assets, "assets/shared/*.html")
	if err != nil {
		return nil, err
	}
	files, err := assets.ReadDir("assets/pages")
	if err != nil {
		return nil, err
	}
	all := map[string]*template.Template{}
	for _, file := range files {
		own, err := shared.Clone()
		if err == nil {
			own, err = own.ParseFS(assets, "assets/pages/"+file.Name())
		}
		if err != nil {
			return nil, err
		}
		all[strings.TrimSuffix(file.Name(), path.Ext(file.Name()))] = own
	}
	return all, nil
}

// page is what one page shows.
type page struct {
	Title    string
	Lead     string // a sentence below the title, or empty
	Section  string // of the navigation
	Place    *place // the environment that it is about, or nil
	Tab      string // of the environment's navigation
	Notice   string // what was done, or empty
	Further  *link  // where more of it is, or nil
	Problems []problem
	Data     any

	// These follow from the others, or are the same on every page.
	Window string // the title of the window
	Prefix string
	Person string
	All    bool // the actor may administer everything
	Inside bool // the actor may administer something
	Zone   string
}

// link leads to a page.
type link struct{ To, Text string }

// place is an environment as the head of its pages names it.
type place struct{ ID, Name string }

func placeOf(env admin.Environment) *place { return &place{env.ID, labelOf(env)} }

func labelOf(env admin.Environment) string {
	if env.Name != "" {
		return env.Name
	}
	return env.ID
}

// problem is a value that is not allowed, in the summary at the top of a page.
type problem struct {
	Anchor string // the field's element, or empty where there is none
	Text   string
}

// show answers with a page. Nothing is written before all of it is there.
func (v *visit) show(status int, name string, p page) {
	p.Prefix, p.Person, p.All, p.Inside = v.Prefix, v.person, v.actor.All, v.actor.Administers()
	p.Zone = v.zone()
	p.Window = p.Title
	if p.Place != nil && !strings.Contains(p.Title, p.Place.Name) {
		p.Window += " · " + p.Place.Name
	}
	if p.Notice == "" && status == http.StatusOK {
		p.Notice, p.Further = v.notice()
	}
	var text bytes.Buffer
	if err := v.templates[name].ExecuteTemplate(&text, "layout", p); err != nil {
		v.Log.Error("console_page_failed", "page", name, "error", err)
		http.Error(v.w, "the page cannot be made", http.StatusInternalServerError)
		return
	}
	v.w.Header().Set("Content-Type", "text/html; charset=utf-8")
	v.w.Header().Set("Content-Length", strconv.Itoa(text.Len()))
	v.w.WriteHeader(status)
	if v.r.Method != http.MethodHead {
		v.w.Write(text.Bytes())
	}
}

// zone is what people call the console's time zone.
func (v *visit) zone() string {
	if name := v.Location.String(); name != time.Local.String() {
		return name
	}
	return time.UnixMilli(v.now).In(v.Location).Format("MST")
}

// message answers with a page that says one thing.
func (v *visit) message(status int, title, text string) {
	v.show(status, "message", page{Title: title, Data: text})
}

// refusal is what an error says to people, and its HTTP status. Of an error that is no refusal they learn nothing: the log has it.
func (v *visit) refusal(err error) (int, settings.Problems) {
	var refused *admin.Error
	status := http.StatusInternalServerError
	if errors.As(err, &refused) {
		status = refused.Code.Status()
	}
	if status >= http.StatusInternalServerError && v.r.Context().Err() == nil {
		v.Log.Error("console_failed", "method", v.r.Method, "path", v.r.URL.Path, "actor", v.actor.Name, "error", err)
	}
	if refused == nil {
		return status, settings.Problems{{Message: "It could not be done. Try again in a moment; the verifier’s log says why."}}
	}
	all := refused.Problems
	if refused.Message != "" || len(all) == 0 {
		all = append(settings.Problems{{Message: refused.Message}}, all...)
	}
	return status, all
}

// fail answers with a page that says what an error says.
func (v *visit) fail(err error) {
	status, problems := v.refusal(err)
	titles := map[int]string{
		http.StatusForbidden:           "Not for you",
		http.StatusNotFound:            "There is nothing here",
		http.StatusServiceUnavailable:  "Not possible at the moment",
		http.StatusInternalServerError: "That did not work",
	}
	title := titles[status]
	if title == "" {
		title = "Not possible"
	}
	v.message(status, title, problems.Error())
}

// doneKey is the parameter of an address that says what was done, as one of notices, after a colon what it is about, a number and a proof that
// this console says so.
const doneKey = "done"

// redirect leads to a page that says what was done.
func (v *visit) redirect(to, code string, number int) {
	done := code + "." + strconv.Itoa(number)
	separator := "?"
	if strings.Contains(to, "?") {
		separator = "&"
	}
	v.w.Header().Set("Location", to+separator+doneKey+"="+url.QueryEscape(done+"."+v.seal(done)))
	v.w.WriteHeader(http.StatusSeeOther)
}

// notice is what the address says was done. A link that somebody else has made says nothing.
func (v *visit) notice() (string, *link) {
	done := v.r.URL.Query().Get(doneKey)
	at := strings.LastIndexByte(done, '.')
	if at < 0 || v.Token(v.r) == "" || !hmac.Equal([]byte(done[at+1:]), []byte(v.seal(done[:at]))) {
		return "", nil
	}
	code, text, _ := strings.Cut(done[:at], ".")
	number, err := strconv.Atoi(text)
	if err != nil {
		return "", nil
	}
	code, about, _ := strings.Cut(code, ":")
	if code == "removed" {
		return notices(code, number), &link{addressOf(admin.Environment{ID: about}, "history"), "History of " + about}
	}
	return notices(code, number), nil
}

func (v *visit) seal(text string) string {
	mac := hmac.New(sha256.New, []byte(v.Token(v.r)))
	mac.Write([]byte("curfew console notice\x00" + text))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil)[:16])
}

// notices are what can have been done.
func notices(code string, number int) string {
	switch code {
	case "saved":
		return "Saved. Pages that are open see it within seconds."
	case "saved_matchers":
		return "Saved. Matchers count from the next sign-in; what is enforced counts from a session’s next heartbeat."
	case "created":
		return "The environment is there. Its origins are answered from now on. Register its addresses at the identity provider: they are listed below."
	case "removed":
		return "The environment was removed, and " + count(number, "session") + " ended with it."
	case "ended":
		return "The session has ended. The next request in it is refused."
	case "ended_all":
		return count(number, "session") + " ended." + refusedNext(number)
	}
	return ""
}
