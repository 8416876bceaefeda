// Package steer spreads pages over time, so that those who were together at one moment (a start of work, the end of an outage, a deploy)
// do not stay together. It is pure: what looks like chance follows from a seed, which each session and each answer has of its own.
package steer

import "time"

// Spread is a number from 0 to n-1 that the seeds choose evenly; 0 where n is not positive. The same seeds always choose the same.
func Spread(n int64, seeds ...uint64) int64 {
	if n <= 0 {
		return 0
	}
	var h uint64
	for _, seed := range seeds { // splitmix64, once for each
		h += seed + 0x9e3779b97f4a7c15
		h = (h ^ h>>30) * 0xbf58476d1ce4e5b9
		h = (h ^ h>>27) * 0x94d049bb133111eb
		h ^= h >> 31
	}
	return int64(h % uint64(n))
}

// between is a duration from low to high, in whole milliseconds.
func between(low, high time.Duration, seeds ...uint64) time.Duration {
	return low + time.Duration(Spread((high-low).Milliseconds()+1, seeds...))*time.Millisecond
}

// mostInterval is the longest heartbeat interval without pressure; the shortest is a minute then, because a page wakes at most that often
// while nothing happens.
const mostInterval = 75 * time.Second

// Interval is how long a page waits until its next heartbeat: between four and five fifths of a quarter of shortest, which is the
// shortest time that missed heartbeats could cost something, and never under a second. What pressure there is, from 0 to 1, stretches it to
// up to twice as much: two heartbeats then still fit into that time.
func Interval(shortest time.Duration, pressure float64, seeds ...uint64) time.Duration {
	high := min(shortest/4, mostInterval)
	low := high - high/5
	stretch := 1 + min(max(pressure, 0), 1)
	return max(between(time.Duration(float64(low)*stretch), time.Duration(float64(high)*stretch), seeds...), time.Second)
}

// Again is when a page whose heartbeat was not even looked at should send it again. slack is how long that can wait without harm: it is in the
// last quarter of it. A page that cannot wait any more comes in 10 to 60 seconds, and sooner by itself where its user is about to be signed out:
// a refusal costs a seventh of a heartbeat, so a million pages that come every few seconds would leave no time for any of them.
func Again(slack time.Duration, seeds ...uint64) time.Duration {
	return between(max(slack-slack/4, 10*time.Second), max(slack, 60*time.Second), seeds...)
}

// Soon is when somebody should try again who has no page to wait for.
func Soon(seeds ...uint64) time.Duration { return between(2*time.Second, 10*time.Second, seeds...) }

// Event streams. Each costs its verifier about as much as a request when it is opened, and nothing while it is silent.
const (
	reopening    = 1_000 // streams a second that come back to a verifier that has lost all of its own
	leastReopens = 2 * time.Second
	mostReopens  = 60 * time.Second
)

// window is within which time that many pages should do something.
func window(pages int, least time.Duration) time.Duration {
	return min(max(time.Duration(pages)*time.Second/reopening, least), mostReopens)
}

// Reopen is when a page should open its event stream again after it broke. open is how many there are: a verifier that stops closes them all
// at once.
func Reopen(open int, seeds ...uint64) time.Duration {
	return between(leastReopens, leastReopens+window(open, 5*time.Second), seeds...)
}

// Life is how long something lives that may not live longer than most: four to five fifths of that.
func Life(most time.Duration, seeds ...uint64) time.Duration {
	return between(most-most/5, most, seeds...)
}

// Turn is how long a page waits that is to be told of something that all of them are told of, and will all ask about. open is how many there
// are.
func Turn(open int, seeds ...uint64) time.Duration {
	return between(0, window(open, 2*time.Second), seeds...)
}
