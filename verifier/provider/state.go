package provider

import (
	"sync"
	"time"
)

// State is what was last seen of a provider. A provider that refuses a user is up.
type State struct {
	Up     bool
	Since  int64 // since when Up and Kind are as they are, in milliseconds since the epoch; 0: nothing was seen yet
	Kind   Kind  // Unreachable or Misconfigured; empty when up
	Cause  Cause
	Detail string // for the operator, without secrets
}

// part is what of the provider was seen. Reading one part again says nothing about another.
type part int

const (
	ofDocument part = iota
	ofKeys
	ofTokens
	parts
)

type health struct {
	now     func() time.Time
	changed func(State)

	mu       sync.Mutex
	faults   [parts]*Fault
	state    State
	told     []State // states that changed has yet to hear of
	speaking bool
}

func newHealth(now func() time.Time, changed func(State)) *health {
	return &health{now: now, changed: changed}
}

func (h *health) get() State {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.state
}

// saw notes how a part fared; nil means well. Tokens that came and are sound need everything else to work, so they clear it.
func (h *health) saw(of part, f *Fault) {
	if f != nil && f.Kind != Unreachable && f.Kind != Misconfigured {
		f = nil
	}
	h.mu.Lock()
	if f == nil && of == ofTokens {
		h.faults = [parts]*Fault{}
	}
	h.faults[of] = f

	next := State{Up: true}
	if f == nil {
		for _, other := range h.faults {
			if other != nil {
				f = other
			}
		}
	}
	if f != nil {
		next = State{Kind: f.Kind, Cause: f.Cause, Detail: f.Err.Error()}
	}
	next.Since = h.state.Since
	if same := next.Up == h.state.Up && next.Kind == h.state.Kind && next.Since != 0; !same {
		next.Since = h.now().UnixMilli()
		h.told = append(h.told, next)
	}
	h.state = next
	h.tell()
}

// answers notes that the provider can be reached again, where a part was last seen when it could not.
func (h *health) answers() {
	h.mu.Lock()
	for of, f := range h.faults {
		if f != nil && f.Kind == Unreachable && part(of) != ofDocument {
			h.faults[of] = nil
		}
	}
	h.mu.Unlock()
	h.saw(ofDocument, nil)
}

// tell passes changes on, in order and outside the lock, which it releases. One goroutine at a time does so, and takes along what
// others add meanwhile.
func (h *health) tell() {
	if h.changed == nil {
		h.told = nil
	}
	if !h.speaking {
		h.speaking = true
		for len(h.told) > 0 {
			next := h.told[0]
			h.told = h.told[1:]
			h.mu.Unlock()
			h.changed(next)
			h.mu.Lock()
		}
		h.speaking = false
	}
	h.mu.Unlock()
}
