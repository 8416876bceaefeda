package main

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/curfew-project/curfew/verifier/api/apitest"
)

// visitor is a browser without a screen that can fill in the demo provider's password form.
type visitor struct {
	*apitest.Visitor
	t *testing.T
}

func (r *running) visitor(t *testing.T) *visitor {
	t.Helper()
	return &visitor{apitest.New(t, r.short), t}
}

var hiddenInput = regexp.MustCompile(`<input[^>]*type="hidden"[^>]*name="([^"]+)"[^>]*value="([^"]*)"`)
var formAction = regexp.MustCompile(`<form[^>]*action="([^"]*)"`)

// authorize follows the provider to its password form if it shows one, and returns the callback's address.
func (v *visitor) authorize(address string) (callback string, asked bool) {
	v.t.Helper()
	for range 10 {
		answer := v.Get(address)
		if answer.StatusCode == http.StatusOK {
			asked = true
			form := url.Values{"username": {users[0].Name}, "password": {users[0].Password}}
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
			v.t.Fatalf("the provider answered %d: %.300s", answer.StatusCode, answer.Body)
		}
		address = location.String()
		if strings.Contains(address, "/.curfew/callback") {
			return address, asked
		}
	}
	v.t.Fatal("the provider redirects without end")
	return "", false
}

// signIn signs in and ends with a session.
func (v *visitor) signIn() {
	v.t.Helper()
	callback, _ := v.authorize(v.Authorization("/patients"))
	answer := v.Get(callback)
	if answer.StatusCode != http.StatusSeeOther || answer.Header.Get("Location") != "/patients" {
		v.t.Fatalf("the callback answered %d to %q: %.300s", answer.StatusCode, answer.Header.Get("Location"), answer.Body)
	}
}
