package admin_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	_ "modernc.org/sqlite"

	"github.com/curfew-project/curfew/shared/policy"
	"github.com/curfew-project/curfew/verifier/admin"
	"github.com/curfew-project/curfew/verifier/audit"
	"github.com/curfew-project/curfew/verifier/engine"
	"github.com/curfew-project/curfew/verifier/session"
	"github.com/curfew-project/curfew/verifier/settings"
)

// P4 C1: a sign-in that is under way while its environment is removed makes no session, and whatever is left of a removed environment does not
// come back with its ID, however it was left.
func TestP4_ARemovedEnvironmentStaysRemoved(t *testing.T) {
	w := newWorld(t)
	made := admin.NewEnvironment{ID: "cases", Origins: []string{"https://cases.example"}, Provider: "corporate"}
	_, err := w.Create(t.Context(), root, made)
	must(t, err)
	before, _ := w.live.ByID("cases")
	in := engine.SignIn{RefreshToken: "r", Who: session.Identity{Issuer: "https://login.example", Subject: "amara", AuthTime: start / 1000}}
	_, err = w.Remove(t.Context(), root, "cases", 1, false)
	must(t, err)
	if _, _, err := w.engine.Begin(t.Context(), before, in); err == nil {
		t.Error("a sign-in that was under way has a session in an environment that is gone")
	}
	if list, err := w.Sessions(t.Context(), root, admin.SessionQuery{}); err != nil || list.Total != 0 {
		t.Errorf("living: %+v, %v", list, err)
	}
	_, err = w.Create(t.Context(), root, made)
	must(t, err)
	again, _ := w.live.ByID("cases")
	if again.Born == before.Born {
		t.Error("the environment that was made again is the old one")
	}
	in.Who.AuthTime += 100
	if _, _, err := w.engine.Begin(t.Context(), before, in); err == nil {
		t.Error("a sign-in for the old one has a session in the new one")
	}
	// What a kill leaves between the removal and the endings: a living session of an environment that is not served.
	left := session.Session{ID: session.ID{7}, User: session.User{Environment: "gone", Issuer: "i", Subject: "s"}, Check: session.Check{At: 1000, Bypassed: true}}
	left.State.Began, left.State.Active, left.State.Settings = start, start, policy.Defaults().Capped(policy.Cap)
	must(t, w.sessions.Create(t.Context(), left, "", start))
	must(t, w.Load(t.Context(), w.file()))
	if found, err := w.Session(t.Context(), root, left.ID.String()); err != nil || found.Reason != "ended_by_admin" {
		t.Errorf("after the next start: %+v, %v", found, err)
	}
}

// C1: what cannot be prepared changes nothing: neither what is in force, nor what is kept, nor the next change.
func TestC1_WhatCannotBePreparedChangesNothing(t *testing.T) {
	w := newWorld(t)
	before := w.version("clinic")
	w.refuse = errors.New("client_secret_file: gone")
	for what, try := range map[string]func() error{
		"a change": func() error {
			_, err := w.Change(t.Context(), root, "clinic", before, admin.Edit{Name: ptr("Clinic")}, false)
			return err
		},
		"a new one": func() error {
			_, err := w.Create(t.Context(), root, admin.NewEnvironment{ID: "x", Origins: []string{"https://x.example"}, Provider: "corporate"})
			return err
		},
		"a reload": func() error {
			base := w.file()
			base.Environments = base.Environments[:1]
			return w.Load(t.Context(), base)
		},
		"deployment": func() error {
			_, err := w.Change(t.Context(), root, settings.Deployment, 0, admin.Edit{Switches: map[string]string{"WSFedNonceCookieEnabled": "on"}}, false)
			return err
		},
	} {
		refused(t, try(), admin.Unavailable, "client_secret_file: gone")
		if history, err := w.History(t.Context(), root, "clinic", 0, 0); err != nil || len(history) != 1 || len(w.live.All()) != 2 {
			t.Fatalf("%s: %d versions, %d environments, %v", what, len(history), len(w.live.All()), err)
		}
	}
	w.refuse = nil
	if _, err := w.Change(t.Context(), root, "clinic", before, admin.Edit{Name: ptr("Clinic")}, false); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

// C5: settings that were altered in the file are named, also by who has to start with them; the chain alone would not show it.
func TestC5_AlteredSettingsAreNamed(t *testing.T) {
	w := newWorld(t)
	w.allow("clinic")
	for _, timeout := range []string{"8h", "9h", "10h"} {
		if _, err := w.change(root, "clinic", admin.Edit{SessionTimeout: ptr(timeout)}); err != nil {
			t.Fatal(err)
		}
	}
	found, err := w.VerifyAudit(t.Context(), root, nil)
	if err != nil || found.Entries == 0 {
		t.Fatalf("%+v, %v", found, err)
	}
	db, err := sql.Open("sqlite", w.path)
	must(t, err)
	defer db.Close()
	alter := func(version int, from, to string) {
		t.Helper()
		result, err := db.Exec(`DROP TRIGGER IF EXISTS revisions_stay; UPDATE revisions SET document = replace(document, ?, ?) WHERE environment = 'clinic' AND version = ?`, from, to, version)
		must(t, err)
		if n, err := result.RowsAffected(); err != nil || n != 1 {
			t.Fatalf("%d rows, %v", n, err)
		}
	}
	alter(4, `"9h"`, `"23h"`)
	_, err = w.VerifyAudit(t.Context(), root, nil)
	var altered *audit.Broken
	if !errors.As(err, &altered) || altered.Seq == 0 || !strings.Contains(err.Error(), `version 4 of environment "clinic", by root, is not what was set`) {
		t.Errorf("an altered old version: %v", err)
	}
	if err := w.Load(t.Context(), w.file()); err != nil {
		t.Errorf("an old version is not in force: %v", err)
	}
	alter(4, `"23h"`, `"9h"`)
	if _, err := w.VerifyAudit(t.Context(), root, nil); err != nil {
		t.Errorf("put back: %v", err)
	}
	alter(5, `"10h"`, `"24h"`)
	if err := w.Load(t.Context(), w.file()); !errors.As(err, &altered) {
		t.Errorf("a version in force that was altered: %v", err)
	}
	if live, _ := w.live.ByID("clinic"); live.Settings.SessionTimeout != 10*time.Hour {
		t.Errorf("in force: %+v", live.Settings)
	}
}

// C5: the audit of a change has old and new, however long they are.
func TestC5_LongChangesAreWhole(t *testing.T) {
	w := newWorld(t)
	var clients settings.Clients
	for i := range settings.MaxMatchers - 1 {
		clients.Matchers = append(clients.Matchers, settings.Matcher{Client: policy.Phone, UserAgent: fmt.Sprintf("*%03d%s*", i, strings.Repeat("x", 150))})
	}
	_, err := w.change(clinics, "clinic", admin.Edit{Clients: &clients})
	must(t, err)
	clients.Matchers = append(clients.Matchers, settings.Matcher{Client: policy.Tablet, UserAgent: "*everything*"})
	_, err = w.change(clinics, "clinic", admin.Edit{Clients: &clients})
	must(t, err)
	if got := w.entries(audit.ClientsChanged); !strings.Contains(got[1], " -> ") || !strings.Contains(got[1], "*everything*") {
		t.Errorf("the entry ends with %q", got[1][max(0, len(got[1])-100):])
	}
}

// C1: only who administers everything says at which origins an environment is, and a dry run says whom it strands.
func TestC1_Origins(t *testing.T) {
	w := newWorld(t)
	_, err := w.Create(t.Context(), root, admin.NewEnvironment{ID: "cases", Origins: []string{"https://a.example", "https://b.example"}, Provider: "corporate"})
	must(t, err)
	mine := admin.Actor{Name: "cases", Environments: []string{"cases"}}
	_, err = w.change(mine, "cases", admin.Edit{Origins: &[]string{"https://bank.example"}})
	refused(t, err, admin.Forbidden, "may not change the origins")
	if strings.Contains(err.Error(), "bank") {
		t.Errorf("it names another environment: %v", err)
	}
	_, cookie := w.signIn("cases", "amara")
	out, err := w.change(root, "cases", admin.Edit{Origins: &[]string{"https://b.example", "https://a.example"}})
	must(t, err)
	if len(out.Notes) != 0 {
		t.Errorf("another order strands %q", out.Notes)
	}
	a, _ := w.live.ByHost("a.example")
	b, _ := w.live.ByHost("b.example")
	if _, err := w.engine.Check(t.Context(), a, cookie); err != nil {
		t.Errorf("at its own origin: %v", err)
	}
	if _, err := w.engine.Check(t.Context(), b, cookie); err == nil {
		t.Error("a cookie of one origin is good at another (P6)")
	}
	out, err = w.change(root, "cases", admin.Edit{Origins: &[]string{"https://b.example"}})
	must(t, err)
	if len(out.Notes) != 1 || !strings.Contains(out.Notes[0], "https://a.example") {
		t.Errorf("notes: %q", out.Notes)
	}
}

// A9: taking a matcher away says that who was recognised stays so until the next sign-in.
func TestA9_ARecognisedClientIsToldOf(t *testing.T) {
	w := newWorld(t)
	all := settings.Clients{Matchers: []settings.Matcher{{Client: policy.Phone, UserAgent: "*"}}}
	_, err := w.change(root, "clinic", admin.Edit{Clients: &all})
	must(t, err)
	w.signIn("clinic", "amara")
	out, err := w.change(root, "clinic", admin.Edit{Clients: &settings.Clients{}})
	must(t, err)
	if out.Effects.Recognised != 1 || len(out.Notes) != 1 || !strings.Contains(out.Notes[0], "1 living session stays") {
		t.Errorf("%+v", out)
	}
}

// C2: a new environment that inherits a switch needs a provider that answers like any other.
func TestC2_CreateNeedsAProviderToo(t *testing.T) {
	w := newWorld(t)
	w.allow(settings.Deployment)
	w.silent["cases"] = true
	_, err := w.Create(t.Context(), root, admin.NewEnvironment{ID: "cases", Origins: []string{"https://cases.example"}, Provider: "corporate"})
	refused(t, err, admin.NoProvider, "environment cases does not answer")
}

// C3 C5: while the audit cannot be written, reading it is refused soon, and the rest of the overview is there.
func TestC5_AnAuditThatCannotBeWrittenKeepsNobodyWaiting(t *testing.T) {
	w := newWorld(t)
	w.signIn("clinic", "amara")
	w.stuck.Store(true)
	o, err := w.Overview(t.Context(), root, "")
	if err != nil || o.Living != 1 || o.EndsKnown {
		t.Errorf("%+v, %v", o, err)
	}
	_, err = w.Audit(t.Context(), root, audit.Query{})
	refused(t, err, admin.Unavailable, "the audit cannot be written")
	w.stuck.Store(false)
	if o, err = w.Overview(t.Context(), root, ""); err != nil || !o.EndsKnown {
		t.Errorf("%+v, %v", o, err)
	}
}

// B6: sessions at the console itself are ended like others, by who administers everything.
func TestB6_SessionsOfTheConsole(t *testing.T) {
	w := newWorld(t)
	one := session.Session{ID: session.ID{9}, User: session.User{Environment: settings.ReservedID, Issuer: "i", Subject: "thief"}, Check: session.Check{At: 1000, Bypassed: true}}
	one.State.Began, one.State.Active, one.State.Settings = start, start, policy.Defaults().Capped(policy.Cap)
	must(t, w.sessions.Create(t.Context(), one, "", start))
	must(t, w.Load(t.Context(), w.file())) // which leaves the console's alone
	_, err := w.EndUser(t.Context(), clinics, settings.ReservedID, "thief")
	refused(t, err, admin.Forbidden)
	if n, err := w.EndUser(t.Context(), root, settings.ReservedID, "thief"); err != nil || n != 1 {
		t.Errorf("%d, %v", n, err)
	}
	if n, err := w.EndEnvironment(context.Background(), root, settings.ReservedID); err != nil || n != 0 {
		t.Errorf("%d, %v", n, err)
	}
}
