package policycheck

import (
	"time"

	"github.com/curfew-project/curfew/verifier/engine"
)

const (
	// inARow is how many checks must fail, one after the other, before an environment's provider is spared.
	inARow = 3
	// probeEvery is how often a spared provider is asked all the same.
	probeEvery = 10 * time.Second
	// longestPause bounds how long a provider can ask to be left alone: sessions have less time than it may want.
	longestPause = 5 * time.Minute
)

// action is what is done when it is a session's turn.
type action int

const (
	ask   action = iota
	probe        // ask, and let the others wait for what comes of it
	spare        // do not ask
)

// breaker spares a provider that cannot be asked, and the sessions that would stand in line behind requests that time out:
// they are told at once that there is no answer, so that their own deadlines begin to run (A7).
type breaker struct {
	failed int            // in a row
	why    engine.Failure // the last one
	until  time.Time      // nobody asks before
}

// resting reports whether nobody is to ask. A clock that was set back does not make a pause longer than any can be.
func (b *breaker) resting(now time.Time) bool {
	left := b.until.Sub(now)
	return left > 0 && left <= longestPause
}

// reason is why a session is not asked about.
func (b *breaker) reason(now time.Time) engine.Failure {
	why := b.why
	why.Cause += ", not asked again yet"
	why.RetryAfter = max(b.until.Sub(now), 0)
	return why
}

// asks says how somebody is to ask.
func (b *breaker) asks() action {
	if b.failed >= inARow {
		return probe
	}
	return ask
}

// answered notes that the provider had an answer, whatever it was.
func (b *breaker) answered() { *b = breaker{} }

// silent notes that it had none.
func (b *breaker) silent(why engine.Failure, now time.Time) {
	b.failed++
	b.why = why
	pause := why.RetryAfter
	if b.failed >= inARow {
		pause = max(pause, probeEvery)
	}
	if until := now.Add(pause); until.After(b.until) {
		b.until = until
	}
}
