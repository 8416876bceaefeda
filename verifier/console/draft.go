package console

import (
	"encoding/json"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/curfew-project/curfew/shared/policy"
	"github.com/curfew-project/curfew/verifier/admin"
	"github.com/curfew-project/curfew/verifier/settings"
)

// draft is what the fields of a form hold, as they were typed. A form has only some of them.
type draft map[string]string

// Keys of a draft. Those of switches and clients are these followed by the name; the others are called as in package settings.
const (
	keySession    = "session"    // custom, or the provider's policy
	keyInactivity = "inactivity" // on or off
	keySwitch     = "switch."    // on, off or inherit
	keyEnforced   = "enforced."  // and the timeout, and the client: yes, or empty
	keyMatchers   = "matchers"   // as JSON

	custom  = "custom"
	on      = "on"
	off     = "off"
	inherit = "inherit"
	yes     = "yes"
)

// enforcedKey is where a draft says whether a timeout, session or inactivity, is enforced in a kind of client.
func enforcedKey(of string, client policy.Client) string {
	return keyEnforced + of + "." + string(client)
}

// settingsDraft is what the form of an environment's settings holds before anybody has typed. What the configuration file fixes is not in it, and
// origins only for who administers all environments.
func settingsDraft(env admin.Environment, all bool) draft {
	d := draft{}
	if set := env.Set; !env.Owned.Settings {
		d[keySession], d["session_timeout"] = settings.Provider, ""
		if set.SessionTimeout != 0 {
			d[keySession], d["session_timeout"] = custom, policy.Format(set.SessionTimeout)
		}
		d[keyInactivity], d["inactivity_timeout"] = off, ""
		if set.InactivityTimeout != 0 {
			d[keyInactivity], d["inactivity_timeout"] = on, policy.Format(set.InactivityTimeout)
		}
		d["session_warning"], d["inactivity_warning"] = policy.Format(set.SessionWarning), policy.Format(set.InactivityWarning)
		d["any_activity_stays"] = yesOr(set.AnyActivityStays)
	}
	if !env.Owned.Switches {
		maps.Copy(d, switchDraft(env.Switches))
	}
	if !env.Owned.Clients {
		maps.Copy(d, enforcedDraft(env.Clients))
	}
	if !env.Owned.Name {
		d["name"] = env.Name
	}
	if all && !env.Owned.Environment {
		d["origins"] = strings.Join(env.Origins, "\n")
	}
	return d
}

// clientsDraft is what the form of an environment's clients holds before anybody has typed.
func clientsDraft(env admin.Environment) draft {
	d := enforcedDraft(env.Clients)
	d[keyMatchers] = matchersText(env.Clients.Matchers)
	return d
}

func switchDraft(all []admin.SwitchState) draft {
	d := draft{}
	for _, s := range all {
		switch {
		case !s.Own:
			d[keySwitch+string(s.Name)] = inherit
		default:
			d[keySwitch+string(s.Name)] = settings.OnOff(s.On)
		}
	}
	return d
}

func enforcedDraft(c settings.Clients) draft {
	d := draft{}
	for _, client := range policy.Clients() {
		of := c.Of(client)
		d[enforcedKey(keySession, client)], d[enforcedKey(keyInactivity, client)] = yesOr(of.Session), yesOr(of.Inactivity)
	}
	return d
}

func yesOr(is bool) string {
	if is {
		return yes
	}
	return ""
}

// typed is what a form was sent with, of the fields that it has.
func typed(fields draft, form url.Values) draft {
	d := draft{}
	for key := range fields {
		text := strings.ReplaceAll(form.Get(key), "\r\n", "\n")
		d[key] = strings.TrimSpace(text)
	}
	return d
}

// encode is the draft as the value of a hidden field, which decodeDraft reads.
func (d draft) encode() string {
	all := url.Values{}
	for key, value := range d {
		all.Set(key, value)
	}
	return all.Encode()
}

func decodeDraft(text string) draft {
	all, err := url.ParseQuery(text)
	if err != nil {
		return draft{}
	}
	d := draft{}
	for key := range all {
		d[key] = all.Get(key)
	}
	return d
}

// value is what a field of package settings is in the draft; ok is false when the form does not have it.
func (d draft) value(field string) (value string, ok bool) {
	switch field {
	case "session_timeout":
		if value, ok = d[keySession]; value == custom {
			value = d[field]
		}
	case "inactivity_timeout":
		if value, ok = d[keyInactivity]; value == on {
			value = d[field]
		}
	default:
		value, ok = d[field]
	}
	return value, ok
}

// clients are what the draft says of them, with these matchers where it has none.
func (d draft) clients(matchers []settings.Matcher) settings.Clients {
	if text, ok := d[keyMatchers]; ok {
		matchers = readMatchers(text)
	}
	c := settings.Clients{Matchers: matchers}
	for _, client := range policy.Clients() {
		of := settings.Enforced{Session: d[enforcedKey(keySession, client)] == yes, Inactivity: d[enforcedKey(keyInactivity, client)] == yes}
		if of == (settings.Enforced{}) {
			continue
		}
		if c.Enforced == nil {
			c.Enforced = map[policy.Client]settings.Enforced{}
		}
		c.Enforced[client] = of
	}
	return c
}

// edit is what somebody changed who began with base. matchers are those of the environment.
func (d draft) edit(base draft, matchers []settings.Matcher) admin.Edit {
	var e admin.Edit
	changed := func(field string) *string {
		before, _ := base.value(field)
		if now, ok := d.value(field); ok && now != before {
			return &now
		}
		return nil
	}
	e.SessionTimeout, e.SessionWarning = changed("session_timeout"), changed("session_warning")
	e.InactivityTimeout, e.InactivityWarning = changed("inactivity_timeout"), changed("inactivity_warning")
	if stays := changed("any_activity_stays"); stays != nil {
		is := *stays == yes
		e.AnyActivityStays = &is
	}
	for key, value := range d {
		name, ok := strings.CutPrefix(key, keySwitch)
		if !ok || value == base[key] {
			continue
		}
		if e.Switches == nil {
			e.Switches = map[string]string{}
		}
		e.Switches[name] = value
	}
	for key, value := range d {
		if (key == keyMatchers || strings.HasPrefix(key, keyEnforced)) && value != base[key] {
			c := d.clients(matchers)
			e.Clients = &c
		}
	}
	e.Name = changed("name")
	if origins := changed("origins"); origins != nil {
		list := strings.Fields(*origins)
		e.Origins = &list
	}
	return e
}

// onto is what somebody changed who began with base, on top of what there is now; both lists the keys that were changed there too, to
// something else.
func (d draft) onto(base, now draft) (merged draft, both []string) {
	merged = maps.Clone(now)
	for _, key := range slices.Sorted(maps.Keys(d)) {
		if d[key] == base[key] {
			continue
		}
		if merged[key] = d[key]; now[key] != base[key] && now[key] != d[key] {
			both = append(both, key)
		}
	}
	return merged, both
}

// shown are the draft's values by field of a settings.Change, as fieldValue takes them.
func (d draft) shown() map[string]string {
	all := map[string]string{}
	for key, value := range d {
		switch {
		case key == keySession, key == keyInactivity:
			field := key + "_timeout"
			all[field], _ = d.value(field)
		case key == "session_timeout", key == "inactivity_timeout":
		case key == "any_activity_stays":
			all[key] = map[bool]string{true: "true", false: "false"}[value == yes]
		case key == "origins":
			all[key] = strings.Join(strings.Fields(value), " ")
		case key == keyMatchers:
			var lines []string
			for _, m := range readMatchers(value) {
				lines = append(lines, m.String())
			}
			all[key] = strings.Join(lines, "; ")
		case strings.HasPrefix(key, keySwitch):
			all["switch "+strings.TrimPrefix(key, keySwitch)] = value
		case strings.HasPrefix(key, keyEnforced+keySession):
			client := strings.TrimPrefix(key, keyEnforced+keySession+".")
			of := d.clients(nil).Of(policy.Client(client))
			all["client "+client] = "session " + enforced(of.Session) + ", inactivity " + enforced(of.Inactivity)
		case strings.HasPrefix(key, keyEnforced):
		default:
			all[key] = value
		}
	}
	return all
}

func enforced(is bool) string {
	if is {
		return "enforced"
	}
	return "exempt"
}

// matchersText is the value of keyMatchers.
func matchersText(all []settings.Matcher) string {
	if len(all) == 0 {
		return "[]"
	}
	var text strings.Builder
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(all); err != nil {
		return "[]" // only for types that JSON does not know
	}
	return strings.TrimSpace(text.String())
}

// readMatchers reads what matchersText writes. More than anybody may have are not read.
func readMatchers(text string) []settings.Matcher {
	var all []settings.Matcher
	if json.Unmarshal([]byte(text), &all) != nil {
		return nil
	}
	return all[:min(len(all), settings.MaxMatchers+1)]
}
