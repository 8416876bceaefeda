package console

import (
	"context"
	"crypto/sha256"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/curfew-project/curfew/shared/policy"
	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/verifier/admin"
	"github.com/curfew-project/curfew/verifier/audit"
	"github.com/curfew-project/curfew/verifier/settings"
)

// noon is when the tests look at the console: 2026-03-02 12:00 UTC.
const noon = int64(1_772_452_800_000)

const (
	minute = int64(60_000)
	hour   = 60 * minute
	day    = 24 * hour
)

// fake is an administration that says what a test wants a page to show. What it decides is as little as possible: the real one is
// tested elsewhere.
type fake struct {
	environments []admin.Environment
	deployment   admin.DeploymentView
	history      []admin.Version
	overview     admin.Overview
	reported     []admin.ReportedPage
	sessions     []admin.SessionView
	total        int
	entries      []audit.Entry
	outcome      admin.Outcome
	verified     audit.Verified
	tried        admin.Tried

	refuse error // of every change
	fail   error // of everything

	edits []admin.Edit // that were tried or made, the last one last
	dry   []bool
}

func (f *fake) Environments(context.Context, admin.Actor) ([]admin.Environment, error) {
	return f.environments, f.fail
}

func (f *fake) Environment(_ context.Context, actor admin.Actor, id string) (admin.Environment, error) {
	for _, env := range f.environments {
		if env.ID == id && actor.May(id) {
			return env, f.fail
		}
	}
	return admin.Environment{}, &admin.Error{Code: admin.NotFound, Message: fmt.Sprintf("there is no environment %q", id)}
}

func (f *fake) Deployment(context.Context, admin.Actor) (admin.DeploymentView, error) {
	return f.deployment, f.fail
}

func (f *fake) History(_ context.Context, _ admin.Actor, _ string, before int64, limit int) ([]admin.Version, error) {
	var all []admin.Version
	for _, one := range f.history {
		if (before == 0 || one.Version < before) && len(all) < limit {
			all = append(all, one)
		}
	}
	return all, f.fail
}

func (f *fake) Overview(context.Context, admin.Actor, string) (admin.Overview, error) {
	return f.overview, f.fail
}

func (f *fake) Reported(context.Context, admin.Actor, string) ([]admin.ReportedPage, error) {
	return f.reported, f.fail
}

func (f *fake) Change(_ context.Context, _ admin.Actor, _ string, version int64, e admin.Edit, dryRun bool) (admin.Outcome, error) {
	f.edits, f.dry = append(f.edits, e), append(f.dry, dryRun)
	return f.outcome, f.refuse
}

func (f *fake) Create(_ context.Context, _ admin.Actor, n admin.NewEnvironment) (admin.Environment, error) {
	return admin.Environment{ID: n.ID}, f.refuse
}

func (f *fake) Remove(_ context.Context, _ admin.Actor, _ string, _ int64, dryRun bool) (admin.Outcome, error) {
	if dryRun {
		return f.outcome, nil
	}
	return f.outcome, f.refuse
}

func (f *fake) Sessions(_ context.Context, _ admin.Actor, q admin.SessionQuery) (admin.SessionList, error) {
	if !slices.Contains(admin.States(), q.State) && q.State != "" {
		return admin.SessionList{}, &admin.Error{Code: admin.Invalid, Problems: settings.Problems{{Field: "state", Message: "state is no state"}}}
	}
	return admin.SessionList{Sessions: slices.Clone(f.sessions), Total: f.total}, f.fail
}

func (f *fake) Session(_ context.Context, _ admin.Actor, id string) (admin.SessionView, error) {
	for _, s := range f.sessions {
		if s.ID == id {
			return s, f.fail
		}
	}
	return admin.SessionView{}, &admin.Error{Code: admin.NotFound, Message: fmt.Sprintf("there is no session %q", id)}
}

func (f *fake) EndSession(context.Context, admin.Actor, string) error { return f.refuse }

func (f *fake) EndUser(context.Context, admin.Actor, string, string) (int, error) {
	return 3, f.refuse
}

func (f *fake) EndEnvironment(context.Context, admin.Actor, string) (int, error) {
	return 1204, f.refuse
}

func (f *fake) Audit(_ context.Context, _ admin.Actor, q audit.Query) ([]audit.Entry, error) {
	if q.Ascending {
		return nil, f.fail
	}
	return slices.Clone(f.entries), f.fail
}

func (f *fake) VerifyAudit(context.Context, admin.Actor, func(done, all int64)) (audit.Verified, error) {
	return f.verified, f.refuse
}

func (f *fake) TryClient(context.Context, admin.Actor, string, string, string, *settings.Clients) (admin.Tried, error) {
	return f.tried, f.refuse
}

// sid is a session's ID made from a number.
func sid(n int) string {
	sum := sha256.Sum256(fmt.Append(nil, "session", n))
	return fmt.Sprintf("%.22s", strings.NewReplacer("+", "-", "/", "_").Replace(fmt.Sprintf("%x", sum)))
}

var everything = admin.Actor{Name: "amara (console)", All: true}

// newFake is the administration of a hospital.
func newFake() *fake {
	set := settings.Times(policy.Settings{SessionTimeout: 12 * time.Hour, SessionWarning: 20 * time.Minute, InactivityTimeout: 15 * time.Minute, InactivityWarning: 2 * time.Minute})
	defaults := settings.Times(policy.Defaults())
	states := func(own ...policy.Switch) []admin.SwitchState {
		var all []admin.SwitchState
		for _, name := range policy.SwitchNames() {
			all = append(all, admin.SwitchState{Name: name, On: slices.Contains(own, name), Own: slices.Contains(own, name)})
		}
		return all
	}
	clients := settings.Clients{
		Matchers: []settings.Matcher{
			{Client: policy.OutlookAddIn, ClientID: "outlook-addin"},
			{Client: policy.Browser, UserAgent: "*Trident/7.0*"},
			{Client: policy.DesktopAgentShell, UserAgent: "*AgentShell/*"},
			{Client: policy.Tablet, UserAgent: "*iPad*"},
			{Client: policy.Phone, UserAgent: "*Mobile*"},
		},
		Enforced: map[policy.Client]settings.Enforced{policy.Tablet: {Session: true, Inactivity: true}, policy.Phone: {Session: true}},
	}
	f := &fake{
		environments: []admin.Environment{
			{ID: "billing", Name: "Billing", Kind: settings.App, Origins: []string{"https://billing.fernhill.example"}, Issuer: "https://login.fernhill.example", Version: 3, ChangedAt: noon - 40*day,
				ChangedBy: "configuration file", Set: defaults, InForce: defaults, Switches: states(), Owned: admin.Owned{Environment: true, Settings: true, Switches: true, Clients: true, Name: true}, Sessions: 118, ProviderState: "answers"},
			{ID: "clinic", Name: "Fernhill Clinic", Kind: settings.App, Origins: []string{"https://clinic.fernhill.example", "https://ward.fernhill.example"}, Issuer: "https://login.fernhill.example", Version: 7, ChangedAt: noon - 26*hour,
				ChangedBy: "amara (console)", Set: set, InForce: set, Clients: clients, Switches: states(policy.AllowCustomSessionDuration, policy.AllowCustomInactivityDuration, policy.UCIInactivityTimeout),
				Sessions: 1204, ProviderState: "answers"},
			{ID: "patients", Name: "Patients’ portal", Kind: settings.Portal, Origins: []string{"https://my.fernhill.example"}, Issuer: "https://accounts.fernhill.example", Version: 2, ChangedAt: noon - 3*day,
				ChangedBy: "token deploy", Set: set, InForce: defaults, Switches: states(policy.AllowCustomInactivityDuration), Sessions: 342, ProviderState: "does not answer since 11:42 (unreachable)"},
		},
		deployment: admin.DeploymentView{Version: 2, ChangedAt: noon - 9*day, ChangedBy: "token deploy", Providers: []string{"staff", "patients"}, Switches: states(policy.WSFedNonceCookieEnabled)},
		overview: admin.Overview{EndsKnown: true,
			Left:   []admin.Bucket{{Below: 5 * minute, Count: 14}, {Below: 15 * minute, Count: 212}, {Below: hour, Count: 371}, {Below: 4 * hour, Count: 498}, {Below: 12 * hour, Count: 406}, {Below: day, Count: 45}, {Count: 118}},
			Ends:   map[wire.Reason]int{wire.Inactivity: 823, wire.SignedOut: 611, wire.SessionTimeout: 240, wire.SignedOutElsewhere: 37, wire.EndedByAdmin: 4, wire.KeyMismatch: 1},
			Living: 1666, Warned: 23, Exempt: 88, Since: noon - day, ByEnvID: map[string]int{"billing": 118, "clinic": 1204, "patients": 342, "console": 2},
		},
		reported: []admin.ReportedPage{
			{Path: "/", First: noon - 30*day, Last: noon - 2*1000, Count: 48210}, {Path: "/patients/*", First: noon - 30*day, Last: noon - 9*1000, Count: 120933},
			{Path: "/WebResources/timeline.html", First: noon - 6*day, Last: noon - hour, Count: 412},
		},
		total: 1204,
		tried: admin.Tried{Client: "tablet", Matcher: 4, Enforced: settings.Enforced{Session: true, Inactivity: true}},
	}
	change := func(field, old, now string) settings.Change { return settings.Change{Field: field, Old: old, New: now} }
	version := func(n, at int64, by string, changes ...settings.Change) admin.Version {
		return admin.Version{Revision: settings.Revision{Environment: "clinic", Version: n, At: at, By: by}, Changes: changes}
	}
	f.history = []admin.Version{
		version(7, noon-26*hour, "amara (console)", change("session_timeout", "8h", "12h"), change("client phone", "session exempt, inactivity exempt", "session enforced, inactivity exempt")),
		version(6, noon-50*hour, "token deploy", change("matchers", `client_id "outlook-addin" is outlook_add_in`, `client_id "outlook-addin" is outlook_add_in; user_agent "*Mobile*" is phone`)),
		version(5, noon-9*day, "jonas (console)", change("inactivity_timeout", "off", "15m"), change("switch FCB.UCIInactivityTimeout", "inherit", "on")),
		version(4, noon-12*day, "jonas (console)", change("name", "Clinic", "Fernhill Clinic")),
	}
	names := []string{"Amara Okafor", "Jonas Lindqvist", "Mei-Ling Chen", "نورا الحداد", "Kateryna Shevchenko", "Bartholomew Featherstonehaugh-Cholmondeley", "", "Tomás Ó Briain"}
	for i := range 14 {
		s := admin.SessionView{ID: sid(i), Environment: []string{"clinic", "clinic", "patients", "billing"}[i%4], Issuer: "https://login.fernhill.example", Subject: fmt.Sprintf("u-%06d", 4711*(i+3)%1000000),
			Name: names[i%len(names)], Client: "browser", Phase: wire.Active, Began: noon - int64(i+1)*17*minute, Active: noon - int64(i)*40*1000, Ends: noon + int64(15-i)*minute,
			UserAgent: "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/145.0.0.0 Safari/537.36", Address: "192.0.2.17"}
		switch i {
		case 3:
			s.Phase, s.Ends = wire.Warned, noon+90*1000
		case 5:
			s.Client, s.Exempt = "phone", []string{"inactivity"}
		case 7:
			s.Ends, s.Bypassed = 0, true
		case 9:
			s.Phase, s.Ends, s.Reason = wire.Ended, noon-20*minute, wire.Inactivity
		}
		f.sessions = append(f.sessions, s)
	}
	effects := admin.Effects{Living: 1204, SoonerCount: 37, LaterCount: 3, EndsAtOnce: 0}
	for i := range 5 {
		s := f.sessions[i]
		effects.Sooner = append(effects.Sooner, admin.Affected{Session: s.ID, Environment: "clinic", Subject: s.Subject, Name: s.Name, Ended: noon + int64(i+2)*hour, Ends: noon + int64(20+i)*minute, Reason: wire.SessionTimeout})
	}
	effects.Sooner[4].Ended = 0
	f.outcome = admin.Outcome{Environment: "clinic", Version: 8, Effects: effects, Changes: []settings.Change{
		change("session_timeout", "12h", "8h"), change("inactivity_warning", "2m", "90s"), change("switch WSFedNonceCookieEnabled", "inherit", "on")}}
	var at audit.Link
	for _, e := range []audit.Event{
		{At: noon - 3*hour, Kind: audit.ConfigLoaded, Actor: "configuration file", Detail: "/etc/curfew/curfew.yaml"},
		{At: noon - 80*minute, Kind: audit.SettingsChanged, Environment: "clinic", Actor: "amara (console)", Detail: "session_timeout: 8h -> 12h"},
		{At: noon - 61*minute, Kind: audit.ProviderDown, Environment: "patients", Detail: "Get \"https://accounts.fernhill.example/.well-known/openid-configuration\": connection refused"},
		{At: noon - 31*minute, Kind: audit.SignIn, Environment: "clinic", Session: sid(1), Subject: "u-018844", Client: "phone"},
		{At: noon - 20*minute, Kind: audit.Ended, Environment: "clinic", Session: sid(9), Subject: "u-056532", Reason: wire.Inactivity},
		{At: noon - 12*minute, Kind: audit.Refused, Environment: "clinic", Session: sid(2), Subject: "u-023555", Code: wire.WrongKey},
		{At: noon - 4*minute, Kind: audit.AdminRefused, Environment: "clinic", Actor: "jonas (console)", Detail: "session_timeout is 30m; allowed: provider (its own policy rules, A5), or 1h to 24h (A1)"},
		{At: noon - 2*minute, Kind: audit.Ended, Environment: "patients", Session: sid(4), Subject: "u-032977", Actor: "amara (console)", Reason: wire.EndedByAdmin},
	} {
		entry := at.Next(e)
		f.entries, at = append([]audit.Entry{entry}, f.entries...), entry.Link()
	}
	f.verified = audit.Verified{Entries: 104233, Last: at}
	return f
}

const token = "the session's token"

// mount is a console over an administration, as somebody sees it.
func mount(t testing.TB, of Administration, actor admin.Actor, ok bool) http.Handler {
	t.Helper()
	handler, err := New(Config{Admin: of, Prefix: "/.curfew/", Now: func() time.Time { return time.UnixMilli(noon) }, Role: "the role curfew-admin",
		Actor: func(*http.Request) (admin.Actor, string, bool) { return actor, "Amara Okafor", ok },
		Token: func(*http.Request) string { return token }})
	if err != nil {
		t.Fatal(err)
	}
	return handler
}

// ask sends a request to a console; a form, where there is one, is posted with the token.
func ask(handler http.Handler, address string, form url.Values, change ...func(*http.Request)) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, "https://console.example"+address, nil)
	if form != nil {
		if !form.Has("token") {
			form.Set("token", token)
		}
		r = httptest.NewRequest(http.MethodPost, "https://console.example"+address, strings.NewReader(form.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	r.Header.Set("User-Agent", "Mozilla/5.0 (iPad; CPU OS 17_0 like Mac OS X)")
	for _, c := range change {
		c(r)
	}
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	return w
}

// opened is a form as a page holds it, by the names of its fields, as a browser would send it.
func opened(t testing.TB, handler http.Handler, address string) url.Values {
	t.Helper()
	w := ask(handler, address, nil)
	if w.Code != http.StatusOK {
		t.Fatalf("%s: %d\n%s", address, w.Code, w.Body)
	}
	return formOf(t, w.Body.String())
}
