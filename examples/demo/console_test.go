package main

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/curfew-project/curfew/verifier/admin"
	"github.com/curfew-project/curfew/verifier/api/apitest"
	"github.com/curfew-project/curfew/verifier/audit"
	"github.com/curfew-project/curfew/wasm/chrome"
)

// atConsole signs in at the console, and waits for one of its pages.
func (r *running) atConsole(t *testing.T, tab context.Context) {
	t.Helper()
	chrome.Go(t, tab, r.console+"/")
	r.sendPassword(t, tab, administrator)
	r.onConsole(t, tab, "Overview")
	chrome.Until(t, tab, `globalThis.curfew?.state === "armed"`)
}

func (r *running) onConsole(t *testing.T, tab context.Context, title string) {
	t.Helper()
	chrome.Until(t, tab, fmt.Sprintf(`location.origin === %q && document.readyState === "complete" && document.querySelector("h1")?.textContent.trim() === %q`, r.console, title))
}

// fill sets fields of the console's form by their names: a text, or the value of the radio button to choose.
func fill(t *testing.T, tab context.Context, fields map[string]string) {
	t.Helper()
	for name, value := range fields {
		ok := chrome.Eval[bool](t, tab, fmt.Sprintf(`(() => {
			const radio = document.querySelector('input[type=radio][name="%[1]s"][value="%[2]s"]');
			if (radio) { radio.click(); return true; }
			const field = document.querySelector('input[name="%[1]s"]');
			if (!field) return false;
			field.value = %[2]q;
			return true;
		})()`, name, value))
		if !ok {
			t.Fatalf("the form has no field %s", name)
		}
	}
}

func submit(t *testing.T, tab context.Context, do string) {
	t.Helper()
	if err := chromedp.Do(tab, chromedp.Click(fmt.Sprintf(`button.button[name=do][value=%q]`, do))); err != nil {
		t.Fatalf("pressing %s: %v", do, err)
	}
}

// C3 A1 A2 A3 A4 A12: an administrator sets all times on the console's page. The clinic, which is open in another browser, has them within
// seconds and without a new sign-in: its page warns of the inactivity, and of the session's end.
func TestC3_TimesSetOnThePageReachALiveSession(t *testing.T) {
	r := start(t)
	browser := chrome.New(t)
	nurse := chrome.Tab(t, browser)
	chrome.Go(t, nurse, r.normal+"/patients")
	chrome.Until(t, nurse, `document.querySelector("#stay") && document.readyState === "complete"`)
	if err := chromedp.Do(nurse, chromedp.Click("form button")); err != nil {
		t.Fatal(err)
	}
	r.sendPassword(t, nurse, users[1])
	chrome.Until(t, nurse, `location.pathname.startsWith("/patients") && globalThis.curfew?.state === "armed"`)
	session := cookie(t, nurse, "curfew")
	if got := chrome.Eval[bool](t, nurse, `!!(`+warning+`)`); got {
		t.Fatal("the page warns before anything was set")
	}
	r.untilStreams(t, 1)

	boss := apart(t, browser)
	r.atConsole(t, boss)
	chrome.Go(t, boss, r.console+"/environments/clinic-normal")
	r.onConsole(t, boss, "clinic-normal")
	// A1 to A4 in one form. The inactivity timeout is so short that its warning is due at once.
	fill(t, boss, map[string]string{"session": "custom", "session_timeout": "2h", "session_warning": "1h", "inactivity": "on", "inactivity_timeout": "5m", "inactivity_warning": "4m59s"})
	submit(t, boss, "preview")
	chrome.Until(t, boss, `document.querySelector("button[name=do][value=apply]")`)
	shown := chrome.Eval[string](t, boss, `document.querySelector("main").innerText`)
	for _, part := range []string{"2h", "1h", "5m", "4m59s", "15m", "Nurse Wren Tallow"} {
		if !strings.Contains(shown, part) {
			t.Errorf("the preview does not show %s:\n%s", part, shown)
		}
	}
	if env, err := r.Verifier.Admin().Environment(t.Context(), admin.Actor{All: true}, "clinic-normal"); err != nil || env.Set.SessionTimeout != 0 {
		t.Fatalf("looking at a preview set something: %+v, %v", env, err)
	}
	submit(t, boss, "apply")
	r.onConsole(t, boss, "clinic-normal")
	env, err := r.Verifier.Admin().Environment(t.Context(), admin.Actor{All: true}, "clinic-normal")
	if err != nil || env.Set.SessionTimeout != 2*time.Hour || env.Set.SessionWarning != time.Hour || env.Set.InactivityTimeout != 5*time.Minute ||
		env.Set.InactivityWarning != 4*time.Minute+59*time.Second || !strings.HasPrefix(env.ChangedBy, "Ines Okafor (console, ") {
		t.Errorf("set: %+v, %v", env, err)
	}
	// The nurse touches nothing, and is warned; it is the same session with the same cookie's name.
	chrome.Until(t, nurse, warning)
	if got := r.getAt(t, r.normal, "/.curfew/check", cookie(t, nurse, "curfew")); got.StatusCode != 204 {
		t.Errorf("the session does not live: %d", got.StatusCode)
	}
	if got := r.getAt(t, r.normal, "/.curfew/check", session); got.StatusCode != 204 {
		t.Errorf("a new sign-in was needed: %d", got.StatusCode)
	}

	// B6: ended from the console's page, the clinic's page is covered at once, and its next request is refused.
	chrome.Go(t, boss, r.console+"/sessions?environment=clinic-normal")
	r.onConsole(t, boss, "Sessions")
	chrome.Go(t, boss, chrome.Eval[string](t, boss, `[...document.querySelectorAll("main a")].find(a => /^\/sessions\/[^/]{22}$/.test(a.pathname)).href`))
	chrome.Until(t, boss, `[...document.querySelectorAll("main a, main button")].some(e => /end/i.test(e.textContent))`)
	chrome.Eval[bool](t, boss, `(() => { [...document.querySelectorAll("main a, main button")].find(e => /end/i.test(e.textContent)).click(); return true; })()`)
	chrome.Until(t, boss, `document.readyState === "complete" && document.querySelector("form[method=post] button.danger, form[method=post] button.button")`)
	chrome.Eval[bool](t, boss, `(() => { document.querySelector("form[method=post] button.danger, form[method=post] button.button").click(); return true; })()`)
	chrome.Until(t, nurse, covered)
	if got := r.getAt(t, r.normal, "/.curfew/check", session); got.StatusCode != 401 || got.Header.Get("Curfew-Reason") != "ended_by_admin" {
		t.Errorf("after the end: %d %s", got.StatusCode, got.Header.Get("Curfew-Reason"))
	}

	// C5: all of it is in the audit, with who did it, and the chain is whole.
	found, err := r.Verifier.Admin().Audit(t.Context(), admin.Actor{All: true}, audit.Query{Environment: "clinic-normal", Kinds: []audit.Kind{audit.SettingsChanged, audit.Ended}, Limit: 2})
	if err != nil || len(found) != 2 || found[0].Kind != audit.Ended || !strings.HasPrefix(found[0].Actor, "Ines Okafor (console, ") ||
		!strings.Contains(found[1].Detail, "session_timeout: provider -> 2h") {
		t.Errorf("the audit: %+v, %v", found, err)
	}
	if _, err := r.Verifier.Admin().VerifyAudit(t.Context(), admin.Actor{All: true}, nil); err != nil {
		t.Error(err)
	}
}

// askConsole asks the console with a cookie and nothing else. Go does not know that names below localhost are this machine, as browsers do.
func (r *running) askConsole(t *testing.T, path, cookie string) apitest.Answer {
	t.Helper()
	host := strings.TrimPrefix(r.console, "http://")
	request, err := http.NewRequest(http.MethodGet, "http://127.0.0.1"+host[strings.LastIndexByte(host, ':'):]+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Host = host
	request.AddCookie(&http.Cookie{Name: "curfew", Value: cookie})
	return apitest.New(t, r.console).Do(request)
}

// C3: the console is guarded by Curfew itself: who has no role sees nothing of it, and a copied cookie dies with its renewal.
func TestC3_TheConsoleIsGuarded(t *testing.T) {
	r := start(t)
	browser := chrome.New(t)
	tab := chrome.Tab(t, browser)
	if got := r.askConsole(t, "/", ""); got.StatusCode != 401 {
		t.Errorf("nobody: %d", got.StatusCode)
	}
	chrome.Go(t, tab, r.console+"/audit")
	r.sendPassword(t, tab, users[0])
	chrome.Until(t, tab, fmt.Sprintf(`location.origin === %q && !location.pathname.startsWith("/.curfew/") && document.readyState === "complete"`, r.console))
	if text := chrome.Eval[string](t, tab, `document.body.innerText`); strings.Contains(text, "clinic-normal") || !strings.Contains(strings.ToLower(text), "role") {
		t.Errorf("without a role one sees:\n%s", text)
	}
	copied := cookie(t, tab, "curfew")
	for _, path := range []string{"/", "/environments/clinic-normal", "/sessions", "/audit", "/audit/export", "/switches"} {
		if got := r.askConsole(t, path, copied); got.StatusCode != 403 || strings.Contains(string(got.Body), "clinic-normal") {
			t.Errorf("%s without a role: %d", path, got.StatusCode)
		}
	}
	r.clock.advance(30 * time.Second) // the cookie's renewal is 20 seconds here
	if got := r.askConsole(t, "/", copied); got.StatusCode != 401 || got.Header.Get("Location") != "" && !strings.Contains(got.Header.Get("Location"), "resume") {
		t.Errorf("a copied cookie after its renewal: %d", got.StatusCode)
	}
}
