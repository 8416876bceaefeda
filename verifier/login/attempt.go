package login

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"

	"github.com/curfew-project/curfew/verifier/api"
	"github.com/curfew-project/curfew/verifier/keyring"
	"github.com/curfew-project/curfew/verifier/session"
	"github.com/curfew-project/curfew/verifier/settings"
)

// attempt is one sign-in on its way through the provider. It is kept nowhere but in the browser that began it, encrypted in the
// sign-in cookie, so that a callback in any other browser finds none (B3).
type attempt struct {
	State       string             `json:"state"`
	PKCE        string             `json:"pkce"`   // the code verifier (RFC 7636 section 4.1)
	Secret      []byte             `json:"secret"` // what the nonce is derived with
	Key         session.Thumbprint `json:"key"`
	ReturnTo    string             `json:"return_to"`
	Issuer      string             `json:"issuer"`
	Credentials bool               `json:"credentials"` // credentials were asked for (B1)
	Began       int64              `json:"began"`       // milliseconds since the epoch
}

// attemptLife is how long a person may take at the provider.
const attemptLife = 10 * 60 * 1000 // milliseconds

func newAttempt(random io.Reader, key session.Thumbprint, issuer, returnTo string, credentials bool, now int64) (attempt, error) {
	raw := make([]byte, 16+32+32)
	if _, err := io.ReadFull(random, raw); err != nil {
		return attempt{}, err
	}
	text := base64.RawURLEncoding.EncodeToString
	return attempt{
		State: text(raw[:16]), PKCE: text(raw[16:48]), Secret: raw[48:],
		Key: key, ReturnTo: returnTo, Issuer: issuer, Credentials: credentials, Began: now,
	}, nil
}

// nonce is derived from the key's thumbprint and a secret that only the sign-in cookie holds, so that an ID token fits one
// browser and one key (B3).
func (a attempt) nonce() string {
	mac := hmac.New(sha256.New, a.Secret)
	mac.Write([]byte("curfew sign-in nonce"))
	mac.Write(a.Key[:])
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

func (a attempt) seal(ring *keyring.Ring, env settings.Environment) (string, error) {
	text, err := json.Marshal(a)
	if err != nil {
		return "", err
	}
	return ring.Seal(keyring.SignInCookie, env.ID, text), nil
}

// cookieName is a cookie of the attempt's own, so that sign-ins in two tabs do not get in each other's way.
func cookieName(state string) string {
	return api.SignInCookie + state[:min(len(state), 8)]
}

func unseal(ring *keyring.Ring, env settings.Environment, cookie string, now int64) (attempt, error) {
	text, err := ring.Unseal(keyring.SignInCookie, env.ID, cookie)
	if err != nil {
		return attempt{}, fmt.Errorf("sign-in cookie: %w", err)
	}
	var a attempt
	if err := json.Unmarshal(text, &a); err != nil {
		return attempt{}, fmt.Errorf("sign-in cookie: %w", err)
	}
	if now >= a.Began+attemptLife {
		return attempt{}, fmt.Errorf("sign-in began at %d, too long before %d", a.Began, now)
	}
	return a, nil
}
