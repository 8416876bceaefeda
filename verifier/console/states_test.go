package console

import (
	"maps"
	"net/http"
	"net/url"
	"testing"

	"github.com/curfew-project/curfew/verifier/admin"
	"github.com/curfew-project/curfew/verifier/audit"
	"github.com/curfew-project/curfew/verifier/settings"
)

// state is a page in one of its states.
type state struct {
	name    string
	address string
	form    func(t testing.TB, opened url.Values) // changes the form before it is posted; nil: the page is only looked at
	change  func(f *fake)
	actor   *admin.Actor // nil: who may administer everything; without a name: nobody
	status  int          // 0: 200
}

func sets(pairs ...string) func(testing.TB, url.Values) {
	return func(t testing.TB, form url.Values) {
		for i := 0; i < len(pairs); i += 2 {
			form.Set(pairs[i], pairs[i+1])
		}
	}
}

// meanwhile is a form that was opened at version 5, when the session timeout was 8h and the clinic had another name.
func meanwhile(t testing.TB, form url.Values) {
	base := decodeDraft(form.Get("base"))
	base["session_timeout"], base["name"] = "8h", "Clinic"
	sets("do", doApply, "version", "5", "base", base.encode(), "session_timeout", "6h", "inactivity_warning", "90s", "name", "Clinic")(t, form)
}

// longName has no place where it can be broken.
const longName = "Krankenhausverwaltungsgesellschaftsbetriebsratsvorsitzendenbüro-Nordrhein-Westfalen"

// states are all pages in all of their states.
func states() []state {
	clinicOnly := &admin.Actor{Name: "jonas (console)", Environments: []string{"clinic"}}
	refuse := func(code admin.Code, message string, problems ...settings.Problem) func(*fake) {
		return func(f *fake) { f.refuse = &admin.Error{Code: code, Message: message, Problems: problems} }
	}
	none := func(f *fake) {
		f.environments, f.sessions, f.total, f.entries, f.history, f.reported = nil, nil, 0, nil, nil, nil
		f.overview = admin.Overview{EndsKnown: true, Since: noon - day}
	}
	empty := func(f *fake) {
		kept := f.environments
		none(f)
		f.environments = kept
	}
	wrongTimes := []settings.Problem{
		{Field: "session_timeout", Message: "session_timeout is 30m; allowed: provider (its own policy rules, A5), or 1h to 24h (A1)"},
		{Field: "session_warning", Message: `session_warning "soon" is not a length of time: write a number and its unit, such as 90s, 20m or 24h`},
		{Field: "inactivity_timeout", Message: "inactivity_timeout is 15m; allowed: 0 (off), while the switch AllowCustomInactivityDuration is off (A3)"},
		{Field: "WSFedNonceCookieEnabled", Message: `WSFedNonceCookieEnabled is "maybe"; allowed: on, off or inherit`},
		{Field: "origins", Message: `origins has "http://clinic"; allowed: https://host or https://host:port without a path, or http:// on localhost`},
	}
	return []state{
		{name: "overview", address: "/"},
		{name: "overview-empty", address: "/", change: none},
		{name: "overview-one", address: "/", actor: clinicOnly, change: func(f *fake) { f.environments = f.environments[1:2] }},
		{name: "overview-crowded", address: "/", change: func(f *fake) {
			for i := range f.environments {
				f.environments[i].Origins = append(f.environments[i].Origins, "https://a-very-long-host-name-that-nobody-would-like-to-type.department.fernhill.example:8443")
				f.environments[i].ProviderState = "does not answer since 2026-03-02 11:42:17 (misconfigured: the provider refuses this verifier’s client)"
			}
			f.environments[0].ID, f.environments[0].Name = "records", ""
		}},
		{name: "outside", address: "/", actor: &admin.Actor{}, status: http.StatusForbidden},
		{name: "nowhere", address: "/elsewhere", status: http.StatusNotFound},
		{name: "unavailable", address: "/", change: func(f *fake) { f.fail = &admin.Error{Code: admin.Unavailable, Message: "the store cannot answer"} }, status: http.StatusServiceUnavailable},
		{name: "not-yours", address: "/switches", actor: clinicOnly, status: http.StatusForbidden},

		{name: "create", address: "/create"},
		{name: "create-none", address: "/create", change: func(f *fake) { f.deployment.Providers = nil }},
		{name: "create-wrong", address: "/create", form: sets("id", "Clinic!", "origins", "clinic"), status: http.StatusUnprocessableEntity,
			change: refuse(admin.Invalid, "", settings.Problem{Field: "id", Message: `id is "Clinic!"; allowed: 1 to 64 lower-case letters, digits and hyphens`},
				settings.Problem{Field: "origins", Message: `origins has "clinic"; allowed: https://host or https://host:port without a path, or http:// on localhost`},
				settings.Problem{Field: "provider", Message: `provider is ""; allowed: staff, patients`})},

		{name: "settings", address: "/environments/clinic"},
		{name: "settings-defaults", address: "/environments/clinic", change: func(f *fake) {
			f.environments[1].Set, f.environments[1].Switches = f.environments[0].Set, f.environments[0].Switches
			f.environments[1].Clients = settings.Clients{}
		}},
		{name: "settings-made", address: "/environments/clinic", change: func(f *fake) { f.environments[1].Provider = "staff" }},
		{name: "settings-one", address: "/environments/clinic", actor: clinicOnly},
		{name: "settings-portal", address: "/environments/patients"},
		{name: "settings-file", address: "/environments/billing"},
		{name: "settings-long", address: "/environments/clinic", change: func(f *fake) {
			f.environments[1].Name = longName
			f.environments[1].Origins = append(f.environments[1].Origins, "https://a-very-long-host-name-that-nobody-would-like-to-type.department.fernhill.example:8443")
		}},
		{name: "settings-wrong", address: "/environments/clinic", form: sets("do", doPreview, "session_timeout", "30m", "session_warning", "soon", "origins", "http://clinic"),
			change: refuse(admin.Invalid, "", wrongTimes...), status: http.StatusUnprocessableEntity},
		{name: "settings-silent", address: "/environments/clinic", form: sets("do", doPreview, "switch.WSFedNonceCookieEnabled", "on"), status: http.StatusFailedDependency,
			change: refuse(admin.NoProvider, "WSFedNonceCookieEnabled cannot be switched on: the identity provider of environment clinic does not answer: connection refused")},
		{name: "settings-same", address: "/environments/clinic", form: sets("do", doPreview), change: func(f *fake) { f.outcome.Changes = nil }},
		{name: "preview", address: "/environments/clinic", form: sets("do", doPreview, "session_timeout", "8h", "inactivity_warning", "90s", "switch.WSFedNonceCookieEnabled", "on")},
		{name: "preview-at-once", address: "/environments/clinic", form: sets("do", doPreview, "session_timeout", "8h"), change: func(f *fake) {
			f.outcome.Effects.EndsAtOnce = 4
		}},
		{name: "preview-nobody", address: "/environments/clinic", form: sets("do", doPreview, "name", "Clinic"), change: func(f *fake) { f.outcome.Effects = admin.Effects{} }},
		{name: "preview-untouched", address: "/environments/clinic", form: sets("do", doPreview, "switch.WSFedNonceCookieEnabled", "on"), change: func(f *fake) {
			f.outcome.Effects, f.outcome.Changes = admin.Effects{Living: 1204}, f.outcome.Changes[2:]
		}},
		{name: "conflict", address: "/environments/clinic", form: meanwhile,
			change: refuse(admin.Conflict, "environment clinic is at version 7 now"), status: http.StatusConflict},

		{name: "presets", address: "/environments/clinic/presets"},
		{name: "presets-file", address: "/environments/billing/presets"},
		{name: "presets-wrong", address: "/environments/clinic/presets", form: sets("do", doPreview, "preset", "hipaa"), status: http.StatusUnprocessableEntity,
			change: refuse(admin.Invalid, "", settings.Problem{Field: "preset_inactivity", Message: `preset_inactivity is ""; allowed: the inactivity timeout that your organisation has decided on, such as 15m, because 45 CFR 164.312(a)(2)(iii) gives no number`})},
		{name: "clients", address: "/environments/clinic/clients"},
		{name: "clients-empty", address: "/environments/patients/clients"},
		{name: "clients-file", address: "/environments/billing/clients"},
		{name: "clients-added", address: "/environments/clinic/clients", form: sets("do", doAdd)},
		{name: "clients-tried", address: "/environments/clinic/clients", form: sets("do", doTry)},
		{name: "clients-wrong", address: "/environments/clinic/clients", form: sets("do", doPreview, "matcher.1.user_agent", ""), status: http.StatusUnprocessableEntity,
			change: refuse(admin.Invalid, "", settings.Problem{Field: "matchers", Message: "matchers has neither client_id nor user_agent in place 2; allowed: one of them or both"})},
		{name: "history", address: "/environments/clinic/history"},
		{name: "history-removed", address: "/environments/ward/history"},
		{name: "history-empty", address: "/environments/clinic/history", change: empty},
		{name: "pages", address: "/environments/clinic/pages"},
		{name: "pages-empty", address: "/environments/clinic/pages", change: empty},
		{name: "remove", address: "/environments/clinic/remove"},
		{name: "remove-wrong", address: "/environments/clinic/remove", form: sets("confirm", "clnic"), status: http.StatusUnprocessableEntity},

		{name: "switches", address: "/switches"},
		{name: "switches-file", address: "/switches", change: func(f *fake) { f.deployment.InFile = true }},
		{name: "switches-wrong", address: "/switches", form: sets("do", doPreview), status: http.StatusUnprocessableEntity,
			change: refuse(admin.Invalid, "", settings.Problem{Field: "session_timeout", Message: "environment clinic: session_timeout is 12h; allowed: provider, while the switch AllowCustomSessionDuration is off (A1)"})},

		{name: "sessions", address: "/sessions"},
		{name: "sessions-found", address: "/sessions?user=okafor&environment=clinic&state=any"},
		{name: "sessions-empty", address: "/sessions?user=nobody", change: empty},
		{name: "session", address: "/sessions/" + sid(0)},
		{name: "session-ended", address: "/sessions/" + sid(9)},
		{name: "session-gone", address: "/sessions/" + sid(99), status: http.StatusNotFound},
		{name: "end-session", address: "/sessions/" + sid(0) + "/end"},
		{name: "end-user", address: "/environments/clinic/end-user?subject=u-014133"},
		{name: "end-all", address: "/environments/clinic/end"},

		{name: "end-console", address: "/environments/console/end"},

		{name: "audit", address: "/audit"},
		{name: "audit-choices", address: "/audit?since=between&kind=ended&kind=sign_in&session=" + sid(1)},
		{name: "audit-empty", address: "/audit?user=nobody", change: empty},
		{name: "audit-wrong", address: "/audit?since=between&from=2026-03-02T12:00&to=2026-03-01T12:00", status: http.StatusUnprocessableEntity},
		{name: "audit-one", address: "/audit", actor: clinicOnly, change: func(f *fake) { f.environments = f.environments[1:2] }},
		{name: "verify", address: "/audit/verify"},
		{name: "verify-whole", address: "/audit/verify", form: sets()},
		{name: "verify-broken", address: "/audit/verify", form: sets(), change: func(f *fake) {
			f.refuse = &audit.Broken{Seq: 4711, Why: "it was altered, or moved here from elsewhere"}
		}},
	}
}

// render is the page of a state.
func (s state) render(t testing.TB) (status int, header http.Header, page string) {
	t.Helper()
	f := newFake()
	actor := everything
	if s.actor != nil {
		actor = *s.actor
	}
	handler := mount(t, f, actor, actor.Name != "")
	var form url.Values
	if s.form != nil {
		form = maps.Clone(opened(t, handler, s.address))
		s.form(t, form)
	}
	if s.change != nil {
		s.change(f)
	}
	w := ask(handler, s.address, form)
	return w.Code, w.Header(), w.Body.String()
}

// Every page in every state is answered as it should be, is well-formed and has one heading of the first order.
func TestC3_EveryState(t *testing.T) {
	for _, s := range states() {
		t.Run(s.name, func(t *testing.T) {
			status, _, page := s.render(t)
			want := s.status
			if want == 0 {
				want = http.StatusOK
			}
			if status != want {
				t.Errorf("%d, want %d\n%s", status, want, page)
			}
			headings, ids := 0, map[string]bool{}
			walk(t, page, func(name string, attrs map[string]string, text string, _ []string) {
				if name == "h1" {
					headings++
				}
				if id := attrs["id"]; id != "" {
					if ids[id] {
						t.Errorf("the id %s is there twice", id)
					}
					ids[id] = true
				}
			})
			if headings != 1 {
				t.Errorf("%d headings of the first order", headings)
			}
			walk(t, page, func(name string, attrs map[string]string, text string, _ []string) {
				if to := attrs["href"]; len(to) > 1 && to[0] == '#' && !ids[to[1:]] {
					t.Errorf("a link leads to %s, which is not there", to)
				}
				if _, has := attrs["style"]; has || name == "style" || name == "script" && attrs["src"] == "" {
					t.Errorf("<%s> has a style or a script of its own", name)
				}
			})
		})
	}
}
