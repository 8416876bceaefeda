package provider

import (
	"errors"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

func oidcConfig(w *world) *oidc.Config { return &oidc.Config{ClientID: w.oauth.ClientID, Now: w.now} }

// retrieveError is the error code of a token endpoint's refusal, or empty.
func retrieveError(err error) string {
	var refused *oauth2.RetrieveError
	if errors.As(err, &refused) {
		return refused.ErrorCode
	}
	return ""
}

// press submits the form of the admin page that has this action and account.
func (b *browser) press(p page, action, what string) page {
	b.w.t.Helper()
	form := regexp.MustCompile(`<form method="post" action="([^"]*` + action + `)">\s*<input type="hidden" name="what" value="` + what + `">`).FindStringSubmatch(p.body)
	if form == nil {
		b.w.t.Fatalf("no button %s for %s on page %d: %s", action, what, p.status, p.body)
	}
	origin, _ := url.Parse(b.w.issuer)
	return b.post(origin.Scheme+"://"+origin.Host+html.UnescapeString(form[1]), url.Values{"what": {what}})
}

func (p page) shows(t *testing.T, wants ...string) {
	t.Helper()
	for _, want := range wants {
		if !strings.Contains(p.body, want) {
			t.Errorf("the page lacks %q: %s", want, p.body)
		}
	}
}

// A5: a disabled account is refused at its next refresh and at the password form, with plain words; the page says who asked.
func TestA5_AdminDisablesAnAccount(t *testing.T) {
	w := newWorld(t, "/idp")
	token, _ := w.signIn(w.newBrowser(), "clinic", "alice", aliceKey)
	bobs, _ := w.signIn(w.newBrowser(), "clinic", "bob", bobKey)
	visitor := w.newBrowser()
	p := visitor.get(w.issuer + "/admin")
	p.shows(t, "Alice Example", "Bob Example", "Signed in since 09:30:00")

	p = visitor.press(p, "/admin/disable", "alice")
	p.shows(t, "Alice Example is disabled", `<strong class="badge off">Disabled</strong></p>`, "/idp/admin/enable", `role="status"`)
	if got := w.inbox.take(); len(got) != 0 {
		t.Errorf("disabling told %q; the next refresh has to find out", clientsOf(got))
	}
	_, err := w.refresh(token.RefreshToken)
	if refused := retrieveError(err); refused != "invalid_grant" {
		t.Errorf("refresh of a disabled account: %v, want invalid_grant", err)
	}
	if _, err := w.refresh(bobs.RefreshToken); err != nil {
		t.Errorf("refresh of another account: %v", err)
	}
	visitor.get(w.issuer+"/admin").shows(t,
		"Test Clinic at localhost:9 asked whether Alice Example is still signed in: no, the account is disabled.",
		"Test Clinic at localhost:9 asked whether Bob Example is still signed in: yes.")

	b := w.newBrowser()
	a := w.begin()
	refused := b.enter(b.get(a.address), "alice", aliceKey)
	if refused.status != http.StatusForbidden {
		t.Fatalf("sign-in of a disabled account: %d %v", refused.status, refused.left)
	}
	refused.shows(t, "This account is disabled, so it cannot sign in.")
	visitor.press(p, "/admin/enable", "alice").shows(t, "Alice Example is enabled again.", "/idp/admin/disable")
	w.finish(a, b.enter(refused, "alice", aliceKey))
}

// B5: "Sign out everywhere" ends every sign-in of the account and of nobody else.
func TestB5_AdminSignsOutEverywhere(t *testing.T) {
	w := newWorld(t, "")
	one, two, bobs := w.newBrowser(), w.newBrowser(), w.newBrowser()
	first, a := w.signIn(one, "clinic", "alice", aliceKey)
	second, b := w.signIn(two, "clinic", "alice", aliceKey)
	w.signIn(bobs, "clinic", "bob", bobKey)
	visitor := w.newBrowser()
	p := visitor.get(w.issuer + "/admin")
	p.shows(t, "Signed in, in 2 browsers, last at 09:30:00")
	p = visitor.press(p, "/admin/sign-out", "alice")
	p.shows(t, "Alice Example was signed out everywhere. Messages to applications: 2 delivered.", "Not signed in", "Signed in since")
	sids := map[any]bool{}
	for _, d := range w.inbox.take() {
		_, c := w.open(d)
		sids[c["sid"]] = true
	}
	if len(sids) != 2 || !sids[a.SID] || !sids[b.SID] {
		t.Errorf("told of the sids %v, want %q and %q", sids, a.SID, b.SID)
	}
	for _, token := range []string{first.RefreshToken, second.RefreshToken} {
		if _, err := w.refresh(token); retrieveError(err) != "invalid_grant" {
			t.Errorf("refresh after the sign-out: %v", err)
		}
	}
	for name, b := range map[string]*browser{"first": one, "second": two} {
		if !b.get(w.begin().address).hasForm() {
			t.Errorf("the %s browser is still signed in", name)
		}
	}
	if bobs.get(w.begin().address).hasForm() {
		t.Error("the other user was signed out too")
	}
	visitor.press(p, "/admin/sign-out", "alice").shows(t, "Alice Example was not signed in anywhere.")
	if got := w.inbox.take(); len(got) != 0 {
		t.Errorf("the second time told %q", clientsOf(got))
	}
}

// A7: during an outage no application gets an answer, and afterwards everything is as it was; the pages go on.
func TestA7_Outage(t *testing.T) {
	w := newWorld(t, "")
	token, _ := w.signIn(w.newBrowser(), "clinic", "alice", aliceKey)
	visitor := w.newBrowser()
	p := visitor.press(visitor.get(w.issuer+"/admin"), "/admin/outage", "begin")
	p.shows(t, "The outage began.", "End the outage")
	for _, address := range []string{"/.well-known/openid-configuration", "/keys", "/userinfo"} {
		if got := visitor.get(w.issuer + address); got.status != http.StatusServiceUnavailable {
			t.Errorf("GET %s gave %d", address, got.status)
		}
	}
	for _, address := range []string{"/oauth/token", "/revoke"} {
		form := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token.RefreshToken}, "token": {token.RefreshToken}, "client_id": {"clinic"}, "client_secret": {"s3cret"}}
		if got := visitor.post(w.issuer+address, form); got.status != http.StatusServiceUnavailable {
			t.Errorf("POST %s gave %d", address, got.status)
		}
	}
	if !visitor.get(w.begin().address).hasForm() {
		t.Error("the password form is gone during the outage")
	}
	w.advance(time.Minute)
	p = visitor.get(w.issuer + "/admin")
	p.shows(t, "got no answer, because of the outage. (5 times)")
	visitor.press(p, "/admin/outage", "end").shows(t, "The outage is over.", "Simulate an outage")
	if _, err := w.refresh(token.RefreshToken); err != nil {
		t.Errorf("the refresh token did not survive the outage: %v", err)
	}
}

// Another site cannot use the page: not with a form, nor by a name of its own that leads here (DNS rebinding).
func TestAdminIsSameOriginOnly(t *testing.T) {
	w := newWorld(t, "")
	send := func(change func(*http.Request)) page {
		r, err := http.NewRequest("POST", w.issuer+"/admin/disable", strings.NewReader("what=alice"))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		change(r)
		return w.newBrowser().do(r)
	}
	for name, c := range map[string]struct {
		status int
		change func(*http.Request)
	}{
		"cross-site":     {403, func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") }},
		"same-site":      {403, func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "same-site") }},
		"another origin": {403, func(r *http.Request) { r.Header.Set("Origin", "https://evil.example") }},
		"a foreign name": {421, func(r *http.Request) {
			r.Host = "evil.example"
			r.Header.Set("Origin", "http://evil.example")
			r.Header.Set("Sec-Fetch-Site", "same-origin")
		}},
	} {
		if p := send(c.change); p.status != c.status {
			t.Errorf("%s: %d, want %d", name, p.status, c.status)
		}
	}
	for _, path := range []string{"disable", "enable", "sign-out", "outage"} {
		if p := w.newBrowser().get(w.issuer + "/admin/" + path); p.status != http.StatusMethodNotAllowed {
			t.Errorf("GET %s gave %d", path, p.status)
		}
		if p := w.newBrowser().post(w.issuer+"/admin/"+path, url.Values{"what": {"nobody"}}); p.status != http.StatusUnprocessableEntity {
			t.Errorf("%s of nobody gave %d", path, p.status)
		}
	}
	if got := w.newBrowser().get(w.issuer + "/admin"); strings.Contains(got.body, "<strong") || !strings.Contains(got.body, "Nothing yet.") {
		t.Errorf("something was changed: %s", got.body)
	}
}

func TestAdminPage(t *testing.T) {
	w := newWorld(t, "/idp")
	p := w.newBrowser().get(w.issuer + "/admin?done=<script>x")
	if got := p.header.Get("Content-Security-Policy"); !strings.HasSuffix(got, "form-action 'self'") {
		t.Errorf("policy is %q", got)
	}
	if bad := regexp.MustCompile(`<script|<style| style=| on[a-z]+=`).FindString(p.body); bad != "" {
		t.Errorf("page has %q, which its policy forbids", bad)
	}
	p.shows(t, `<html lang="en"`, "<h1>Accounts</h1>", `Disable <span class="hidden">Alice Example</span>`, "without signing in")

	// Without the setting there is no such page.
	w.p.users = nil
	w.p.handler = w.p.routes()
	for _, path := range []string{"/admin", "/admin/disable"} {
		if got := w.newBrowser().post(w.issuer+path, nil); got.status != http.StatusNotFound {
			t.Errorf("%s gave %d without the setting", path, got.status)
		}
	}
}

func TestHistoryIsBounded(t *testing.T) {
	var h history
	now := time.Date(2031, 1, 1, 0, 0, 0, 0, time.UTC)
	for i := range 3 * maxHistory {
		h.add(now.Add(time.Duration(i)*time.Second), strings.Repeat("x", i/2), false)
	}
	lines := h.list()
	if len(lines) != maxHistory || len(lines[0].Text) != 3*maxHistory/2-1 || lines[0].Times != 2 || lines[0].At != now.Add((3*maxHistory-1)*time.Second) {
		t.Errorf("%d lines, the newest %+v", len(lines), lines[0])
	}
}
