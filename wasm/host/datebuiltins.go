package host

import (
	"fmt"
	"math"
	"time"
)

// date is the state of a Date object: milliseconds since the Unix epoch, NaN when invalid.
type date struct{ ms float64 }

// maxDate is the largest time value (ECMA-262, TimeClip).
const maxDate = 8.64e15

func clipDate(ms float64) float64 {
	if ms != ms || math.Abs(ms) > maxDate {
		return math.NaN()
	}
	return math.Trunc(ms) + 0 // never -0
}

// NewDate makes a Date object of milliseconds since the Unix epoch.
func (r *Realm) NewDate(ms float64) *Object {
	return &Object{realm: r, proto: r.protos.date, data: &date{clipDate(ms)}}
}

// time returns the date in a zone; only for valid dates.
func (d *date) time(zone *time.Location) time.Time { return time.UnixMilli(int64(d.ms)).In(zone) }

func isoDate(ms float64) string {
	t := time.UnixMilli(int64(ms)).UTC()
	if y := t.Year(); y < 0 || y > 9999 {
		sign := "+"
		if y < 0 {
			sign, y = "-", -y
		}
		return fmt.Sprintf("%s%06d%s", sign, y, t.Format("-01-02T15:04:05.000Z"))
	}
	return t.Format("2006-01-02T15:04:05.000Z")
}

// parseDate reads the formats of ECMA-262's date time string, and HTTP dates.
func parseDate(s string, zone *time.Location) float64 {
	for _, layout := range []string{"2006-01-02", "2006-01", "2006", time.RFC3339Nano, "2006-01-02T15:04Z07:00", time.RFC1123} {
		if t, err := time.Parse(layout, s); err == nil {
			return float64(t.UnixMilli())
		}
	}
	for _, layout := range []string{"2006-01-02T15:04:05.999999999", "2006-01-02T15:04"} {
		if t, err := time.ParseInLocation(layout, s, zone); err == nil {
			return float64(t.UnixMilli())
		}
	}
	return math.NaN()
}

// defineDate defines a Date with the clock of the loop, its parts in UTC and in the realm's zone, and without setters.
func (r *Realm) defineDate() {
	const text = "Mon Jan 02 2006 15:04:05 GMT-0700"
	zone := r.config.Zone
	r.protos.date.class = "Date"
	now := func() float64 { return float64(r.loop.clock.WallMillis()) }
	cl := r.builtinClass("Date", r.protos.date, func(c Call) (Value, error) {
		if c.NewTarget == nil {
			return String((&date{now()}).time(zone).Format(text)), nil
		}
		ms, err := dateArgument(c, now, zone)
		return r.NewDate(ms), err
	})
	cl.DefineFunc("now", func(Call) (Value, error) { return Number(now()), nil })
	cl.DefineFunc("parse", func(c Call) (Value, error) {
		s, err := c.String(0)
		return Number(parseDate(s, zone)), err
	})
	read := func(name string, f func(d *date) Value) {
		r.protos.date.DefineFunc(name, func(c Call) (Value, error) {
			d, ok := DataOf[*date](c.This)
			if !ok {
				return nil, TypeError("this is not a Date object.")
			}
			if d.ms != d.ms {
				return Number(math.NaN()), nil
			}
			return f(d), nil
		})
	}
	read("getTime", func(d *date) Value { return Number(d.ms) })
	read("valueOf", func(d *date) Value { return Number(d.ms) })
	read("getTimezoneOffset", func(d *date) Value {
		_, seconds := d.time(zone).Zone()
		return Number(-seconds/60) + 0
	})
	for name, f := range map[string]func(t time.Time) int{
		"FullYear": time.Time.Year, "Date": time.Time.Day, "Hours": time.Time.Hour, "Minutes": time.Time.Minute,
		"Seconds": time.Time.Second, "Month": func(t time.Time) int { return int(t.Month()) - 1 },
		"Day":          func(t time.Time) int { return int(t.Weekday()) },
		"Milliseconds": func(t time.Time) int { return t.Nanosecond() / 1e6 },
	} {
		read("get"+name, func(d *date) Value { return Number(f(d.time(zone))) })
		read("getUTC"+name, func(d *date) Value { return Number(f(d.time(time.UTC))) })
	}
	r.protos.date.DefineFunc("toString", func(c Call) (Value, error) {
		d, ok := DataOf[*date](c.This)
		if !ok || d.ms != d.ms {
			return String("Invalid Date"), nil
		}
		return String(d.time(zone).Format(text)), nil
	})
	r.protos.date.DefineFunc("toISOString", func(c Call) (Value, error) {
		d, ok := DataOf[*date](c.This)
		if !ok || d.ms != d.ms {
			return nil, RangeError("Invalid time value")
		}
		return String(isoDate(d.ms)), nil
	})
	r.protos.date.DefineFunc("toJSON", func(c Call) (Value, error) {
		d, ok := DataOf[*date](c.This)
		if !ok || d.ms != d.ms {
			return Null, nil
		}
		return String(isoDate(d.ms)), nil
	})
}

// dateArgument reads what new Date was given: nothing, a time value, a string, another date, or parts in local time.
func dateArgument(c Call, now func() float64, zone *time.Location) (float64, error) {
	if len(c.Args) == 0 {
		return now(), nil
	}
	if len(c.Args) == 1 {
		if d, ok := DataOf[*date](c.Args[0]); ok {
			return d.ms, nil
		}
		if s, ok := c.Args[0].(String); ok {
			return parseDate(string(s), zone), nil
		}
		return c.Number(0)
	}
	parts := [7]int{0, 0, 1}
	for i := range min(len(c.Args), len(parts)) {
		f, err := c.Number(i)
		if err != nil || f != f || math.Abs(f) > 1e9 {
			return math.NaN(), err
		}
		parts[i] = int(f)
	}
	t := time.Date(parts[0], time.Month(parts[1]+1), parts[2], parts[3], parts[4], parts[5], parts[6]*1e6, zone)
	return float64(t.UnixMilli()), nil
}
