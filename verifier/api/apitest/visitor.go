// Package apitest has a browser without a screen for tests: cookies, one key, and the requests that a page, a person or an
// attacker makes.
package apitest

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

// Visitor is one browser on one origin. It follows no redirects by itself. It is not safe for concurrent use.
type Visitor struct {
	Origin string // scheme://host[:port]
	Prefix string // the verifier's, such as /.curfew/
	Client *http.Client
	prooftest.Maker

	t     testing.TB
	sid   string
	seq   uint64
	nonce string
}

// New is a fresh browser with a fresh key.
func New(t testing.TB, origin string) *Visitor {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	stay := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &Visitor{Origin: origin, Prefix: "/.curfew/", Client: &http.Client{Jar: jar, CheckRedirect: stay}, Maker: prooftest.New(t), t: t}
}

// Answer is a response whose body has been read.
type Answer struct {
	*http.Response
	Body []byte
}

// Do sends any request.
func (v *Visitor) Do(request *http.Request) Answer {
	v.t.Helper()
	response, err := v.Client.Do(request)
	if err != nil {
		v.t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		v.t.Fatal(err)
	}
	return Answer{response, body}
}

// Get navigates to an address or a path of the origin.
func (v *Visitor) Get(address string) Answer {
	v.t.Helper()
	request := v.request(http.MethodGet, address, nil)
	request.Header.Set("Accept", "text/html")
	return v.Do(request)
}

// Post sends a form, which may be nil, with proofs.
func (v *Visitor) Post(address string, form url.Values, proofs ...string) Answer {
	v.t.Helper()
	request := v.request(http.MethodPost, address, strings.NewReader(form.Encode()))
	if form != nil {
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for _, token := range proofs {
		request.Header.Add(wire.HeaderProof, token)
	}
	return v.Do(request)
}

func (v *Visitor) request(method, address string, body io.Reader) *http.Request {
	v.t.Helper()
	if strings.HasPrefix(address, "/") {
		address = v.Origin + address
	}
	request, err := http.NewRequest(method, address, body)
	if err != nil {
		v.t.Fatal(err)
	}
	return request
}

// Decode reads an answer's JSON.
func (v *Visitor) Decode(a Answer, into any) {
	v.t.Helper()
	if err := json.Unmarshal(a.Body, into); err != nil {
		v.t.Fatalf("%s answered %d with no JSON: %.300s", a.Request.URL, a.StatusCode, a.Body)
	}
}

// Refusal reads an answer's typed refusal.
func (v *Visitor) Refusal(a Answer) wire.Refusal {
	v.t.Helper()
	var refusal wire.Refusal
	v.Decode(a, &refusal)
	return refusal
}

// Cookie is the browser's cookie of a name, without the __Host- prefix, or empty.
func (v *Visitor) Cookie(name string) string {
	for _, c := range v.Client.Jar.Cookies(v.url()) {
		if strings.TrimPrefix(c.Name, "__Host-") == name {
			return c.Value
		}
	}
	return ""
}

// Cookies are the names of the browser's cookies that begin with a prefix.
func (v *Visitor) Cookies(prefix string) []string {
	var names []string
	for _, c := range v.Client.Jar.Cookies(v.url()) {
		if strings.HasPrefix(strings.TrimPrefix(c.Name, "__Host-"), prefix) {
			names = append(names, c.Name)
		}
	}
	return names
}

// SetCookie plants a cookie, as somebody who can.
func (v *Visitor) SetCookie(name, value string) {
	v.Client.Jar.SetCookies(v.url(), []*http.Cookie{{Name: name, Value: value, Path: "/"}})
}

// DropCookies clears all cookies of the origin.
func (v *Visitor) DropCookies() {
	for _, c := range v.Client.Jar.Cookies(v.url()) {
		v.Client.Jar.SetCookies(v.url(), []*http.Cookie{{Name: c.Name, Path: "/", MaxAge: -1}})
	}
}

func (v *Visitor) url() *url.URL {
	v.t.Helper()
	u, err := url.Parse(v.Origin)
	if err != nil {
		v.t.Fatal(err)
	}
	return u
}

// At is an address of the verifier.
func (v *Visitor) At(endpoint string) string { return v.Origin + v.Prefix + endpoint }

var nonceInPage = regexp.MustCompile(`data-nonce="([^"]+)"`)

// Nonce is that of the sign-in page.
func (v *Visitor) Nonce() string {
	v.t.Helper()
	page := v.Get(v.Prefix + "sign-in?again=1&continue=1")
	found := nonceInPage.FindSubmatch(page.Body)
	if found == nil {
		v.t.Fatalf("the sign-in page answered %d and has no nonce", page.StatusCode)
	}
	return string(found[1])
}

// Begin proves the key with the fields of a sign-in, return_to among them, and returns the answer.
func (v *Visitor) Begin(form url.Values) Answer {
	v.t.Helper()
	token := v.Token(v.t, proof.Claims{JTI: "jti", HTM: http.MethodPost, HTU: v.At("sign-in"), IAT: 1, Nonce: v.Nonce()})
	return v.Post(v.Prefix+"sign-in", form, token)
}

// Authorization proves the key and returns the provider's address.
func (v *Visitor) Authorization(returnTo string) string {
	v.t.Helper()
	answer := v.Begin(url.Values{wire.FieldReturnTo: {returnTo}})
	if answer.StatusCode != http.StatusOK {
		v.t.Fatalf("sign-in answered %d: %s", answer.StatusCode, answer.Body)
	}
	var to wire.Redirect
	v.Decode(answer, &to)
	return to.Location
}
