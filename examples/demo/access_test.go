package main

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/wasm/chrome"
)

// adminButton is a button of the provider's accounts page: that of an account, or of none.
func adminButton(label, account string) string {
	return `[...document.querySelectorAll("form")].find(f => f.elements.what.value === "` + account + `" && f.querySelector("button").textContent.startsWith("` + label + `")).querySelector("button")`
}

// atAdmin opens the provider's accounts page in a browser of its own and presses a button there.
func (r *running) atAdmin(t *testing.T, admin context.Context, label, account, said string) {
	t.Helper()
	chrome.Go(t, admin, r.accounts)
	chrome.Eval[bool](t, admin, `(`+adminButton(label, account)+`.click(), true)`)
	chrome.Until(t, admin, `document.querySelector(".done")?.textContent.includes("`+said+`")`)
}

// words are the title and the body of the cover or the dialog.
func words(t *testing.T, tab context.Context, shown string) (title, body string) {
	t.Helper()
	part := func(name string) string {
		return chrome.Eval[string](t, tab, shown+`.querySelector("[part=`+name+`]").textContent`)
	}
	return part("title"), part("body")
}

// busy lives in virtual time with somebody who moves the mouse now and then.
func (r *running) busy(t *testing.T, tab context.Context, length time.Duration) {
	t.Helper()
	for until := r.clock.Now().Add(length); r.clock.Now().Before(until); {
		moveMouse(t, tab, 80+float64(r.clock.Now().Unix()%7), 90) // always somewhere else: staying is no activity
		chrome.Pass(t, tab, min(3*time.Second, until.Sub(r.clock.Now())), r.clock.advance)
	}
}

// inTime is busy until an expression holds, and says how long it took.
func (r *running) inTime(t *testing.T, tab context.Context, most time.Duration, until string) time.Duration {
	t.Helper()
	for began := r.clock.Now(); ; r.busy(t, tab, 500*time.Millisecond) {
		passed := r.clock.Now().Sub(began)
		switch {
		case chrome.Eval[bool](t, tab, "!!("+until+")"):
			return passed
		case passed >= most:
			t.Fatalf("not within %s: %s", most, until)
		}
	}
}

// checkNoticed is how long after a sign-in a heartbeat has surely noticed that the policy check is due: the interval of 30 seconds
// and a heartbeat every 5. The check itself takes real time, in which no virtual time may pass: see untilLogged.
const checkNoticed = 36 * time.Second

// left is what the dialog counts down from.
func left(t *testing.T, tab context.Context) time.Duration {
	t.Helper()
	text := chrome.Eval[string](t, tab, warning+`.querySelector("[part=countdown]").textContent`)
	length, err := time.ParseDuration(strings.Replace(text, ":", "m", 1) + "s")
	if err != nil {
		t.Fatal(err)
	}
	return length
}

// inVirtualTime signs in in a page whose time, like the verifier's, only passes when the test says so.
func (r *running) inVirtualTime(t *testing.T, browser context.Context) context.Context {
	t.Helper()
	tab := apart(t, browser)
	chrome.WithoutStreams(t, tab)
	r.signIn(t, tab, r.short+"/patients/FH-1042")
	r.clock.stop()
	chrome.StopTime(t, tab)
	return tab
}

// A5: an account that is disabled at the provider loses its session at the next policy check, whatever the person does meanwhile,
// and the page says so in plain words. It cannot sign in again either.
func TestA5_DisabledAccountEndsAtTheNextCheck(t *testing.T) {
	r := start(t)
	browser := chrome.New(t)
	tab, admin := r.inVirtualTime(t, browser), apart(t, browser)
	began := r.clock.Now()
	r.busy(t, tab, 10*time.Second)
	r.atAdmin(t, admin, "Disable", users[0].Name, "is disabled")
	r.looks(t, admin, "accounts")
	before := cookie(t, tab, "curfew")
	if answer := r.get(t, "/.curfew/check", before); answer.StatusCode != http.StatusNoContent {
		t.Fatalf("before the check is due, the session answers %d", answer.StatusCode)
	}
	r.busy(t, tab, checkNoticed-10*time.Second)
	r.untilLogged(t, "msg=ended")
	r.inTime(t, tab, 6*time.Second, covered+` && `+button("Sign in"))
	if passed := r.clock.Now().Sub(began); passed < 27*time.Second || passed > 42*time.Second {
		t.Errorf("covered %s after the sign-in; the check is due after 27 to 30 seconds and noticed by a heartbeat", passed)
	}
	title, body := words(t, tab, covered)
	if title != "You have been signed out" || !strings.Contains(body, "no longer accepts your sign-in") {
		t.Errorf("the cover says %q, %q", title, body)
	}
	shot(t, tab, "refused")
	if answer := r.get(t, "/.curfew/check", before); answer.Header.Get("Curfew-Reason") != "provider_refused" {
		t.Errorf("check says %d %q", answer.StatusCode, answer.Header.Get("Curfew-Reason"))
	}
	chrome.Go(t, admin, r.accounts)
	if asked := chrome.Eval[string](t, admin, `document.querySelector(".history").textContent`); !strings.Contains(asked, "still signed in: no, the account is disabled") {
		t.Errorf("the accounts page does not say who asked: %s", asked)
	}

	r.clock.run()
	again := apart(t, browser)
	chrome.Go(t, again, r.short+"/patients")
	r.sendPassword(t, again, users[0])
	chrome.Until(t, again, `document.querySelector("[role=alert]")?.textContent.includes("This account is disabled")`)
	shot(t, again, "disabled")
	r.atAdmin(t, admin, "Enable", users[0].Name, "is enabled again")
	r.enterPassword(t, again)
}

const unconfirmed = warning + ` && ` + warning + `.querySelector("[part=title]").textContent === "We cannot confirm your account right now"`

// A7: while the provider cannot be asked, a dialog says so and counts down; when the provider is back, it goes away by itself.
func TestA7_OutageThatEnds(t *testing.T) {
	r := start(t)
	browser := chrome.New(t)
	tab, admin := r.inVirtualTime(t, browser), apart(t, browser)
	r.atAdmin(t, admin, "Simulate an outage", "begin", "The outage began.")
	r.busy(t, tab, checkNoticed)
	r.untilLogged(t, "msg=policy_check_failed")
	r.inTime(t, tab, 6*time.Second, unconfirmed)
	r.looks(t, tab, "unconfirmed")
	if _, body := words(t, tab, warning); !strings.Contains(body, "cannot be reached") || chrome.Eval[bool](t, tab, "!!"+button("Sign in again now")) {
		t.Errorf("the dialog says %q", body)
	}
	r.atAdmin(t, admin, "End the outage", "end", "The outage is over.")
	// The provider is asked again 20 seconds after it did not answer, when the dialog shows at least 7 more.
	r.busy(t, tab, left(t, tab)-7*time.Second)
	r.untilLogged(t, "msg=policy_checked")
	r.inTime(t, tab, 6*time.Second, `!(`+warning+`)`)
	if chrome.Eval[bool](t, tab, "!!"+covered) {
		title, body := words(t, tab, covered)
		t.Fatalf("the page is covered: %q, %q", title, body)
	}
	if answer := r.get(t, "/.curfew/check", cookie(t, tab, "curfew")); answer.StatusCode != http.StatusNoContent {
		t.Errorf("after the outage the session answers %d %q", answer.StatusCode, answer.Header.Get("Curfew-Reason"))
	}
}

// A7: a provider that does not come back ends the session when the time is up, with that reason.
func TestA7_OutageThatLasts(t *testing.T) {
	r := start(t)
	browser := chrome.New(t)
	tab, admin := r.inVirtualTime(t, browser), apart(t, browser)
	r.atAdmin(t, admin, "Simulate an outage", "begin", "The outage began.")
	r.busy(t, tab, checkNoticed)
	r.untilLogged(t, "msg=policy_check_failed")
	r.inTime(t, tab, 6*time.Second, unconfirmed)
	counted := left(t, tab)
	passed := r.inTime(t, tab, 40*time.Second, covered+` && `+button("Sign in"))
	if off := passed - counted; off < -2*time.Second || off > 2*time.Second {
		t.Errorf("the page was covered after %s; the dialog had counted down from %s", passed, counted)
	}
	if _, body := words(t, tab, covered); !strings.Contains(body, "could not confirm your account in time") {
		t.Errorf("the cover says %q", body)
	}
	shot(t, tab, "overdue")
	if answer := r.get(t, "/.curfew/check", cookie(t, tab, "curfew")); answer.Header.Get("Curfew-Reason") != "policy_check_overdue" {
		t.Errorf("check says %d %q", answer.StatusCode, answer.Header.Get("Curfew-Reason"))
	}
}

// noteCover lets a page note when it is covered.
const noteCover = `(() => {
  globalThis.coveredAt = 0;
  const look = () => {
    const root = document.querySelector("curfew-agent")?.shadowRoot;
    if (root && !root.watched) { root.watched = true; observer.observe(root, {subtree: true, childList: true, attributes: true}) }
    if (root?.querySelector("dialog[part=cover][open]")) coveredAt ||= Date.now();
  };
  const observer = new MutationObserver(look);
  observer.observe(document.documentElement, {childList: true});
  look();
  return coveredAt === 0;
})()`

// coveredAtOnce checks that a page was covered within a second of its session's end, and that the very next request was refused.
func (r *running) coveredAtOnce(t *testing.T, tab context.Context, reason, body string) {
	t.Helper()
	answer := r.getAt(t, chrome.Eval[string](t, tab, `location.origin`), "/.curfew/check", cookie(t, tab, "curfew"))
	if answer.StatusCode != http.StatusUnauthorized || answer.Header.Get("Curfew-Reason") != reason {
		t.Errorf("the next request gets %d %q, want %s", answer.StatusCode, answer.Header.Get("Curfew-Reason"), reason)
	}
	chrome.Until(t, tab, covered+` && `+button("Sign in"))
	var refusal wire.Refusal
	if err := json.Unmarshal(answer.Body, &refusal); err != nil {
		t.Fatal(err)
	}
	late := int64(chrome.Eval[float64](t, tab, `coveredAt`)) - refusal.EndedAt
	if t.Logf("covered %d ms after the session's end", late); late < 0 || late > 1000 {
		t.Error("want within a second")
	}
	if _, said := words(t, tab, covered); !strings.Contains(said, body) {
		t.Errorf("the cover says %q, want %q", said, body)
	}
}

// goesOn checks that a page and its session were left alone.
func (r *running) goesOn(t *testing.T, tab context.Context) {
	t.Helper()
	if answer := r.get(t, "/.curfew/check", cookie(t, tab, "curfew")); answer.StatusCode != http.StatusNoContent {
		t.Errorf("another user's session answers %d %q", answer.StatusCode, answer.Header.Get("Curfew-Reason"))
	}
	if chrome.Eval[bool](t, tab, `coveredAt !== 0 || !!`+covered) {
		t.Error("another user's page was covered")
	}
}

// three are two browsers of one user and one of another, which share nothing, with pages that can be told of an end at once.
func (r *running) three(t *testing.T, browser context.Context) (first, second, other context.Context) {
	t.Helper()
	first, second, other = apart(t, browser), apart(t, browser), apart(t, browser)
	r.signInAs(t, first, users[0], r.short+"/patients")
	r.signInAs(t, second, users[0], r.short+"/patients/FH-1042")
	r.signInAs(t, other, users[1], r.short+"/patients")
	r.untilStreams(t, 3)
	for _, tab := range []context.Context{first, second, other} {
		if !chrome.Eval[bool](t, tab, noteCover) {
			t.Fatal("a page is covered from the start")
		}
	}
	return first, second, other
}

// B4: two browsers of one user and one of another: sign-out in the first ends the second's next request and covers its page
// within a second, and leaves the third alone.
func TestB4_SignOutCoversAtOnce(t *testing.T) {
	r := start(t)
	first, second, other := r.three(t, chrome.New(t))
	if err := chromedp.Do(first, chromedp.Click(`a[href="/.curfew/sign-out"]`)); err != nil {
		t.Fatal(err)
	}
	chrome.Until(t, first, `location.pathname === "/.curfew/signed-out"`)
	r.coveredAtOnce(t, second, "signed_out_elsewhere", "You signed out in another window.")
	r.goesOn(t, other)
}

// B5: "Sign out everywhere" at the provider covers the pages of that user within a second, and leaves the other alone.
func TestB5_SignedOutByTheProvider(t *testing.T) {
	r := start(t)
	browser := chrome.New(t)
	first, second, other := r.three(t, browser)
	admin := apart(t, browser)
	r.atAdmin(t, admin, "Sign out everywhere", users[0].Name, "Messages to applications: 2 delivered.")
	for _, tab := range []context.Context{first, second} {
		r.coveredAtOnce(t, tab, "ended_by_provider", "You were signed out at your organisation’s sign-in service.")
	}
	shot(t, second, "signed-out-by-provider")
	r.goesOn(t, other)
	press(t, second, "Sign in") // the provider's own session is over too
	chrome.Until(t, second, passwordIn)
}

// B4 B5: signing out of one application signs out at the provider, and the provider tells the other one.
func TestB5_SignOutOfOneApplicationEndsTheOther(t *testing.T) {
	r := start(t)
	browser := chrome.New(t)
	short, normal := chrome.Tab(t, browser), chrome.Tab(t, browser)
	r.signIn(t, short, r.short+"/patients")
	chrome.Go(t, normal, r.normal+"/patients") // the provider knows the browser, so no password
	chrome.Until(t, normal, `document.querySelector("#stay")`)
	if err := chromedp.Do(normal, chromedp.Click("form button")); err != nil {
		t.Fatal(err)
	}
	chrome.Until(t, normal, `location.pathname === "/patients" && globalThis.curfew?.state === "armed"`)
	r.untilStreams(t, 2)
	if !chrome.Eval[bool](t, normal, noteCover) {
		t.Fatal("the page is covered from the start")
	}
	if err := chromedp.Do(short, chromedp.Click(`a[href="/.curfew/sign-out"]`)); err != nil {
		t.Fatal(err)
	}
	chrome.Until(t, short, `location.pathname === "/.curfew/signed-out"`)
	r.coveredAtOnce(t, normal, "ended_by_provider", "You were signed out at your organisation’s sign-in service.")
}

// A7: the choice to stay signed in is made with the keyboard alone, and goes along to the verifier.
func TestA7_StaySignedInByKeyboard(t *testing.T) {
	r := start(t)
	tab := apart(t, chrome.New(t))
	sent := make(chan string, 8)
	if err := chromedp.Listen(tab, func(event any) {
		if e, ok := event.(*network.EventRequestWillBeSent); ok && e.Request.Method == http.MethodPost && strings.HasSuffix(e.Request.URL, "/.curfew/sign-in") {
			for _, part := range e.Request.PostDataEntries {
				sent <- string(part.Bytes)
			}
		}
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := chromedp.Call(tab, network.Enable, network.EnableParams{}); err != nil {
		t.Fatal(err)
	}
	chrome.Go(t, tab, r.normal+"/patients")
	chrome.Until(t, tab, `document.querySelector("#stay") && document.readyState === "complete"`)
	r.looks(t, tab, "stay")
	focus := func(key, want string) {
		t.Helper()
		if err := chromedp.Do(tab, chromedp.KeyEvent(key)); err != nil {
			t.Fatal(err)
		}
		if got := chrome.Eval[string](t, tab, `document.activeElement.id || document.activeElement.textContent.trim()`); got != want {
			t.Fatalf("the focus is on %q, want %q", got, want)
		}
	}
	focus(kb.Tab, "stay")
	focus(" ", "stay")
	if !chrome.Eval[bool](t, tab, `document.activeElement.checked`) {
		t.Fatal("the space bar does not check the box")
	}
	focus(kb.Tab, "Continue")
	if err := chromedp.Do(tab, chromedp.KeyEvent(kb.Enter)); err != nil {
		t.Fatal(err)
	}
	chrome.Until(t, tab, passwordIn+` && document.activeElement.name === "username"`)
	if err := chromedp.Do(tab, chromedp.KeyEvent(users[0].Name+kb.Tab+users[0].Password+kb.Enter)); err != nil {
		t.Fatal(err)
	}
	chrome.Until(t, tab, `location.pathname === "/patients" && globalThis.curfew?.state === "armed"`)
	select {
	case body := <-sent:
		if values, err := url.ParseQuery(body); err != nil || values.Get(wire.FieldStay) != "1" || values.Get(wire.FieldReturnTo) != "/patients" {
			t.Errorf("sent %q", body)
		}
	default:
		t.Error("no sign-in was sent")
	}
}

// looks takes pictures in three looks: as it is, narrow, and dark.
func (r *running) looks(t *testing.T, tab context.Context, name string) {
	t.Helper()
	shot(t, tab, name)
	dark := func(value string) {
		t.Helper()
		params := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: value}}}
		if _, err := chromedp.Call(tab, emulation.SetEmulatedMedia, params); err != nil {
			t.Fatal(err)
		}
	}
	dark("dark")
	shot(t, tab, name+"-dark")
	dark("")
	if err := chromedp.Do(tab, chromedp.EmulateViewport(320, 640)); err != nil {
		t.Fatal(err)
	}
	shot(t, tab, name+"-narrow")
	if width := chrome.Eval[float64](t, tab, `document.scrollingElement.scrollWidth`); width > 320 {
		t.Errorf("%s is %v wide in a window of 320", name, width)
	}
	if err := chromedp.Do(tab, chromedp.EmulateReset()); err != nil {
		t.Fatal(err)
	}
}
