package dist

import (
	"encoding/json"
	"strings"
	"testing"
)

// Whatever the text, its literal is ASCII without a character that could end it, a script element or an attribute, and has its value.
func TestLiteral(t *testing.T) {
	for _, text := range []string{"", "plain", `"'\` + "`<>&/$${x}", "\u2028\u2029", "\x00\x1f\x7f\n", "æ漢\U0001f600", "</script><!--"} {
		got := string(literal([]byte(text)))
		inner := got[1 : len(got)-1]
		if strings.ContainsAny(inner, "\"'`<>&/$") || strings.ContainsFunc(inner, func(r rune) bool { return r < ' ' || r > '~' }) {
			t.Errorf("%q gives %s", text, got)
		}
		var back string
		if err := json.Unmarshal([]byte(got), &back); err != nil || back != text {
			t.Errorf("%q gives %s, which is %q, %v", text, got, back, err)
		}
	}
}
