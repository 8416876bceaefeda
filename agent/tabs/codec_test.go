package tabs

import (
	"errors"
	"strings"
	"testing"

	"github.com/curfew-project/curfew/shared/wire"
)

// corpus has a message of each kind.
func corpus() []Message {
	return []Message{
		{Kind: Ask, Wall: 1_803_888_000_000, Idle: 1200, Stay: true, Stood: 3},
		{Kind: Ask, Wall: 0, Idle: wire.MaxIdle},
		{Kind: Acted, Wall: 7, Idle: 60_000},
		{Kind: Here, Wall: 7, Hidden: true, Failures: 3},
		{Kind: Dismissed, Wall: 7, Ends: 1_803_888_000_000, Late: true},
		{Kind: Over, Wall: 7, SID: "s-1", Reason: wire.SignedOutElsewhere},
		{Kind: Renewed, Wall: 7},
		{Kind: Doubt, Wall: 7},
		{Kind: State, Wall: 7, SID: "s-1", Key: "k_2", NonceAge: 4, SentAgo: 90, Reply: wire.Reply{
			Now: 1_803_888_000_001, Phase: wire.Active, Began: 1_803_880_000_000, Active: 1_803_887_990_000, SessionFloor: 1, InactivityFloor: 2,
			CheckBy: 3, Interval: 60_000, Seq: 17, Nonce: "n.o~nce", User: "u",
			Settings: wire.Settings{SessionTimeout: 86_400_000, SessionWarning: 1_200_000, InactivityTimeout: 900_000, InactivityWarning: 120_000, AnyActivityStays: true},
		}},
		{Kind: State, SID: "s", Reply: wire.Reply{Phase: wire.Active}},
	}
}

func TestMessagesSurviveTheChannel(t *testing.T) {
	for _, want := range corpus() {
		text := Encode(want)
		got, err := Parse(text)
		if err != nil || got != want {
			t.Errorf("%q became %+v, %v; want %+v", text, got, err, want)
		}
	}
}

// Whatever a script of the page writes into the channel is a message in its one form, or nothing.
func TestMalformedMessages(t *testing.T) {
	good := Encode(corpus()[0])
	for name, text := range map[string]string{
		"empty": "", "no kind": " 7", "unknown kind": "end 7", "cut": good[:len(good)-2], "one word more": good + " 1", "space at the end": good + " ",
		"leading zero": "renewed 07", "plus": "renewed +7", "negative": "renewed -7", "fraction": "renewed 7.0", "hex": "renewed 0x7",
		"past 2^53": "renewed 9007199254740993", "past 2^64": "renewed 99999999999999999999", "no number": "renewed x",
		"bool 2": "here 7 2 0", "unknown reason": "over 7 s-1 gone", "no reason": "over 7 s-1 ",
		"control character": "over 7 s\x00 inactivity", "not ASCII": "over 7 sé inactivity",
		"too long":  "over 7 " + strings.Repeat("s", maxMessage) + " inactivity",
		"long word": "over 7 " + strings.Repeat("s", maxWord+1) + " inactivity",
	} {
		if m, err := Parse(text); !errors.Is(err, ErrMessage) || m != (Message{}) {
			t.Errorf("%s: %q is %+v, %v", name, text, m, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, m := range corpus() {
		f.Add(Encode(m))
	}
	f.Fuzz(func(t *testing.T, text string) {
		m, err := Parse(text)
		if err != nil {
			if m != (Message{}) {
				t.Errorf("%q: refused, and yet %+v", text, m)
			}
			return
		}
		if again := Encode(m); again != text {
			t.Errorf("%q is accepted and encodes to %q", text, again)
		}
	})
}
