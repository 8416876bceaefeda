package oidctest

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestBrowserLeads(t *testing.T) {
	t.Parallel()
	mux := http.NewServeMux()
	page := func(path, text string) {
		mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodPost && (r.FormValue("username") != "u" || r.FormValue("password") != "p" || r.FormValue("a<b") != `"&`) {
				t.Errorf("%s was sent %v", path, r.Form)
			}
			if location, ok := strings.CutPrefix(text, "-> "); ok {
				w.Header().Set("Location", location)
				w.WriteHeader(http.StatusSeeOther)
				return
			}
			if text == "500" {
				w.WriteHeader(http.StatusInternalServerError)
			}
			_, _ = w.Write([]byte(text))
		})
	}
	page("/form", `<form method="post" action="/next?x=1&amp;y=2"><input name="username"/><input type="password" name="password"/>`+
		`<input type="hidden" name="a&lt;b" value="&quot;&amp;"/></form>`)
	page("/next", `-> /away`)
	page("/away", `-> http://elsewhere.test:1234/callback?code=a%20b`)
	page("/circle", `-> circle`)
	page("/abroad", `<form method="post" action="https://elsewhere.test/"></form>`)
	page("/text", `no form`)
	page("/broken", `500`)
	page("/nowhere", `-> `)
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	for _, test := range []struct {
		path, to, problem string
		asked             bool
	}{
		{"/form", "http://elsewhere.test:1234/callback?code=a%20b", "", true},
		{"/away", "http://elsewhere.test:1234/callback?code=a%20b", "", false},
		{"/text", server.URL + "/text", "", false},
		{"/circle", "", "circles", false},
		{"/abroad", "", "would send a form to https://elsewhere.test/", false},
		{"/broken", "", "answered 500", false},
		{"/nowhere", "", "leads nowhere", false},
	} {
		to, asked, err := NewBrowser().Authorize(server.URL+test.path, "u", "p")
		if to != test.to || asked != test.asked || (err == nil) != (test.problem == "") || err != nil && !strings.Contains(err.Error(), test.problem) {
			t.Errorf("%s: %s, %v, %v", test.path, to, asked, err)
		}
		if errors.Is(err, ErrSignIn) {
			t.Errorf("%s: %v", test.path, err)
		}
	}
}
