// Package tabs makes the tabs of one browser one session (A14): what they tell each other, and which of them talks to the
// verifier. It decides from messages and times only; channels and locks are the browser's.
//
// The tabs share a lock and a channel. The tab that has the lock leads: it alone sends heartbeats, for all, and tells the others
// what the verifier answered. The others ask it, and judge by themselves what they show; one that gets no answer takes the lock
// away and sends by itself. So a tab that is frozen, hangs or lies dead blocks nobody, and a follower is never less sure of a
// deadline than a tab alone.
//
// Any script of the origin can read and write the channel. It could use the session's key in the same way, so messages give it no
// more than it has. A message can cover a page, which asks again when somebody comes to it, but never uncovers one that was over.
package tabs

import "github.com/curfew-project/curfew/shared/wire"

// Kind says what a message is.
type Kind string

const (
	// Ask wants the verifier asked now. It carries the sender's activity, and a choice to stay.
	Ask Kind = "ask"
	// Acted tells of activity that the verifier need not hear of at once.
	Acted Kind = "acted"
	// Here says that the leader lives, and whether it gets answers.
	Here Kind = "here"
	// State is what the verifier last answered.
	State Kind = "state"
	// Dismissed says that the session warning was put away (A2).
	Dismissed Kind = "dismissed"
	// Over says that a session has ended; Renewed, that somebody signed in, which makes the others ask.
	Over    Kind = "over"
	Renewed Kind = "renewed"
	// Doubt says that the verifier has hinted at an end: every page is covered until it is clear.
	Doubt Kind = "doubt"
)

// Message is what one tab tells all others. Which fields count depends on the kind; the others are zero.
type Message struct {
	Kind Kind
	Wall int64 // the sender's Date.now(); milliseconds

	Idle  int64 // Ask, Acted: milliseconds since the last activity that counts; wire.MaxIdle: none
	Stay  bool  // Ask: a person chose to stay signed in
	Stood int64 // Ask: that many milliseconds ago

	Hidden   bool  // Here, State: nobody sees the leader's page, so its timers may be late
	Failures int64 // Here: requests in a row that got no answer

	Ends int64 // Dismissed: the session's end, an instant of the verifier's clock
	Late bool  // Dismissed: in the last minute

	SID      string      // State, Over
	Reason   wire.Reason // Over
	Key      string      // State: the thumbprint of the session's key
	NonceAge int64       // State: milliseconds since the nonce came
	SentAgo  int64       // State: milliseconds since the request was sent that was answered thus
	Reply    wire.Reply
}

// MaxAge is how old a message may be in milliseconds for what it says about time. A page that was frozen gets old messages.
const MaxAge = 2_000

// Age is how long ago a message was sent, by a receiver's Date.now(). A clock that was set meanwhile makes it old or new, which
// costs a repetition at most.
func (m Message) Age(wall int64) int64 { return max(wall-m.Wall, 0) }
