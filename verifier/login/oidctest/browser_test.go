package oidctest

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

func TestBrowserLeads(t *testing.T) {
	t.Parallel()
	mux := http.NewServeMux()
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
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
	page("/safer", `-> https://`+server.Listener.Addr().String()+`/`)
	page("/circle", `-> circle`)
	page("/abroad", `<form method="post" action="https://elsewhere.test/"></form>`)
	page("/text", `no form`)
	page("/broken", `500`)
	page("/nowhere", `-> `)
	for _, test := range []struct {
		path, to, problem string
		asked             bool
	}{
		{"/form", "http://elsewhere.test:1234/callback?code=a%20b", "", true},
		{"/away", "http://elsewhere.test:1234/callback?code=a%20b", "", false},
		{"/safer", strings.Replace(server.URL, "http", "https", 1) + "/", "", false},
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

// A browser that was signed out has nothing left of the provider.
func TestCookiesAreDeleted(t *testing.T) {
	t.Parallel()
	p := Start(t, Options{Clients: []Client{{ID: "c", RedirectURIs: []string{"https://app.test/callback"}}}})
	issuer, err := url.Parse(p.Issuer)
	if err != nil {
		t.Fatal(err)
	}
	query := url.Values{"client_id": {"c"}, "response_type": {"code"}, "scope": {"openid"}, "code_challenge_method": {"S256"},
		"code_challenge": {strings.Repeat("x", 43)}, "redirect_uri": {"https://app.test/callback"}}
	b := NewBrowser()
	Authorize(t, b, p.Issuer+"/auth?"+query.Encode(), Alice().Username, Alice().Password)
	if cookies := b.client.Jar.Cookies(issuer); len(cookies) != 1 || !strings.HasSuffix(cookies[0].Name, issuer.Port()) {
		t.Errorf("signed in with %v", cookies)
	}
	Logout(t, b, p.Issuer+"/session/end")
	if cookies := b.client.Jar.Cookies(issuer); len(cookies) != 0 {
		t.Errorf("signed out with %v", cookies)
	}
}
