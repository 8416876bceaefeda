package console

import (
	"net/http"
	"net/url"
	"slices"

	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/verifier/admin"
	"github.com/curfew-project/curfew/verifier/settings"
)

// endData is what is asked before sessions are ended.
type endData struct {
	Form   *form
	Who    string // whom it touches
	Button string
	Rows   []sessionRow
	More   string // how many there are besides Rows, or empty
	Back   string
	None   bool // there is nothing to end
}

// confirmed is how many sessions a confirmation lists.
const confirmed = 20

func (v *visit) confirm(title string, place *place, data endData, wrong error) {
	status := http.StatusOK
	p := page{Title: title, Section: "sessions", Place: place, Data: data}
	if wrong != nil {
		var all settings.Problems
		status, all = v.refusal(wrong)
		for _, one := range all {
			p.Problems = append(p.Problems, problem{"", one.Message})
		}
	}
	v.show(status, "end", p)
}

// endSessionForm asks before one session is ended (B6).
func (v *visit) endSessionForm() {
	if s, ok := v.found(); ok {
		v.confirmSession(s, nil)
	}
}

func (v *visit) confirmSession(s sessionRow, wrong error) {
	at := "/sessions/" + url.PathEscape(s.ID)
	v.confirm("End this session?", nil, endData{Form: v.fresh(at+"/end", 0, nil), Button: "End the session", Rows: []sessionRow{s}, Back: at,
		None: s.Over, Who: "It ends at once: the next request in it is refused, and " + s.Person + " has to sign in again."}, wrong)
}

func (v *visit) endSession() {
	s, ok := v.found()
	if !ok {
		return
	}
	if err := v.Admin.EndSession(v.r.Context(), v.actor, s.ID); err != nil {
		v.confirmSession(s, err)
		return
	}
	v.redirect("/sessions/"+url.PathEscape(s.ID), "ended", 1)
}

// ending is the environment in the address, which may be the console's own. Otherwise it has answered.
func (v *visit) ending() (admin.Environment, bool) {
	if own := ownEnvironment(); v.actor.All && v.r.PathValue("id") == own.ID {
		return own, true
	}
	return v.environment()
}

// placeToEnd is the place of an environment, which the console's own is not.
func placeToEnd(env admin.Environment) *place {
	if env.ID == settings.ReservedID {
		return nil
	}
	return placeOf(env)
}

// ofEnvironment is where somebody goes back to who ends nothing in an environment.
func ofEnvironment(env admin.Environment) string {
	if env.ID == settings.ReservedID {
		return "/sessions?environment=" + env.ID
	}
	return addressOf(env, "")
}

// refusedNext says what becomes of some sessions that end.
func refusedNext(n int) string {
	if n == 1 {
		return " The next request in it is refused."
	}
	return " The next request in each is refused."
}

// endUserForm asks before all sessions of a user in an environment are ended.
func (v *visit) endUserForm() {
	if env, ok := v.ending(); ok {
		v.confirmUser(env, v.r.FormValue("subject"), nil)
	}
}

func (v *visit) confirmUser(env admin.Environment, subject string, wrong error) {
	list, err := v.Admin.Sessions(v.r.Context(), v.actor, admin.SessionQuery{Environment: env.ID, User: subject, Limit: admin.MaxSessions})
	if err != nil {
		v.fail(err)
		return
	}
	// The search finds parts of names as well.
	own := slices.DeleteFunc(list.Sessions, func(s admin.SessionView) bool { return s.Subject != subject || s.Phase == wire.Ended })
	person := subject
	if len(own) > 0 && own[0].Name != "" {
		person = own[0].Name
	}
	data := endData{Form: v.fresh(addressOf(env, "end-user")+"?"+url.Values{"subject": {subject}}.Encode(), 0, draft{"subject": subject}), Back: "/sessions?" + url.Values{"environment": {env.ID}, "user": {subject}}.Encode(),
		Button: "End " + count(len(own), "session"), None: len(own) == 0,
		Who: count(len(own), "living session") + " of " + person + " in " + labelOf(env) + "." + refusedNext(len(own))}
	data.list(v, own, len(own))
	v.confirm("End every session of this user?", placeToEnd(env), data, wrong)
}

// list shows the first of the sessions, and says how many there are besides.
func (d *endData) list(v *visit, all []admin.SessionView, total int) {
	all = all[:min(len(all), confirmed)]
	if d.Rows = v.sessionRows(all); total > len(all) {
		d.More = count(total-len(all), "more session")
	}
}

func (v *visit) endUser() {
	env, ok := v.ending()
	if !ok {
		return
	}
	subject := v.r.PostForm.Get("subject")
	n, err := v.Admin.EndUser(v.r.Context(), v.actor, env.ID, subject)
	if err != nil {
		v.confirmUser(env, subject, err)
		return
	}
	v.redirect("/sessions?"+url.Values{"environment": {env.ID}, "user": {subject}, "state": {string(admin.Any)}}.Encode(), "ended_all", n)
}

// endEnvironmentForm asks before all sessions of an environment are ended.
func (v *visit) endEnvironmentForm() {
	if env, ok := v.ending(); ok {
		v.confirmEnvironment(env, nil)
	}
}

func (v *visit) confirmEnvironment(env admin.Environment, wrong error) {
	list, err := v.Admin.Sessions(v.r.Context(), v.actor, admin.SessionQuery{Environment: env.ID, Limit: confirmed})
	if err != nil {
		v.fail(err)
		return
	}
	of := ", of everybody who is signed in there."
	switch {
	case env.ID == settings.ReservedID:
		of = ", your own among them."
	case list.Total == 1:
		of = "."
	}
	data := endData{Form: v.fresh(addressOf(env, "end"), 0, nil), Back: ofEnvironment(env), Button: "End " + count(list.Total, "session"), None: list.Total == 0,
		Who: count(list.Total, "living session") + " in " + labelOf(env) + of + refusedNext(list.Total)}
	data.list(v, list.Sessions, list.Total)
	v.confirm("End every session of "+labelOf(env)+"?", placeToEnd(env), data, wrong)
}

func (v *visit) endEnvironment() {
	env, ok := v.ending()
	if !ok {
		return
	}
	n, err := v.Admin.EndEnvironment(v.r.Context(), v.actor, env.ID)
	if err != nil {
		v.confirmEnvironment(env, err)
		return
	}
	v.redirect("/sessions?"+url.Values{"environment": {env.ID}, "state": {string(admin.Any)}}.Encode(), "ended_all", n)
}
