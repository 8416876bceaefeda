package apitest

import (
	"net/http"
	"net/url"

	"github.com/curfew-project/curfew/shared/proof"
	"github.com/curfew-project/curfew/shared/wire"
)

// Heartbeat sends a heartbeat of somebody who was active just now. It asks for the nonce first, as a page that was just loaded
// does. The refusal is zero when the heartbeat was accepted.
func (v *Visitor) Heartbeat() (wire.Reply, wire.Refusal) {
	v.t.Helper()
	answer, refusal := v.proved("heartbeat", nil)
	var reply wire.Reply
	if refusal.Error == "" {
		v.Decode(answer, &reply)
	}
	return reply, refusal
}

// SignOut signs out by the page's request and returns where to go.
func (v *Visitor) SignOut(form url.Values) (Answer, wire.Redirect, wire.Refusal) {
	v.t.Helper()
	answer, refusal := v.proved("sign-out", form)
	var to wire.Redirect
	if refusal.Error == "" {
		v.Decode(answer, &to)
	}
	return answer, to, refusal
}

// proved sends a request with a fresh proof about the session.
func (v *Visitor) proved(endpoint string, form url.Values) (Answer, wire.Refusal) {
	v.t.Helper()
	asked := v.Refusal(v.Post(v.Prefix+"heartbeat", nil))
	if asked.Error != wire.UseNonce {
		return Answer{}, asked
	}
	v.sid, v.nonce, v.seq = asked.SID, asked.Nonce, asked.Seq+1
	token := v.Token(v.t, proof.Claims{JTI: "jti", HTM: http.MethodPost, HTU: v.At(endpoint), IAT: 1, Nonce: v.nonce,
		Heartbeat: &proof.Heartbeat{SID: v.sid, Seq: v.seq}})
	answer := v.Post(v.Prefix+endpoint, form, token)
	if answer.StatusCode != http.StatusOK {
		return answer, v.Refusal(answer)
	}
	return answer, wire.Refusal{}
}

// Session is the ID of the session that the last heartbeat was about.
func (v *Visitor) Session() string { return v.sid }

// Check asks for the verdict on a request with this browser's cookies: no error and the user's subject, or a refusal.
func (v *Visitor) Check() (subject string, refusal wire.Refusal) {
	v.t.Helper()
	answer := v.Get(v.Prefix + "check")
	if answer.StatusCode == http.StatusNoContent {
		return answer.Header.Get("Curfew-User"), wire.Refusal{}
	}
	return "", v.Refusal(answer)
}
