package config

import (
	"fmt"
	"os"
	"strings"
)

// Provider is an OpenID provider and the client registered there.
type Provider struct {
	Issuer           string       `yaml:"issuer"`
	ClientID         string       `yaml:"client_id"`
	ClientSecretFile string       `yaml:"client_secret_file"`
	Scopes           []string     `yaml:"scopes"`
	Consent          bool         `yaml:"consent"`
	ClockSkew        Length       `yaml:"clock_skew"`
	StaySignedIn     StaySignedIn `yaml:"stay_signed_in"`
}

// StaySignedIn is how a user says that they stay signed in (A7): asked on the sign-in page, or told by the provider's claim.
type StaySignedIn struct {
	Ask   bool   `yaml:"ask"`
	Claim string `yaml:"claim"`
	Value string `yaml:"value"`
}

// Secret reads the client's secret from its file; it is empty when there is no file.
func (p Provider) Secret() (string, error) {
	if p.ClientSecretFile == "" {
		return "", nil
	}
	return readSecret("client_secret_file", p.ClientSecretFile)
}

// HandIn is an application whose own back end signs people in and hands the ID token in (A6).
type HandIn struct {
	ClientID   string `yaml:"client_id"`   // of the application's sign-in: the audience of the ID tokens
	SecretFile string `yaml:"secret_file"` // what the back end authenticates with
	SignIn     string `yaml:"sign_in"`     // where the application's own sign-in is
}

// minSecret is the least length of a hand-in secret in bytes. Who knows it can begin sessions with any ID token of the client.
const minSecret = 32

// Secret reads the secret that the application's back end shows.
func (h HandIn) Secret() (string, error) {
	secret, err := readSecret("hand_in.secret_file", h.SecretFile)
	if err == nil && len(secret) < minSecret {
		return "", fmt.Errorf("hand_in.secret_file %s holds %d characters; allowed: %d or more, at random", h.SecretFile, len(secret), minSecret)
	}
	return secret, err
}

func readSecret(key, path string) (string, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("%s: %w", key, err)
	}
	secret := strings.TrimRight(string(text), "\r\n")
	if secret == "" {
		return "", fmt.Errorf("%s %s is empty", key, path)
	}
	return secret, nil
}

// Readable reports whether the secrets of an environment can be read from their files.
func (e Environment) Readable() error {
	if _, err := e.Provider.Secret(); err != nil || e.HandIn == nil {
		return err
	}
	_, err := e.HandIn.Secret()
	return err
}
