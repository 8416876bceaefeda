package api

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"time"

	"github.com/curfew-project/curfew/verifier/session"
	"github.com/curfew-project/curfew/verifier/settings"
)

// HeaderAssertion is a signed JWT with who the user is, where the environment wants one.
const HeaderAssertion = "Curfew-Assertion"

// WriteAssertion adds to a verdict that lets through what an application can verify itself with the keys of jwks.json. A reverse proxy must
// set the header from this answer, like the others; but nobody can forge this one.
func (a *API) WriteAssertion(h http.Header, r *http.Request, env settings.Environment, s session.Session) {
	if env.Assertion {
		h.Set(HeaderAssertion, a.engine.Assertion(env, s, ReadSessionCookie(r, env), a.site.URL(env, "")))
	}
}

// jwksFresh is how long others may keep the keys, in seconds: half of the shortest time for which a new key is known before it is used.
const jwksFresh = "300"

// jwks answers with the public keys of what is signed here (RFC 7517). They are the same for every environment, and an application may ask
// from inside, under any name.
func (a *API) jwks(w http.ResponseWriter, r *http.Request) {
	text, err := json.Marshal(a.engine.JWKS())
	if err != nil {
		http.Error(w, http.StatusText(http.StatusInternalServerError), http.StatusInternalServerError)
		return
	}
	sum := sha256.Sum256(text)
	h := w.Header()
	h.Set("Content-Type", "application/jwk-set+json")
	h.Set("Cache-Control", "public, max-age="+jwksFresh)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("ETag", `"`+hex.EncodeToString(sum[:16])+`"`)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(text))
}
