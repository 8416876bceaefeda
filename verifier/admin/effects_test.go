package admin_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/curfew-project/curfew/shared/deadline"
	"github.com/curfew-project/curfew/shared/policy"
	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/verifier/admin"
	"github.com/curfew-project/curfew/verifier/audit"
	"github.com/curfew-project/curfew/verifier/engine"
	"github.com/curfew-project/curfew/verifier/session"
	"github.com/curfew-project/curfew/verifier/settings"
)

const minute = int64(60_000)

// A12: a dry run lists the sessions that would end sooner, and when: exactly when they then do. Nobody has less than the warning.
func TestA12_ADryRunSaysWhoEndsWhen(t *testing.T) {
	w := newWorld(t)
	w.allow("clinic")
	if _, err := w.change(root, "clinic", admin.Edit{SessionTimeout: ptr("8h")}); err != nil {
		t.Fatal(err)
	}
	old, _ := w.signIn("clinic", "amara")
	w.pass(3 * time.Hour)
	young, _ := w.signIn("clinic", "wren")
	w.signIn("bank", "amara")

	w.changed = nil
	edit := admin.Edit{SessionTimeout: ptr("2h")}
	tried, err := w.Change(t.Context(), clinics, "clinic", w.version("clinic"), edit, true)
	must(t, err)
	now := start + 180*minute
	want := []admin.Affected{
		{Session: old.ID.String(), Environment: "clinic", Subject: "amara", Name: "AMARA", Ended: start + 480*minute, Ends: now + 20*minute, Reason: wire.SessionTimeout},
		{Session: young.ID.String(), Environment: "clinic", Subject: "wren", Name: "WREN", Ended: now + 480*minute, Ends: now + 120*minute, Reason: wire.SessionTimeout},
	}
	if !slices.Equal(tried.Effects.Sooner, want) || tried.Effects.SoonerCount != 2 || tried.Effects.Living != 2 || tried.Effects.EndsAtOnce != 0 {
		t.Errorf("%+v", tried.Effects)
	}
	if w.changed != nil || w.version("clinic") != tried.Version-1 {
		t.Error("trying changed something")
	}
	out, err := w.change(clinics, "clinic", edit)
	must(t, err)
	if !slices.Equal(out.Effects.Sooner, want) || out.Version != tried.Version || !slices.Equal(w.changed, []string{"clinic"}) {
		t.Errorf("applied: %+v, told %v", out, w.changed)
	}
	// What the next heartbeat does is what the dry run said.
	live, _ := w.live.ByID("clinic")
	for i, s := range []session.Session{old, young} {
		stepped := deadline.Step(s.State, deadline.Change{Settings: live.For(s.Check.Bypassed, s.Client)}, now)
		if ends, _ := stepped.Ends(); ends != want[i].Ends {
			t.Errorf("session %d ends at %d", i, ends)
		}
	}
	later, err := w.Change(t.Context(), clinics, "clinic", w.version("clinic"), admin.Edit{SessionTimeout: ptr("default")}, true)
	must(t, err)
	if later.Effects.LaterCount != 2 || later.Effects.SoonerCount != 0 {
		t.Errorf("later: %+v", later.Effects)
	}
}

// A9: a client that a matcher recognises is exempt from what is not enforced in it, from one timeout or both, and is marked in the audit; switching
// it to enforced reaches it. It is still found and ended.
func TestA9_ExemptClients(t *testing.T) {
	w := newWorld(t)
	w.allow("clinic")
	clients := settings.Clients{Matchers: []settings.Matcher{
		{Client: policy.Browser, UserAgent: "*Trident/*"},
		{Client: policy.DesktopAgentShell, ClientID: "shell"},
		{Client: policy.Phone, UserAgent: "*iPhone*"},
	}, Enforced: map[policy.Client]settings.Enforced{policy.Phone: {Session: true}}}
	if _, err := w.change(root, "clinic", admin.Edit{SessionTimeout: ptr("8h"), InactivityTimeout: ptr("15m"), Clients: &clients}); err != nil {
		t.Fatal(err)
	}
	in := func(clientID, userAgent string) func(*engine.SignIn) {
		return func(s *engine.SignIn) { s.ClientID, s.Where.UserAgent = clientID, userAgent }
	}
	for _, c := range []struct {
		subject, clientID, userAgent string
		client                       policy.Client
		session, idle                time.Duration
	}{
		{"browser", "", "Mozilla/5.0 (X11; Linux x86_64) Firefox/153.0", policy.Browser, 8 * time.Hour, 15 * time.Minute},
		{"phone", "", "Mozilla/5.0 (IPHONE; CPU)", policy.Phone, 8 * time.Hour, 0},
		{"shell", "shell", "Mozilla/5.0 (Windows NT 10.0)", policy.DesktopAgentShell, 0, 0},
		{"ie-mode", "shell", "Mozilla/5.0 (Windows NT 10.0; Trident/7.0)", policy.Browser, 8 * time.Hour, 15 * time.Minute},
	} {
		s, _ := w.signIn("clinic", c.subject, in(c.clientID, c.userAgent))
		if s.Client != c.client || s.State.Settings.SessionTimeout != c.session || s.State.Settings.InactivityTimeout != c.idle {
			t.Errorf("%s: %q with %+v", c.subject, s.Client, s.State.Settings)
		}
		tried, err := w.TryClient(t.Context(), clinics, "clinic", c.clientID, c.userAgent, nil)
		if err != nil || tried.Client != settings.ClientName(c.client) {
			t.Errorf("%s tried: %+v, %v", c.subject, tried, err)
		}
	}
	if got := w.entries(audit.SignIn); !slices.Equal(got, []string{
		" clinic: ", " clinic: exempt: inactivity timeout", " clinic: exempt: session timeout and inactivity timeout", " clinic: "}) {
		t.Errorf("the audit has %q", got)
	}
	// A bypassed session keeps its cap: nobody else would end it (A6).
	s, _ := w.signIn("clinic", "capped", in("shell", ""), func(s *engine.SignIn) { s.RefreshToken = "" })
	if s.State.Settings.SessionTimeout != policy.Cap {
		t.Errorf("bypassed and exempt: %+v", s.State.Settings)
	}
	list, err := w.Sessions(t.Context(), clinics, admin.SessionQuery{Client: "desktop_agent_shell"})
	if err != nil || list.Total != 2 || !slices.Equal(list.Sessions[0].Exempt, []string{"session", "inactivity"}) {
		t.Errorf("%+v, %v", list, err)
	}
	clients.Enforced[policy.DesktopAgentShell] = settings.Enforced{Session: true, Inactivity: true}
	out, err := w.change(root, "clinic", admin.Edit{Clients: &clients})
	must(t, err)
	if out.Effects.SoonerCount != 2 || len(w.entries(audit.ClientsChanged)) != 2 {
		t.Errorf("%+v, audit %q", out, w.entries(audit.ClientsChanged))
	}
	for _, bad := range []settings.Clients{
		{Matchers: []settings.Matcher{{Client: "fridge", UserAgent: "*"}}}, {Matchers: []settings.Matcher{{Client: policy.Phone}}},
		{Matchers: make([]settings.Matcher, settings.MaxMatchers+1)}, {Enforced: map[policy.Client]settings.Enforced{"": {}}},
	} {
		_, err := w.change(root, "clinic", admin.Edit{Clients: &bad})
		refused(t, err, admin.Invalid, "allowed: ")
	}
}

// B6: administrators find and end sessions; each is refused at its next request, and nothing else is.
func TestB6_EndingSessions(t *testing.T) {
	w := newWorld(t)
	type one struct {
		s      session.Session
		cookie string
	}
	sign := func(environment, subject string) one {
		s, cookie := w.signIn(environment, subject)
		return one{s, cookie}
	}
	a, b, c, d, other := sign("clinic", "amara"), sign("clinic", "amara"), sign("clinic", "wren"), sign("clinic", "Amaranth"), sign("bank", "amara")
	lives := func(of one) bool {
		env, _ := w.live.ByID(of.s.User.Environment)
		_, err := w.engine.Check(context.Background(), env, of.cookie)
		return err == nil
	}
	list, err := w.Sessions(t.Context(), root, admin.SessionQuery{User: "AMARA"})
	if err != nil || list.Total != 4 {
		t.Errorf("found %+v, %v", list, err)
	}
	must(t, w.EndSession(t.Context(), clinics, a.s.ID.String()))
	if lives(a) || !lives(b) {
		t.Error("ending one")
	}
	must(t, w.EndSession(t.Context(), clinics, a.s.ID.String())) // once more changes nothing
	if n, err := w.EndUser(t.Context(), clinics, "clinic", "amara"); err != nil || n != 1 || lives(b) || !lives(c) || !lives(d) || !lives(other) {
		t.Errorf("ending a user's: %d, %v", n, err)
	}
	if n, err := w.EndEnvironment(t.Context(), clinics, "clinic"); err != nil || n != 2 || lives(c) || lives(d) || !lives(other) {
		t.Errorf("ending an environment's: %d, %v", n, err)
	}
	ended, err := w.Sessions(t.Context(), clinics, admin.SessionQuery{State: admin.Over})
	if err != nil || ended.Total != 4 || ended.Sessions[0].Reason != wire.EndedByAdmin {
		t.Errorf("%+v, %v", ended, err)
	}
	entries, err := w.Audit(t.Context(), clinics, audit.Query{Environment: "clinic", Kinds: []audit.Kind{audit.Ended}})
	if err != nil || len(entries) != 4 || entries[0].Actor != "clinics" || entries[0].Reason != wire.EndedByAdmin {
		t.Errorf("the audit: %+v, %v", entries, err)
	}
}

// B6: pages of a listing have each session once, those that began last first.
func TestB6_Listing(t *testing.T) {
	w := newWorld(t)
	for range 25 {
		w.signIn("clinic", "amara")
		w.pass(time.Second)
	}
	var seen []string
	for offset := 0; offset < 30; offset += 10 {
		list, err := w.Sessions(t.Context(), clinics, admin.SessionQuery{Environment: "clinic", Offset: offset, Limit: 10})
		must(t, err)
		if list.Total != 25 {
			t.Errorf("total %d", list.Total)
		}
		for i, s := range list.Sessions {
			if i > 0 && s.Began >= list.Sessions[i-1].Began {
				t.Error("not in order")
			}
			seen = append(seen, s.ID)
		}
	}
	slices.Sort(seen)
	if len(slices.Compact(seen)) != 25 {
		t.Errorf("%d sessions", len(seen))
	}
	for _, q := range []admin.SessionQuery{{State: "asleep"}, {Limit: -1}, {Limit: admin.MaxSessions + 1}, {Offset: -1}, {Client: "fridge"}} {
		_, err := w.Sessions(t.Context(), clinics, q)
		refused(t, err, admin.Invalid, "allowed: ")
	}
}

// Nobody without the right to it sees or changes anything.
func TestNobodySeesOrChangesAnything(t *testing.T) {
	w := newWorld(t)
	s, cookie := w.signIn("clinic", "amara")
	version := w.version("clinic")
	edit := admin.Edit{Name: ptr("Taken over")}
	for who, actor := range map[string]admin.Actor{"nobody": nobody, "another's administrator": banks, "no actor": {}} {
		for what, try := range map[string]func() error{
			"Environment":         func() error { _, err := w.Environment(t.Context(), actor, "clinic"); return err },
			"unknown environment": func() error { _, err := w.Environment(t.Context(), actor, "none"); return err },
			"Deployment":          func() error { _, err := w.Deployment(t.Context(), actor); return err },
			"History":             func() error { _, err := w.History(t.Context(), actor, "clinic", 0, 0); return err },
			"its history":         func() error { _, err := w.History(t.Context(), actor, settings.Deployment, 0, 0); return err },
			"Overview":            func() error { _, err := w.Overview(t.Context(), actor, "clinic"); return err },
			"Reported":            func() error { _, err := w.Reported(t.Context(), actor, "clinic"); return err },
			"Change":              func() error { _, err := w.Change(t.Context(), actor, "clinic", version, edit, false); return err },
			"a dry run":           func() error { _, err := w.Change(t.Context(), actor, "clinic", version, edit, true); return err },
			"switches":            func() error { _, err := w.Change(t.Context(), actor, settings.Deployment, 0, edit, false); return err },
			"Create":              func() error { _, err := w.Create(t.Context(), actor, admin.NewEnvironment{ID: "x"}); return err },
			"Remove":              func() error { _, err := w.Remove(t.Context(), actor, "clinic", version, true); return err },
			"Sessions": func() error {
				_, err := w.Sessions(t.Context(), actor, admin.SessionQuery{Environment: "clinic"})
				return err
			},
			"Session":        func() error { _, err := w.Session(t.Context(), actor, s.ID.String()); return err },
			"EndSession":     func() error { return w.EndSession(t.Context(), actor, s.ID.String()) },
			"EndUser":        func() error { _, err := w.EndUser(t.Context(), actor, "clinic", "amara"); return err },
			"EndEnvironment": func() error { _, err := w.EndEnvironment(t.Context(), actor, "clinic"); return err },
			"Audit":          func() error { _, err := w.Audit(t.Context(), actor, audit.Query{Environment: "clinic"}); return err },
			"all the audit":  func() error { _, err := w.Audit(t.Context(), actor, audit.Query{}); return err },
			"VerifyAudit":    func() error { _, err := w.VerifyAudit(t.Context(), actor, nil); return err },
			"TryClient":      func() error { _, err := w.TryClient(t.Context(), actor, "clinic", "", "", nil); return err },
		} {
			want := admin.Forbidden
			if actor.Administers() && (what == "Session" || what == "EndSession") {
				want = admin.NotFound // it does not even learn that there is one
			}
			err := try()
			if err == nil {
				t.Errorf("%s: %s is allowed", who, what)
				continue
			}
			refused(t, err, want)
		}
	}
	// What an administrator of another environment may see has nothing of this one.
	for _, e := range must2(w.Environments(t.Context(), banks)) {
		if e.ID != "bank" {
			t.Errorf("banks see %s", e.ID)
		}
	}
	if list, err := w.Sessions(t.Context(), banks, admin.SessionQuery{}); err != nil || list.Total != 0 {
		t.Errorf("banks see %+v, %v", list, err)
	}
	if o, err := w.Overview(t.Context(), banks, ""); err != nil || o.Living != 0 {
		t.Errorf("banks see %+v, %v", o, err)
	}
	live, _ := w.live.ByID("clinic")
	if _, err := w.engine.Check(t.Context(), live, cookie); err != nil || w.version("clinic") != version {
		t.Errorf("something changed: %v", err)
	}
	if len(w.entries(audit.AdminRefused)) < 60 {
		t.Errorf("only %d refusals are in the audit", len(w.entries(audit.AdminRefused)))
	}
}

func must2[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// C3: the overview counts what lives by the time that is left, and the last day's endings by reason.
func TestC3_Overview(t *testing.T) {
	w := newWorld(t)
	w.allow("clinic")
	if _, err := w.change(root, "clinic", admin.Edit{SessionTimeout: ptr("8h"), InactivityTimeout: ptr("10m")}); err != nil {
		t.Fatal(err)
	}
	first, _ := w.signIn("clinic", "amara")
	w.signIn("bank", "wren")
	must(t, w.EndSession(t.Context(), root, first.ID.String()))
	w.signIn("clinic", "amara", func(s *engine.SignIn) { s.Who.AuthTime += 10 })
	w.pass(9 * time.Minute)
	o, err := w.Overview(t.Context(), root, "")
	must(t, err)
	if o.Living != 2 || o.Warned != 1 || o.Left[0].Count != 1 || o.Left[len(o.Left)-1].Count != 1 || o.Ends[wire.EndedByAdmin] != 1 || o.ByEnvID["bank"] != 1 {
		t.Errorf("%+v", o)
	}
	if mine, err := w.Overview(t.Context(), banks, ""); err != nil || mine.Living != 1 || len(mine.Ends) != 0 {
		t.Errorf("banks: %+v, %v", mine, err)
	}
	found, err := w.VerifyAudit(t.Context(), root, nil)
	if err != nil || found.Entries == 0 {
		t.Errorf("%+v, %v", found, err)
	}
}
