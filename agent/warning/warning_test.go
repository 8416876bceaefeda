package warning

import (
	"strings"
	"testing"
	"time"

	"github.com/curfew-project/curfew/shared/deadline"
	"github.com/curfew-project/curfew/shared/policy"
	"github.com/curfew-project/curfew/shared/wire"
)

func TestClockRoundsUpSoThatZeroIsTheEnd(t *testing.T) {
	for left, want := range map[int64]string{
		119_999: "2:00", 119_000: "1:59", 60_000: "1:00", 59_001: "1:00", 59_000: "0:59", 5_000: "0:05", 1: "0:01", 0: "0:00", -5: "0:00",
		3_600_000: "1:00:00", 3_599_000: "59:59", 7_265_000: "2:01:05",
	} {
		if got := (EnglishFormat{}).Clock(left); got != want {
			t.Errorf("Clock(%d) = %s, want %s", left, got, want)
		}
	}
}

// The announcement changes each minute above one minute, and then at 60, 40 and 20 seconds, and nowhere else.
func TestAnnouncementsKeepTheirCadence(t *testing.T) {
	for _, kind := range []wire.Reason{wire.Inactivity, wire.SessionTimeout, wire.PolicyCheckOverdue} {
		var changes []int64
		last := ""
		for left := int64(180_000); left > 0; left -= 1000 {
			said := English().View(View{Reason: kind, Left: left}, EnglishFormat{}).Announce
			if said != last {
				changes, last = append(changes, left/1000), said
			}
		}
		want := []int64{180, 120, 60, 40, 20}
		if len(changes) != len(want) {
			t.Fatalf("%s: spoken at %v seconds, want %v", kind, changes, want)
		}
		for i := range want {
			if changes[i] != want[i] {
				t.Errorf("%s: spoken at %v seconds, want %v", kind, changes, want)
			}
		}
	}
}

// Every reason has words of its own, and each says what the person can do.
func TestEveryReasonHasItsWords(t *testing.T) {
	said := map[string]wire.Reason{}
	for _, reason := range wire.Reasons() {
		cover := English().Cover(Ended(reason))
		if cover.Title == "" || cover.Button == "" || Ended(reason).Button != SignInAgain || !strings.Contains(cover.Body, "Sign in") {
			t.Errorf("%s: %+v", reason, cover)
		}
		if other, ok := said[cover.Body]; ok {
			t.Errorf("%s is told in the words of %s: %q", reason, other, cover.Body)
		}
		said[cover.Body] = reason
	}
	if _, ok := said[English().Cover(Ended("")).Body]; ok {
		t.Error("a reason is told as one that nobody knows")
	}
}

// Nothing technical is shown to a person, in any state.
func TestNothingTechnicalIsShown(t *testing.T) {
	var texts []string
	take := func(view View) {
		words := English().View(view, EnglishFormat{})
		texts = append(texts, words.Title, words.Body, words.Announce, words.Note, words.Buttons[0], words.Buttons[1])
	}
	s := deadline.Begin(policy.Settings{SessionTimeout: time.Hour, InactivityTimeout: time.Hour}, 0)
	for _, in := range []Inputs{{}, {Offline: true}, {Deciding: true}, {Unsaved: true}} {
		take(Session(s, 0, in))
		take(Session(deadline.Step(s, deadline.Unconfirmed{By: 1000}, 0), 0, in))
		take(Inactivity(s, 0, in))
	}
	covers := []Cover{Checking(), Unreachable(), SigningOut(), NotSignedOut(), SigningIn(), SignInUnavailable(), NoSession(), Elsewhere(), Blocked()}
	for _, reason := range wire.Reasons() {
		covers = append(covers, Ended(reason))
	}
	for _, cover := range covers {
		words := English().Cover(cover)
		if words.Title == "" || (words.Button == "") != (cover.Button == "") {
			t.Errorf("%s: %+v", cover.Kind, words)
		}
		texts = append(texts, words.Title, words.Body, words.Button)
	}
	for _, key := range Keys() {
		if text := English()[key]; text == "" || text != strings.TrimSpace(text) {
			t.Errorf("the text of %s is %q", key, text)
		}
		texts = append(texts, English()[key])
	}
	for _, text := range texts {
		for _, word := range []string{"_", "token", "key", "cookie", "heartbeat", "agent", "server", "verifier", "provider", "policy", "timeout", "browser session", "error", "expired"} {
			if strings.Contains(strings.ToLower(text), word) {
				t.Errorf("%q says %q", text, word)
			}
		}
	}
}

// A2 A4: which buttons there are, which has the focus, and what Escape means.
func TestViews(t *testing.T) {
	s := deadline.Begin(policy.Settings{SessionTimeout: time.Hour, SessionWarning: 20 * time.Minute,
		InactivityTimeout: 15 * time.Minute, InactivityWarning: 2 * time.Minute}, 0)
	idle := Inactivity(s, 13*60_000, Inputs{})
	if idle.Buttons != ([2]Choice{Stay, SignOut}) || idle.Escape != Stay || idle.Left != 120_000 {
		t.Errorf("inactivity: %+v", idle)
	}
	end := Session(s, 40*60_000, Inputs{Offline: true})
	if end.Buttons != ([2]Choice{SignInAgain, Dismiss}) || end.Escape != Dismiss || end.Left != 20*60_000 {
		t.Errorf("session: %+v", end)
	}
	note := func(view View) string { return English().View(view, EnglishFormat{}).Note }
	if note(end) == "" || note(idle) != "" {
		t.Errorf("notes: offline %q, online %q", note(end), note(idle))
	}
	if note(Inactivity(s, 13*60_000, Inputs{Deciding: true})) == "" {
		t.Error("a choice on its way is not shown")
	}
	saved, unsaved := English().View(idle, EnglishFormat{}).Body, English().View(Inactivity(s, 13*60_000, Inputs{Unsaved: true}), EnglishFormat{}).Body
	if !strings.HasPrefix(unsaved, saved) || !strings.Contains(unsaved, "unsaved") {
		t.Errorf("unsaved work (A15): %q", unsaved)
	}
}

// A7: while the identity provider is silent the warning says so, and offers nothing that needs it: only to go back to the work.
func TestA7_ViewOfTheProvidersSilence(t *testing.T) {
	free := deadline.Begin(policy.Settings{SessionWarning: 20 * time.Minute}, 0)
	view := Session(deadline.Step(free, deadline.Unconfirmed{By: 0}, 0), 90_000, Inputs{})
	if view.Kind != wire.WarnSession || view.Left != 18*60_000+30_000 || view.Escape != Dismiss || view.Offline {
		t.Errorf("view: %+v", view)
	}
	if view.Buttons != ([2]Choice{Dismiss}) {
		t.Errorf("buttons: %+v", view.Buttons)
	}
	words := English().View(view, EnglishFormat{})
	for text, part := range map[string]string{words.Title: "confirm", words.Body: "sign-in service", words.Announce: "confirmed"} {
		if !strings.Contains(text, part) {
			t.Errorf("%q says nothing about %q", text, part)
		}
	}
	if !Session(deadline.Step(free, deadline.Unconfirmed{By: 0}, 0), 90_000, Inputs{Offline: true}).Offline {
		t.Error("a connection that is gone is not shown")
	}
	// The custom timeout is earlier (A8): then signing in again is what helps.
	custom := deadline.Begin(policy.Settings{SessionTimeout: time.Hour, SessionWarning: 20 * time.Minute}, 0)
	if view := Session(deadline.Step(custom, deadline.Unconfirmed{By: 4000_000}, 0), 41*60_000, Inputs{}); view.Buttons[0] != SignInAgain {
		t.Errorf("buttons with the custom timeout first: %+v", view.Buttons)
	}
}
