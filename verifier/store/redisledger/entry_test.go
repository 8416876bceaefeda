package redisledger

import (
	"testing"

	"github.com/curfew-project/curfew/verifier/audit"
)

// What is in Redis has one form: everything that can be read is written again as it was.
func FuzzEntry(f *testing.F) {
	whole := audit.Link{Seq: 6}.Next(audit.Event{At: 1_800_000_000_000, Kind: audit.Ended, Environment: "crm", Session: "s", Subject: "ada\x00\n", Client: "phone", Reason: "inactivity",
		Code: "replayed", Actor: "root", Digest: "d", Detail: "ü"})
	for _, text := range []string{encode(whole), encode(audit.Link{}.Next(audit.Event{Kind: audit.Lost})), "", "\x01", "\x02", encode(whole) + "x", encode(whole)[:40]} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		e, err := decode(7, text)
		if err == nil && (encode(e) != text || e.Seq != 7) {
			t.Errorf("%q reads as %+v, which is %q", text, e, encode(e))
		}
	})
	if back, err := decode(7, encode(whole)); err != nil || back != whole {
		f.Errorf("%+v, %v", back, err)
	}
}
