package wire

import "testing"

func TestClosedTypes(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range Reasons() {
		if !r.Valid() || seen[string(r)] {
			t.Errorf("reason %q is invalid or stands twice", r)
		}
		seen[string(r)] = true
	}
	if Reason("").Valid() || Reason("other").Valid() {
		t.Error("a reason outside the list is valid")
	}
	codes := map[Code]bool{}
	for _, c := range Codes() {
		if codes[c] {
			t.Errorf("code %q stands twice", c)
		}
		codes[c] = true
	}
}
