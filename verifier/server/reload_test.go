package server

import (
	"crypto/rand"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/curfew-project/curfew/verifier/admin"
	"github.com/curfew-project/curfew/verifier/audit"
	"github.com/curfew-project/curfew/verifier/config"
	"github.com/curfew-project/curfew/verifier/engine"
	"github.com/curfew-project/curfew/verifier/session"
)

// A changed configuration is put in force while people are signed in: settings, environments that come and go, and tokens. What needs a
// restart is named and stays. One that does not fit with what administrators set is refused as a whole.
func TestAChangedConfigurationIsPutInForce(t *testing.T) {
	op := discovery(t)
	text := fmt.Sprintf(environments, op.URL)
	s, lines := newServer(t, text)
	data := s.file.Data
	reload := func(text string) error {
		t.Helper()
		c, err := config.Parse(fmt.Appendf(nil, "data: %q\n%s", data, text))
		if err != nil {
			t.Fatal(err)
		}
		return s.Reload(t.Context(), c)
	}
	here, _ := s.live.ByID("here")
	away, _ := s.live.ByID("away")
	began, cookie, err := s.engine.Begin(t.Context(), away, engine.SignIn{Who: session.Identity{Issuer: "http://127.0.0.1:1", Subject: "amara", AuthTime: 1}})
	if err != nil {
		t.Fatal(err)
	}
	kept, _ := s.connections.get("here")
	if err := reload("prefix: /other/\nswitches: {FCB.UCIInactivityTimeout: true, AllowCustomInactivityDuration: true}\n" +
		strings.Replace(text, "client_id: c}}", "client_id: c}, settings: {inactivity_timeout: 15m}}", 1)); err != nil {
		t.Fatal(err)
	}
	if now, _ := s.live.ByID("here"); now.Settings.InactivityTimeout != 15*time.Minute || now.Version != here.Version+1 {
		t.Errorf("in force: %+v", now)
	}
	if now, _ := s.connections.get("here"); now.Provider != kept.Provider {
		t.Error("a provider that did not change was made anew")
	}
	if !lines.has(t, `msg=config_needs_restart keys=prefix`) || s.site.Prefix() != "/.curfew/" {
		t.Error("the prefix")
	}
	// An environment leaves: its host is refused, its sessions end.
	only := fmt.Sprintf("environments:\n  - {id: here, origin: \"http://localhost:1\", provider: {issuer: %q, client_id: c}}\n", op.URL)
	if err := reload(only); err != nil {
		t.Fatal(err)
	}
	if _, err := s.engine.Check(t.Context(), away, cookie); err == nil {
		t.Error("the session of an environment that has left lives")
	}
	if _, ok := s.connections.get("away"); ok {
		t.Error("the provider of an environment that has left is still spoken to")
	}
	if found, err := s.admin.Session(t.Context(), admin.Actor{All: true}, began.ID.String()); err != nil || found.Reason != "ended_by_admin" {
		t.Errorf("%+v, %v", found, err)
	}
	// A secret that cannot be read, and limits that do not fit: refused, told, and nothing changes.
	if err := reload(strings.Replace(only, "client_id: c", "client_id: c, client_secret_file: none", 1)); err == nil {
		t.Error("a secret that is not there")
	}
	edit := admin.Edit{Switches: map[string]string{"AllowCustomSessionDuration": "on"}}
	long := "12h"
	edit.SessionTimeout = &long
	root := admin.Actor{Name: "root", All: true}
	now, _ := s.live.ByID("here")
	if _, err := s.admin.Change(t.Context(), root, "here", now.Version, edit, false); err != nil {
		t.Fatal(err)
	}
	if err := reload("limits: {session_timeout: {min: 13h}}\n" + only); err == nil || !strings.Contains(err.Error(), "session_timeout is 12h; allowed: provider (its own policy rules, A5), or 13h to 24h") {
		t.Errorf("limits that do not fit: %v", err)
	}
	if now, _ := s.live.ByID("here"); now.Settings.SessionTimeout != 12*time.Hour {
		t.Errorf("in force after a refused file: %+v", now.Settings)
	}
	refused, err := s.admin.Audit(t.Context(), root, audit.Query{Kinds: []audit.Kind{audit.ConfigRefused}})
	if err != nil || len(refused) != 2 {
		t.Errorf("the audit has %+v, %v", refused, err)
	}
	if _, text := s.ask(t, "/metrics"); !strings.Contains(text, `curfew_config_loads_total{outcome="refused"} 2`+"\n") || !strings.Contains(text, `curfew_config_loads_total{outcome="loaded"} 3`+"\n") {
		t.Error("the loads are not counted")
	}
}

// C1: an environment that an administrator makes is served at once: its sign-in page, its script, its provider's address.
func TestC1_AMadeEnvironmentIsServed(t *testing.T) {
	op := discovery(t)
	s, _ := newServer(t, fmt.Sprintf(environments, op.URL)+fmt.Sprintf("providers: [{id: corporate, issuer: %q, client_id: shared}]\n", op.URL))
	get := func(path string) int {
		w := httptest.NewRecorder()
		s.Public().ServeHTTP(w, httptest.NewRequest("GET", "http://localhost:3"+path, nil))
		return w.Code
	}
	if got := get("/.curfew/sign-in"); got != http.StatusMisdirectedRequest {
		t.Errorf("before: %d", got)
	}
	root := admin.Actor{Name: "root", All: true}
	if _, err := s.admin.Create(t.Context(), root, admin.NewEnvironment{ID: "cases", Origins: []string{"http://localhost:3"}, Provider: "corporate"}); err != nil {
		t.Fatal(err)
	}
	if got := get("/.curfew/sign-in"); got != http.StatusOK {
		t.Errorf("made: %d", got)
	}
	if one, ok := s.connections.get("cases"); !ok || one.Provider.ClientID() != "shared" {
		t.Errorf("its provider: %+v", one)
	}
	if _, text := s.ask(t, "/readyz"); !strings.Contains(text, "provider cases: ") {
		t.Errorf("readyz: %s", text)
	}
	if _, text := s.ask(t, "/metrics"); !strings.Contains(text, `environment="cases"`) {
		t.Error("it is not counted")
	}
}

// P7: what administrators set is there after a restart, and so is the audit of it.
func TestP7_WhatWasSetOutlivesARestart(t *testing.T) {
	op := discovery(t)
	dir := filepath.Join(t.TempDir(), "state")
	text := fmt.Sprintf(environments, op.URL)
	open := func() *Server {
		t.Helper()
		c, err := config.Parse(fmt.Appendf(nil, "data: %q\n%s", dir, text))
		if err != nil {
			t.Fatal(err)
		}
		s, err := New(t.Context(), c, Options{Now: time.Now, Random: rand.Reader, Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	s := open()
	root := admin.Actor{Name: "root", All: true}
	now, _ := s.live.ByID("here")
	name := "Clinic"
	if _, err := s.admin.Change(t.Context(), root, "here", now.Version, admin.Edit{Name: &name}, false); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open()
	defer s.Close()
	if again, _ := s.live.ByID("here"); again.Page.Name != name || again.Version != now.Version+1 {
		t.Errorf("after a restart: %+v", again)
	}
	if found, err := s.admin.VerifyAudit(t.Context(), root, nil); err != nil || found.Entries < 4 {
		t.Errorf("%+v, %v", found, err)
	}
	if info, err := os.Stat(filepath.Join(dir, LedgerFile)); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
}

// C3: a role that is taken out of the file is worth nothing from the next reload on; what needs a restart is told as long as it differs from
// what the verifier was started with.
func TestC3_ARoleThatIsTakenAway(t *testing.T) {
	op := discovery(t)
	console := "console: {origin: \"http://console.localhost:4\", provider: {issuer: %q, client_id: c}, administrators: [%s]}\n"
	text := fmt.Sprintf(environments, op.URL)
	s, lines := newServer(t, text+fmt.Sprintf(console, op.URL, "boss, chief"))
	reload := func(text string) {
		t.Helper()
		c, err := config.Parse(fmt.Appendf(nil, "data: %q\n%s", s.file.Data, text))
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Reload(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	}
	if !s.access.person("amara", []string{"chief"}).All {
		t.Fatal("a role of the file is none")
	}
	reload(text + fmt.Sprintf(console, op.URL, "boss"))
	if s.access.person("amara", []string{"chief"}).Administers() || !s.access.person("amara", []string{"boss"}).All {
		t.Error("a role that was taken away is still one")
	}
	if lines.has(t, "config_needs_restart") {
		t.Error("roles need no restart")
	}
	reload(text) // without a console: it stays until the restart, and nobody may use it
	if s.access.person("amara", []string{"boss"}).Administers() || !lines.has(t, "config_needs_restart keys=console") {
		t.Error("a console that was taken out of the file")
	}
	again := strings.Count(lines.text.String(), "config_needs_restart")
	reload(text + fmt.Sprintf(console, op.URL, "boss"))
	if now := strings.Count(lines.text.String(), "config_needs_restart"); now != again {
		t.Error("what is as it was at the start needs no restart")
	}
	if !s.access.person("amara", []string{"boss"}).All {
		t.Error("a role that was put back is none")
	}
}
