package provider

import (
	"bytes"
	"encoding/json"
	"io"
	"math"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// claims are the members of a JSON object, by their exact names. encoding/json alone would take "Nonce" for "nonce", and the last
// of two members of one name.
type claims map[string]json.RawMessage

const (
	maxDepth   = 16
	maxSeconds = 253402300799 // the last second of the year 9999
)

// parseClaims reads one JSON object. It refuses members named twice, at any depth (RFC 7519 section 4), deep nesting, and text that is
// not UTF-8.
func parseClaims(raw []byte) (claims, bool) {
	if !utf8.Valid(raw) || !unambiguous(raw) {
		return nil, false
	}
	var members claims
	if json.Unmarshal(raw, &members) != nil || members == nil {
		return nil, false
	}
	return members, true
}

// unambiguous reports whether raw is one JSON value in which no object names a member twice.
func unambiguous(raw []byte) bool {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	if !walk(decoder, maxDepth) {
		return false
	}
	_, err := decoder.Token()
	return err == io.EOF
}

func walk(decoder *json.Decoder, depth int) bool {
	token, err := decoder.Token()
	if err != nil {
		return false
	}
	opening, ok := token.(json.Delim)
	if !ok {
		return true
	}
	if depth == 0 {
		return false
	}
	seen := map[string]bool{}
	for decoder.More() {
		if opening == '{' {
			token, _ := decoder.Token()
			name, ok := token.(string)
			if !ok || seen[name] {
				return false
			}
			seen[name] = true
		}
		if !walk(decoder, depth-1) {
			return false
		}
	}
	_, err = decoder.Token()
	return err == nil
}

func (c claims) has(name string) bool { _, ok := c[name]; return ok }

// text is a claim that is a text of 1 to most bytes, without control characters and without what encoding/json puts for characters
// that are none: two texts would become one.
func (c claims) text(name string, most int) (string, bool) {
	text, ok := asText(c[name])
	unfit := func(r rune) bool { return unicode.IsControl(r) || r == utf8.RuneError }
	if !ok || text == "" || len(text) > most || strings.ContainsFunc(text, unfit) {
		return "", false
	}
	return text, true
}

func asText(raw json.RawMessage) (string, bool) {
	var text *string
	if json.Unmarshal(raw, &text) != nil || text == nil {
		return "", false
	}
	return *text, true
}

// seconds is a claim that is an instant: seconds since the epoch, up to the year 9999, a fraction cut off (NumericDate, RFC 7519
// section 2).
func (c claims) seconds(name string) (int64, bool) {
	number, err := strconv.ParseFloat(string(c[name]), 64) // of all JSON, it reads only numbers
	if err != nil || number < 0 || number > maxSeconds {
		return 0, false
	}
	return int64(math.Floor(number)), true
}

// audience is aud: one text or several.
func (c claims) audience() ([]string, bool) {
	if one, ok := asText(c["aud"]); ok {
		return []string{one}, true
	}
	var many []*string
	if json.Unmarshal(c["aud"], &many) != nil || len(many) == 0 {
		return nil, false
	}
	list := make([]string, len(many))
	for i, one := range many {
		if one == nil {
			return nil, false
		}
		list[i] = *one
	}
	return list, true
}

// says reports whether a claim is a value, as a text, a number or a boolean, or an array that has it.
func (c claims) says(name, value string) bool {
	if name == "" || value == "" {
		return false
	}
	var several []json.RawMessage
	if json.Unmarshal(c[name], &several) != nil {
		several = []json.RawMessage{c[name]}
	}
	for _, one := range several {
		text, ok := asText(one)
		if !ok { // as it is written
			text = strings.TrimSpace(string(one))
		}
		if text == value {
			return true
		}
	}
	return false
}
