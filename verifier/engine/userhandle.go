package engine

import (
	"encoding/base64"

	"github.com/curfew-project/curfew/verifier/session"
)

// handleSize is the length of a user's handle in bytes: two of a million users share one with a chance of one in 10^17.
const handleSize = 12

// userHandle is how a page recognises its user after a new sign-in (A15): the same for every session of the user in an environment, and
// another one for anybody else, at another issuer and in another environment. It is no secret, because whoever knows the subject can
// compute it, and no authority: nothing that a page sends back is ever compared with it.
func userHandle(user session.User) string {
	key := session.NewKey("user handle", user.Environment, user.Issuer, user.Subject)
	return base64.RawURLEncoding.EncodeToString(key[:handleSize])
}
