package main

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/curfew-project/curfew/shared/proof"
	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/verifier/proofcheck/prooftest"
)

// visitor is a browser without a screen: cookies, one key, and the requests that a page or an attacker makes.
type visitor struct {
	t      *testing.T
	r      *running
	origin string
	client *http.Client
	prooftest.Maker
}

func (r *running) visitor(t *testing.T) *visitor {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &visitor{t: t, r: r, origin: r.short, Maker: prooftest.New(t), client: &http.Client{
		Jar: jar, CheckRedirect: stay,
	}}
}

func (v *visitor) do(request *http.Request) answer {
	v.t.Helper()
	response, err := v.client.Do(request)
	if err != nil {
		v.t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		v.t.Fatal(err)
	}
	return answer{response, body}
}

func (v *visitor) get(address string) answer {
	v.t.Helper()
	request, err := http.NewRequest(http.MethodGet, v.absolute(address), nil)
	if err != nil {
		v.t.Fatal(err)
	}
	request.Header.Set("Accept", "text/html")
	return v.do(request)
}

func (v *visitor) absolute(address string) string {
	if strings.HasPrefix(address, "/") {
		return v.origin + address
	}
	return address
}

func (v *visitor) post(address string, form url.Values, proofs ...string) answer {
	v.t.Helper()
	request, err := http.NewRequest(http.MethodPost, v.absolute(address), strings.NewReader(form.Encode()))
	if err != nil {
		v.t.Fatal(err)
	}
	if form != nil {
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for _, token := range proofs {
		request.Header.Add(wire.HeaderProof, token)
	}
	return v.do(request)
}

func (v *visitor) decode(p answer, into any) {
	v.t.Helper()
	if err := json.Unmarshal(p.body, into); err != nil {
		v.t.Fatalf("%s answered %d with no JSON: %.200s", p.Request.URL, p.StatusCode, p.body)
	}
}

func (v *visitor) refusal(p answer) wire.Refusal {
	v.t.Helper()
	var refusal wire.Refusal
	v.decode(p, &refusal)
	return refusal
}

var nonceInPage = regexp.MustCompile(`data-nonce="([^"]+)"`)

// nonce is that of the sign-in page.
func (v *visitor) nonce() string {
	v.t.Helper()
	found := nonceInPage.FindSubmatch(v.get("/.curfew/sign-in?again=1").body)
	if found == nil {
		v.t.Fatal("the sign-in page has no nonce")
	}
	return string(found[1])
}

// begin proves the key and returns the provider's address.
func (v *visitor) begin(returnTo string) string {
	v.t.Helper()
	token := v.Token(v.t, proof.Claims{JTI: "j", HTM: "POST", HTU: v.origin + "/.curfew/sign-in", IAT: 1, Nonce: v.nonce()})
	answer := v.post("/.curfew/sign-in", url.Values{"return_to": {returnTo}}, token)
	var to wire.Redirect
	v.decode(answer, &to)
	if answer.StatusCode != http.StatusOK {
		v.t.Fatalf("sign-in answered %d: %s", answer.StatusCode, answer.body)
	}
	return to.Location
}

var hiddenInput = regexp.MustCompile(`<input[^>]*type="hidden"[^>]*name="([^"]+)"[^>]*value="([^"]*)"`)
var formAction = regexp.MustCompile(`<form[^>]*action="([^"]*)"`)

// authorize follows the provider to its password form if it shows one, and returns the callback's address.
func (v *visitor) authorize(address string) (callback string, asked bool) {
	v.t.Helper()
	for range 10 {
		answer := v.get(address)
		if answer.StatusCode == http.StatusOK {
			asked = true
			form := url.Values{"username": {users[0].Name}, "password": {users[0].Password}}
			for _, field := range hiddenInput.FindAllStringSubmatch(string(answer.body), -1) {
				form.Set(field[1], strings.ReplaceAll(field[2], "&amp;", "&"))
			}
			to := answer.Request.URL
			if action := formAction.FindStringSubmatch(string(answer.body)); action != nil && action[1] != "" {
				to, _ = to.Parse(strings.ReplaceAll(action[1], "&amp;", "&"))
			}
			answer = v.post(to.String(), form)
		}
		location, err := answer.Location()
		if err != nil {
			v.t.Fatalf("the provider answered %d: %.300s", answer.StatusCode, answer.body)
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
	callback, _ := v.authorize(v.begin("/patients"))
	answer := v.get(callback)
	if answer.StatusCode != http.StatusSeeOther || answer.Header.Get("Location") != "/patients" {
		v.t.Fatalf("the callback answered %d to %q: %.300s", answer.StatusCode, answer.Header.Get("Location"), answer.body)
	}
}

// cookie is the visitor's cookie of that name, or empty.
func (v *visitor) cookie(name string) string {
	u, err := url.Parse(v.origin)
	if err != nil {
		v.t.Fatal(err)
	}
	for _, c := range v.client.Jar.Cookies(u) {
		if c.Name == name {
			return c.Value
		}
	}
	return ""
}

func (v *visitor) setCookie(name, value string) {
	u, err := url.Parse(v.origin)
	if err != nil {
		v.t.Fatal(err)
	}
	v.client.Jar.SetCookies(u, []*http.Cookie{{Name: name, Value: value, Path: "/"}})
}

// signInCookie is the name and value of the cookie of a sign-in under way, or empty.
func (v *visitor) signInCookie() (name, value string) {
	u, err := url.Parse(v.origin)
	if err != nil {
		v.t.Fatal(err)
	}
	for _, c := range v.client.Jar.Cookies(u) {
		if strings.HasPrefix(c.Name, "curfew-signin-") {
			name, value = c.Name, c.Value
		}
	}
	return name, value
}

// cookieHeader is what the browser would send to the application.
func (v *visitor) cookieHeader() string {
	u, err := url.Parse(v.origin)
	if err != nil {
		v.t.Fatal(err)
	}
	var all []string
	for _, c := range v.client.Jar.Cookies(u) {
		all = append(all, c.String())
	}
	return strings.Join(all, "; ")
}
