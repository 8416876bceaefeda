package oidctest

import (
	"testing"
	"time"
)

// Endpoint is one of the provider's addresses.
type Endpoint string

// The provider's endpoints.
const (
	Discovery     Endpoint = "discovery"
	JWKS          Endpoint = "jwks"
	Token         Endpoint = "token"
	Revocation    Endpoint = "revocation"
	UserInfo      Endpoint = "userinfo"
	Authorization Endpoint = "authorization"
	EndSession    Endpoint = "end_session"
	SignIn        Endpoint = "login" // the sign-in form
)

// Answer is an answer that the provider would not give by itself.
type Answer struct {
	Status int               `json:"status,omitempty"` // default 200
	Error  string            `json:"error,omitempty"`  // an OAuth error code (RFC 6749 section 5.2), sent as JSON in place of Body
	Header map[string]string `json:"header,omitempty"`
	Body   string            `json:"body,omitempty"`
	HangUp bool              `json:"hangUp,omitempty"` // no answer: the connection is closed

	// After lets the provider do its work first and gives this answer in place of its own: a refresh token has been rotated, and nobody is
	// told the new one.
	After bool `json:"after,omitempty"`
	Times int  `json:"times,omitempty"` // how often, 0 for until Recover
}

// Answer makes an endpoint answer so from now on.
func (p *Provider) Answer(t testing.TB, endpoint Endpoint, answer Answer) {
	t.Helper()
	p.do(t, "answer", map[string]any{"endpoint": endpoint, "answer": answer}, nil)
}

// Recover lets an endpoint answer for itself again.
func (p *Provider) Recover(t testing.TB, endpoint Endpoint) {
	t.Helper()
	p.do(t, "answer", map[string]any{"endpoint": endpoint, "answer": nil}, nil)
}

// Gate holds back the requests of an endpoint.
type Gate struct {
	provider *Provider
	endpoint Endpoint
}

// Hold holds back each request to an endpoint before the provider does anything. A request whose client gives up is never served.
func (p *Provider) Hold(t testing.TB, endpoint Endpoint) *Gate {
	t.Helper()
	return p.hold(t, endpoint, false)
}

// HoldAnswers holds back each answer of an endpoint when the provider has done its work. It does not hold the sign-in form.
func (p *Provider) HoldAnswers(t testing.TB, endpoint Endpoint) *Gate {
	t.Helper()
	return p.hold(t, endpoint, true)
}

func (p *Provider) hold(t testing.TB, endpoint Endpoint, after bool) *Gate {
	t.Helper()
	p.do(t, "hold", map[string]any{"endpoint": endpoint, "after": after}, nil)
	return &Gate{p, endpoint}
}

// Wait returns when at least n requests are held at the same time.
func (g *Gate) Wait(t testing.TB, n int) {
	t.Helper()
	g.provider.do(t, "held", map[string]any{"endpoint": g.endpoint, "n": n}, nil)
}

// WaitEmpty returns when no request is held any more, because the provider has noticed that the clients have given up.
func (g *Gate) WaitEmpty(t testing.TB) {
	t.Helper()
	g.provider.do(t, "empty", map[string]any{"endpoint": g.endpoint}, nil)
}

// Release lets all held requests go and holds no more. It returns how many there were.
func (g *Gate) Release(t testing.TB) int {
	t.Helper()
	var count int
	g.provider.do(t, "release", map[string]any{"endpoint": g.endpoint}, &count)
	return count
}

// Stop closes the provider's listener and all connections, so that connections are refused. Memory stays.
func (p *Provider) Stop(t testing.TB) {
	t.Helper()
	p.do(t, "stop", nil, nil)
}

// Restart opens the listener again, at the same port.
func (p *Provider) Restart(t testing.TB) {
	t.Helper()
	p.do(t, "restart", nil, nil)
}

// Request is a request that reached the provider.
type Request struct {
	Endpoint Endpoint
	Method   string
	Grant    string // of the token endpoint: authorization_code or refresh_token; empty where the provider did not get to see it
	Status   int    // 0 where no answer was given, or none yet
	Error    string // the OAuth error in the answer
	At       int64  // by the provider's clock when it arrived, milliseconds since the Unix epoch
}

// Time is At.
func (r Request) Time() time.Time { return time.UnixMilli(r.At) }

// Requests returns the requests since the start or the last ForgetRequests, in the order of their arrival.
func (p *Provider) Requests(t testing.TB) []Request {
	t.Helper()
	var all []Request
	p.do(t, "requests", nil, &all)
	return all
}

// Count returns how many requests there were to an endpoint.
func (p *Provider) Count(t testing.TB, endpoint Endpoint) int {
	t.Helper()
	count := 0
	for _, r := range p.Requests(t) {
		if r.Endpoint == endpoint {
			count++
		}
	}
	return count
}

// ForgetRequests begins counting anew.
func (p *Provider) ForgetRequests(t testing.TB) {
	t.Helper()
	p.do(t, "forgetRequests", nil, nil)
}
