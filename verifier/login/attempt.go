package login

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
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
	Credentials bool               `json:"credentials,omitempty"` // credentials were asked for (B1)
	Stay        bool               `json:"stay,omitempty"`        // the user chose to stay signed in (A7)
	HandIn      bool               `json:"hand_in,omitempty"`     // the application's back end completes it (A6)
	Browser     []byte             `json:"browser,omitempty"`     // what it is bound to besides the cookie; see bind
	Began       int64              `json:"began"`                 // milliseconds since the epoch
}

// wish is what a sign-in is begun for.
type wish struct {
	key         session.Thumbprint
	returnTo    string
	credentials bool
	stay        bool
	userAgent   string
}

const (
	// attemptLife is how long a person may take at the provider.
	attemptLife = 10 * 60 * 1000 // milliseconds
	// maxAttempts is how many sign-ins one browser can have under way.
	maxAttempts = 5
)

var errAttempt = errors.New("no sign-in that this browser began")

func newAttempt(random io.Reader, for_ wish, issuer string, now int64) (attempt, error) {
	raw := make([]byte, 16+32+32)
	if _, err := io.ReadFull(random, raw); err != nil {
		return attempt{}, err
	}
	text := base64.RawURLEncoding.EncodeToString
	return attempt{
		State: text(raw[:16]), PKCE: text(raw[16:48]), Secret: raw[48:],
		Key: for_.key, ReturnTo: for_.returnTo, Credentials: for_.credentials, Stay: for_.stay, Issuer: issuer, Began: now,
	}, nil
}

// again is what a sign-in is begun for that follows this one with credentials.
func (a attempt) again(userAgent string) wish {
	return wish{key: a.Key, returnTo: a.ReturnTo, credentials: true, stay: a.Stay, userAgent: userAgent}
}

// nonce is derived from the key's thumbprint and a secret that only the sign-in cookie holds, so that an ID token fits one
// browser and one key (B3).
func (a attempt) nonce() string {
	mac := hmac.New(sha256.New, a.Secret)
	mac.Write([]byte("curfew sign-in nonce"))
	mac.Write(a.Key[:])
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// mark names the attempt in the store, which lets it have one session.
func (a attempt) mark(env settings.Environment) session.Key {
	return session.NewKey("sign-in", env.ID, a.State)
}

func (a attempt) ends() int64 { return a.Began + attemptLife }

func (a attempt) seal(ring *keyring.Ring, env settings.Environment) (string, error) {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false) // an & in ReturnTo would take six bytes, and browsers drop a cookie of more than 4096
	if err := encoder.Encode(a); err != nil {
		return "", err
	}
	return ring.Seal(keyring.SignInCookie, env.Scope(), text.Bytes()), nil
}

// attemptCookie is a cookie of the attempt's own, so that sign-ins in two tabs do not get in each other's way.
func attemptCookie(state string) string {
	return api.SignInCookie + state[:min(len(state), 8)]
}

// unseal is the attempt of that state in a sign-in cookie. The error is errAttempt, with what was wrong.
func unseal(ring *keyring.Ring, env settings.Environment, cookie, state string, now int64) (attempt, error) {
	wrong := func(what string) (attempt, error) { return attempt{}, fmt.Errorf("%w: %s", errAttempt, what) }
	if cookie == "" {
		return wrong("no sign-in cookie")
	}
	text, err := ring.Unseal(keyring.SignInCookie, env.Scope(), cookie)
	if err != nil {
		return wrong("the sign-in cookie was not made here")
	}
	var a attempt
	if err := json.Unmarshal(text, &a); err != nil {
		return wrong("the sign-in cookie cannot be read")
	}
	if subtle.ConstantTimeCompare([]byte(state), []byte(a.State)) != 1 {
		return wrong("state is not that of the sign-in cookie")
	}
	if now >= a.ends() {
		return wrong(fmt.Sprintf("it began at %d and was over at %d", a.Began, a.ends()))
	}
	return a, nil
}
