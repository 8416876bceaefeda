package session

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/curfew-project/curfew/shared/deadline"
	"github.com/curfew-project/curfew/shared/policy"
	"github.com/curfew-project/curfew/shared/wire"
)

func TestIDRoundTrip(t *testing.T) {
	id, err := NewID(bytes.NewReader(bytes.Repeat([]byte{0xfb}, 16)))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := ParseID(id.String()); err != nil || got != id || len(id.String()) != 22 {
		t.Errorf("%s: %v, %v", id, got, err)
	}
	for _, bad := range []string{"", "a", strings.Repeat("A", 21), strings.Repeat("A", 23), id.String()[:21] + "\n", id.String()[:21] + "/",
		strings.Repeat("A", 21) + "B"} { // the last has bits that no ID has
		if got, err := ParseID(bad); !errors.Is(err, ErrBadID) || got != (ID{}) {
			t.Errorf("ParseID(%q) = %v, %v", bad, got, err)
		}
	}
	if _, err := NewID(bytes.NewReader(nil)); err == nil {
		t.Error("an ID of no randomness")
	}
}

func FuzzParseID(f *testing.F) {
	f.Add("AAAAAAAAAAAAAAAAAAAAAA")
	f.Fuzz(func(t *testing.T, text string) {
		if id, err := ParseID(text); err == nil && id.String() != text {
			t.Errorf("accepted %q re-encodes as %q", text, id)
		}
	})
}

func TestValidateBoundsWhatAStoreKeeps(t *testing.T) {
	good := Session{User: User{Environment: "clinic", Issuer: "https://login.example", Subject: "amara"}, Check: Check{At: 1000, Next: 2000}, State: deadline.Begin(policy.Defaults(), 1)}
	if err := good.Validate(); err != nil {
		t.Fatalf("a good session: %v", err)
	}
	for name, spoil := range map[string]func(*Session){
		"no subject":            func(s *Session) { s.User.Subject = "" },
		"long subject":          func(s *Session) { s.User.Subject = strings.Repeat("a", MaxSubject+1) },
		"no issuer":             func(s *Session) { s.User.Issuer = "" },
		"no environment":        func(s *Session) { s.User.Environment = "" },
		"long name":             func(s *Session) { s.Name = strings.Repeat("a", MaxName+1) },
		"long provider session": func(s *Session) { s.Provider = strings.Repeat("a", MaxProvider+1) },
		"half a millisecond":    func(s *Session) { s.State.Settings.SessionWarning++ },
		"ended without reason":  func(s *Session) { s.State.EndedAt = 5 },
		"reason without end":    func(s *Session) { s.State.Reason = wire.SignedOut },
		"half a second":         func(s *Session) { s.Check.At = 1500 },
		"check before 1970":     func(s *Session) { s.Check.Next = -1000 },
		"check in 2107":         func(s *Session) { s.State.CheckBy = 1 << 43 / 1000 * 1000 },
		"bypassed but checked":  func(s *Session) { s.Check.Bypassed = true },
		"never checked":         func(s *Session) { s.Check.Next = 0 },
		"made-up reason":        func(s *Session) { s.State.EndedAt, s.State.Reason = 5, "bored" },
	} {
		s := good
		spoil(&s)
		if err := s.Validate(); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
