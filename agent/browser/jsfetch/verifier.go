//go:build js && wasm

// Package jsfetch carries the agent's requests to the verifier with the browser's fetch, and reads the answers strictly: every
// number must be a safe integer, every reason, phase and code one of the known ones. Anything else is no sound answer, and an
// agent without a sound answer covers the page when the time comes.
package jsfetch

import (
	"errors"
	"fmt"

	"github.com/hack-pad/safejs"

	"github.com/curfew-project/curfew/agent"
	"github.com/curfew-project/curfew/agent/browser/jsvalue"
	"github.com/curfew-project/curfew/agent/cancel"
	"github.com/curfew-project/curfew/shared/wire"
)

// ErrUnsound says that an answer came that is none of the verifier's.
var ErrUnsound = errors.New("not an answer of the verifier")

// maxAnswer is how many bytes an answer may announce. The verifier's longest is well under 2 KiB.
const maxAnswer = 16 << 10

// Verifier implements agent.Verifier. It is safe for concurrent use.
type Verifier struct {
	base   string
	fetch  safejs.Value
	abort  safejs.Value
	encode safejs.Value
}

// New returns the verifier under a prefix of the page's own origin, such as /.curfew/.
func New(prefix string) (*Verifier, error) {
	location, err := jsvalue.Object(safejs.Global(), "location")
	if err != nil {
		return nil, err
	}
	origin, err := jsvalue.Text(location, "origin", maxAddress)
	if err != nil {
		return nil, err
	}
	if origin == "null" { // a frame without an address of its own has the origin of the page above it (A10)
		if origin, err = jsvalue.Text(safejs.Global(), "origin", maxAddress); err != nil {
			return nil, err
		}
	}
	v := &Verifier{base: origin + prefix}
	for _, global := range [...]struct {
		name string
		to   *safejs.Value
	}{{"fetch", &v.fetch}, {"AbortController", &v.abort}, {"encodeURIComponent", &v.encode}} {
		if *global.to, err = jsvalue.Object(safejs.Global(), global.name); err != nil {
			return nil, err
		}
	}
	return v, nil
}

// URL is the absolute address of an endpoint.
func (v *Verifier) URL(endpoint string) string { return v.base + endpoint }

// Heartbeat posts a proof, or asks for a nonce with an empty token.
func (v *Verifier) Heartbeat(ctx *cancel.Context, token string) (wire.Reply, error) {
	answer, err := v.post(ctx, agent.EndpointHeartbeat, token, "")
	if err != nil {
		return wire.Reply{}, err
	}
	return readReply(answer)
}

// SignOut posts the proof that ends the session.
func (v *Verifier) SignOut(ctx *cancel.Context, token string) (wire.Redirect, error) {
	answer, err := v.post(ctx, agent.EndpointSignOut, token, "")
	if err != nil {
		return wire.Redirect{}, err
	}
	return readRedirect(answer)
}

// SignIn posts the proof of a new key, and what the person wants.
func (v *Verifier) SignIn(ctx *cancel.Context, token string, with wire.SignIn) (wire.Redirect, error) {
	encoded, err := v.encode.Invoke(with.ReturnTo)
	if err != nil {
		return wire.Redirect{}, err
	}
	value, err := encoded.String()
	if err != nil {
		return wire.Redirect{}, err
	}
	form := wire.FieldReturnTo + "=" + value
	if with.Stay {
		form += "&" + wire.FieldStay + "=1"
	}
	answer, err := v.post(ctx, agent.EndpointSignIn, token, form)
	if err != nil {
		return wire.Redirect{}, err
	}
	return readRedirect(answer)
}

// post sends a request and returns the JSON of an answer in the 200s, an *agent.Refused for a refusal, or another error.
func (v *Verifier) post(ctx *cancel.Context, endpoint, token, form string) (safejs.Value, error) {
	none := safejs.Undefined()
	controller, err := v.abort.New()
	if err != nil {
		return none, err
	}
	signal, err := jsvalue.Object(controller, "signal")
	if err != nil {
		return none, err
	}
	stop := cancel.AfterFunc(ctx, func() { _, _ = controller.Call("abort") })
	defer stop()

	headers := map[string]any{}
	if token != "" {
		headers[wire.HeaderProof] = token
	}
	options := map[string]any{
		"method":      "POST",
		"mode":        "same-origin",
		"credentials": "same-origin",
		"cache":       "no-store",
		"redirect":    "error",
		"headers":     headers,
		"signal":      signal,
	}
	if form != "" {
		headers["Content-Type"] = "application/x-www-form-urlencoded"
		options["body"] = form
	}
	promise, err := v.fetch.Invoke(v.URL(endpoint), options)
	if err != nil {
		return none, err
	}
	response, err := jsvalue.Await(ctx, promise)
	if err != nil {
		return none, err
	}
	status, err := jsvalue.Integer(response, "status")
	if err != nil {
		return none, err
	}
	nonce, err := header(response, wire.HeaderNonce)
	if err != nil {
		return none, err
	}
	body, err := read(ctx, response)
	if err != nil {
		return none, fmt.Errorf("status %d: %w", status, err)
	}
	if status >= 200 && status < 300 {
		return body, nil
	}
	refusal, err := readRefusal(body)
	if err != nil {
		return none, fmt.Errorf("status %d: %w", status, err)
	}
	if refusal.Nonce == "" {
		refusal.Nonce = nonce
	}
	return none, &agent.Refused{Refusal: refusal}
}

// read lets the browser parse the body, unless it announces more than any answer has. What announces nothing is bounded by
// the time that ctx gives.
func read(ctx *cancel.Context, response safejs.Value) (safejs.Value, error) {
	length, err := header(response, "Content-Length")
	if err != nil {
		return safejs.Undefined(), err
	}
	if tooLong(length) {
		return safejs.Undefined(), fmt.Errorf("%w: Content-Length is %s", ErrUnsound, length)
	}
	promise, err := response.Call("json")
	if err != nil {
		return safejs.Undefined(), err
	}
	body, err := jsvalue.Await(ctx, promise)
	if err != nil {
		return safejs.Undefined(), err
	}
	if body.Type() != safejs.TypeObject {
		return safejs.Undefined(), ErrUnsound
	}
	return body, nil
}

func tooLong(length string) bool {
	n := 0
	for _, c := range []byte(length) {
		if c < '0' || c > '9' {
			return true
		}
		if n = n*10 + int(c-'0'); n > maxAnswer {
			return true
		}
	}
	return false
}

// header is a response header, or empty when there is none.
func header(response safejs.Value, name string) (string, error) {
	headers, err := jsvalue.Object(response, "headers")
	if err != nil {
		return "", err
	}
	value, err := headers.Call("get", name)
	if err != nil || value.IsNull() {
		return "", err
	}
	got, err := value.String()
	if err == nil && len(got) > maxText {
		err = ErrUnsound
	}
	return got, err
}
