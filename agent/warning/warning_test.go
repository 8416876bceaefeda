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
		if got := Clock(left); got != want {
			t.Errorf("Clock(%d) = %s, want %s", left, got, want)
		}
	}
}

// The announcement changes each minute above one minute, and then at 60, 40 and 20 seconds, and nowhere else.
func TestAnnouncementsKeepTheirCadence(t *testing.T) {
	for _, kind := range []wire.Warning{wire.WarnInactivity, wire.WarnSession} {
		var changes []int64
		last := ""
		for left := int64(180_000); left > 0; left -= 1000 {
			if said := english.announcement(kind, left); said != last {
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

func TestEveryReasonHasItsWords(t *testing.T) {
	for _, reason := range wire.Reasons() {
		cover := Ended(reason)
		if cover.Title == "" || cover.Body == "" || cover.Button.Choice != SignInAgain {
			t.Errorf("%s: %+v", reason, cover)
		}
		if strings.Contains(cover.Title+cover.Body, string(reason)) && strings.Contains(string(reason), "_") {
			t.Errorf("%s: the technical name is shown", reason)
		}
	}
}

// A2 A4: which buttons there are, which has the focus, and what Escape means.
func TestViews(t *testing.T) {
	s := deadline.Begin(policy.Settings{SessionTimeout: time.Hour, SessionWarning: 20 * time.Minute,
		InactivityTimeout: 15 * time.Minute, InactivityWarning: 2 * time.Minute}, 0)
	idle := Inactivity(s, 13*60_000, Inputs{})
	if idle.Buttons[0].Choice != Stay || idle.Buttons[1].Choice != SignOut || idle.Escape != Stay || idle.Countdown != "2:00" {
		t.Errorf("inactivity: %+v", idle)
	}
	end := Session(s, 40*60_000, Inputs{Offline: true})
	if end.Buttons[0].Choice != SignInAgain || end.Buttons[1].Choice != Dismiss || end.Escape != Dismiss || end.Countdown != "20:00" {
		t.Errorf("session: %+v", end)
	}
	if end.Note == "" || idle.Note != "" {
		t.Errorf("notes: offline %q, online %q", end.Note, idle.Note)
	}
	if Inactivity(s, 13*60_000, Inputs{Deciding: true}).Note == "" {
		t.Error("a choice on its way is not shown")
	}
}
