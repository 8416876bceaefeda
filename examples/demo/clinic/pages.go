package clinic

import (
	"bytes"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// audience is who a page is for; it decides on the page's headers.
type audience int

const (
	publicPage audience = iota
	protectedPage
	framedPage // protected, and shown in a frame of another page
)

// policy is as strict as the page allows. Protected pages let Curfew's agent
// run: its own script and WebAssembly, its requests, nothing from elsewhere.
func (a audience) policy() string {
	switch a {
	case protectedPage:
		return agentPolicy + "; frame-ancestors 'none'"
	case framedPage:
		return agentPolicy + "; frame-ancestors 'self'"
	}
	return "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
}

const agentPolicy = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self'; worker-src 'self'; " +
	"style-src 'self'; img-src 'self'; frame-src 'self'; form-action 'self'; base-uri 'none'; require-trusted-types-for 'script'"

// shell is what every page has around its content. AgentSrc is empty on pages
// that are for everybody.
type shell struct {
	Title, AgentSrc, SignIn, SignOut, User string
}

func (c *clinic) publicShell(title string) shell {
	return shell{Title: title, SignIn: c.signInAddress("/patients")}
}

func (c *clinic) protectedShell(title string, v visit) shell {
	return shell{Title: title, AgentSrc: c.cfg.AgentSrc, SignOut: c.cfg.SignOutPath, User: v.user}
}

func (c *clinic) show(w http.ResponseWriter, status int, who audience, name string, data any) {
	var body bytes.Buffer
	if err := c.pages.ExecuteTemplate(&body, name, data); err != nil {
		http.Error(w, "The page could not be made.", http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Length", strconv.Itoa(body.Len()))
	h.Set("Content-Security-Policy", who.policy())
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(body.Bytes()) // a write error means the reader is gone
}

type welcomeView struct {
	shell
	Notice                    string
	Accounts                  []Account
	AccountsPage, CheckWithin string
}

func (c *clinic) welcome(w http.ResponseWriter, r *http.Request) {
	v := welcomeView{shell: c.publicShell("Fernhill Clinic"), Notice: c.cfg.Notice, Accounts: c.cfg.Accounts,
		AccountsPage: c.cfg.AccountsPage, CheckWithin: c.cfg.CheckWithin}
	c.show(w, http.StatusOK, publicPage, "welcome.html", v)
}

type row struct {
	ID, Name, Initials, Reason, Room string
	Tint, Age                        int
	Pressure, Level, Visit           string
	VisitAt                          string
}

type listView struct {
	shell
	Query string
	Rows  []row
	Total int
	Today string
}

// maxQuery bounds the search text that is shown again, in bytes.
const maxQuery = 100

func (c *clinic) list(w http.ResponseWriter, r *http.Request, v visit) {
	query := strings.ToValidUTF8(r.URL.Query().Get("q"), "")
	if len(query) > maxQuery {
		query = ""
	}
	view := listView{shell: c.protectedShell("Patients", v), Query: query, Total: len(c.patients), Today: v.now.Format("Monday 2 January")}
	for i, p := range c.patients {
		if p.matches(query) {
			view.Rows = append(view.Rows, rowOf(p, i, v.now))
		}
	}
	c.show(w, http.StatusOK, protectedPage, "list.html", view)
}

func rowOf(p patient, i int, now time.Time) row {
	last := p.latest()
	return row{
		ID: p.ID, Name: p.Name, Initials: p.initials(), Reason: p.Reason, Room: p.Room, Tint: i % 4, Age: p.age(now),
		Pressure: strconv.Itoa(last.Systolic) + "/" + strconv.Itoa(last.Diastolic), Level: last.level(),
		Visit: visitText(p.NextVisit, now), VisitAt: p.NextVisit.Format(time.RFC3339),
	}
}

// visitText says when in the way people do.
func visitText(at, now time.Time) string {
	day := func(t time.Time) time.Time { return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC) }
	switch day(at).Sub(day(now)) / (24 * time.Hour) {
	case 0:
		return "Today, " + at.Format("15:04")
	case 1:
		return "Tomorrow, " + at.Format("15:04")
	}
	return at.Format("2 Jan, 15:04")
}

type shownNote struct{ At, When, Author, Text string }

type recordView struct {
	shell
	Row         row
	Patient     patient
	Born        string
	Notes       []shownNote
	Draft       string // kept when a note was refused, or when a session ended
	Restored    bool   // it is from a session that ended
	NoteProblem string
	Saved       bool
	MaxNote     int
}

func (c *clinic) record(w http.ResponseWriter, r *http.Request, v visit) {
	p, ok := c.patientByID(r.PathValue("id"))
	if !ok {
		c.notFound(w, r, v)
		return
	}
	view := c.recordOf(p, v)
	view.Saved = r.URL.Query().Get("saved") == "1"
	view.Draft = c.drafts.of(v.user, p.ID)
	view.Restored = view.Draft != ""
	c.show(w, http.StatusOK, protectedPage, "record.html", view)
}

func (c *clinic) recordOf(p patient, v visit) recordView {
	view := recordView{shell: c.protectedShell(p.Name, v), Patient: p, Born: p.Born.Format("2 January 2006"), MaxNote: maxNote}
	for i := range c.patients {
		if c.patients[i].ID == p.ID {
			view.Row = rowOf(p, i, v.now)
		}
	}
	for _, n := range c.notes.of(p.ID) {
		view.Notes = append(view.Notes, shownNote{n.At.Format(time.RFC3339), n.At.Format("2 January 2006, 15:04"), n.Author, n.Text})
	}
	return view
}

type framedChart struct {
	shell
	Patient patient
	Chart   chartView
	Latest  []shownReading // newest first
}

type shownReading struct {
	At, When, Pressure, Level string
}

func (c *clinic) chart(w http.ResponseWriter, r *http.Request, v visit) {
	p, ok := c.patientByID(r.PathValue("id"))
	if !ok {
		c.notFound(w, r, v)
		return
	}
	view := framedChart{shell: c.protectedShell("Blood pressure of "+p.Name, v), Patient: p, Chart: chartOf(p)}
	for i := len(p.Readings) - 1; i >= 0; i-- {
		x := p.Readings[i]
		view.Latest = append(view.Latest, shownReading{x.At.Format(time.RFC3339), x.At.Format("2 Jan, 15:04"),
			strconv.Itoa(x.Systolic) + "/" + strconv.Itoa(x.Diastolic), x.level()})
	}
	c.show(w, http.StatusOK, framedPage, "chart.html", view)
}

type problemView struct {
	shell
	Text string
}

// problem is a page for somebody who is not signed in.
func (c *clinic) problem(title, text string) problemView {
	return problemView{c.publicShell(title), text}
}

func (c *clinic) notFound(w http.ResponseWriter, _ *http.Request, v visit) {
	c.show(w, http.StatusNotFound, protectedPage, "problem.html", problemView{
		c.protectedShell("There is no such page", v), "The address may be mistyped, or the record was moved. Look for the patient in the list."})
}

func (c *clinic) foreignForm(w http.ResponseWriter, _ *http.Request) {
	c.show(w, http.StatusForbidden, publicPage, "problem.html", c.problem(
		"This form came from another site", "Nothing was saved. Open the record here and write the note again."))
}
