package login_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/curfew-project/curfew/shared/proof"
	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/verifier/api/apitest"
	"github.com/curfew-project/curfew/verifier/login/oidctest"
)

// person is somebody with a browser, which knows the application and the provider.
type person struct {
	*apitest.Visitor
	w    *world
	at   place
	site *oidctest.Browser // the same browser at the provider
	who  oidctest.User
}

func (w *world) person(at place, who oidctest.User) *person {
	w.t.Helper()
	return &person{apitest.New(w.t, at.Origin), w, at, oidctest.NewBrowser(), who}
}

// begin begins a sign-in, from the page that comes after the question where there is one, and returns where the browser goes.
func (p *person) begin(form url.Values) string {
	p.w.t.Helper()
	page := string(p.Get("/.curfew/sign-in?continue=1&again=1").Body)
	_, after, _ := strings.Cut(page, `data-nonce="`)
	nonce, _, ok := strings.Cut(after, `"`)
	if !ok {
		p.w.t.Fatalf("no nonce in %s", page)
	}
	token := p.Token(p.w.t, proof.Claims{JTI: "jti", HTM: http.MethodPost, HTU: p.At("sign-in"), IAT: 1, Nonce: nonce})
	answer := p.Post("/.curfew/sign-in", form, token)
	var to wire.Redirect
	p.Decode(answer, &to)
	if answer.StatusCode != http.StatusOK {
		p.w.t.Fatalf("sign-in answered %d: %s", answer.StatusCode, answer.Body)
	}
	return to.Location
}

// Authorization begins a sign-in and returns the provider's address.
func (p *person) Authorization(returnTo string) string {
	p.w.t.Helper()
	return p.begin(url.Values{wire.FieldReturnTo: {returnTo}})
}

// callback begins a sign-in and goes through the provider, up to the address that it sends the browser to.
func (p *person) callback(returnTo string) (address string, asked bool) {
	p.w.t.Helper()
	return p.authorize(p.Authorization(returnTo))
}

func (p *person) authorize(authorization string) (address string, asked bool) {
	p.w.t.Helper()
	return oidctest.Authorize(p.w.t, p.site, authorization, p.who.Username, p.who.Password)
}

// signIn signs in, with credentials when they are needed.
func (p *person) signIn() {
	p.w.t.Helper()
	address, _ := p.callback("/patients")
	answer := p.Get(address)
	if to := answer.Header.Get("Location"); answer.StatusCode == http.StatusSeeOther && strings.HasPrefix(to, p.at.at.Issuer) {
		address, _ = p.authorize(to)
		answer = p.Get(address)
	}
	if answer.StatusCode != http.StatusSeeOther || answer.Header.Get("Location") != "/patients" {
		p.w.t.Fatalf("the callback answered %d to %q:\n%s", answer.StatusCode, answer.Header.Get("Location"), text(answer))
	}
}

func (w *world) signedIn(at place, who oidctest.User) *person {
	w.t.Helper()
	p := w.person(at, who)
	p.signIn()
	p.checkIs(who.Sub)
	return p
}

// checkIs expects what check says of the browser: a user, or the code or reason of the refusal.
func (p *person) checkIs(want string) {
	p.w.t.Helper()
	got, refusal := p.Check()
	if got == "" {
		got = string(refusal.Error)
		if refusal.Reason != "" {
			got = string(refusal.Reason)
		}
	}
	if got != want {
		p.w.t.Errorf("check says %q, want %q", got, want)
	}
}

// refused expects that a callback makes no session and shows a page that says something.
func (p *person) refused(name, address string, status int, says string) {
	p.w.t.Helper()
	before := p.Cookie("curfew")
	answer := p.Get(address)
	if answer.StatusCode != status || !strings.Contains(text(answer), says) {
		p.w.t.Errorf("%s: answered %d, want %d and %q:\n%s", name, answer.StatusCode, status, says, text(answer))
	}
	if p.Cookie("curfew") != before {
		p.w.t.Errorf("%s: a session began", name)
	}
}

// from navigates with a header that only a browser can set.
func (p *person) from(path, key, value string) apitest.Answer {
	p.w.t.Helper()
	request, err := http.NewRequest(http.MethodGet, p.Origin+path, nil)
	p.w.must(err)
	request.Header.Set(key, value)
	return p.Do(request)
}

// text is what a page says, without its tags.
func text(answer apitest.Answer) string {
	_, body, _ := strings.Cut(string(answer.Body), "<body>")
	var says strings.Builder
	in := false
	for _, r := range body {
		switch r {
		case '<':
			in = true
		case '>':
			in = false
		default:
			if !in {
				says.WriteRune(r)
			}
		}
	}
	return strings.Join(strings.Fields(says.String()), " ")
}

// change replaces a parameter of an address; an empty value removes it.
func change(t testing.TB, address, key, value string) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	query := u.Query()
	query.Set(key, value)
	if value == "" {
		query.Del(key)
	}
	u.RawQuery = query.Encode()
	return u.String()
}

func param(t testing.TB, address, key string) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return u.Query().Get(key)
}

// isRefusal expects a typed refusal.
func isRefusal(t testing.TB, name string, p *person, answer apitest.Answer, status int, code wire.Code) wire.Refusal {
	t.Helper()
	got := p.Refusal(answer)
	if answer.StatusCode != status || got.Error != code {
		t.Errorf("%s: answered %d %+v, want %d %s", name, answer.StatusCode, got, status, code)
	}
	return got
}
