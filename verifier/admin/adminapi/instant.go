package adminapi

import (
	"errors"
	"strings"
	"time"
)

var errInstant = errors.New("is no instant: write 2026-03-01T09:00:00Z, a date such as 2026-03-01 (its beginning, UTC), or how long ago, such as 24h ago")

// ParseInstant reads an instant: RFC 3339, a date, which is its beginning in UTC, or a length ago. It gives milliseconds since the epoch.
// The error follows the name of what was read.
func ParseInstant(text string, now time.Time) (int64, error) {
	if length, ok := strings.CutSuffix(text, " ago"); ok {
		d, err := time.ParseDuration(length)
		if err != nil || d < 0 || now.Add(-d).UnixMilli() <= 0 {
			return 0, quoted(text)
		}
		return now.Add(-d).UnixMilli(), nil
	}
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if at, err := time.Parse(layout, text); err == nil && at.UnixMilli() > 0 {
			return at.UnixMilli(), nil
		}
	}
	return 0, quoted(text)
}

func quoted(text string) error { return errors.New(`"` + clip(text) + `" ` + errInstant.Error()) }

// FormatInstant writes milliseconds since the epoch as ParseInstant reads them, in UTC; 0 is an empty text.
func FormatInstant(at int64) string {
	if at == 0 {
		return ""
	}
	return time.UnixMilli(at).UTC().Format("2006-01-02T15:04:05.000Z07:00")
}
