package console

import (
	"strconv"
	"time"

	"github.com/curfew-project/curfew/shared/policy"
)

// instant is a moment as a page shows it.
type instant struct {
	Machine  string // RFC 3339
	Text     string // in the console's time zone, to the second
	Relative string // to now, roughly
}

const (
	textForm  = "2006-01-02 15:04:05"
	fieldForm = "2006-01-02T15:04" // of an input of type datetime-local, which browsers send without seconds when they are 0
)

// at is an instant of so many milliseconds since the epoch; nil for 0, which is none.
func (v *visit) at(ms int64) *instant {
	if ms == 0 {
		return nil
	}
	t := time.UnixMilli(ms).In(v.Location)
	return &instant{t.Format(time.RFC3339), t.Format(textForm), relative(time.Duration(ms-v.now) * time.Millisecond)}
}

// relative says how far away a moment is, in the largest unit that says something.
func relative(d time.Duration) string {
	away := d.Abs()
	var text string
	switch {
	case away < 10*time.Second:
		return "now"
	case away < 2*time.Minute:
		text = strconv.Itoa(int(away/time.Second)) + " s"
	case away < 2*time.Hour:
		text = strconv.Itoa(int(away/time.Minute)) + " min"
	case away < 48*time.Hour:
		text = strconv.Itoa(int(away/time.Hour)) + " h"
	default:
		text = count(int(away/(24*time.Hour)), "day")
	}
	if d < 0 {
		return text + " ago"
	}
	return "in " + text
}

// timeout is a session timeout as a page shows it.
func timeout(d time.Duration) string {
	if d == 0 {
		return "Provider’s policy"
	}
	return policy.Format(d)
}

// inactivity is an inactivity timeout as a page shows it.
func inactivity(d time.Duration) string {
	if d == 0 {
		return "Off"
	}
	return policy.Format(d)
}

// readTime reads an input of type datetime-local in the console's time zone, as milliseconds since the epoch.
func (c *console) readTime(text string) (int64, bool) {
	for _, form := range []string{fieldForm, fieldForm + ":05"} {
		if t, err := time.ParseInLocation(form, text, c.Location); err == nil && t.UnixMilli() >= 0 {
			return t.UnixMilli(), true
		}
	}
	return 0, false
}
