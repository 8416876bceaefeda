package api

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/verifier/engine"
	"github.com/curfew-project/curfew/verifier/settings"
	"github.com/curfew-project/curfew/verifier/steer"
)

const (
	// streamLife bounds a stream; most live a little less, so that those that began together do not end together. Browsers open another by
	// themselves, with the cookie that they have then.
	streamLife = 10 * time.Minute
	// pulse is how often a silent stream carries a comment, so that proxies do not take it for dead.
	pulse = 25 * time.Second
	// maxStreams bounds the streams of one verifier. A browser that gets none learns of an end by its heartbeats.
	maxStreams = 1 << 16
)

// events tells a page at once that its session has ended, and soon that the settings have changed (HTML section 9.2, server-sent
// events). It says nothing else and extends nothing: the page takes the message for a hint to ask.
func (a *API) events(w http.ResponseWriter, r *http.Request, env settings.Environment) {
	if site := r.Header.Get("Sec-Fetch-Site"); site != "" && site != "same-origin" {
		// A page of a neighbouring origin would have the cookie sent, and could use up what a session has of streams.
		WriteRefusal(w, wire.Refusal{Error: wire.CrossOrigin, Message: "the request came from another origin"})
		return
	}
	if a.streams.Add(1) > maxStreams {
		a.streams.Add(-1)
		WriteRefusal(w, wire.Refusal{Error: wire.TooMany, Message: "too many event streams are open"})
		return
	}
	defer a.streams.Add(-1)

	watch, err := a.engine.Watch(r.Context(), env, ReadSessionCookie(r, env))
	var refused *engine.Refusal
	if err != nil && (!errors.As(err, &refused) || refused.Refusal.Error != wire.SessionEnded) {
		WriteRefusal(w, AsRefusal(err))
		return
	}
	stream := begin(w)
	if err != nil { // it ended while no stream was open
		stream.ended(refused.Reason)
		return
	}
	defer watch.Stop()
	// A verifier that stops, or falls, closes all its streams at once: their pages come back one after the other.
	reopen := func() {
		stream.retry(steer.Reopen(a.Streams(), watch.Session.Seed(), uint64(a.engine.Now().UnixMilli())))
	}
	reopen()

	pulses, life := time.NewTicker(pulse), time.NewTimer(steer.Life(streamLife, watch.Session.Seed(), uint64(a.engine.Now().UnixMilli())))
	defer pulses.Stop()
	defer life.Stop()
	var turn <-chan time.Time // when this page is told that the settings have changed; nil: they have not
	for stream.err == nil {
		select {
		case reason := <-watch.Ended:
			stream.ended(reason)
			return
		case <-watch.Changed:
			if turn == nil {
				turn = time.After(steer.Turn(a.Streams(), watch.Session.Seed()))
			}
		case <-turn:
			turn = nil
			stream.say("event: " + wire.EventSettings + "\ndata:\n\n")
		case <-pulses.C:
			stream.say(":\n\n")
		case <-life.C:
			stream.retry(time.Second) // it is alone at this moment
			return
		case <-r.Context().Done():
			reopen() // there may be more of them by now
			return
		}
	}
}

// stream is a response that is sent piece by piece. err is the first failure.
type stream struct {
	w       http.ResponseWriter
	control *http.ResponseController
	err     error
}

func begin(w http.ResponseWriter) *stream {
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no") // nginx would keep the message back otherwise
	s := &stream{w: w, control: http.NewResponseController(w)}
	// The server's limit for writing an answer is not for this one, whose life is bounded here.
	if err := s.control.SetWriteDeadline(time.Time{}); err != nil && !errors.Is(err, http.ErrNotSupported) {
		s.err = err
	}
	w.WriteHeader(http.StatusOK)
	return s
}

func (s *stream) say(text string) {
	if s.err == nil {
		_, s.err = io.WriteString(s.w, text)
	}
	if s.err == nil {
		s.err = s.control.Flush()
	}
}

// retry tells the browser when to open the stream again once it is closed.
func (s *stream) retry(after time.Duration) {
	s.say(fmt.Sprintf("retry: %d\n\n", after.Milliseconds()))
}

func (s *stream) ended(reason wire.Reason) {
	s.say("event: " + wire.EventEnded + "\ndata: " + string(reason) + "\n\n")
}
