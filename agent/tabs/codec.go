package tabs

import (
	"errors"
	"strconv"
	"strings"

	"github.com/curfew-project/curfew/shared/wire"
)

// ErrMessage says that a text is no message.
var ErrMessage = errors.New("not a message between tabs")

// maxMessage bounds a message in bytes, and maxWord one of its words.
const (
	maxMessage = 4 << 10
	maxWord    = 2 << 10
)

// words reads or writes the words of a message, so that both go through the same list of fields. A word is empty, or has no space.
type words struct {
	list    []string
	reading bool
	bad     bool
}

func (w *words) next(value string) string {
	if !w.reading {
		w.list = append(w.list, value)
		return value
	}
	if len(w.list) == 0 {
		w.bad = true
		return ""
	}
	value, w.list = w.list[0], w.list[1:]
	return value
}

func (w *words) text(value *string) {
	*value = w.next(*value)
	if len(*value) > maxWord || strings.ContainsFunc(*value, func(c rune) bool { return c <= ' ' || c > '~' }) {
		w.bad = true
	}
}

// number is an integer from 0 to 2^53, as JavaScript has them, in its one decimal form.
func (w *words) number(value *int64) {
	word := w.next(strconv.FormatInt(*value, 10))
	n, err := strconv.ParseInt(word, 10, 64)
	if err != nil || n < 0 || n > 1<<53 || strconv.FormatInt(n, 10) != word {
		w.bad = true
	}
	*value = n
}

func (w *words) bool(value *bool) {
	n := int64(0)
	if *value {
		n = 1
	}
	w.number(&n)
	*value = n == 1
	w.bad = w.bad || n > 1
}

func (w *words) message(m *Message) {
	kind := string(m.Kind)
	w.text(&kind)
	m.Kind = Kind(kind)
	w.number(&m.Wall)
	switch m.Kind {
	case Ask:
		w.number(&m.Idle)
		w.bool(&m.Stay)
		w.number(&m.Stood)
	case Acted:
		w.number(&m.Idle)
	case Here:
		w.bool(&m.Hidden)
		w.number(&m.Failures)
	case Dismissed:
		w.number(&m.Ends)
		w.bool(&m.Late)
	case Over:
		reason := string(m.Reason)
		w.text(&m.SID)
		w.text(&reason)
		m.Reason = wire.Reason(reason)
		w.bad = w.bad || !m.Reason.Valid()
	case Renewed, Doubt:
	case State:
		w.state(m)
	default:
		w.bad = true
	}
}

func (w *words) state(m *Message) {
	w.bool(&m.Hidden)
	w.text(&m.SID)
	w.text(&m.Key)
	w.number(&m.NonceAge)
	w.number(&m.SentAgo)
	r := &m.Reply
	seq := int64(r.Seq)
	for _, value := range [...]*int64{
		&r.Now, &r.Began, &r.Active, &r.SessionFloor, &r.InactivityFloor, &r.CheckBy, &r.Interval, &seq,
		&r.Settings.SessionTimeout, &r.Settings.SessionWarning, &r.Settings.InactivityTimeout, &r.Settings.InactivityWarning,
	} {
		w.number(value)
	}
	r.Seq = uint64(seq)
	w.bool(&r.Settings.AnyActivityStays)
	w.text(&r.Nonce)
	w.text(&r.User)
	if w.reading {
		r.Phase = wire.Active // of an ended session nobody tells a state
	}
}

// Encode writes a message as text.
func Encode(m Message) string {
	var w words
	w.message(&m)
	return strings.Join(w.list, " ")
}

// Parse reads what Encode wrote, or fails with ErrMessage. It takes one form of each message only.
func Parse(text string) (Message, error) {
	if len(text) > maxMessage {
		return Message{}, ErrMessage
	}
	var m Message
	w := words{list: strings.Split(text, " "), reading: true}
	if w.message(&m); w.bad || len(w.list) > 0 {
		return Message{}, ErrMessage
	}
	return m, nil
}
