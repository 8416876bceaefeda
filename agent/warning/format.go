package warning

import "strconv"

// Unit is a unit of time as Intl.NumberFormat names it.
type Unit string

const (
	Minute Unit = "minute"
	Second Unit = "second"
)

// Format writes numbers and lengths the way a language does.
type Format interface {
	// Count is a number of units in words, with the right plural: 5 minutes.
	Count(n int64, unit Unit) string
	// Clock is what is left in milliseconds as a countdown: 1:59, 0:05, 1:00:00. It rounds up, so that 0:00 is only ever the end.
	Clock(left int64) string
}

// EnglishFormat is the Format of English, for where the browser has no Intl.
type EnglishFormat struct{}

// Count implements Format.
func (EnglishFormat) Count(n int64, unit Unit) string {
	text := strconv.FormatInt(n, 10) + " " + string(unit)
	if n != 1 {
		text += "s"
	}
	return text
}

// Clock implements Format.
func (EnglishFormat) Clock(left int64) string {
	two := func(n int64) string {
		if n < 10 {
			return "0" + strconv.FormatInt(n, 10)
		}
		return strconv.FormatInt(n, 10)
	}
	return ClockOf(left, func(n int64) string { return strconv.FormatInt(n, 10) }, two)
}

// ClockOf writes a countdown with a language's own numbers: one as it is, and one with two digits at least.
func ClockOf(left int64, plain, two func(int64) string) string {
	seconds := seconds(left)
	if seconds >= 3600 {
		return plain(seconds/3600) + ":" + two(seconds/60%60) + ":" + two(seconds%60)
	}
	return plain(seconds/60) + ":" + two(seconds%60)
}

// seconds rounds a length in milliseconds up to whole seconds.
func seconds(left int64) int64 { return max(left+999, 0) / 1000 }

// spoken is the length that a screen reader says with this much left: the whole minutes above one minute, then 60, 40 and 20
// seconds. In between it stays the same, so that nothing is said twice.
func spoken(left int64, format Format) string {
	switch {
	case left > 60_000:
		return format.Count((left+59_999)/60_000, Minute)
	case left > 40_000:
		return format.Count(60, Second)
	case left > 20_000:
		return format.Count(40, Second)
	}
	return format.Count(20, Second)
}
