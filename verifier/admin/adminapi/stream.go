package adminapi

import (
	"net/http"
	"time"
)

// patience is how long whoever reads a stream may stand still. A stream as a whole may take as long as it takes.
const patience = 30 * time.Second

// stream is an answer that is written little by little.
type stream struct {
	call    *call
	kind    string
	begun   bool
	failed  error // what is written after it is left out
	control *http.ResponseController
	stuck   *time.Timer
}

// stream begins an answer; the headers go out with its first text.
func (c *call) stream(kind string) *stream {
	control := http.NewResponseController(c.w)
	// The server's limit is for answers at once. Where it cannot be changed there is none.
	_ = control.SetWriteDeadline(time.Time{})
	s := &stream{call: c, kind: kind, control: control, stuck: time.AfterFunc(patience, func() {
		_ = control.SetWriteDeadline(time.Unix(1, 0)) // long past: whatever is being written fails
	})}
	s.stuck.Stop()
	return s
}

// write writes whole lines at once.
func (s *stream) write(text []byte) {
	s.say(func() error {
		_, err := s.call.w.Write(text)
		return err
	})
}

// line writes a value as a line of JSON.
func (s *stream) line(value any) {
	s.say(func() error { return encode(s.call.w, value) })
}

func (s *stream) say(write func() error) {
	if s.failed != nil {
		return
	}
	if !s.begun {
		s.begun = true
		headers(s.call.w, s.kind)
	}
	s.stuck.Reset(patience)
	s.failed = write()
	if s.failed == nil {
		s.failed = s.control.Flush()
	}
	s.stuck.Stop()
}

// end ends the answer; one that failed so that the reader sees that it is not whole.
func (s *stream) end() {
	s.stuck.Stop()
	if s.failed != nil {
		panic(http.ErrAbortHandler)
	}
}
