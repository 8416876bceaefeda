package engine

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/curfew-project/curfew/verifier/keyring"
	"github.com/curfew-project/curfew/verifier/session"
)

// secrets are what a session's provider gave that must not be read by whoever reads the store (A5).
type secrets struct {
	IDToken      string `json:"id_token,omitempty"`
	RefreshToken string `json:"refresh_token,omitempty"`
	Where        Where  `json:"where,omitzero"`

	stale bool // read with another key than the one in use
}

// errNoSecrets means that a session's secrets are not there or were sealed with a key that is gone.
var errNoSecrets = errors.New("the session's secrets cannot be read")

// seal encrypts secrets for one session: they are worth nothing beside another.
func (e *Engine) seal(s session.Session, plain secrets) (session.Sealed, error) {
	text, err := json.Marshal(plain)
	if err != nil {
		return "", err
	}
	return session.Sealed(e.ring.Seal(keyring.Secrets, sealContext(s), text)), nil
}

// secrets reads a session's secrets: errNoSecrets, or an error of the store.
func (e *Engine) secrets(ctx context.Context, s session.Session, now int64) (secrets, error) {
	sealed, ok, err := e.store.Secrets(ctx, s.ID, now)
	if err != nil {
		return secrets{}, unavailable(err)
	}
	if !ok {
		return secrets{}, errNoSecrets
	}
	text, err := e.ring.Unseal(keyring.Secrets, sealContext(s), string(sealed))
	if err != nil {
		return secrets{}, errNoSecrets
	}
	var plain secrets
	if err := json.Unmarshal(text, &plain); err != nil {
		return secrets{}, errNoSecrets
	}
	plain.stale = !e.ring.Fresh(string(sealed))
	return plain, nil
}

func sealContext(s session.Session) string { return s.User.Environment + "\x00" + s.ID.String() }
