package provider

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/oauth2"
)

func TestWrongPassword(t *testing.T) {
	const mismatch = "The user name and password do not match."
	tests := []struct {
		name, user, password, want string
		ties                       string // the attribute that ties the message to a field
	}{
		{"wrong password", "alice", "guess", mismatch, `aria-describedby="problem"`},
		{"other user's password", "alice", bobKey, mismatch, `aria-describedby="problem"`},
		{"unknown user", "mallory", aliceKey, mismatch, `aria-describedby="problem"`},
		{"no user", "", aliceKey, "Enter your user name.", `aria-describedby="username-problem"`},
		{"no password", "alice", "", "Enter your password.", `aria-describedby="password-problem"`},
		{"oversized password", "alice", strings.Repeat("x", maxField+1), mismatch, `aria-describedby="problem"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, "")
			b, a := w.newBrowser(), w.begin()
			p := b.enter(b.get(a.address), tt.user, tt.password)
			if p.status != http.StatusUnprocessableEntity || !p.hasForm() {
				t.Fatalf("got %d %v, want the form with status 422", p.status, p.left)
			}
			for _, want := range []string{tt.want, tt.ties, `aria-invalid="true"`, `role="alert"`, "<title>Error: Sign in"} {
				if !strings.Contains(p.body, want) {
					t.Errorf("page lacks %q: %s", want, p.body)
				}
			}
			if tt.password != "" && strings.Contains(p.body, `value="`+tt.password) {
				t.Error("the page repeats the password")
			}
			w.finish(a, b.enter(p, "alice", aliceKey)) // the same form goes on working
		})
	}
}

// Unknown names lock like known ones, and a lock holds against the right
// password too, until its time has passed.
func TestLockAfterWrongPasswords(t *testing.T) {
	for _, name := range []string{"alice", "mallory"} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, "")
			b, a := w.newBrowser(), w.begin()
			p := b.get(a.address)
			for i := 1; i < MaxAttempts; i++ {
				if p = b.enter(p, name, "guess"); p.status != http.StatusUnprocessableEntity {
					t.Fatalf("mistake %d gave %d", i, p.status)
				}
			}
			w.advance(time.Second)
			p = b.enter(p, name, "guess")
			if p.status != http.StatusTooManyRequests || p.header.Get("Retry-After") != "60" || !strings.Contains(p.body, "Try again in 60 seconds.") {
				t.Fatalf("mistake %d gave %d, Retry-After %q: %s", MaxAttempts, p.status, p.header.Get("Retry-After"), p.body)
			}
			w.advance(LockFor - 500*time.Millisecond)
			if p = b.enter(p, name, aliceKey); p.status != http.StatusTooManyRequests || !strings.Contains(p.body, "in 1 second.") {
				t.Errorf("the lock gave way early: %d %s", p.status, p.body)
			}
			w.advance(500 * time.Millisecond)
			if p = b.enter(p, "bob", "guess"); p.status != http.StatusUnprocessableEntity {
				t.Errorf("another name was locked as well: %d", p.status)
			}
			w.finish(a, b.enter(p, "alice", aliceKey))
		})
	}
}

func TestMistakesAreForgotten(t *testing.T) {
	w := newWorld(t, "")
	b, a := w.newBrowser(), w.begin()
	p := b.get(a.address)
	for i := range 3 * MaxAttempts {
		if i%(MaxAttempts-1) == 0 {
			w.advance(LockFor)
		}
		if p = b.enter(p, "alice", "guess"); p.status != http.StatusUnprocessableEntity {
			t.Fatalf("mistake %d gave %d although a pause went before", i, p.status)
		}
	}
}

func TestDisabledAccount(t *testing.T) {
	w := newWorld(t, "")
	if !w.p.SetDisabled("ALICE", true) || w.p.SetDisabled("nobody", true) {
		t.Fatal("SetDisabled did not tell known from unknown")
	}
	b, a := w.newBrowser(), w.begin()
	p := b.enter(b.get(a.address), "alice", aliceKey)
	if p.status != http.StatusForbidden || !strings.Contains(p.body, "This account is disabled") {
		t.Fatalf("got %d: %s", p.status, p.body)
	}
	if strings.Contains(p.body, "aria-invalid") {
		t.Error("the form marks fields although what was typed is right")
	}
	w.p.SetDisabled("alice", false)
	w.finish(a, b.enter(p, "alice", aliceKey))
}

// B3: a form, its address and its token belong to one browser and one sign-in.
func TestFormIsBound(t *testing.T) {
	t.Run("token of another sign-in", func(t *testing.T) {
		w := newWorld(t, "")
		b := w.newBrowser()
		one, two := b.get(w.begin().address), b.get(w.begin().address)
		csrf := hidden.FindAllStringSubmatch(two.body, -1)[1][2]
		if p := b.submit(one, url.Values{"csrf": {csrf}, "username": {"alice"}, "password": {aliceKey}}); p.status != http.StatusForbidden {
			t.Errorf("got %d %v", p.status, p.left)
		}
	})
	t.Run("no token", func(t *testing.T) {
		w := newWorld(t, "")
		b := w.newBrowser()
		if p := b.submit(b.get(w.begin().address), url.Values{"csrf": nil, "username": {"alice"}, "password": {aliceKey}}); p.status != http.StatusForbidden {
			t.Errorf("got %d %v", p.status, p.left)
		}
	})
	t.Run("posted from another browser", func(t *testing.T) {
		w := newWorld(t, "")
		form := w.newBrowser().get(w.begin().address)
		if p := w.newBrowser().enter(form, "alice", aliceKey); p.status != http.StatusForbidden {
			t.Errorf("got %d %v", p.status, p.left)
		}
	})
	t.Run("opened in another browser", func(t *testing.T) {
		w := newWorld(t, "")
		form := w.newBrowser().get(w.begin().address)
		id := hidden.FindAllStringSubmatch(form.body, -1)[0][2]
		if p := w.newBrowser().get(w.issuer + "/login?id=" + id); p.status != http.StatusBadRequest || p.hasForm() {
			t.Errorf("got %d", p.status)
		}
	})
	t.Run("posted from another site", func(t *testing.T) {
		w := newWorld(t, "")
		r, _ := http.NewRequest("POST", w.issuer+"/login", strings.NewReader("username=alice"))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Sec-Fetch-Site", "cross-site")
		if p := w.newBrowser().do(r); p.status != http.StatusForbidden {
			t.Errorf("got %d", p.status)
		}
	})
	t.Run("used twice", func(t *testing.T) {
		w := newWorld(t, "")
		b := w.newBrowser()
		form := b.get(w.begin().address)
		if p := b.enter(form, "alice", aliceKey); p.left == nil {
			t.Fatalf("first use gave %d", p.status)
		}
		if p := b.enter(form, "alice", aliceKey); p.status != http.StatusBadRequest {
			t.Errorf("second use gave %d %v", p.status, p.left)
		}
	})
	t.Run("too old", func(t *testing.T) {
		w := newWorld(t, "")
		b := w.newBrowser()
		form := b.get(w.begin().address)
		w.advance(RequestLifetime)
		if p := b.enter(form, "alice", aliceKey); p.status != http.StatusBadRequest {
			t.Errorf("got %d %v", p.status, p.left)
		}
	})
}

func TestFormPage(t *testing.T) {
	w := newWorld(t, "/idp")
	b := w.newBrowser()
	p := b.get(w.begin(oauth2.SetAuthURLParam("login_hint", `"><script>alice`)).address)
	want := "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action 'self' http://localhost:9"
	if got := p.header.Get("Content-Security-Policy"); got != want {
		t.Errorf("policy is %q, want %q", got, want)
	}
	if got := p.header.Get("Cache-Control"); got != "no-store" {
		t.Errorf("Cache-Control is %q", got)
	}
	for _, want := range []string{
		`<html lang="en"`, `<label for="username">`, `<label for="password">`,
		`autocomplete="username"`, `autocomplete="current-password"`,
		`value="&#34;&gt;&lt;script&gt;alice"`, // login_hint, harmless
		"<code>" + aliceKey + "</code>", `href="/idp/assets/provider.css"`,
	} {
		if !strings.Contains(p.body, want) {
			t.Errorf("page lacks %s", want)
		}
	}
	if bad := regexp.MustCompile(`<script|<style| style=| on[a-z]+=`).FindString(p.body); bad != "" {
		t.Errorf("page has %q, which its policy forbids", bad)
	}
	for _, asset := range []string{"provider.css", "mark.svg"} {
		if p := b.get(w.issuer + "/assets/" + asset); p.status != http.StatusOK || len(p.body) < 100 {
			t.Errorf("GET %s gave %d", asset, p.status)
		}
	}
}

func TestHintsOnlyWhereWanted(t *testing.T) {
	w := newWorld(t, "")
	w.p.hints = nil
	b := w.newBrowser()
	if p := b.get(w.begin().address); strings.Contains(p.body, aliceKey) || !p.hasForm() {
		t.Error("the page shows a password although hints are off")
	}
}

func TestLoginHintIsFilledIn(t *testing.T) {
	w := newWorld(t, "")
	b := w.newBrowser()
	p := b.get(w.begin(oauth2.SetAuthURLParam("login_hint", "bob")).address)
	if !regexp.MustCompile(`id="username"[^>]*value="bob"`).MatchString(p.body) {
		t.Errorf("user name is not filled in: %s", p.body)
	}
	if !regexp.MustCompile(`id="password"[^>]* autofocus>`).MatchString(p.body) {
		t.Errorf("the password field does not have the focus: %s", p.body)
	}
}
