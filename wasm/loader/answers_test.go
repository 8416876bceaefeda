package loader_test

import (
	"bytes"
	"regexp"
	"strings"
	"testing"

	"github.com/curfew-project/curfew/wasm/chrome"
)

// member replaces the value of a JSON member wherever it stands.
func member(name, value string) func([]byte) []byte {
	pattern := regexp.MustCompile(`"` + name + `":("[^"]*"|[0-9.]+|true|false|\{[^}]*\})`)
	return func(honest []byte) []byte { return pattern.ReplaceAllLiteral(honest, []byte(`"`+name+`":`+value)) }
}

// D5: an answer that is not exactly one of the verifier's is none. The page that has just been loaded then has no session that
// it knows of, and says so instead of being shown.
func TestD5_UnsoundAnswersAreNone(t *testing.T) {
	t.Parallel()
	browser := chrome.New(t)
	s := newSite(t)
	tab, _ := open(t, s, browser)
	ok := func(change func([]byte) []byte) func([]byte) (int, []byte) {
		return func(honest []byte) (int, []byte) { return 200, change(honest) }
	}
	say := func(status int, text string) func([]byte) (int, []byte) {
		return func([]byte) (int, []byte) { return status, []byte(text) }
	}
	for name, raw := range map[string]func([]byte) (int, []byte){
		"no JSON":            say(200, "<html>Log in to the hotel's network</html>"),
		"nothing":            say(200, ""),
		"null":               say(200, "null"),
		"a list":             say(200, "[]"),
		"cut off":            ok(func(honest []byte) []byte { return honest[:len(honest)-2] }),
		"a time as a text":   ok(member("now", `"1700000000000"`)),
		"a negative time":    ok(member("began", "-1")),
		"a fraction":         ok(member("active", "1.5")),
		"not a safe integer": ok(member("session_ends", "9007199254740993")),
		"a silence as text":  ok(member("phase", `"active","check_by":"soon"`)),
		"infinite":           ok(member("interval", "1e999")),
		"no interval": ok(func(honest []byte) []byte {
			return bytes.Replace(honest, []byte(`"interval"`), []byte(`"interva1"`), 1)
		}),
		"an unknown phase":    ok(member("phase", `"paused"`)),
		"an end without why":  ok(member("phase", `"ended"`)),
		"an unknown reason":   ok(member("phase", `"ended","ended_at":5,"reason":"because"`)),
		"an unknown warning":  ok(member("phase", `"active","warning":"weather"`)),
		"no settings":         ok(member("settings", "null")),
		"settings of texts":   ok(member("session_timeout", `"1 day"`)),
		"a switch as number":  ok(member("any_activity_stays", "1")),
		"a nonce of 3000":     ok(member("nonce", `"`+strings.Repeat("n", 3000)+`"`)),
		"20 kilobytes":        ok(func(honest []byte) []byte { return append(honest, bytes.Repeat([]byte(" "), 20<<10)...) }),
		"an unknown refusal":  say(403, `{"error":"because"}`),
		"a refusal of a list": say(403, `[]`),
		"a proxy's page":      say(502, "<h1>Bad gateway</h1>"),
		"a redirect":          say(302, "{}"),
	} {
		t.Run(name, func(t *testing.T) {
			s.set(func(s *site) { s.raw = raw })
			chrome.Go(t, tab, s.URL)
			chrome.Until(t, tab, inRoot(`root.querySelector("[part=cover]").open`))
			wantCovered(t, tab)
			if got := chrome.Eval[string](t, tab, inRoot(`root.querySelector("h1").textContent`)); got != "We cannot check your session" {
				t.Errorf("the cover says %q", got)
			}
		})
	}
	// The page comes back by itself when the verifier does.
	s.set(func(s *site) { s.raw = nil })
	chrome.Until(t, tab, inRoot(`!root.querySelector("dialog")`))
	// A5: an answer without an end is sound.
	s.set(func(s *site) { s.settings.SessionTimeout, s.settings.InactivityTimeout = 0, 0 })
	beats := len(s.allBeats())
	chrome.Go(t, tab, s.URL)
	chrome.Until(t, tab, `curfew.state === "armed"`)
	untilBeats(t, s, beats+1)
	wait(t, tab, "300")
	if !chrome.Eval[bool](t, tab, pageIsSeen) {
		t.Error("the page of a session without an end is covered")
	}
}

// A verifier's answer never runs a script: only web addresses are gone to.
func TestOnlyWebAddressesAreGoneTo(t *testing.T) {
	t.Parallel()
	browser := chrome.New(t)
	for _, address := range []string{`javascript:document.title="run"`, `data:text/html,x`, `file:///etc/passwd`, `//[`} {
		s := newSite(t)
		tab := chrome.Tab(t, browser)
		console := chrome.Listen(t, tab)
		s.set(func(s *site) { s.policy = "script-src 'self' 'wasm-unsafe-eval' 'unsafe-inline'"; s.goTo = address })
		chrome.Go(t, tab, s.URL+"/.curfew/sign-in")
		chrome.Until(t, tab, `globalThis.curfew?.state === "failed"`)
		wantCovered(t, tab)
		if title := chrome.Eval[string](t, tab, `document.title`); title == "run" || chrome.Eval[string](t, tab, `location.href`) != s.URL+"/.curfew/sign-in" {
			t.Errorf("%s changed the page: its title is %q", address, title)
		}
		if !console.Has("error", "leaving the page") {
			t.Errorf("%s: console %+v", address, console.Entries())
		}
	}
}
