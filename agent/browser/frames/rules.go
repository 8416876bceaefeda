// Package frames lets pages of other origins take part that are in frames of this page, or that this page is in a frame of (A10).
// Each side's operator says which origins it takes part with.
//
// The page in the frame says hello to each window above it that may be of such an origin, with a random token. A guarded page that
// hears it looks at what only the browser makes: the origin of the message, and whether its source is a frame below. It answers with
// the token and one end of a message channel, and the page in the frame takes the answer only from the window that it said hello to.
// From then on both tell each other of activity: when they look at it anyway, and when the other asks because its warning is near. So
// nothing runs, and nothing is sent, while nobody does anything. A person's "Stay signed in" is told too.
//
// That is all. Each origin has its own session, key and answers of its verifier: what one side says counts on the other as activity
// in another tab does, never moves a deadline by itself, and never revives a session that has ended.
package frames

import (
	"strings"

	"github.com/curfew-project/curfew/agent/activity"
	"github.com/curfew-project/curfew/agent/tabs"
	"github.com/curfew-project/curfew/shared/wire"
)

// Bounds of what another origin can make this page do.
const (
	maxLinks   = 32  // pages linked with this one at a time
	maxDepth   = 32  // frames in each other
	maxOrigins = 32  // the operator's configuration has no more
	maxOrigin  = 300 // bytes of one
	maxText    = 128 // bytes of a message; the longest has 78
	burst      = 20  // messages that may come at once
	refill     = 1_000
)

// Times in milliseconds.
const (
	pause   = 10_000 // between two messages that tell of activity, and between two questions for it
	attends = 12_000 // how long a page that was asked looks every glance for new activity; longer than pause, so that questions can follow each other
	glance  = 1_000
	minute  = 60_000
)

// Words of the greeting, before the token, and at the end of a link.
const (
	hello   = "curfew:hello "
	welcome = "curfew:welcome "
	bye     = "bye"
)

// unknown as the idle time says that there is nothing to tell.
const unknown = wire.MaxIdle

// tokenLength is that of crypto.randomUUID (122 random bits).
const tokenLength = 36

// greeting reads a greeting; ok is false for anything else.
func greeting(text string) (word, token string, ok bool) {
	for _, word := range [...]string{hello, welcome} {
		if token, found := strings.CutPrefix(text, word); found && len(token) == tokenLength {
			return word, token, true
		}
	}
	return "", "", false
}

// web reports whether an entry of the configuration can be the exact origin of a page: nothing that postMessage takes for more.
func web(origin string) bool {
	return strings.HasPrefix(origin, "https://") || strings.HasPrefix(origin, "http://")
}

// budget bounds how often something may happen: burst at once, and then once in refill milliseconds. The zero budget is full.
type budget struct {
	used int
	at   int64
}

// take reports whether it may happen now, by the page's monotonic clock.
func (b *budget) take(mono int64) bool {
	if back := (mono - b.at) / refill; back > 0 {
		b.used = int(max(int64(b.used)-back, 0))
		b.at += back * refill
	}
	if b.used >= burst {
		return false
	}
	b.used++
	return true
}

// news is what one linked page knows of this one's activity.
type news struct {
	told  activity.Stamp // the last activity that it was told of; zero: none
	at    activity.Stamp // when
	asked activity.Stamp // when it asked; zero: it has not, or has been told since
}

// due reports whether the other page is to be told of the last activity now, and notes that it is.
func (n *news) due(now, acted activity.Stamp) bool {
	if acted.IsZero() || acted == n.told {
		return false
	}
	if !n.attending(now) && !n.at.IsZero() && now.Since(n.at) < pause {
		return false
	}
	n.told, n.at, n.asked = acted, now, activity.Stamp{}
	return true
}

// attending reports whether the other page has asked and waits for news.
func (n *news) attending(now activity.Stamp) bool {
	return !n.asked.IsZero() && now.Since(n.asked) < attends
}

// acted is the message that tells of the last activity.
func acted(now, last activity.Stamp) tabs.Message {
	return tabs.Message{Kind: tabs.Acted, Wall: now.Wall, Idle: min(now.Since(last), wire.MaxIdle)}
}

// heard is what a linked page may say.
type heard struct {
	acted *tabs.Message // what counts as activity; nil: nothing does
	asks  bool          // it wants to know of this page's activity
	stay  bool          // a person chose to stay signed in there, just now
}

// understand reads a message of a linked page; ok is false for what none sends. What is old means nothing: a page that was frozen
// gets old messages, and an Idle that was true when they were sent would say that somebody is active now.
func understand(text string, now activity.Stamp) (h heard, ok bool) {
	m, err := tabs.Parse(text)
	if err != nil || m.Kind != tabs.Ask && m.Kind != tabs.Acted {
		return heard{}, false
	}
	if m.Age(now.Wall) > tabs.MaxAge {
		return heard{}, true
	}
	h.asks = m.Kind == tabs.Ask && !m.Stay
	h.stay = m.Kind == tabs.Ask && m.Stay && m.Stood <= tabs.MaxAge
	if m.Idle < wire.MaxIdle {
		h.acted = &tabs.Message{Kind: tabs.Acted, Wall: m.Wall, Idle: m.Idle}
	}
	return h, true
}
