package console

import (
	"context"
	"html"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/curfew-project/curfew/shared/policy"
	"github.com/curfew-project/curfew/verifier/admin"
	"github.com/curfew-project/curfew/verifier/audit"
	"github.com/curfew-project/curfew/verifier/engine"
	"github.com/curfew-project/curfew/verifier/session"
	"github.com/curfew-project/curfew/verifier/settings"
)

// submit opens a form, types into it and sends it.
func submit(t testing.TB, handler http.Handler, address, do string, typed ...string) *httptest.ResponseRecorder {
	t.Helper()
	form := opened(t, handler, address)
	sets(append(typed, "do", do)...)(t, form)
	return ask(handler, address, form)
}

// press sends the form of an answered page on.
func press(t testing.TB, handler http.Handler, answer *httptest.ResponseRecorder, do string, typed ...string) *httptest.ResponseRecorder {
	t.Helper()
	page := answer.Body.String()
	form := formOf(t, page)
	sets(append(typed, "do", do)...)(t, form)
	_, rest, _ := strings.Cut(page, `<form method="post" action="`)
	to, _, _ := strings.Cut(rest, `"`)
	return ask(handler, html.UnescapeString(to), form)
}

// says wants an answer with a status that says all of these.
func says(t testing.TB, answer *httptest.ResponseRecorder, status int, texts ...string) {
	t.Helper()
	page := textOf(t, answer.Body.String())
	if answer.Code != status {
		t.Errorf("%d, want %d: %s", answer.Code, status, page)
	}
	for _, text := range texts {
		if !strings.Contains(page, text) {
			t.Errorf("the page does not say %q: %s", text, page)
		}
	}
}

// lands follows the redirect after a change.
func lands(t testing.TB, handler http.Handler, answer *httptest.ResponseRecorder, at, notice string) {
	t.Helper()
	to := answer.Header().Get("Location")
	path, _, _ := strings.Cut(to, "?")
	if answer.Code != http.StatusSeeOther || path != at {
		t.Fatalf("%d to %q, want 303 to %s: %s", answer.Code, to, at, textOf(t, answer.Body.String()))
	}
	says(t, ask(handler, to, nil), http.StatusOK, notice)
}

// A1 to A4: every limit one below, at and one above it, typed into the page: it takes the same values as everybody, and refuses the others
// in the same words, at the field and in the summary, with everything that was typed.
func TestA1toA4_LimitsAtTheirEdges(t *testing.T) {
	w := newWorld(t)
	w.allow("clinic")
	handler := w.console(clinics)
	values := map[string]string{"session_timeout": "24h", "session_warning": "20m", "inactivity_timeout": "10m", "inactivity_warning": "2m"}
	for _, c := range []struct {
		field, value string
		ok           bool
	}{
		{"session_timeout", "59m59s", false}, {"session_timeout", "1h", true}, {"session_timeout", "1h0m1s", true},
		{"session_timeout", "23h59m59s", true}, {"session_timeout", "24h", true}, {"session_timeout", "24h0m1s", false},
		{"session_warning", "19s", false}, {"session_warning", "20s", true}, {"session_warning", "21s", true},
		{"session_warning", "23h59m59s", true}, {"session_warning", "24h", false},
		{"inactivity_timeout", "4m59s", false}, {"inactivity_timeout", "5m", true}, {"inactivity_timeout", "5m1s", true},
		{"inactivity_timeout", "23h59m59s", true}, {"inactivity_timeout", "24h", false},
		{"inactivity_warning", "59s", false}, {"inactivity_warning", "1m", true}, {"inactivity_warning", "1m1s", true},
		{"inactivity_warning", "9m59s", true}, {"inactivity_warning", "10m", false},
		{"session_timeout", "90500ms", false}, {"inactivity_timeout", "-5m", false},
	} {
		typed := []string{"session", "custom", "inactivity", "on"}
		want := policy.Settings{SessionTimeout: 24 * time.Hour, SessionWarning: 20 * time.Minute, InactivityTimeout: 10 * time.Minute, InactivityWarning: 2 * time.Minute}
		for field, value := range values {
			if field == c.field {
				value = c.value
			}
			typed = append(typed, field, value)
		}
		value, err := time.ParseDuration(c.value)
		must(t, err)
		*map[string]*time.Duration{"session_timeout": &want.SessionTimeout, "session_warning": &want.SessionWarning,
			"inactivity_timeout": &want.InactivityTimeout, "inactivity_warning": &want.InactivityWarning}[c.field] = value
		answer := submit(t, handler, "/environments/clinic", doPreview, typed...)
		wrong := want.Validate(policy.DefaultLimits())
		if (wrong == nil) != c.ok {
			t.Fatalf("%s %s: policy says %v", c.field, c.value, wrong)
		}
		if c.ok {
			says(t, answer, http.StatusOK, "Review the change", "Nothing has been changed yet.")
			continue
		}
		says(t, answer, http.StatusUnprocessableEntity, "to be put right")
		page := answer.Body.String()
		for _, v := range wrong.(policy.Violations) {
			message := html.EscapeString(v.Error())
			if !strings.Contains(page, `<li><a href="#`+v.Setting+`">`+message+`</a></li>`) || !strings.Contains(page, `id="`+v.Setting+`-wrong">`+"\n<p>"+message+"</p>") {
				t.Errorf("%s %s: the page does not say at the field and in the summary: %s", c.field, c.value, message)
			}
		}
		if form := formOf(t, page); form.Get(c.field) != c.value || form.Get("session") != "custom" || form.Get("inactivity") != "on" {
			t.Errorf("%s %s: what was typed is lost: %v", c.field, c.value, form)
		}
	}
	if env := w.env("clinic"); env.Version != 2 {
		t.Errorf("a preview has changed something: %+v", env)
	}
}

// All that is wrong is said at once, what is no length is said to be none, and a value without its switch names the switch (C2).
func TestC3_EverythingThatIsWrongAtOnce(t *testing.T) {
	w := newWorld(t)
	handler := w.console(everything)
	answer := submit(t, handler, "/environments/clinic", doPreview, "session", "custom", "session_timeout", "8", "session_warning", "", "inactivity", "on", "inactivity_timeout", "15m", "name", " Clinic", "origins", "http://clinic.example\nhttps://bank.example")
	says(t, answer, http.StatusUnprocessableEntity, "These have to be put right",
		`session_timeout "8" is no session timeout: write a number and its unit, such as 12h, or provider to let the identity provider decide`,
		`session_warning "" is not a length of time: write a number and its unit, such as 90s, 20m or 24h`,
		"inactivity_timeout is 15m; allowed: 0 (off), while the switch AllowCustomInactivityDuration is off (A3)",
		`origins has "http://clinic.example"; allowed: https://host`,
		`origins has "https://bank.example", whose host belongs to environment bank`)
	page := answer.Body.String()
	for _, field := range []string{"session_timeout", "session_warning", "inactivity_timeout", "origins"} {
		if !strings.Contains(page, `id="`+field+`" name="`+field+`" aria-describedby="`+field+`-hint `+field+`-wrong" aria-invalid="true"`) {
			t.Errorf("%s is not marked as wrong", field)
		}
	}
	if form := formOf(t, page); form.Get("origins") != "http://clinic.example\nhttps://bank.example" || form.Get("name") != "Clinic" {
		t.Errorf("what was typed is lost: %v", form)
	}
}

// C3: saving leads over the differences and whom they touch; back keeps what was typed; applying changes it once and says so.
func TestC3_SavePreviewBackApply(t *testing.T) {
	w := newWorld(t)
	w.allow("clinic")
	w.signIn("clinic", "amara", "Amara Okafor")
	handler := w.console(everything)
	preview := submit(t, handler, "/environments/clinic", doPreview, "session", "custom", "session_timeout", "90m", "inactivity", "on", "inactivity_timeout", "15m",
		"any_activity_stays", "yes", "enforced.session.phone", "yes", "switch.WSFedNonceCookieEnabled", "off", "name", "The clinic", "origins", "https://clinic.example\r\nhttps://ward.example")
	says(t, preview, http.StatusOK, "Session timeout identity provider’s policy 1h30m", "Inactivity timeout off 15m", "Any activity stays no yes",
		"Client: Phone session exempt, inactivity exempt session enforced, inactivity exempt", "Switch WSFedNonceCookieEnabled on off", "Name none The clinic",
		"Origins https://clinic.example https://clinic.example https://ward.example", "Amara Okafor", "Inactivity")
	back := press(t, handler, preview, doBack)
	says(t, back, http.StatusOK, "Session timeout")
	if form := formOf(t, back.Body.String()); form.Get("session_timeout") != "90m" || form.Get("origins") != "https://clinic.example\nhttps://ward.example" || form.Get("enforced.session.phone") != "yes" {
		t.Errorf("back has lost what was typed: %v", form)
	}
	if env := w.env("clinic"); env.Version != 2 {
		t.Fatalf("something was changed already: %+v", env)
	}
	applied := press(t, handler, press(t, handler, back, doPreview), doApply)
	lands(t, handler, applied, "/environments/clinic", "Saved.")
	env := w.env("clinic")
	want := settings.Times{SessionTimeout: 90 * time.Minute, SessionWarning: 20 * time.Minute, InactivityTimeout: 15 * time.Minute, InactivityWarning: 2 * time.Minute, AnyActivityStays: true}
	if env.Version != 3 || env.ChangedBy != "amara (console)" || env.Set != want || env.Name != "The clinic" || !slices.Equal(env.Origins, []string{"https://clinic.example", "https://ward.example"}) ||
		env.Clients.Of(policy.Phone) != (settings.Enforced{Session: true}) {
		t.Errorf("%+v", env)
	}
	says(t, submit(t, handler, "/environments/clinic", doPreview), http.StatusOK, "Nothing would change")
	// Unchecked again, switched off again.
	form := opened(t, handler, "/environments/clinic")
	form.Del("any_activity_stays")
	form.Del("enforced.session.phone")
	sets("do", doApply, "session", "provider", "inactivity", "off")(t, form)
	lands(t, handler, ask(handler, "/environments/clinic", form), "/environments/clinic", "Saved.")
	if env := w.env("clinic"); env.Set.SessionTimeout != 0 || env.Set.InactivityTimeout != 0 || env.Set.AnyActivityStays || env.Clients.Of(policy.Phone).Session {
		t.Errorf("%+v", env)
	}
}

// C1: of two administrators the second sees what the first has changed, beside their own values. What only one of them touched is kept
// of both, and nothing is lost.
func TestC1_TwoAdministrators(t *testing.T) {
	w := newWorld(t)
	w.allow("clinic")
	first, second := w.console(clinics), w.console(everything)
	form := opened(t, second, "/environments/clinic")
	lands(t, first, submit(t, first, "/environments/clinic", doApply, "session", "custom", "session_timeout", "8h", "name", "Clinic"), "/environments/clinic", "Saved.")

	sets("do", doApply, "name", "Fernhill", "inactivity", "on", "inactivity_timeout", "15m")(t, form)
	conflict := ask(second, "/environments/clinic", form)
	says(t, conflict, http.StatusConflict, "Somebody else was faster", "Session timeout identity provider’s policy 8h not touched",
		"Inactivity timeout off off 15m", "Name changed by both of you none Clinic Fernhill", "Version 3", "by clinics (console)")
	if strings.Contains(textOf(t, conflict.Body.String()), "Version 2") {
		t.Error("it shows what was there when the page was opened")
	}
	if env := w.env("clinic"); env.Version != 3 || env.Name != "Clinic" {
		t.Fatalf("it was overwritten: %+v", env)
	}
	again := press(t, second, conflict, doAgain)
	got := formOf(t, again.Body.String())
	if got.Get("session_timeout") != "8h" || got.Get("session") != "custom" || got.Get("inactivity_timeout") != "15m" || got.Get("name") != "Fernhill" || got.Get("version") != "3" {
		t.Errorf("looking again holds %v", got)
	}
	preview := press(t, second, again, doPreview)
	says(t, preview, http.StatusOK, "Inactivity timeout off 15m", "Name Clinic Fernhill")
	if strings.Contains(textOf(t, preview.Body.String()), "Session timeout identity") {
		t.Error("the first one's value would be taken back")
	}
	lands(t, second, press(t, second, preview, doApply), "/environments/clinic", "Saved.")
	if env := w.env("clinic"); env.Version != 4 || env.Set.SessionTimeout != 8*time.Hour || env.Set.InactivityTimeout != 15*time.Minute || env.Name != "Fernhill" {
		t.Errorf("%+v", env)
	}
	// A preview notices it too, and a form without a version changes nothing.
	says(t, ask(second, "/environments/clinic", form), http.StatusConflict, "Version 4")
	for _, version := range []string{"", "first", "1.0"} {
		fresh := newWorld(t)
		form := opened(t, fresh.console(clinics), "/environments/clinic")
		sets("do", doApply, "name", "Fernhill", "version", version)(t, form)
		if answer := ask(fresh.console(clinics), "/environments/clinic", form); answer.Code != http.StatusConflict || fresh.env("clinic").Version != 1 {
			t.Errorf("version %q: %d", version, answer.Code)
		}
	}
}

// C2: the deployment's switches, with the reason where no provider answers, and what an environment has of them.
func TestC2_Switches(t *testing.T) {
	w := newWorld(t)
	handler := w.console(everything)
	w.silent = true
	answer := submit(t, handler, "/switches", doPreview, "switch.AllowCustomSessionDuration", "on")
	says(t, answer, http.StatusFailedDependency, "AllowCustomSessionDuration cannot be switched on: the identity provider of environment bank does not answer: connection refused")
	if form := formOf(t, answer.Body.String()); form.Get("switch.AllowCustomSessionDuration") != "on" {
		t.Errorf("what was chosen is lost: %v", form)
	}
	w.silent = false
	lands(t, handler, press(t, handler, press(t, handler, answer, doPreview), doApply), "/switches", "Saved.")
	says(t, ask(handler, "/switches", nil), http.StatusOK, "by amara (console)", "Switch AllowCustomSessionDuration off on")
	says(t, ask(handler, "/environments/clinic", nil), http.StatusOK, "Inherit (on)", "Inherit (off)")
	if w.env("clinic").Switches[0] != (admin.SwitchState{Name: policy.AllowCustomSessionDuration, On: true, Deployment: true}) {
		t.Errorf("%+v", w.env("clinic").Switches)
	}
	lands(t, handler, submit(t, handler, "/environments/clinic", doApply, "session", "custom", "session_timeout", "8h"), "/environments/clinic", "Saved.")
	says(t, submit(t, handler, "/switches", doApply, "switch.AllowCustomSessionDuration", "off"), http.StatusUnprocessableEntity,
		"environment clinic: session_timeout is 8h; allowed: provider, while the switch AllowCustomSessionDuration is off (A1)")
}

// C4: every preset shows what it would change, and where it comes from; HIPAA asks for the organisation's number.
func TestC4_Presets(t *testing.T) {
	w := newWorld(t)
	w.allow("clinic")
	handler := w.console(clinics)
	page := ask(handler, "/environments/clinic/presets", nil)
	for _, p := range policy.Presets() {
		says(t, page, http.StatusOK, p.Name, p.Source, p.Note)
	}
	says(t, submit(t, handler, "/environments/clinic/presets", doPreview), http.StatusUnprocessableEntity, "No preset is chosen.")
	preview := submit(t, handler, "/environments/clinic/presets", doPreview, "preset", "nist-aal3")
	says(t, preview, http.StatusOK, "Session timeout identity provider’s policy 12h", "Inactivity timeout off 15m")
	lands(t, handler, press(t, handler, preview, doApply), "/environments/clinic", "Saved.")
	hipaa := submit(t, handler, "/environments/clinic/presets", doPreview, "preset", "hipaa")
	says(t, hipaa, http.StatusUnprocessableEntity, "because 45 CFR 164.312(a)(2)(iii) gives no number")
	preview = press(t, handler, hipaa, doPreview, "preset_inactivity", "10m")
	says(t, preview, http.StatusOK, "Inactivity timeout 15m 10m")
	lands(t, handler, press(t, handler, preview, doApply), "/environments/clinic", "Saved.")
	if set := w.env("clinic").Set; set.SessionTimeout != 12*time.Hour || set.InactivityTimeout != 10*time.Minute {
		t.Errorf("%+v", set)
	}
	// Somebody else meanwhile: the choice stays.
	form := opened(t, handler, "/environments/clinic/presets")
	lands(t, handler, submit(t, handler, "/environments/clinic", doApply, "name", "Clinic"), "/environments/clinic", "Saved.")
	sets("do", doApply, "preset", "pci-dss")(t, form)
	conflict := ask(handler, "/environments/clinic/presets", form)
	says(t, conflict, http.StatusConflict, "Version 5", "Preset none none pci-dss")
	preview = press(t, handler, press(t, handler, conflict, doAgain), doPreview)
	says(t, preview, http.StatusOK, "Inactivity timeout 10m 15m")
	// Without its switch a preset is refused with the switch's name.
	says(t, submit(t, w.console(banks), "/environments/bank/presets", doPreview, "preset", "owasp-low"), http.StatusUnprocessableEntity, "while the switch AllowCustomSessionDuration is off")
}

// A9: matchers are added, moved and removed, tried as they stand, and take effect only when they are applied.
func TestA9_Clients(t *testing.T) {
	w := newWorld(t)
	handler := w.console(clinics)
	at := submit(t, handler, "/environments/clinic/clients", doAdd)
	at = press(t, handler, at, doAdd, "matcher.0.user_agent", "*Mobile*", "matcher.0.client", "phone")
	at = press(t, handler, at, doUp+"1", "matcher.1.user_agent", "*iPad*", "matcher.1.client", "tablet")
	form := formOf(t, at.Body.String())
	if form.Get("matcher.0.user_agent") != "*iPad*" || form.Get("matcher.1.user_agent") != "*Mobile*" || form.Get("rows") != "2" {
		t.Fatalf("after moving up: %v", form)
	}
	if !strings.Contains(at.Body.String(), `name="matcher.0.user_agent" value="*iPad*" autocomplete="off" autocapitalize="none" spellcheck="false" autofocus`) {
		t.Error("the row that was moved has not the focus")
	}
	tried := press(t, handler, at, doTry, "enforced.inactivity.tablet", "yes")
	says(t, tried, http.StatusOK, "It is taken for: Tablet , by matcher 1. The session timeout is not enforced, the inactivity timeout is enforced.")
	tried = press(t, handler, tried, doTry, "try_user_agent", "curl/8")
	says(t, tried, http.StatusOK, "It is taken for: Browser , because no matcher fits. The session timeout is enforced, the inactivity timeout is enforced.")
	at = press(t, handler, tried, doDown+"0")
	at = press(t, handler, at, doAdd)
	wrong := press(t, handler, at, doPreview)
	says(t, wrong, http.StatusUnprocessableEntity, "matchers has neither client_id nor user_agent in place 3; allowed: one of them or both")
	at = press(t, handler, wrong, doRemove+"2")
	preview := press(t, handler, at, doPreview, "matcher.1.client_id", "ipad-app")
	says(t, preview, http.StatusOK, `Matchers none user_agent "*Mobile*" is phone; client_id "ipad-app" and user_agent "*iPad*" is tablet`, "Client: Tablet session exempt, inactivity exempt session exempt, inactivity enforced")
	if w.env("clinic").Version != 1 {
		t.Fatal("something was changed already")
	}
	back := press(t, handler, preview, doBack)
	if form := formOf(t, back.Body.String()); form.Get("matcher.1.client_id") != "ipad-app" || form.Get("enforced.inactivity.tablet") != "yes" {
		t.Errorf("back has lost what was typed: %v", form)
	}
	lands(t, handler, press(t, handler, preview, doApply), "/environments/clinic/clients", "Saved. Matchers count from the next sign-in;")
	want := []settings.Matcher{{Client: policy.Phone, UserAgent: "*Mobile*"}, {Client: policy.Tablet, ClientID: "ipad-app", UserAgent: "*iPad*"}}
	if got := w.env("clinic").Clients; !slices.Equal(got.Matchers, want) || got.Of(policy.Tablet) != (settings.Enforced{Inactivity: true}) {
		t.Errorf("%+v", got)
	}
	// The settings' page changes what is enforced and leaves the matchers.
	form = opened(t, handler, "/environments/clinic")
	form.Del("enforced.inactivity.tablet")
	sets("do", doApply, "enforced.session.phone", "yes")(t, form)
	lands(t, handler, ask(handler, "/environments/clinic", form), "/environments/clinic", "Saved. Pages that are open")
	if got := w.env("clinic").Clients; !slices.Equal(got.Matchers, want) || got.Of(policy.Phone) != (settings.Enforced{Session: true}) || got.Of(policy.Tablet) != (settings.Enforced{}) {
		t.Errorf("%+v", got)
	}
}

// There may be 64 matchers: the page holds that many, previews them, and offers no more.
func TestA9_AsManyMatchersAsThereMayBe(t *testing.T) {
	w := newWorld(t)
	handler := w.console(clinics)
	var clients settings.Clients
	for range settings.MaxMatchers {
		clients.Matchers = append(clients.Matchers, settings.Matcher{Client: policy.Phone, ClientID: strings.Repeat("<", settings.MaxPattern), UserAgent: strings.Repeat(`"`, settings.MaxPattern)})
	}
	_, err := w.Change(t.Context(), everything, "clinic", 1, admin.Edit{Clients: &clients}, false)
	must(t, err)
	preview := submit(t, handler, "/environments/clinic/clients", doPreview, "matcher.63.client", "tablet")
	says(t, preview, http.StatusOK, "Review the change")
	lands(t, handler, press(t, handler, preview, doApply), "/environments/clinic/clients", "Saved.")
	if got := w.env("clinic").Clients.Matchers; len(got) != settings.MaxMatchers || got[63].Client != policy.Tablet {
		t.Errorf("%d matchers", len(got))
	}
	page := ask(handler, "/environments/clinic/clients", nil)
	says(t, page, http.StatusOK, "There are as many as there may be.")
	form := formOf(t, submit(t, handler, "/environments/clinic/clients", doAdd).Body.String())
	if form.Get("rows") != "64" {
		t.Errorf("%s rows", form.Get("rows"))
	}
}

// C1: an environment is created, renamed and removed, the last only by typing its ID.
func TestC1_CreateAndRemove(t *testing.T) {
	w := newWorld(t)
	handler := w.console(everything)
	form := opened(t, handler, "/create")
	if form.Get("provider") != "corporate" {
		t.Errorf("the only provider is not chosen: %v", form)
	}
	sets("id", "Ward 1", "origins", "http://ward")(t, form)
	wrong := ask(handler, "/create", form)
	says(t, wrong, http.StatusUnprocessableEntity, `id is "Ward 1"; allowed: 1 to 64 lower-case letters, digits and hyphens`)
	created := press(t, handler, wrong, "", "id", "ward", "origins", "https://ward.example\nhttps://ward-two.example", "kind", "portal", "name", "The ward")
	lands(t, handler, created, "/environments/ward", "The environment is there.")
	says(t, ask(handler, "/environments/ward", nil), http.StatusOK, "Register these addresses for the client of corporate", "https://ward.example/.curfew/callback",
		"https://ward-two.example/.curfew/callback", "https://ward-two.example/.curfew/signed-out", "https://ward-two.example/.curfew/backchannel-logout")
	if page := ask(handler, "/environments/bank", nil).Body.String(); strings.Contains(page, "backchannel-logout") {
		t.Error("what is in the file has addresses to register")
	}
	if env := w.env("ward"); env.Kind != settings.Portal || env.Name != "The ward" || len(env.Origins) != 2 {
		t.Errorf("%+v", env)
	}
	w.signIn("ward", "amara", "Amara Okafor")
	page := ask(handler, "/environments/ward/remove", nil)
	says(t, page, http.StatusOK, "1 living session of The ward ends", "Amara Okafor", "https://ward-two.example")
	wrong = press(t, handler, page, "", "confirm", "The ward")
	says(t, wrong, http.StatusUnprocessableEntity, "What was typed is not the environment’s ID, which is ward.")
	// Somebody changes it meanwhile: it is said, and one may confirm again.
	lands(t, handler, submit(t, handler, "/environments/ward", doApply, "name", "Ward"), "/environments/ward", "Saved.")
	wrong = press(t, handler, wrong, "", "confirm", "ward")
	says(t, wrong, http.StatusConflict, "look at what has changed")
	lands(t, handler, press(t, handler, wrong, "", "confirm", "ward"), "/", "The environment was removed, and 1 session ended with it. History of ward")
	says(t, ask(handler, "/environments/ward", nil), http.StatusNotFound, `there is no environment "ward"`)
	// What it had stays, for who administers everything.
	says(t, ask(handler, "/environments/ward/history", nil), http.StatusOK, "History of ward", "This environment was removed.", "Version 3", "Removed Version 2", "Name The ward Ward")
	for _, id := range []string{"wards", settings.Deployment, settings.ReservedID} {
		says(t, ask(handler, "/environments/"+id+"/history", nil), http.StatusNotFound, "there is no environment")
	}
	if answer := ask(w.console(clinics), "/environments/ward/history", nil); answer.Code != http.StatusForbidden && answer.Code != http.StatusNotFound {
		t.Errorf("for the administrator of another: %d", answer.Code)
	}
	if n, _ := w.sessions.Count(t.Context(), w.now); n != 0 {
		t.Errorf("%d sessions live", n)
	}
}

// B6: one session, a user's and an environment's are ended, each after a page that says whom it touches.
func TestB6_EndingSessions(t *testing.T) {
	w := newWorld(t)
	handler := w.console(clinics)
	one := w.signIn("clinic", "amara", "Amara Okafor")
	w.signIn("clinic", "amara", "Amara Okafor")
	w.signIn("clinic", "amara-two", "Somebody else")
	w.signIn("clinic", "jonas", "")
	bank := w.signIn("bank", "amara", "Amara Okafor")
	living := func() int {
		n, err := w.sessions.Count(context.Background(), w.now)
		must(t, err)
		return n
	}
	page := ask(handler, "/sessions?user=OKAFOR", nil)
	says(t, page, http.StatusOK, "2 sessions", "Amara Okafor")
	if strings.Contains(page.Body.String(), "jonas") || strings.Contains(page.Body.String(), bank) {
		t.Error("the search finds others")
	}
	page = ask(handler, "/sessions/"+one+"/end", nil)
	says(t, page, http.StatusOK, "the next request in it is refused, and Amara Okafor has to sign in again.")
	if living() != 5 {
		t.Fatal("asking has ended something")
	}
	lands(t, handler, press(t, handler, page, ""), "/sessions/"+one, "The session has ended.")
	says(t, ask(handler, "/sessions/"+one, nil), http.StatusOK, "Ended Ended by an administrator", "Identity provider is not asked any more")
	says(t, ask(handler, "/sessions/"+one+"/end", nil), http.StatusOK, "There is nothing to end")
	page = ask(handler, "/environments/clinic/end-user?subject=amara", nil)
	says(t, page, http.StatusOK, "1 living session of Amara Okafor in clinic. The next request in it is refused.")
	lands(t, handler, press(t, handler, page, ""), "/sessions", "1 session ended. The next request in it is refused.")
	page = ask(handler, "/environments/clinic/end", nil)
	says(t, page, http.StatusOK, "2 living sessions in clinic, of everybody who is signed in there.", "amara-two", "jonas")
	lands(t, handler, press(t, handler, page, ""), "/sessions", "2 sessions ended.")
	if living() != 1 {
		t.Errorf("%d live, want the bank's", living())
	}
	says(t, ask(handler, "/sessions/"+bank, nil), http.StatusNotFound, "there is no session")
	says(t, ask(handler, "/sessions?state=asleep", nil), http.StatusUnprocessableEntity, `state is "asleep"; allowed: living, warned, ended, any`)
}

// B6: the console's own sessions are counted, found and ended by who administers everything, and by nobody else.
func TestB6_TheConsolesOwnSessions(t *testing.T) {
	w := newWorld(t)
	own, _ := w.live.ByID("bank")
	own.ID = settings.ReservedID
	var ids []string
	for _, subject := range []string{"amara", "amara", "jonas"} {
		s, _, err := w.engine.Begin(t.Context(), own, engine.SignIn{RefreshToken: "refresh", Who: session.Identity{Issuer: "https://login.example", Subject: subject, AuthTime: w.now / 1000}})
		must(t, err)
		ids = append(ids, s.ID.String())
	}
	handler := w.console(everything)
	says(t, ask(handler, "/", nil), http.StatusOK, "Living sessions 3", "The console itself: 3 sessions")
	for _, address := range []string{"/sessions", "/audit"} {
		if page := ask(handler, address+"?environment=console", nil).Body.String(); !strings.Contains(page, `<option value="console" selected>Console</option>`) || !strings.Contains(page, "jonas") {
			t.Errorf("%s does not find them", address)
		}
		if page := ask(w.console(clinics), address, nil).Body.String(); strings.Contains(page, `value="console"`) || strings.Contains(page, "jonas") {
			t.Errorf("%s offers them to everybody", address)
		}
	}
	if page := ask(handler, "/sessions/"+ids[2], nil).Body.String(); strings.Contains(page, `"/environments/console"`) {
		t.Error("a session leads to an environment that there is not")
	}
	for _, address := range []string{"/environments/console/end", "/environments/console/end-user?subject=jonas"} {
		for _, form := range []url.Values{nil, {}} {
			if answer := ask(w.console(clinics), address, form); answer.Code != http.StatusForbidden && answer.Code != http.StatusNotFound {
				t.Errorf("%s for the administrator of the clinic: %d", address, answer.Code)
			}
		}
	}
	page := ask(handler, "/environments/console/end-user?subject=jonas", nil)
	says(t, page, http.StatusOK, "1 living session of jonas in Console.")
	lands(t, handler, press(t, handler, page, ""), "/sessions", "1 session ended.")
	page = ask(handler, "/environments/console/end", nil)
	says(t, page, http.StatusOK, "2 living sessions in Console, your own among them.")
	lands(t, handler, press(t, handler, page, ""), "/sessions", "2 sessions ended.")
	says(t, ask(handler, "/", nil), http.StatusOK, "Living sessions 0")
	if page := ask(handler, "/", nil).Body.String(); strings.Contains(page, "The console itself") {
		t.Error("none are counted")
	}
}

// C5: entries are found by time, user, environment, kind and session; the export has the same, as lines that verify.
func TestC5_Audit(t *testing.T) {
	w := newWorld(t)
	handler := w.console(everything)
	var ids []string
	for i := range 130 {
		w.now += 1000
		ids = append(ids, w.signIn([]string{"clinic", "bank"}[i%2], "user-"+string(rune('a'+i%5)), "Amara Okafor"))
	}
	must(t, w.EndSession(t.Context(), clinics, ids[0]))
	rows := func(address string) []string {
		t.Helper()
		answer := ask(handler, address, nil)
		if answer.Code != http.StatusOK {
			t.Fatalf("%s: %d %s", address, answer.Code, textOf(t, answer.Body.String()))
		}
		var all []string
		walk(t, answer.Body.String(), func(name string, attrs map[string]string, text string, path []string) {
			if name == "th" && attrs["scope"] == "row" {
				all = append(all, strings.TrimSpace(text))
			}
		})
		return all
	}
	next := func(address, label string) string {
		t.Helper()
		to := ""
		walk(t, ask(handler, address, nil).Body.String(), func(name string, attrs map[string]string, text string, path []string) {
			if name == "a" && text == label && attrs["class"] == "button second" {
				to = attrs["href"]
			}
		})
		return to
	}
	// Every page of the listing, back to the beginning and forward again.
	var all []string
	at := "/audit?kind=sign_in"
	for range 2 {
		all = append(all, rows(at)...)
		last := at
		if at = next(at, "Older"); at == "" {
			at = last
			break
		}
	}
	if len(all) != 130 || len(rows(at)) != 30 {
		t.Fatalf("%d entries on all pages, %d on the last", len(all), len(rows(at)))
	}
	if got := rows(next(at, "Newer")); len(got) != 100 || got[0] != all[0] {
		t.Errorf("newer than the last page: %d entries from %s", len(got), got[0])
	}
	for address, want := range map[string]int{
		"/audit?kind=sign_in&environment=clinic":                                                  65,
		"/audit?kind=sign_in&user=user-a":                                                         26,
		"/audit?session=" + ids[7]:                                                                1,
		"/audit?kind=ended&kind=environment_created":                                              3, // the bank, the clinic and one ending
		"/audit?reason=ended_by_admin":                                                            1,
		"/audit?actor=clinics+%28console%29":                                                      1,
		"/audit?kind=sign_in&since=between&from=2026-03-02T12:01&to=2026-03-02T12:02":             60,
		"/audit?kind=sign_in&since=between&from=2026-03-02T12:00:31&to=":                          100,
		"/audit?kind=sign_in&since=between&from=2026-03-02T12:02:05":                              6,
		"/audit?kind=sign_in&since=between&to=2026-03-02T12:00:13&environment=bank&user=user-b":   2,
		"/audit?kind=sign_in&since=1h&user=user-c&environment=clinic":                             13,
		"/audit?kind=sign_in&since=between&from=2020-01-01T00:00&to=2020-01-02T00:00&user=nobody": 0,
	} {
		if got := rows(address); len(got) != want {
			t.Errorf("%s: %d entries, want %d", address, len(got), want)
		}
	}
	for _, address := range []string{"/audit?since=between&from=yesterday", "/audit?since=between&from=2026-03-02T12:00&to=2026-03-02T12:00", "/audit?kind=everything", "/audit?reason=boredom"} {
		if answer := ask(handler, address, nil); answer.Code != http.StatusUnprocessableEntity {
			t.Errorf("%s: %d", address, answer.Code)
		}
		if answer := ask(handler, strings.Replace(address, "/audit", "/audit/export", 1), nil); answer.Code != http.StatusUnprocessableEntity {
			t.Errorf("the export of %s: %d", address, answer.Code)
		}
	}
	answer := ask(handler, "/audit/export?since=any", nil)
	found, err := audit.VerifyLines(strings.NewReader(answer.Body.String()))
	whole, wrong := w.VerifyAudit(t.Context(), everything, nil)
	must(t, wrong)
	if err != nil || found.Last != whole.Last || answer.Header().Get("Content-Type") != "application/jsonl; charset=utf-8" || !strings.Contains(answer.Header().Get("Content-Disposition"), `attachment; filename="curfew-audit-2026`) {
		t.Errorf("%+v, %v, %v", found, err, answer.Header())
	}
	if lines := strings.Count(ask(handler, "/audit/export?kind=sign_in&user=user-a&since=1h", nil).Body.String(), "\n"); lines != 26 {
		t.Errorf("%d lines of one user", lines)
	}
	says(t, submit(t, handler, "/audit/verify", ""), http.StatusOK, "The chain is whole", whole.Last.Hash.String())
}

// Long lists come in pages: each entry once, with a way on exactly where there is more.
func TestC3_Paging(t *testing.T) {
	f := newFake()
	version := f.history[0]
	f.history = nil
	for n := range int64(2*perPage + 1) {
		version.Version = 2*perPage + 1 - n
		f.history = append(f.history, version)
	}
	handler := mount(t, f, everything, true)
	var counts []int
	for at := "/environments/clinic/history"; at != ""; {
		page := ask(handler, at, nil).Body.String()
		counts, at = append(counts, strings.Count(page, "<h3>Version ")), ""
		walk(t, page, func(name string, attrs map[string]string, text string, _ []string) {
			if name == "a" && text == "Older" {
				at = attrs["href"]
			}
		})
	}
	if !slices.Equal(counts, []int{perPage, perPage, 1}) {
		t.Errorf("versions on each page: %v", counts)
	}

	w := newWorld(t)
	for i := range sessionsPerPage + 1 {
		w.now += 1000
		w.signIn("clinic", "user-"+string(rune('a'+i%26)), "")
	}
	first := ask(w.console(clinics), "/sessions?environment=clinic", nil)
	says(t, first, http.StatusOK, "51 sessions", "1 to 50 Older")
	second := ask(w.console(clinics), "/sessions?environment=clinic&offset=50", nil)
	says(t, second, http.StatusOK, "Newer 51 to 51")
	if page := second.Body.String(); strings.Contains(page, ">Older<") || !strings.Contains(page, "environment=clinic&amp;offset=0") {
		t.Error("the last page leads on, or does not lead back")
	}
	says(t, ask(w.console(clinics), "/sessions?offset=500", nil), http.StatusOK, "No session fits.", "Newer")
	says(t, ask(w.console(clinics), "/sessions?offset=99999999999", nil), http.StatusOK, "No session fits.")
}

// An export goes on until there is no more, each entry once.
func TestC5_AnExportIsWhole(t *testing.T) {
	var at audit.Link
	var all []audit.Entry
	for range 2*audit.MaxLimit + 7 {
		entry := at.Next(audit.Event{Kind: audit.SignIn})
		all, at = append(all, entry), entry.Link()
	}
	handler := mount(t, exporting{newFake(), func(q audit.Query) ([]audit.Entry, error) {
		if !q.Ascending || q.Subject != "amara" {
			t.Errorf("%+v", q)
		}
		return all[q.After:min(int(q.After)+q.Limit, len(all))], nil
	}}, everything, true)
	found, err := audit.VerifyLines(ask(handler, "/audit/export?user=amara", nil).Body)
	if err != nil || found.Entries != len(all) {
		t.Errorf("%d of %d entries: %v", found.Entries, len(all), err)
	}
}

// An export that breaks off is no file: the connection is cut.
func TestC5_AnExportThatFailsIsCut(t *testing.T) {
	f := newFake()
	full := make([]audit.Entry, audit.MaxLimit)
	for i := range full {
		full[i] = audit.Entry{Seq: int64(i + 1), Event: audit.Event{Kind: audit.SignIn}}
	}
	var calls atomic.Int64
	handler := mount(t, exporting{f, func(audit.Query) ([]audit.Entry, error) {
		if calls.Add(1) == 1 {
			return full, nil
		}
		return nil, &admin.Error{Code: admin.Unavailable, Message: "the store cannot answer"}
	}}, everything, true)
	server := httptest.NewServer(handler)
	defer server.Close()
	answer, err := http.Get(server.URL + "/audit/export")
	must(t, err)
	defer answer.Body.Close()
	if _, err := audit.VerifyLines(answer.Body); err == nil {
		t.Error("a part looks like the whole")
	}
	calls.Store(1)
	if answer := ask(handler, "/audit/export", nil); answer.Code != http.StatusServiceUnavailable {
		t.Errorf("a store that does not answer at all: %d", answer.Code)
	}
}

type exporting struct {
	*fake
	search func(audit.Query) ([]audit.Entry, error)
}

func (e exporting) Audit(_ context.Context, _ admin.Actor, q audit.Query) ([]audit.Entry, error) {
	return e.search(q)
}

// What the store cannot answer is said as that, and what was typed stays. What nobody can explain is told to the log only.
func TestC3_WhenTheStoreIsSilent(t *testing.T) {
	f := newFake()
	handler := mount(t, f, everything, true)
	form := opened(t, handler, "/environments/clinic")
	f.refuse = &admin.Error{Code: admin.Unavailable, Message: "the store cannot answer"}
	sets("do", doApply, "name", "Typed")(t, form)
	answer := ask(handler, "/environments/clinic", form)
	says(t, answer, http.StatusServiceUnavailable, "the store cannot answer")
	if got := formOf(t, answer.Body.String()); got.Get("name") != "Typed" {
		t.Errorf("what was typed is lost: %v", got)
	}
	f.refuse = http.ErrBodyNotAllowed
	answer = ask(handler, "/environments/clinic", form)
	says(t, answer, http.StatusInternalServerError, "It could not be done.")
	if strings.Contains(answer.Body.String(), f.refuse.Error()) {
		t.Error("the page tells what only the log may know")
	}
	f.fail = context.DeadlineExceeded
	for _, to := range routes() {
		if answer := ask(handler, to.address("clinic", sid(0)), nil); answer.Code != http.StatusInternalServerError && to.pattern != "/audit/verify" {
			t.Errorf("%s: %d", to.pattern, answer.Code)
		}
	}
}
