package console

import (
	"context"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/curfew-project/curfew/verifier/admin"
	"github.com/curfew-project/curfew/verifier/engine"
)

// address is a route with an environment or a session in it.
func (r route) address(environment, session string) string {
	in := environment
	if strings.HasPrefix(r.pattern, "/sessions/") {
		in = session
	}
	return strings.NewReplacer("{id}", in, "{$}", "").Replace(r.pattern)
}

// harm is a form that changes something wherever it is taken.
func harm() url.Values {
	return url.Values{"do": {doApply}, "version": {"1"}, "base": {""}, "name": {"Taken"}, "preset": {"defaults"}, "confirm": {"clinic"}, "id": {"mine"}, "kind": {"app"},
		"origins": {"https://mine.example"}, "provider": {"corporate"}, "subject": {"s-4711"}, "switch.WSFedNonceCookieEnabled": {"on"}, "rows": {"1"},
		"matcher.0.client": {"phone"}, "matcher.0.user_agent": {"*"}, "enforced.session.phone": {"yes"}}
}

// target is a world with a session that somebody may want to end.
func target(t testing.TB) (*world, string) {
	t.Helper()
	w := newWorld(t)
	return w, w.signIn("clinic", "s-4711", "Amara Okafor")
}

// B6, C3: nobody without a role sees or changes anything, at any address, in any way of asking.
func TestC3_NobodySeesOrChangesAnything(t *testing.T) {
	w, id := target(t)
	before := w.everythingThere()
	for name, handler := range map[string]http.Handler{"nobody": w.console(admin.Actor{}), "a user without a role": w.console(admin.Actor{Name: "jonas (console)"}),
		"somebody who is not known to have one": w.console(everything, func(c *Config) {
			c.Actor = func(*http.Request) (admin.Actor, string, bool) { return everything, "Somebody", false }
		})} {
		for _, to := range append(routes(), route{pattern: "/elsewhere"}) {
			for _, method := range []string{"GET", "HEAD", "POST", "PUT", "DELETE"} {
				var answer *httptest.ResponseRecorder
				if method == "POST" {
					answer = ask(handler, to.address("clinic", id), harm())
				} else {
					answer = ask(handler, to.address("clinic", id), nil, func(r *http.Request) { r.Method = method })
				}
				at := name + ": " + method + " " + to.pattern
				if answer.Code != http.StatusForbidden {
					t.Errorf("%s: %d", at, answer.Code)
				}
				page := answer.Body.String()
				if method == "HEAD" {
					continue
				}
				if !strings.Contains(page, "the role curfew-admin") || !strings.Contains(page, `href="/.curfew/sign-out"`) {
					t.Errorf("%s: it does not say what is missing, or offers no sign-out", at)
				}
				for _, secret := range []string{"clinic", "bank", "Amara", token, `href="/sessions"`} {
					if strings.Contains(page, secret) {
						t.Errorf("%s: the page says %q", at, secret)
					}
				}
			}
		}
	}
	if after := w.everythingThere(); after != before {
		t.Errorf("something was changed:\n%s\n%s", before, after)
	}
}

// B6, C3: an administrator of another environment neither sees nor changes this one, at any address.
func TestC3_AnotherEnvironmentsAdministrator(t *testing.T) {
	w, id := target(t)
	before := w.everythingThere()
	handler := w.console(banks)
	secrets := []string{"clinic.example", "Amara", "s-4711", "clinics (console)"}
	for _, to := range routes() {
		addresses := []string{to.address("clinic", id)}
		if !strings.Contains(to.pattern, "{id}") {
			addresses = append(addresses, addresses[0]+"?environment=clinic&user=amara&state=any&since=any", addresses[0]+"?session="+id+"&since=any")
		}
		for _, address := range addresses {
			for _, form := range []url.Values{nil, harm()} {
				if form != nil && to.post == nil {
					continue
				}
				answer := ask(handler, address, maps.Clone(form))
				if strings.Contains(to.pattern, "{id}") || to.all || strings.Contains(address, "environment=clinic") && to.pattern != "/{$}" {
					if answer.Code != http.StatusForbidden && answer.Code != http.StatusNotFound {
						t.Errorf("%s (form: %t): %d", address, form != nil, answer.Code)
					}
				}
				page := strings.ReplaceAll(answer.Body.String(), `value="s-4711"`, "") // what was asked for
				for _, secret := range secrets {
					if strings.Contains(page, secret) {
						t.Errorf("%s (form: %t): the page says %q", address, form != nil, secret)
					}
				}
			}
		}
	}
	if after := w.everythingThere(); after != before {
		t.Errorf("something was changed:\n%s\n%s", before, after)
	}
	// Their own they may change.
	form := opened(t, handler, "/environments/bank")
	sets("do", doApply, "name", "Our bank")(t, form)
	if answer := ask(handler, "/environments/bank", form); answer.Code != http.StatusSeeOther || w.env("bank").Name != "Our bank" {
		t.Errorf("their own: %d, %q", answer.Code, w.env("bank").Name)
	}
}

// C3: no form is taken without the token of the session that it was shown to, nor from another site. What would be taken otherwise is
// the same form: so the test knows that it is refused for that.
func TestC3_FormsOfOthersAreRefused(t *testing.T) {
	w, id := target(t)
	handler := w.console(everything)
	before := w.everythingThere()
	header := func(name, value string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set(name, value) }
	}
	without := func(name string) func(*http.Request) { return func(r *http.Request) { r.Header.Del(name) } }
	for _, to := range routes() {
		if to.post == nil {
			continue
		}
		address := to.address("clinic", id)
		for name, c := range map[string]struct {
			token  string
			change []func(*http.Request)
		}{
			"no token":               {"", nil},
			"a wrong token":          {"wrong", nil},
			"another session's":      {"the other session's token", nil},
			"a longer token":         {token + " ", nil},
			"another site":           {token, []func(*http.Request){header("Sec-Fetch-Site", "cross-site")}},
			"a neighbour's site":     {token, []func(*http.Request){header("Sec-Fetch-Site", "same-site")}},
			"an older browser":       {token, []func(*http.Request){without("Sec-Fetch-Site"), header("Origin", "https://evil.example")}},
			"a frame without origin": {token, []func(*http.Request){without("Sec-Fetch-Site"), header("Origin", "null")}},
		} {
			form := harm()
			form.Set("token", c.token)
			if answer := ask(handler, address, form, c.change...); answer.Code != http.StatusForbidden {
				t.Errorf("%s with %s: %d", address, name, answer.Code)
			}
		}
		// In the address a token counts for nothing.
		form := harm()
		form.Set("token", "")
		bare := func(r *http.Request) {
			r.Body = io.NopCloser(strings.NewReader(strings.Replace(form.Encode(), "token=", "other=", 1)))
		}
		if answer := ask(handler, address+"?token="+url.QueryEscape(token), form, bare); answer.Code != http.StatusForbidden {
			t.Errorf("%s with the token in the address: %d", address, answer.Code)
		}
		if answer := ask(w.console(everything, func(c *Config) { c.Token = func(*http.Request) string { return "" } }), address, form); answer.Code != http.StatusForbidden {
			t.Errorf("%s for a session without a token: %d", address, answer.Code)
		}
		if answer := ask(handler, address, harm()); answer.Code == http.StatusForbidden {
			t.Errorf("%s: the form is refused anyway", address)
		}
	}
	if before == w.everythingThere() {
		t.Error("the forms that were taken changed nothing")
	}
}

// The same, without any that is taken: nothing changes.
func TestC3_ARefusedFormChangesNothing(t *testing.T) {
	w, id := target(t)
	before := w.everythingThere()
	for _, to := range routes() {
		if to.post != nil {
			form := harm()
			form.Set("token", "wrong")
			ask(w.console(everything), to.address("clinic", id), form)
			ask(w.console(everything), to.address("clinic", id), harm(), func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") })
		}
	}
	if after := w.everythingThere(); after != before {
		t.Errorf("something was changed:\n%s\n%s", before, after)
	}
}

// C5: whatever the console does not let somebody do is recorded, once, with who it was; what it lets them do is not.
func TestC5_RefusalsAreRecorded(t *testing.T) {
	w, id := target(t)
	type refusal struct{ actor, detail string }
	var got []refusal
	listen := func(c *Config) {
		c.Refused = func(actor admin.Actor, detail string) { got = append(got, refusal{actor.Name, detail}) }
	}
	crossSite := func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") }
	wrong := harm()
	wrong.Set("token", "wrong")
	const end, noRole = "/end", "the console was asked for by somebody without a role for it"
	for name, c := range map[string]struct {
		actor   admin.Actor
		address string
		form    url.Values
		change  []func(*http.Request)
		want    []refusal
	}{
		"nobody":                 {admin.Actor{}, "/", nil, nil, []refusal{{"", noRole}}},
		"without a role":         {admin.Actor{Name: "jonas (console)"}, "/sessions", nil, nil, []refusal{{"jonas (console)", noRole}}},
		"a form, without one":    {admin.Actor{Name: "jonas (console)"}, "/switches", harm(), nil, []refusal{{"jonas (console)", noRole}}},
		"for all, by one":        {clinics, "/switches", nil, nil, []refusal{{"clinics (console)", "a page of the console was asked for that is for administrators of everything: /switches"}}},
		"a form for all, by one": {clinics, "/create", harm(), nil, []refusal{{"clinics (console)", "a page of the console was asked for that is for administrators of everything: /create"}}},
		"another site":           {everything, "/sessions/" + id + end, harm(), []func(*http.Request){crossSite}, []refusal{{"amara (console)", "a form for the console came from another site"}}},
		"a wrong token":          {everything, "/sessions/" + id + end, wrong, nil, []refusal{{"amara (console)", "a form for the console was not of the session that sent it"}}},
		"a page":                 {everything, "/", nil, nil, nil},
		"a form":                 {everything, "/environments/clinic", harm(), nil, nil},
	} {
		got = nil
		ask(w.console(c.actor, listen), c.address, maps.Clone(c.form), c.change...)
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: recorded %q, want %q", name, got, c.want)
		}
	}
}

// C3: where an environment answers is for administrators of everything. Its own sees it, without a field to change it.
func TestC3_OriginsAreForWhoAdministersEverything(t *testing.T) {
	w, _ := target(t)
	page := ask(w.console(clinics), "/environments/clinic", nil)
	says(t, page, http.StatusOK, "https://clinic.example Somebody who administers everything may change them.")
	form := formOf(t, page.Body.String())
	if form.Has("origins") || !form.Has("name") {
		t.Errorf("the form has %v", form)
	}
	sets("do", doApply, "name", "Ours", "origins", "https://mine.example")(t, form)
	ask(w.console(clinics), "/environments/clinic", form)
	if env := w.env("clinic"); env.Name != "Ours" || !slices.Equal(env.Origins, []string{"https://clinic.example"}) {
		t.Errorf("%q at %q", env.Name, env.Origins)
	}
	says(t, ask(w.console(everything), "/environments/bank", nil), http.StatusOK, "https://bank.example Set in the configuration file")
	if form := opened(t, w.console(everything), "/environments/clinic"); form.Get("origins") != "https://clinic.example" {
		t.Errorf("who administers everything has %v", form)
	}
}

// C3: looking changes nothing, and every address answers every method that it does not know with 405.
func TestC3_Methods(t *testing.T) {
	w, id := target(t)
	handler := w.console(everything)
	before := w.everythingThere()
	for _, to := range routes() {
		address := to.address("clinic", id)
		if answer := ask(handler, address+"?subject=s-4711", nil); answer.Code != http.StatusOK {
			t.Errorf("GET %s: %d", address, answer.Code)
		}
		answer := ask(handler, address, nil, func(r *http.Request) { r.Method = http.MethodHead })
		if answer.Code != http.StatusOK || answer.Body.Len() > 0 {
			t.Errorf("HEAD %s: %d with %d bytes", address, answer.Code, answer.Body.Len())
		}
		for _, method := range []string{http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions, http.MethodConnect, "POST"} {
			if method == "POST" && to.post != nil {
				continue
			}
			answer := ask(handler, address, nil, func(r *http.Request) { r.Method = method })
			if answer.Code != http.StatusMethodNotAllowed || !strings.HasPrefix(answer.Header().Get("Allow"), "GET, HEAD") {
				t.Errorf("%s %s: %d, allowed: %q", method, address, answer.Code, answer.Header().Get("Allow"))
			}
		}
	}
	if after := w.everythingThere(); after != before {
		t.Errorf("looking has changed something:\n%s\n%s", before, after)
	}
}

// C3: every answer, whatever it is, may not be framed, kept, sniffed or made to run anything of others.
func TestC3_Headers(t *testing.T) {
	w, id := target(t)
	check := func(what string, answer *httptest.ResponseRecorder) {
		t.Helper()
		for name, want := range map[string]string{
			"Content-Security-Policy": "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; connect-src 'self'; worker-src 'self'; img-src 'self' data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'",
			"X-Frame-Options":         "DENY", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "same-origin", "Cache-Control": "no-store", "Cross-Origin-Opener-Policy": "same-origin",
		} {
			if got := answer.Header()[name]; len(got) != 1 || got[0] != want {
				t.Errorf("%s: %s is %q", what, name, got)
			}
		}
		if answer.Code != http.StatusSeeOther && answer.Header().Get("Content-Type") == "" {
			t.Errorf("%s has no type", what)
		}
	}
	handler := w.console(everything)
	check("the style sheet", ask(handler, stylePath, nil))
	check("the style sheet, posted to", ask(handler, stylePath, url.Values{}))
	check("nobody", ask(w.console(admin.Actor{}), "/", nil))
	check("nowhere", ask(handler, "/elsewhere", nil))
	check("a bad method", ask(handler, "/", nil, func(r *http.Request) { r.Method = "PUT" }))
	check("a wrong token", ask(handler, "/switches", url.Values{"token": {"wrong"}}))
	check("too much", ask(handler, "/switches", url.Values{"name": {strings.Repeat("x", maxBody)}}))
	check("a redirect", ask(handler, "/sessions/"+id+"/end", url.Values{}))
	for _, to := range routes() {
		check(to.pattern, ask(handler, to.address("clinic", id), nil))
	}
}

// A form may be as long as the longest list of matchers, and no longer.
func TestC3_FormsAreBounded(t *testing.T) {
	w, _ := target(t)
	before := w.everythingThere()
	form := harm()
	form.Set("name", strings.Repeat("x", maxBody))
	if answer := ask(w.console(everything), "/environments/clinic", form); answer.Code != http.StatusRequestEntityTooLarge {
		t.Errorf("%d", answer.Code)
	}
	answer := ask(w.console(everything), "/environments/clinic", harm(), func(r *http.Request) { r.URL.RawQuery = "%zz" })
	if answer.Code != http.StatusBadRequest {
		t.Errorf("an address that cannot be read: %d", answer.Code)
	}
	if w.everythingThere() != before {
		t.Error("something was changed")
	}
}

// evil is what somebody gives as a name who wants to run something in an administrator's browser.
const evil = `"'><script>alert(1)</script><img src=x onerror=alert(2)>{{.Token}}` + "`${alert(3)}`"

// C3: whatever anybody is called, sends or asks for, it is shown as text and nothing else.
func TestC3_NothingOfOthersRuns(t *testing.T) {
	w := newWorld(t)
	id := w.signIn("clinic", evil, evil, func(in *engine.SignIn) { in.Where = engine.Where{UserAgent: evil, Address: evil} })
	evilToo := w.env("clinic")
	name := `<b onmouseover="alert(1)">`
	if _, err := w.Change(context.Background(), admin.Actor{Name: evil, All: true}, "clinic", evilToo.Version, admin.Edit{Name: &name}, false); err != nil {
		t.Fatal(err)
	}
	handler := w.console(everything, func(c *Config) {
		c.Actor = func(*http.Request) (admin.Actor, string, bool) { return admin.Actor{Name: evil, All: true}, evil, true }
	})
	q := url.QueryEscape(evil)
	var pages []string
	see := func(address string, form url.Values) {
		pages = append(pages, ask(handler, address, form, func(r *http.Request) { r.Header.Set("User-Agent", evil) }).Body.String())
	}
	for _, to := range routes() {
		if to.pattern != "/audit/export" {
			see(to.address("clinic", id), nil)
			see(to.address("clinic", id)+"?user="+q+"&environment="+q+"&state="+q+"&client="+q+"&since=between&from="+q+"&to="+q+"&kind="+q+"&session="+q+"&actor="+q+"&reason="+q+"&done="+q+"&before="+q+"&offset="+q+"&subject="+q, nil)
		}
		if to.post != nil {
			form := url.Values{"do": {doPreview}, "version": {q}, "base": {evil}}
			for _, key := range []string{"name", "origins", "session_timeout", "session", "preset", "preset_inactivity", "confirm", "id", "kind", "provider", "subject", "matcher.0.client", "matcher.0.user_agent", "try_user_agent"} {
				form.Set(key, evil)
			}
			form.Set("rows", "1")
			see(to.address("clinic", id), form)
			form.Set("do", doTry)
			see(to.address("clinic", id), form)
		}
	}
	see("/"+q, nil)
	see("/environments/"+url.PathEscape(evil), nil)
	said := 0
	for _, page := range pages {
		said += strings.Count(page, "alert")
		walk(t, page, func(name string, attrs map[string]string, text string, _ []string) {
			if name == "script" && (attrs["src"] != "/.curfew/agent.js" || text != "") || name == "img" || name == "b" && len(attrs) > 0 {
				t.Errorf("there is a <%s %v>", name, attrs)
			}
			for key, value := range attrs {
				if strings.HasPrefix(key, "on") || (key == "href" || key == "action" || key == "formaction") && !strings.HasPrefix(value, "/") && !strings.HasPrefix(value, "#") && value != "data:," {
					t.Errorf("<%s> has %s=%q", name, key, value)
				}
			}
		})
	}
	if said < 100 {
		t.Errorf("the pages say it %d times only: does the test look where it is shown?", said)
	}
}

// What was done is said only by this console, to this session, in words of its own.
func TestC3_NoticesAreNotForged(t *testing.T) {
	w, id := target(t)
	handler := w.console(everything)
	to := ask(handler, "/sessions/"+id+"/end", url.Values{}).Header().Get("Location")
	if page := ask(handler, to, nil).Body.String(); !strings.Contains(page, "The session has ended.") {
		t.Errorf("%s says nothing", to)
	}
	other := w.console(everything, func(c *Config) { c.Token = func(*http.Request) string { return "another" } })
	for name, page := range map[string]string{
		"another session":  ask(other, to, nil).Body.String(),
		"another number":   ask(handler, strings.Replace(to, "ended.1", "ended.2", 1), nil).Body.String(),
		"another deed":     ask(handler, strings.Replace(to, "ended.1", "ended_all.1", 1), nil).Body.String(),
		"without a proof":  ask(handler, "/?done=ended.1", nil).Body.String(),
		"an empty proof":   ask(handler, "/?done=ended.1.", nil).Body.String(),
		"nothing but dots": ask(handler, "/?done=..", nil).Body.String(),
	} {
		if strings.Contains(page, `role="status"`) {
			t.Errorf("%s: it says that something was done", name)
		}
	}
}
