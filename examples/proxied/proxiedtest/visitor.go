package proxiedtest

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/curfew-project/curfew/examples/proxied"
	"github.com/curfew-project/curfew/verifier/api/apitest"
)

// visitor is a browser without a screen that can fill in the provider's password form.
type visitor struct {
	*apitest.Visitor
	t    testing.TB
	site *Site
}

var (
	hiddenInput = regexp.MustCompile(`<input[^>]*type="hidden"[^>]*name="([^"]+)"[^>]*value="([^"]*)"`)
	formAction  = regexp.MustCompile(`<form[^>]*action="([^"]*)"`)
)

// signIn signs in and returns where it led to.
func (v *visitor) signIn(returnTo string) string {
	v.t.Helper()
	address := v.Authorization(returnTo)
	for range 10 {
		answer := v.Get(address)
		if answer.StatusCode == http.StatusOK {
			form := url.Values{"username": {proxied.User.Name}, "password": {proxied.User.Password}}
			for _, field := range hiddenInput.FindAllStringSubmatch(string(answer.Body), -1) {
				form.Set(field[1], strings.ReplaceAll(field[2], "&amp;", "&"))
			}
			to := answer.Request.URL
			if action := formAction.FindStringSubmatch(string(answer.Body)); action != nil && action[1] != "" {
				to, _ = to.Parse(strings.ReplaceAll(action[1], "&amp;", "&"))
			}
			answer = v.Post(to.String(), form)
		}
		location, err := answer.Location()
		if err != nil {
			v.t.Fatalf("%s answered %d: %.300s", answer.Request.URL, answer.StatusCode, answer.Body)
		}
		if to := answer.Header.Get("Location"); strings.Contains(address, "/.curfew/callback") && to[0] == '/' {
			return to // else to the provider once more, for credentials after a sign-out (B1)
		}
		address = location.String()
	}
	v.t.Fatal("the provider redirects without end")
	return ""
}

// cookies is the header with this browser's cookies.
func (v *visitor) cookies() string {
	u, err := url.Parse(v.site.Origin)
	if err != nil {
		v.t.Fatal(err)
	}
	var all []string
	for _, cookie := range v.Client.Jar.Cookies(u) {
		all = append(all, cookie.Name+"="+cookie.Value)
	}
	return strings.Join(all, "; ")
}

// signOut signs out everywhere. The provider counts in whole seconds, and the next sign-in must be later.
func (v *visitor) signOut() {
	v.t.Helper()
	if _, _, refusal := v.SignOut(nil); refusal.Error != "" {
		v.t.Fatalf("signing out: %+v", refusal)
	}
	v.site.pass(time.Second)
}

// ask sends a request of this browser.
func (v *visitor) ask(method, path, mode string) apitest.Answer {
	v.t.Helper()
	return v.Do(v.site.request(v.t, method, path, mode))
}
