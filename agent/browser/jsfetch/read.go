//go:build js && wasm

package jsfetch

import (
	"fmt"

	"github.com/hack-pad/safejs"

	"github.com/curfew-project/curfew/agent/browser/jsvalue"
	"github.com/curfew-project/curfew/shared/wire"
)

const (
	maxText    = 2 << 10 // bytes in a nonce, a session identifier, a message
	maxAddress = 8 << 10 // bytes in an address
)

// reader reads the members of one JSON object and keeps the first error.
type reader struct {
	object safejs.Value
	err    error
}

func take[T any](r *reader, value T, err error) T {
	if err != nil {
		if r.err == nil {
			r.err = fmt.Errorf("%w: %w", ErrUnsound, err)
		}
		var zero T
		return zero
	}
	return value
}

func (r *reader) integer(name string) int64 {
	value, err := jsvalue.Integer(r.object, name)
	return take(r, value, err)
}

func (r *reader) optionalInteger(name string) int64 {
	value, err := jsvalue.OptionalInteger(r.object, name)
	return take(r, value, err)
}

func (r *reader) bool(name string) bool {
	value, err := jsvalue.Bool(r.object, name)
	return take(r, value, err)
}

func (r *reader) text(name string) string {
	value, err := jsvalue.Text(r.object, name, maxText)
	return take(r, value, err)
}

func (r *reader) optionalText(name string, limit int) string {
	value, err := jsvalue.OptionalText(r.object, name, limit)
	return take(r, value, err)
}

// reason is one of the known reasons, or none.
func (r *reader) reason() wire.Reason {
	reason := wire.Reason(r.optionalText("reason", maxText))
	r.require(reason == "" || reason.Valid(), "reason")
	return reason
}

func (r *reader) require(ok bool, name string) {
	if !ok && r.err == nil {
		r.err = fmt.Errorf("%w: unknown %s", ErrUnsound, name)
	}
}

func readReply(answer safejs.Value) (wire.Reply, error) {
	r := &reader{object: answer}
	reply := wire.Reply{
		Now:             r.integer("now"),
		Phase:           wire.Phase(r.text("phase")),
		Warning:         wire.Warning(r.optionalText("warning", maxText)),
		Reason:          r.reason(),
		EndedAt:         r.optionalInteger("ended_at"),
		Began:           r.integer("began"),
		Active:          r.integer("active"),
		SessionFloor:    r.optionalInteger("session_floor"),
		InactivityFloor: r.optionalInteger("inactivity_floor"),
		CheckBy:         r.optionalInteger("check_by"),
		SessionEnds:     r.optionalInteger("session_ends"),
		InactivityEnds:  r.optionalInteger("inactivity_ends"),
		Seq:             uint64(r.integer("seq")),
		Nonce:           r.text("nonce"),
		Interval:        r.integer("interval"),
		User:            r.optionalText("user", maxText),
	}
	switch reply.Phase {
	case wire.Active, wire.Warned:
	case wire.Ended:
		r.require(reply.Reason != "" && reply.EndedAt > 0, "end")
	default:
		r.require(false, "phase")
	}
	switch reply.Warning {
	case wire.WarnNone, wire.WarnSession, wire.WarnInactivity:
	default:
		r.require(false, "warning")
	}
	settings, err := jsvalue.Object(answer, "settings")
	r.object = take(r, settings, err)
	if r.err == nil {
		reply.Settings = wire.Settings{
			SessionTimeout:    r.integer("session_timeout"),
			SessionWarning:    r.integer("session_warning"),
			InactivityTimeout: r.integer("inactivity_timeout"),
			InactivityWarning: r.integer("inactivity_warning"),
			AnyActivityStays:  r.bool("any_activity_stays"),
		}
	}
	if r.err != nil {
		return wire.Reply{}, r.err
	}
	return reply, nil
}

func readRefusal(answer safejs.Value) (wire.Refusal, error) {
	r := &reader{object: answer}
	refusal := wire.Refusal{
		Error:   wire.Code(r.text("error")),
		Message: r.optionalText("message", maxAddress),
		Reason:  r.reason(),
		EndedAt: r.optionalInteger("ended_at"),
		Now:     r.optionalInteger("now"),
		Nonce:   r.optionalText("nonce", maxText),
		SID:     r.optionalText("sid", maxText),
		Key:     r.optionalText("key", maxText),
		Seq:     uint64(r.optionalInteger("seq")),
		SignIn:  r.optionalText("sign_in", maxAddress),
		Resume:  r.optionalText("resume", maxAddress),

		RetryAfter: r.optionalInteger("retry_after"),
	}
	known := false
	for _, code := range wire.Codes() {
		known = known || refusal.Error == code
	}
	r.require(known, "code")
	if r.err != nil {
		return wire.Refusal{}, r.err
	}
	return refusal, nil
}

func readRedirect(answer safejs.Value) (wire.Redirect, error) {
	r := &reader{object: answer}
	redirect := wire.Redirect{Location: r.optionalText("location", maxAddress)}
	r.require(redirect.Location != "", "location")
	if r.err != nil {
		return wire.Redirect{}, r.err
	}
	return redirect, nil
}
