package server

import (
	"encoding/base64"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/curfew-project/curfew/verifier/config"
)

// C3: roles are in a claim, by its name or by the way that leads to it. Whatever else is there is no role.
func TestC3_RolesOfAnIDToken(t *testing.T) {
	token := func(payload string) string {
		return "head." + base64.RawURLEncoding.EncodeToString([]byte(payload)) + ".signature"
	}
	for _, c := range []struct{ token, claim, want string }{
		{token(`{"roles":["admin","nurse"]}`), "roles", "admin nurse"},
		{token(`{"role":"admin"}`), "role", "admin"},
		{token(`{"realm_access":{"roles":["admin"]}}`), "realm_access.roles", "admin"},
		{token(`{"realm_access.roles":["flat"],"realm_access":{"roles":["deep"]}}`), "realm_access.roles", "flat"},
		{token(`{"https://app.example/roles":["admin"]}`), "https://app.example/roles", "admin"},
		{token(`{"roles":["admin",7,null,{"x":1}]}`), "roles", "admin"},
		{token(`{"roles":{"admin":true}}`), "roles", ""}, {token(`{"roles":7}`), "roles", ""}, {token(`{}`), "roles", ""},
		{token(`{"a":[1]}`), "a.b", ""}, {token(`{"a":{}}`), "a.b.c", ""}, {token(`[]`), "roles", ""}, {token(`{`), "roles", ""},
		{"", "roles", ""}, {"a.b", "roles", ""}, {"a.!!.c", "roles", ""}, {token(`{"":"admin"}`), "", ""},
	} {
		if got := strings.Join(rolesOf(c.token, c.claim), " "); got != c.want {
			t.Errorf("%s of %s: %q, want %q", c.claim, c.token, got, c.want)
		}
	}
}

// C3: who has which role may administer what; nobody may anything.
func TestC3_WhoMayAdminister(t *testing.T) {
	a := &access{}
	if actor := a.person("amara", []string{"admin"}); actor.Administers() || a.roleClaim() != "" {
		t.Error("without a configuration")
	}
	a.set(config.Config{}, nil)
	if actor := a.person("amara", []string{"admin", ""}); actor.Administers() {
		t.Error("without a console")
	}
	a.set(config.Config{Console: &config.Console{RoleClaim: "roles", Administrators: []string{"admin"},
		EnvironmentAdministrators: map[string][]string{"clinic": {"clinic-it", "it"}, "bank": {"it"}}}}, nil)
	for roles, want := range map[string]string{"admin": "*", "clinic-it": "clinic", "it": "bank clinic", "Admin": "", "": "", "admin,": ""} {
		actor := a.person("amara", []string{roles})
		slices.Sort(actor.Environments)
		got := strings.Join(actor.Environments, " ")
		if actor.All {
			got = "*"
		}
		if got != want || actor.May("clinic") != (want == "*" || strings.Contains(want, "clinic")) {
			t.Errorf("%q: %q, want %q", roles, got, want)
		}
	}
}

// A10: pages that ask for the script are known by their path, without what looks like somebody's identifier; others' are not.
func TestA10_PagesThatHaveReported(t *testing.T) {
	r := newReported()
	saw := func(referer string, now int64) {
		request := httptest.NewRequest("GET", "https://clinic.example/.curfew/agent.js", nil)
		request.Header.Set("Referer", referer)
		r.saw("clinic", "https://clinic.example", request, now)
	}
	for i, referer := range []string{
		"https://clinic.example/patients/FH-1042?tab=notes", "https://clinic.example/patients/FH-1043", "https://clinic.example", "https://clinic.example/WebResources/report2.html",
		"https://clinic.example/a/550e8400-e29b-41d4-a716-446655440000/edit", "https://elsewhere.example/secret", "", "://", "https://clinic.example.evil.example/x",
	} {
		saw(referer, int64(i+1))
	}
	var got []string
	for _, page := range r.list("clinic") {
		got = append(got, page.Path)
	}
	if want := []string{"/", "/WebResources/report2.html", "/a/*/edit", "/patients/*"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if page := r.list("clinic")[3]; page.First != 1 || page.Last != 2 || page.Count != 2 {
		t.Errorf("%+v", page)
	}
	for i := range 2 * maxReported {
		saw("https://clinic.example/"+strings.Repeat("x", i%60+1)+"/"+strings.Repeat("y", i/60+1), 1)
	}
	if n := len(r.list("clinic")); n != maxReported || len(r.list("bank")) != 0 {
		t.Errorf("%d pages are kept", n)
	}
}
