package console

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/curfew-project/curfew/shared/policy"
	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/verifier/admin"
	"github.com/curfew-project/curfew/verifier/settings"
)

// sessionsPerPage is how many sessions stand on one page.
const sessionsPerPage = 50

// sessionRow is a session, for people.
type sessionRow struct {
	admin.SessionView
	Person             string
	ClientName         string
	PhaseName, Why     string
	Began, Active, End *instant
	Over               bool
	Exemptions         string
}

func (v *visit) sessionRow(s admin.SessionView) sessionRow {
	row := sessionRow{SessionView: s, Person: s.Name, ClientName: clientText(s.Client), PhaseName: phaseName(s.Phase), Began: v.at(s.Began),
		Active: v.at(s.Active), End: v.at(s.Ends), Over: s.Phase == wire.Ended, Exemptions: strings.Join(s.Exempt, " and ")}
	if row.Person == "" {
		row.Person = s.Subject
	}
	if s.Reason != "" {
		row.Why = reasonName(s.Reason)
	}
	return row
}

func (v *visit) sessionRows(all []admin.SessionView) []sessionRow {
	var rows []sessionRow
	for _, s := range all {
		rows = append(rows, v.sessionRow(s))
	}
	return rows
}

// option is one of a list to choose from.
type option struct {
	Value, Text string
	Chosen      bool
}

// ownEnvironment is the console's, which is no environment that can be administered. It has sessions and entries of the audit.
func ownEnvironment() admin.Environment {
	return admin.Environment{ID: settings.ReservedID, Name: "Console"}
}

// environmentOptions are the environments that the actor may see, and the console's for who may administer everything. With any, there is a first one that stands for all of them.
func (v *visit) environmentOptions(chosen, anyText string) ([]option, error) {
	environments, err := v.Admin.Environments(v.r.Context(), v.actor)
	if err != nil {
		return nil, err
	}
	var all []option
	if anyText != "" {
		all = append(all, option{"", anyText, chosen == ""})
	}
	for _, env := range environments {
		all = append(all, option{env.ID, labelOf(env), chosen == env.ID})
	}
	if v.actor.All {
		own := ownEnvironment()
		all = append(all, option{own.ID, labelOf(own), chosen == own.ID})
	}
	return all, nil
}

type sessionsData struct {
	User                          string
	Environments, Clients, States []option
	Rows                          []sessionRow
	Total                         string
	From, To                      int
	Earlier, Later                string // pages of the listing, or empty
	Environment                   string // the one that is chosen, or empty
	Filtered                      bool
}

// sessions lists and finds sessions (B6).
func (v *visit) sessions() {
	query := v.r.URL.Query()
	q := admin.SessionQuery{Environment: query.Get("environment"), User: strings.TrimSpace(query.Get("user")), Client: query.Get("client"),
		State: admin.State(query.Get("state")), Offset: int(min(v.number("offset"), admin.MaxOffset)), Limit: sessionsPerPage}
	if q.State == "" {
		q.State = admin.Living
	}
	data := sessionsData{User: q.User, Environment: q.Environment, Filtered: q.User != "" || q.Client != "" || q.Environment != "" || q.State != admin.Living}
	var err error
	if data.Environments, err = v.environmentOptions(q.Environment, "All"); err != nil {
		v.fail(err)
		return
	}
	data.Clients = []option{{"", "Any", q.Client == ""}}
	for _, c := range append([]policy.Client{policy.Browser}, policy.Clients()...) {
		id := settings.ClientName(c)
		data.Clients = append(data.Clients, option{id, clientName(c), q.Client == id})
	}
	for _, s := range admin.States() {
		data.States = append(data.States, option{string(s), stateWords[s], q.State == s})
	}
	p := page{Title: "Sessions", Section: "sessions"}
	found, err := v.Admin.Sessions(v.r.Context(), v.actor, q)
	status := http.StatusOK
	if err != nil {
		var problems settings.Problems
		if status, problems = v.refusal(err); status >= http.StatusInternalServerError {
			v.fail(err)
			return
		}
		for _, one := range problems {
			p.Problems = append(p.Problems, problem{"", one.Message})
		}
	}
	data.Rows, data.Total = v.sessionRows(found.Sessions), count(found.Total, "session")
	data.From, data.To = q.Offset+1, q.Offset+len(found.Sessions)
	at := func(offset int) string {
		query.Set("offset", strconv.Itoa(offset))
		query.Del(doneKey)
		return "/sessions?" + query.Encode()
	}
	if q.Offset > 0 {
		data.Earlier = at(max(0, q.Offset-sessionsPerPage))
	}
	if data.To < found.Total && data.To <= admin.MaxOffset && len(found.Sessions) > 0 {
		data.Later = at(data.To)
	}
	p.Data = data
	v.show(status, "sessions", p)
}

type sessionData struct {
	sessionRow
	EnvironmentLabel string
	OfUser           string // where the user's sessions are
	Audit            string // where its entries are
	EndUser          string
	Own              bool // it is a session of the console
}

// found is the session in the address. Otherwise it has answered.
func (v *visit) found() (sessionRow, bool) {
	s, err := v.Admin.Session(v.r.Context(), v.actor, v.r.PathValue("id"))
	if err != nil {
		v.fail(err)
		return sessionRow{}, false
	}
	return v.sessionRow(s), true
}

// session shows one session, and where it began.
func (v *visit) session() {
	s, ok := v.found()
	if !ok {
		return
	}
	data := sessionData{sessionRow: s, Own: s.Environment == settings.ReservedID,
		OfUser:  "/sessions?" + url.Values{"environment": {s.Environment}, "user": {s.Subject}, "state": {string(admin.Any)}}.Encode(),
		Audit:   "/audit?" + url.Values{"environment": {s.Environment}, "session": {s.ID}, "since": {sinceAny}}.Encode(),
		EndUser: "/environments/" + url.PathEscape(s.Environment) + "/end-user?" + url.Values{"subject": {s.Subject}}.Encode()}
	v.show(http.StatusOK, "session", page{Title: "Session of " + s.Person, Section: "sessions", Data: data})
}
