package redis

import (
	"errors"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/curfew-project/curfew/shared/deadline"
	"github.com/curfew-project/curfew/shared/policy"
	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/verifier/session"
)

func full() stored {
	s := session.Session{
		ID: session.ID{1, 2, 3}, User: session.User{Environment: "crm", Issuer: "https://login.example", Subject: "ada"}, Name: "Å\x00\xff",
		Key: session.Thumbprint{9, 31: 8}, AuthTime: -5, Provider: "sid", Client: policy.Phone,
		Check: session.Check{At: 1000, Next: 2000, Stay: true}, Seq: 1<<63 + 7, State: deadline.Begin(policy.Defaults(), 77),
	}
	s.State.Settings.AnyActivityStays = true
	s.State.SessionFloor, s.State.InactivityFloor, s.State.CheckBy, s.State.Lapses = 3, 4, 5000, 6000
	return stored{Session: s, stamp: stamp{1 << 60, 1<<64 - 1}}
}

func ended() stored {
	r := full()
	r.State.EndedAt, r.State.Reason, r.confirmed = 1<<62, wire.SignedOut, true
	return r
}

func TestRecordsComeBackAsTheyWere(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := full()
		text := func(name string, least, most int) string {
			return string(rapid.SliceOfN(rapid.Byte(), least, most).Draw(t, name))
		}
		r.User = session.User{Environment: text("environment", 1, 255), Issuer: text("issuer", 1, 2048), Subject: text("subject", 1, 255)}
		r.Name, r.Provider = text("name", 0, 256), text("provider", 0, 255)
		r.Seq, r.State.Began, r.State.Active = rapid.Uint64().Draw(t, "seq"), rapid.Int64().Draw(t, "began"), rapid.Int64().Draw(t, "active")
		r.State.Settings.SessionTimeout = time.Duration(rapid.Int64Range(-1<<40, 1<<40).Draw(t, "timeout")) * time.Millisecond
		r.Client = rapid.SampledFrom(append(policy.Clients(), policy.Browser)).Draw(t, "client")
		if rapid.Bool().Draw(t, "ended") {
			r.State.EndedAt, r.State.Reason = rapid.Int64Range(1, 1<<62).Draw(t, "at"), rapid.SampledFrom(wire.Reasons()).Draw(t, "reason")
			r.confirmed = rapid.Bool().Draw(t, "confirmed")
		}
		if err := r.Validate(); err != nil {
			t.Fatal(err)
		}
		raw := r.encode()
		got, err := decode(raw)
		if err != nil || got != r {
			t.Fatalf("%+v, %v; want %+v", got, err, r)
		}
		if head := string(r.head(nil)); head != raw[:headSize] {
			t.Fatalf("its head %x does not begin %x", head, raw)
		}
		if (raw[flagsAt]&flagEnded != 0) != (r.State.EndedAt != 0) {
			t.Fatal("scripts would not see whether it has ended")
		}
	})
}

func TestDamagedRecordsAreRefused(t *testing.T) {
	good := ended().encode()
	for name, raw := range map[string]string{
		"empty": "", "cut short": good[:len(good)-1], "too long": good + "x", "only a head": good[:headSize], "no texts": good[:textAt],
		"of a later format": good[:formatAt] + "\x02" + good[formatAt+1:], "with an unknown flag": good[:flagsAt] + string([]byte{good[flagsAt] | 1<<7}) + good[flagsAt+1:],
		"ended by its flag only": full().encode()[:flagsAt] + string([]byte{flagEnded}) + full().encode()[flagsAt+1:],
		"with another reason":    strings.Replace(good, string(wire.SignedOut), "signed_abc", 1),
	} {
		if got, err := decode(raw); !errors.Is(err, ErrRecord) || got != (stored{}) {
			t.Errorf("a record %s: %+v, %v", name, got, err)
		}
	}
}

// What is accepted encodes as the same bytes.
func FuzzDecode(f *testing.F) {
	for _, r := range []stored{full(), ended(), *version(1, false), *version(2, true)} {
		f.Add(r.encode())
	}
	f.Fuzz(func(t *testing.T, raw string) {
		r, err := decode(raw)
		if err != nil {
			if r != (stored{}) {
				t.Error("a refused record gave something")
			}
			return
		}
		if got := r.encode(); got != raw {
			t.Errorf("%x encodes as %x", raw, got)
		}
	})
}
