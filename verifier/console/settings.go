package console

import (
	"net/http"

	"github.com/curfew-project/curfew/shared/policy"
	"github.com/curfew-project/curfew/verifier/admin"
	"github.com/curfew-project/curfew/verifier/settings"
)

type settingsData struct {
	Form     *form
	Env      admin.Environment
	KindName string
	Living   string
	Changed  *instant
	Open     bool // the values of the inactivity timeout are shown although it is off, because one is wrong
	Switches []switchRow
	Clients  []clientRow
	// What is in force and set, for the parts that the configuration file fixes.
	Session, SessionWarning, Inactivity, InactivityWarning string
	SwitchesFixed, ClientsFixed                            bool
	Held                                                   bool // an inactivity timeout is set and not in force
	// The switches that a custom value needs and that are off.
	NeedsSession, NeedsInactivity policy.Switch
	Matchers                      []matcherRow
	Fixed                         bool // the form has no field
	Register                      []registered
}

// registered are the addresses below one origin that the identity provider of an environment has to know.
type registered struct{ Origin, Callback, SignedOut, Logout string }

// register are the addresses of an environment that an administrator has made. Who wrote one into the configuration file has them from
// its documentation.
func (v *visit) register(env admin.Environment) []registered {
	if env.Provider == "" {
		return nil
	}
	var all []registered
	for _, origin := range env.Origins {
		at := origin + v.Prefix
		all = append(all, registered{origin, at + "callback", at + "signed-out", at + "backchannel-logout"})
	}
	return all
}

// switchRow is a switch of a form.
type switchRow struct {
	Name, Says, Key string
	On, Own         bool
	Otherwise       string // what it is without a value of its own
	Wrong           []string
}

// clientRow is a kind of client of a form.
type clientRow struct {
	Name, ID, SessionKey, InactivityKey string
	Enforced                            settings.Enforced
}

// environment is the one in the address. Otherwise it has answered.
func (v *visit) environment() (admin.Environment, bool) {
	env, err := v.Admin.Environment(v.r.Context(), v.actor, v.r.PathValue("id"))
	if err != nil {
		v.fail(err)
		return env, false
	}
	return env, true
}

// settingsForm shows the settings of an environment.
func (v *visit) settingsForm() {
	env, ok := v.environment()
	if !ok {
		return
	}
	v.showSettings(env, http.StatusOK, v.fresh(addressOf(env, ""), env.Version, settingsDraft(env, v.actor.All)), "", nil)
}

// addressOf is where a page of an environment is.
func addressOf(env admin.Environment, tab string) string {
	at := "/environments/" + env.ID
	if tab != "" {
		at += "/" + tab
	}
	return at
}

// changeSettings takes the form of the settings.
func (v *visit) changeSettings() {
	env, ok := v.environment()
	if !ok {
		return
	}
	f := v.form(addressOf(env, ""), settingsDraft(env, v.actor.All))
	v.run(flow{
		environment: env.ID, title: labelOf(env), place: placeOf(env), section: "overview", form: f,
		edit: f.Values.edit(f.Base, env.Clients.Matchers), done: f.Action,
		now: func() (draft, int64, error) { return settingsDraft(env, v.actor.All), env.Version, nil },
		show: func(status int, f *form, notice string, problems settings.Problems) {
			v.showSettings(env, status, f, notice, problems)
		},
	})
}

func (v *visit) showSettings(env admin.Environment, status int, f *form, notice string, problems settings.Problems) {
	summary := f.refuse(problems, anchors{"clients": "clients", "enforced": "clients", "matchers": "clients", "switch": "switches"}.withSwitches())
	data := settingsData{Form: f, Env: env, KindName: environmentKind(env.Kind), Living: grouped(env.Sessions), Changed: v.at(env.ChangedAt),
		Open: len(f.Wrong("inactivity_timeout")) > 0 || len(f.Wrong("inactivity_warning")) > 0, Switches: v.switchRows(env, f),
		Clients: clientRows(env.Clients), Session: timeout(env.Set.SessionTimeout), Inactivity: inactivity(env.Set.InactivityTimeout),
		Held: env.InForce.InactivityTimeout != env.Set.InactivityTimeout, Matchers: matcherRows(env.Clients.Matchers),
		SessionWarning: policy.Format(env.Set.SessionWarning), InactivityWarning: policy.Format(env.Set.InactivityWarning),
		SwitchesFixed: env.Owned.Switches, ClientsFixed: env.Owned.Clients}
	for _, s := range env.Switches {
		switch {
		case s.On:
		case s.Name == policy.AllowCustomSessionDuration:
			data.NeedsSession = s.Name
		case s.Name == policy.AllowCustomInactivityDuration, s.Name == policy.UCIInactivityTimeout && data.NeedsInactivity == "":
			data.NeedsInactivity = s.Name
		}
	}
	data.Fixed, data.Register = len(f.Values) == 0, v.register(env)
	v.show(status, "settings", page{Title: labelOf(env), Section: "overview", Place: placeOf(env), Tab: "settings", Notice: notice,
		Problems: summary, Data: data})
}

// withSwitches adds the elements of the switches.
func (a anchors) withSwitches() anchors {
	for _, name := range policy.SwitchNames() {
		a[string(name)] = keySwitch + string(name)
	}
	return a
}

// switchRows are the switches of an environment's form.
func (v *visit) switchRows(env admin.Environment, f *form) []switchRow {
	var rows []switchRow
	for _, s := range env.Switches {
		row := switchRow{Name: string(s.Name), Says: switchWords[s.Name], Key: keySwitch + string(s.Name), On: s.On, Own: s.Own, Wrong: f.Wrong(string(s.Name))}
		row.Otherwise = settings.OnOff(s.Deployment && env.Kind != settings.Portal)
		rows = append(rows, row)
	}
	return rows
}

func clientRows(c settings.Clients) []clientRow {
	var rows []clientRow
	for _, client := range policy.Clients() {
		rows = append(rows, clientRow{clientName(client), string(client), enforcedKey(keySession, client), enforcedKey(keyInactivity, client), c.Of(client)})
	}
	return rows
}
