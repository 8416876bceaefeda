package oidctest

import (
	"testing"
	"time"
)

// SetTime makes the provider's clock stand at an instant, in milliseconds, until it is moved again. Tokens know whole seconds.
func (p *Provider) SetTime(t testing.TB, at time.Time) {
	t.Helper()
	p.do(t, "time", map[string]any{"at": at.UnixMilli()}, nil)
}

// Disable blocks a person's sign-in: refresh tokens are answered invalid_grant, and the sign-in form says that the account is disabled.
func (p *Provider) Disable(t testing.TB, sub string) {
	t.Helper()
	p.do(t, "disable", map[string]any{"sub": sub, "disabled": true}, nil)
}

// Enable undoes Disable. Refresh tokens issued before work again.
func (p *Provider) Enable(t testing.TB, sub string) {
	t.Helper()
	p.do(t, "disable", map[string]any{"sub": sub, "disabled": false}, nil)
}

// Remove deletes a person.
func (p *Provider) Remove(t testing.TB, sub string) {
	t.Helper()
	p.do(t, "remove", map[string]any{"sub": sub}, nil)
}

// Add adds a person, or replaces the one with that Sub. Claims of names that no person had at the start are not sent.
func (p *Provider) Add(t testing.TB, user User) {
	t.Helper()
	p.do(t, "add", map[string]any{"user": user}, nil)
}

// Revoke revokes a person's grants for a client, or for all when client is empty, with every token issued under them. It returns how many
// grants there were. The person stays signed in at the provider.
func (p *Provider) Revoke(t testing.TB, sub, client string) int {
	t.Helper()
	var count int
	p.do(t, "revoke", map[string]any{"sub": sub, "client": client}, &count)
	return count
}

// SetRotation says whether using a refresh token replaces it.
func (p *Provider) SetRotation(t testing.TB, on bool) {
	t.Helper()
	p.do(t, "rotation", map[string]any{"on": on}, nil)
}

// Delivery is a logout token that the provider sent, or tried to.
type Delivery struct {
	Client string
	Sub    string
	SID    string // of the person's session at the client; it is in the token only if the client requires it
	Error  string // why it failed, empty if the client answered 200 or 204
}

// EndSessions signs a person out at the provider, in every browser, with all that a sign-out there does: logout tokens are sent to every
// client that has an address for them, and grants are revoked unless they are for use without the session (Client.Offline). It returns when
// the clients have answered.
func (p *Provider) EndSessions(t testing.TB, sub string) []Delivery {
	t.Helper()
	var sent []Delivery
	p.do(t, "endSessions", map[string]any{"sub": sub}, &sent)
	return sent
}

// Deliveries returns all logout tokens so far, whatever they were sent for.
func (p *Provider) Deliveries(t testing.TB) []Delivery {
	t.Helper()
	var sent []Delivery
	p.do(t, "deliveries", nil, &sent)
	return sent
}

// NewKeys says how keys are replaced.
type NewKeys struct {
	SameID  bool // the new keys have the old ones' key IDs
	KeepOld bool // the old keys stay in the key set, though they sign nothing any more
}

// RotateKeys restarts the provider with new signing keys. Sessions, grants and tokens stay.
func (p *Provider) RotateKeys(t testing.TB, keys NewKeys) {
	t.Helper()
	if keys.SameID && keys.KeepOld {
		t.Fatal("two keys with one ID cannot be told apart")
	}
	p.do(t, "rotateKeys", map[string]any{"sameID": keys.SameID, "keepOld": keys.KeepOld}, nil)
}

// Alteration changes the claims of the ID tokens of the token endpoint before they are signed, which no setting of the provider does: to
// leave out auth_time, or to name another subject. It cannot change iss, aud, iat and exp; Sign can.
type Alteration struct {
	Omit []string       `json:"omit,omitempty"`
	Set  map[string]any `json:"set,omitempty"`
	Only string         `json:"only,omitempty"` // authorization_code or refresh_token; empty for both
}

// AlterIDTokens changes ID tokens from now on, in place of earlier alterations; none ends them.
func (p *Provider) AlterIDTokens(t testing.TB, alterations ...Alteration) {
	t.Helper()
	p.do(t, "alterIDTokens", map[string]any{"alterations": alterations}, nil)
}

// Sign signs any claims with the provider's present key, for tokens that no provider would make. The header says alg and kid unless it is
// given others: alg picks the key where the provider has one for it, and is otherwise written as it is.
func (p *Provider) Sign(t testing.TB, header, claims map[string]any) string {
	t.Helper()
	var token string
	p.do(t, "sign", map[string]any{"header": header, "claims": claims}, &token)
	return token
}
