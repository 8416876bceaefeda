package console

import (
	"maps"
	"slices"
	"testing"

	"github.com/curfew-project/curfew/shared/policy"
	"github.com/curfew-project/curfew/verifier/admin"
	"github.com/curfew-project/curfew/verifier/settings"
)

// What somebody did not touch is not in the edit, so that it cannot be taken back unseen.
func TestC1_AnEditHasWhatWasTouched(t *testing.T) {
	env := newFake().environments[1]
	base := settingsDraft(env, true)
	if e := base.edit(base, env.Clients.Matchers); e.SessionTimeout != nil || e.SessionWarning != nil || e.InactivityTimeout != nil || e.InactivityWarning != nil ||
		e.AnyActivityStays != nil || e.Switches != nil || e.Clients != nil || e.Name != nil || e.Origins != nil || e.Preset != "" {
		t.Errorf("nothing was touched: %+v", e)
	}
	touch := func(key, value string) admin.Edit {
		d := maps.Clone(base)
		d[key] = value
		return d.edit(base, env.Clients.Matchers)
	}
	if e := touch("session", "provider"); e.SessionTimeout == nil || *e.SessionTimeout != "provider" || e.InactivityTimeout != nil {
		t.Errorf("%+v", e)
	}
	if e := touch("inactivity", "off"); e.InactivityTimeout == nil || *e.InactivityTimeout != "off" {
		t.Errorf("%+v", e)
	}
	if e := touch("session_timeout", ""); e.SessionTimeout == nil || *e.SessionTimeout != "" {
		t.Errorf("an empty length is one that is wrong: %+v", e)
	}
	if e := touch("any_activity_stays", yes); e.AnyActivityStays == nil || !*e.AnyActivityStays {
		t.Errorf("%+v", e)
	}
	if e := touch("switch.WSFedNonceCookieEnabled", on); !maps.Equal(e.Switches, map[string]string{"WSFedNonceCookieEnabled": on}) {
		t.Errorf("%+v", e)
	}
	if e := touch("name", ""); e.Name == nil || *e.Name != "" {
		t.Errorf("%+v", e)
	}
	if e := touch("origins", " https://a.example\n\n https://b.example "); e.Origins == nil || !slices.Equal(*e.Origins, []string{"https://a.example", "https://b.example"}) {
		t.Errorf("%+v", e)
	}
	if e := touch(enforcedKey("session", policy.LiveChat), yes); e.Clients == nil || !slices.Equal(e.Clients.Matchers, env.Clients.Matchers) ||
		e.Clients.Of(policy.LiveChat) != (settings.Enforced{Session: true}) || e.Clients.Of(policy.Tablet) != (settings.Enforced{Session: true, Inactivity: true}) {
		t.Errorf("%+v", e.Clients)
	}
	// A length that does not count, because the other choice is made, is not there.
	off := env
	off.Set.SessionTimeout, off.Set.InactivityTimeout = 0, 0
	base = settingsDraft(off, true)
	d := maps.Clone(base)
	d["session_timeout"], d["inactivity_timeout"] = "8h", "15m"
	if e := d.edit(base, nil); e.SessionTimeout != nil || e.InactivityTimeout != nil {
		t.Errorf("%+v", e)
	}
}

// What the configuration file fixes has no field.
func TestC3_WhatTheFileFixesHasNoField(t *testing.T) {
	env := newFake().environments[1]
	for _, c := range []struct {
		owned admin.Owned
		gone  []string
	}{
		{admin.Owned{Environment: true}, []string{"origins"}},
		{admin.Owned{Name: true}, []string{"name"}},
		{admin.Owned{Settings: true}, []string{"any_activity_stays", "inactivity", "inactivity_timeout", "inactivity_warning", "session", "session_timeout", "session_warning"}},
		{admin.Owned{Switches: true}, []string{"switch.AllowCustomInactivityDuration", "switch.AllowCustomSessionDuration", "switch.FCB.UCIInactivityTimeout", "switch.WSFedNonceCookieEnabled"}},
	} {
		all := settingsDraft(env, true)
		owned := env
		owned.Owned = c.owned
		left := settingsDraft(owned, true)
		var gone []string
		for _, key := range slices.Sorted(maps.Keys(all)) {
			if _, there := left[key]; !there {
				gone = append(gone, key)
			}
		}
		if !slices.Equal(gone, c.gone) {
			t.Errorf("%+v: %v are gone, want %v", c.owned, gone, c.gone)
		}
	}
	f := newFake()
	f.environments[1].Owned = admin.Owned{Clients: true}
	form := opened(t, mount(t, f, everything, true), "/environments/clinic")
	if form.Has(enforcedKey("session", policy.Phone)) || !form.Has("session_timeout") {
		t.Errorf("%v", form)
	}
}

func TestDraftsAreKeptInHiddenFields(t *testing.T) {
	d := draft{"name": "a&b=c;d\n%", "origins": "", keyMatchers: `[{"client":"phone"}]`}
	if got := decodeDraft(d.encode()); !maps.Equal(got, d) {
		t.Errorf("%v, want %v", got, d)
	}
	if got := decodeDraft("%zz"); len(got) != 0 {
		t.Errorf("%v", got)
	}
	all := []settings.Matcher{{Client: policy.Phone, UserAgent: `*"<Mobile>"*`}, {ClientID: "x"}}
	if got := readMatchers(matchersText(all)); !slices.Equal(got, all) {
		t.Errorf("%v, want %v", got, all)
	}
	if got := readMatchers("nonsense"); got != nil {
		t.Errorf("%v", got)
	}
	long := make([]settings.Matcher, 1000)
	if got := readMatchers(matchersText(long)); len(got) != settings.MaxMatchers+1 {
		t.Errorf("%d matchers are read", len(got))
	}
}
