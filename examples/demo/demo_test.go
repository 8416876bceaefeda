package main

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"

	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/wasm/chrome"
)

// shots is where screenshots go when the variable is set: make screenshots sets it.
func shot(t *testing.T, tab context.Context, name string) {
	if dir := os.Getenv("CURFEW_SCREENSHOTS"); dir != "" {
		chrome.Screenshot(t, tab, filepath.Join(dir, name+".png"))
	}
}

func moveMouse(t *testing.T, tab context.Context, x, y float64) {
	t.Helper()
	if err := chromedp.Do(tab, chromedp.MouseEvent(input.DispatchMouseEventTypeMouseMoved, x, y)); err != nil {
		t.Fatal(err)
	}
}

// A1 A3 A4 B1 D4: the whole story in Chromium: sign-in at the provider, heartbeats, the inactivity warning with its countdown,
// "Stay signed in", the second warning, expiry, the covered page, a refused check with the old cookie, and a sign-in that
// must ask for the password although the provider still knows the browser.
func TestStory(t *testing.T) {
	r := start(t)
	tab := chrome.Tab(t, chrome.New(t))
	console := chrome.Listen(t, tab)
	chrome.WithoutStreams(t, tab)
	r.signIn(t, tab, r.short+"/patients")
	shot(t, tab, "page")

	r.clock.stop()
	chrome.StopTime(t, tab)
	pass := func(length time.Duration) { chrome.Pass(t, tab, length, r.clock.advance) }
	has := func(what, expression string, want bool) {
		t.Helper()
		if got := chrome.Eval[bool](t, tab, "!!("+expression+")"); got != want {
			t.Fatalf("%s: %v, want %v", what, got, want)
		}
	}

	// Activity keeps the session alive: 40 seconds without it would end it.
	for i := range 10 {
		moveMouse(t, tab, float64(100+i), 200)
		pass(4 * time.Second)
	}
	has("a warning while the user is active", warning, false)

	// 20 seconds after the last activity the warning shows, and counts down.
	pass(18 * time.Second)
	has("the first warning", warning, true)
	shot(t, tab, "warning")
	first := chrome.Eval[string](t, tab, warning+`.querySelector("[part=countdown]").textContent`)
	moveMouse(t, tab, 300, 300)
	pass(3 * time.Second)
	has("a moved mouse closed the warning", warning, true)
	if second := chrome.Eval[string](t, tab, warning+`.querySelector("[part=countdown]").textContent`); second >= first {
		t.Errorf("the countdown went from %s to %s in three seconds", first, second)
	}
	if focus := chrome.Eval[string](t, tab, shadow+`.activeElement.textContent`); focus != "Stay signed in" {
		t.Errorf("the focus is on %q", focus)
	}

	// Stay.
	press(t, tab, "Stay signed in")
	pass(time.Second)
	has("the warning after staying", warning, false)
	if path := chrome.Eval[string](t, tab, `location.pathname`); path != "/patients" {
		t.Errorf("staying led to %s", path)
	}

	// The second warning runs out.
	pass(21 * time.Second)
	has("the second warning", warning, true)
	old := cookie(t, tab, "curfew")
	if status := r.get(t, "/.curfew/check", old).StatusCode; status != http.StatusNoContent {
		t.Errorf("check answers %d to the living session's cookie", status)
	}
	pass(17 * time.Second)
	for left := 16; !chrome.Eval[bool](t, tab, "!!"+covered); left-- {
		if left == 0 {
			t.Fatal("the page is not covered four seconds after the last moment")
		}
		pass(250 * time.Millisecond)
	}
	ended := r.clock.Now()
	shot(t, tab, "ended")
	if title := chrome.Eval[string](t, tab, covered+`.querySelector("[part=title]").textContent`); title != "You have been signed out" {
		t.Errorf("the cover says %q", title)
	}
	answer := r.get(t, "/.curfew/check", old)
	if answer.StatusCode != http.StatusUnauthorized || answer.Header.Get("Curfew-Reason") != "inactivity" {
		t.Errorf("check answers %d %q to the old cookie", answer.StatusCode, answer.Header.Get("Curfew-Reason"))
	}
	var refusal wire.Refusal
	if err := json.Unmarshal(answer.Body, &refusal); err != nil {
		t.Fatal(err)
	}
	if off := ended.UnixMilli() - refusal.EndedAt; off < -1000 || off > 1000 {
		t.Errorf("D6: the page was covered %d ms after the verifier's end", off)
	}
	if status := r.get(t, "/patients", old).StatusCode; status != http.StatusUnauthorized {
		t.Errorf("the application answers %d to the old cookie", status)
	}
	for _, e := range console.Errors() {
		// Chromium logs every 401, and the verifier answers the end with one.
		if e.Level == "exception" {
			t.Errorf("the page threw %s", e.Text)
		}
	}

	// Virtual time must not outlive its page, so the sign-in goes on in a tab of its own.
	r.clock.advance(time.Second) // auth_time counts whole seconds, and must be later than the end
	r.clock.run()
	again := chrome.Tab(t, tab)
	chrome.Go(t, again, r.short+"/patients")
	chrome.Until(t, again, passwordIn)
	shot(t, again, "password")
	r.enterPassword(t, again)
	chrome.Until(t, again, `globalThis.curfew?.state === "armed"`)
	if status := r.get(t, "/.curfew/check", cookie(t, again, "curfew")).StatusCode; status != http.StatusNoContent {
		t.Errorf("check answers %d after signing in again", status)
	}
}

// A1 A2: activity does not extend the session. The warning says when it ends, can be dismissed, and the end comes exactly.
func TestA1A2_SessionEndsThoughTheUserIsActive(t *testing.T) {
	r := start(t)
	tab := chrome.Tab(t, chrome.New(t))
	chrome.WithoutStreams(t, tab)
	r.signIn(t, tab, r.short+"/patients/FH-1042")
	began := r.clock.Now()
	r.clock.stop()
	chrome.StopTime(t, tab)
	act := func(until time.Duration) {
		for i := 0; r.clock.Now().Sub(began) < until; i++ {
			moveMouse(t, tab, float64(50+i%2), 60)
			chrome.Pass(t, tab, min(4*time.Second, until-r.clock.Now().Sub(began)), r.clock.advance)
		}
	}
	is := func(what string, expression string, want bool) {
		t.Helper()
		if got := chrome.Eval[bool](t, tab, "!!("+expression+")"); got != want {
			t.Fatalf("%s %s after the sign-in: %v, want %v", what, r.clock.Now().Sub(began), got, want)
		}
	}
	act(85 * time.Second)
	is("warning", warning, false)
	act(91 * time.Second)
	is("warning", warning, true)
	is("the session warning's buttons", button("Sign in again now")+" && "+button("Dismiss"), true)
	shot(t, tab, "session-warning")
	press(t, tab, "Dismiss")
	chrome.Pass(t, tab, time.Second, r.clock.advance)
	is("warning after Dismiss", warning, false)
	act(117 * time.Second)
	is("cover", covered, false)
	act(121 * time.Second)
	is("cover", covered, true)
	answer := r.get(t, "/.curfew/check", cookie(t, tab, "curfew"))
	if answer.Header.Get("Curfew-Reason") != "session_timeout" {
		t.Errorf("check says %q", answer.Header.Get("Curfew-Reason"))
	}
}

// B4: the application's sign-out link ends the session, tells the provider, and another tab of the browser is covered at its
// next heartbeat at the latest; that it is covered at once shows in TestB4_SignOutCoversAtOnce.
func TestB4_SignOutLink(t *testing.T) {
	r := start(t)
	browser := chrome.New(t)
	tab, second := chrome.Tab(t, browser), chrome.Tab(t, browser)
	chrome.WithoutStreams(t, second)
	r.signIn(t, tab, r.short+"/patients")
	chrome.Go(t, second, r.short+"/patients/FH-1042")
	chrome.Until(t, second, `globalThis.curfew?.state === "armed"`)
	old := cookie(t, tab, "curfew")

	if err := chromedp.Do(tab, chromedp.Click(`a[href="/.curfew/sign-out"]`)); err != nil {
		t.Fatal(err)
	}
	chrome.Until(t, tab, `location.pathname === "/.curfew/signed-out"`)
	shot(t, tab, "signed-out")
	if answer := r.get(t, "/.curfew/check", old); answer.Header.Get("Curfew-Reason") != "signed_out" {
		t.Errorf("check says %q", answer.Header.Get("Curfew-Reason"))
	}
	r.clock.stop()
	chrome.StopTime(t, second)
	chrome.Pass(t, second, 6*time.Second, r.clock.advance) // one heartbeat interval here
	if !chrome.Eval[bool](t, second, "!!"+covered) {
		t.Error("the other tab is not covered")
	}
	r.clock.advance(time.Second)
	r.clock.run()
	chrome.Go(t, tab, r.short+"/patients")
	chrome.Until(t, tab, passwordIn)
}

// D4: a navigation with a stale cookie but a living session proves the key on the way and arrives, without a sign-in.
func TestD4_StaleCookieOnNavigationIsResumed(t *testing.T) {
	r := start(t)
	tab := chrome.Tab(t, chrome.New(t))
	r.signIn(t, tab, r.short+"/patients")
	chrome.Go(t, tab, r.short+"/") // no agent here, so no heartbeats
	r.clock.stop()
	r.clock.advance(25 * time.Second) // the cookie is good for 20
	chrome.Go(t, tab, r.short+"/patients?q=a#top")
	chrome.Until(t, tab, `location.search === "?q=a" && globalThis.curfew?.state === "armed"`)
	if hash := chrome.Eval[string](t, tab, `location.hash`); hash != "#top" {
		t.Errorf("came back to %q, want the fragment too", hash)
	}
	if chrome.Eval[bool](t, tab, "!!"+covered) {
		t.Error("the resumed page is covered")
	}
}

// B1: the cover's button leads through the password form and back to the very place.
func TestB1_SigningInAgainLeadsBack(t *testing.T) {
	r := start(t)
	tab := chrome.Tab(t, chrome.New(t))
	r.signIn(t, tab, r.short+"/patients?q=a")
	chrome.Eval[string](t, tab, `location.hash = "top"`)
	r.clock.stop()
	r.clock.advance(41 * time.Second) // as seen by the verifier; the page learns it with its next heartbeat
	chrome.Until(t, tab, covered+` && `+button("Sign in"))
	r.clock.advance(time.Second)
	press(t, tab, "Sign in")
	r.enterPassword(t, tab)
	if at := chrome.Eval[string](t, tab, `location.pathname + location.search + location.hash`); at != "/patients?q=a#top" {
		t.Errorf("signing in again led to %s", at)
	}
}

// D5: with the verifier gone when the page loads, the page is covered until it is back.
func TestD5_VerifierDownAtPageLoad(t *testing.T) {
	r := start(t)
	tab := chrome.Tab(t, chrome.New(t))
	r.signIn(t, tab, r.short+"/patients")
	if err := chromedp.Do(tab, chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		_, err := chromedp.Call(ctx, network.Enable, network.EnableParams{})
		return err
	})); err != nil {
		t.Fatal(err)
	}
	block := func(patterns ...*network.BlockPattern) {
		t.Helper()
		if _, err := chromedp.Call(tab, network.SetBlockedURLs, network.SetBlockedURLsParams{URLPatterns: patterns}); err != nil {
			t.Fatal(err)
		}
	}
	block(&network.BlockPattern{URLPattern: r.short + "/.curfew/heartbeat", Block: true})
	chrome.Go(t, tab, r.short+"/patients")
	chrome.Until(t, tab, covered)
	if title := chrome.Eval[string](t, tab, covered+`.querySelector("[part=title]").textContent`); title != "We cannot check your session" {
		t.Errorf("the cover says %q", title)
	}
	block()
	chrome.Until(t, tab, `!`+covered+` && globalThis.curfew?.state === "armed"`)
}

// press presses a button of the dialog or the cover with a real mouse click.
func press(t *testing.T, tab context.Context, label string) {
	t.Helper()
	at := chrome.Eval[[]float64](t, tab, `(() => { const r = `+button(label)+`.getBoundingClientRect(); return [r.x + r.width/2, r.y + r.height/2] })()`)
	if err := chromedp.Do(tab, chromedp.MouseClickXY(at[0], at[1])); err != nil {
		t.Fatalf("pressing %s: %v", label, err)
	}
}

// B3 D4: a copied cookie alone, in another browser profile, cannot send a heartbeat and stops working within its renewal
// interval, while the session that it was copied from goes on.
func TestB3D4_CopiedCookieDies(t *testing.T) {
	r := start(t)
	victim := chrome.Tab(t, chrome.New(t))
	chrome.WithoutStreams(t, victim)
	r.signIn(t, victim, r.short+"/patients")
	stolen := cookie(t, victim, "curfew")

	thief := chrome.Tab(t, chrome.New(t)) // another profile
	params := network.SetCookieParams{Name: "curfew", Value: stolen, URL: r.short, HTTPOnly: new(true)}
	if _, err := chromedp.Call(thief, network.SetCookie, params); err != nil {
		t.Fatal(err)
	}
	chrome.Go(t, thief, r.short+"/patients")
	chrome.Until(t, thief, covered) // the agent has no key, so it can prove nothing
	if title := chrome.Eval[string](t, thief, covered+`.querySelector("[part=title]").textContent`); title != "Please sign in" {
		t.Errorf("the thief's page says %q", title)
	}
	// Nor with a key of the thief's own.
	refused := chrome.Eval[string](t, thief, ownKeyHeartbeat)
	if refused != "key_mismatch" {
		t.Errorf("a heartbeat with the thief's key: %s", refused)
	}

	// The renewal interval is 20 seconds here.
	r.clock.stop()
	chrome.StopTime(t, victim)
	if status := r.get(t, "/.curfew/check", stolen).StatusCode; status != http.StatusNoContent {
		t.Fatalf("the copied cookie is refused at once with %d: nothing to see", status)
	}
	for i := range 5 {
		moveMouse(t, victim, float64(100+i), 100)
		chrome.Pass(t, victim, 4*time.Second+100*time.Millisecond, r.clock.advance)
	}
	answer := r.get(t, "/.curfew/check", stolen)
	if answer.StatusCode != http.StatusUnauthorized || answer.Header.Get("Curfew-Reason") != "stale_cookie" {
		t.Errorf("after its renewal interval the copied cookie gets %d %q", answer.StatusCode, answer.Header.Get("Curfew-Reason"))
	}
	if status := r.get(t, "/.curfew/check", cookie(t, victim, "curfew")).StatusCode; status != http.StatusNoContent {
		t.Errorf("the victim's own session was ended: %d", status)
	}
}

// ownKeyHeartbeat is what a thief's script would do: make a key, ask for the nonce with the copied cookie, and sign.
const ownKeyHeartbeat = `(async () => {
  const b64 = (b) => btoa(String.fromCharCode(...new Uint8Array(b))).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
  const text = (s) => b64(new TextEncoder().encode(s));
  const url = location.origin + "/.curfew/heartbeat";
  const asked = await (await fetch(url, {method: "POST"})).json();
  if (asked.error !== "use_dpop_nonce") return "asked: " + asked.error;
  const pair = await crypto.subtle.generateKey({name: "ECDSA", namedCurve: "P-256"}, false, ["sign"]);
  const {x, y} = await crypto.subtle.exportKey("jwk", pair.publicKey);
  const header = '{"typ":"dpop+jwt","alg":"ES256","jwk":{"crv":"P-256","kty":"EC","x":"' + x + '","y":"' + y + '"}}';
  const claims = '{"jti":"j","htm":"POST","htu":"' + url + '","iat":1,"nonce":"' + asked.nonce + '","sid":"' + asked.sid + '","seq":' + ((asked.seq ?? 0) + 1) + ',"idle":0,"age":0}';
  const input = text(header) + "." + text(claims);
  const signature = await crypto.subtle.sign({name: "ECDSA", hash: "SHA-256"}, pair.privateKey, new TextEncoder().encode(input));
  const answer = await fetch(url, {method: "POST", headers: {DPoP: input + "." + b64(signature)}});
  return (await answer.json()).error ?? "accepted";
})()`
