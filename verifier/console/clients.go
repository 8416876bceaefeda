package console

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/curfew-project/curfew/shared/policy"
	"github.com/curfew-project/curfew/verifier/admin"
	"github.com/curfew-project/curfew/verifier/settings"
)

// What the form of the matchers can be sent to do besides: with a row's number behind the last three, from 0.
const (
	doAdd    = "add"
	doTry    = "try"
	doUp     = "up."
	doDown   = "down."
	doRemove = "remove."
)

// matcherRow is a matcher as a row of the form.
type matcherRow struct {
	Number        int // from 1
	Index         int // from 0
	Client        string
	ClientName    string
	ClientID      string
	UserAgent     string
	First, Last   bool
	Focus         bool
	RowID, RowKey string
}

type clientsData struct {
	Form *form
	Env  admin.Environment
	// ClientsFixed: the configuration file has them.
	ClientsFixed bool
	Rows         []matcherRow
	Full         bool // there may be no more rows
	Kinds        []clientRow
	Clients      []clientRow
	ClientID     string // to try
	Agent        string
	Tried        *triedData
}

// triedData is what a user agent was taken for.
type triedData struct {
	admin.Tried
	Name    string
	Wrong   string
	Matcher int
}

func matcherRows(all []settings.Matcher) []matcherRow {
	var rows []matcherRow
	for i, m := range all {
		rows = append(rows, matcherRow{Number: i + 1, Index: i, Client: settings.ClientName(m.Client), ClientName: clientName(m.Client),
			ClientID: m.ClientID, UserAgent: m.UserAgent, First: i == 0, Last: i == len(all)-1,
			RowID: "matcher-" + strconv.Itoa(i+1), RowKey: "matcher." + strconv.Itoa(i)})
	}
	return rows
}

// typedMatchers are the rows of the form as they were sent. Kinds that there are not stay, so that somebody is told of them.
func (v *visit) typedMatchers() []settings.Matcher {
	n, _ := strconv.Atoi(v.r.PostForm.Get("rows"))
	var all []settings.Matcher
	for i := range min(max(n, 0), settings.MaxMatchers+1) {
		key := "matcher." + strconv.Itoa(i) + "."
		text := v.r.PostForm.Get(key + "client")
		client, ok := settings.ParseClient(text)
		if !ok {
			client = policy.Client(text)
		}
		all = append(all, settings.Matcher{Client: client, ClientID: strings.TrimSpace(v.r.PostForm.Get(key + "client_id")),
			UserAgent: strings.TrimSpace(v.r.PostForm.Get(key + "user_agent"))})
	}
	return all
}

// clientsForm shows how an environment recognises clients, and what is not enforced in them (A9).
func (v *visit) clientsForm() {
	env, ok := v.environment()
	if !ok {
		return
	}
	v.showClients(env, http.StatusOK, v.fresh(addressOf(env, "clients"), env.Version, clientsDraft(env)), "", nil, nil, -1)
}

// changeClients takes the form. Whatever only moves rows about changes nothing that is in force.
func (v *visit) changeClients() {
	env, ok := v.environment()
	if !ok {
		return
	}
	f := v.form(addressOf(env, "clients"), clientsDraft(env))
	if v.r.PostForm.Has("rows") {
		f.Values[keyMatchers] = matchersText(v.typedMatchers())
	}
	do := v.r.PostForm.Get("do")
	if focus, moved := f.move(do); moved {
		v.showClients(env, http.StatusOK, f, "", nil, nil, focus)
		return
	}
	if do == doTry {
		v.try(env, f)
		return
	}
	v.run(flow{
		environment: env.ID, title: "the clients of " + labelOf(env), place: placeOf(env), section: "overview", form: f,
		edit: f.Values.edit(f.Base, env.Clients.Matchers), done: f.Action,
		now: func() (draft, int64, error) { return clientsDraft(env), env.Version, nil },
		show: func(status int, f *form, notice string, problems settings.Problems) {
			v.showClients(env, status, f, notice, problems, nil, -1)
		},
	})
}

// move adds, moves or removes a row of the form, and says which row is to be looked at.
func (f *form) move(do string) (focus int, moved bool) {
	rows := readMatchers(f.Values[keyMatchers])
	at := func(prefix string) (int, bool) {
		text, ok := strings.CutPrefix(do, prefix)
		i, err := strconv.Atoi(text)
		return i, ok && err == nil && i >= 0 && i < len(rows)
	}
	if do == doAdd {
		if len(rows) < settings.MaxMatchers {
			rows = append(rows, settings.Matcher{Client: policy.OutlookAddIn})
		}
		focus, moved = len(rows)-1, true
	} else if i, ok := at(doUp); ok && i > 0 {
		rows[i-1], rows[i] = rows[i], rows[i-1]
		focus, moved = i-1, true
	} else if i, ok := at(doDown); ok && i < len(rows)-1 {
		rows[i+1], rows[i] = rows[i], rows[i+1]
		focus, moved = i+1, true
	} else if i, ok := at(doRemove); ok {
		rows = slices.Delete(rows, i, i+1)
		focus, moved = min(i, len(rows)-1), true
	}
	f.Values[keyMatchers] = matchersText(rows)
	return focus, moved
}

// try says what a user agent would be taken for by the matchers as they are typed.
func (v *visit) try(env admin.Environment, f *form) {
	clients := f.Values.clients(nil)
	tried, err := v.Admin.TryClient(v.r.Context(), v.actor, env.ID, v.r.PostForm.Get("try_client_id"), v.r.PostForm.Get("try_user_agent"), &clients)
	status, problems, shown := http.StatusOK, settings.Problems(nil), &triedData{Tried: tried, Name: clientText(tried.Client), Matcher: tried.Matcher}
	if err != nil {
		status, problems = v.refusal(err)
		shown = nil
	}
	v.showClients(env, status, f, "", problems, shown, -1)
}

func (v *visit) showClients(env admin.Environment, status int, f *form, notice string, problems settings.Problems, tried *triedData, focus int) {
	summary := f.refuse(problems, anchors{"matchers": "matchers", "clients": "matchers", "enforced": "enforced"})
	data := clientsData{Form: f, Env: env, ClientsFixed: env.Owned.Clients, Rows: matcherRows(readMatchers(f.Values[keyMatchers])), Clients: clientRows(env.Clients),
		Kinds: clientKinds(), ClientID: v.r.PostForm.Get("try_client_id"), Agent: v.r.PostForm.Get("try_user_agent"), Tried: tried}
	if !v.r.PostForm.Has("try_user_agent") {
		data.Agent = v.r.UserAgent()
	}
	data.Full = len(data.Rows) >= settings.MaxMatchers
	if focus >= 0 && focus < len(data.Rows) {
		data.Rows[focus].Focus = true
	}
	v.show(status, "clients", page{Title: "Clients of " + labelOf(env), Section: "overview", Place: placeOf(env), Tab: "clients", Notice: notice,
		Problems: summary, Data: data})
}

// clientKinds are what a matcher can recognise.
func clientKinds() []clientRow {
	rows := []clientRow{}
	for _, client := range append(policy.Clients(), policy.Browser) {
		rows = append(rows, clientRow{Name: clientName(client), ID: settings.ClientName(client)})
	}
	return rows
}
