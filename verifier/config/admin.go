package config

import (
	"fmt"
	"slices"
	"time"

	"github.com/curfew-project/curfew/verifier/settings"
)

// Admin is how the command line and programs reach a running verifier (C6).
type Admin struct {
	// Socket is a local socket that whoever may open it administers everything with; after reading, its whole path, or empty for none.
	Socket string  `yaml:"socket"`
	Tokens []Token `yaml:"tokens" by:"name"`
}

// Token is a secret that an administrator or a program shows.
type Token struct {
	Name         string   `yaml:"name"` // what the audit calls its bearer
	File         string   `yaml:"file"`
	Environments []string `yaml:"environments"` // ids; nil: all of them; an empty list: none
}

// Audit is how long the audit is kept, and where else it goes (C5).
type Audit struct {
	Retention Length `yaml:"retention"` // 0: for ever
	Stdout    bool   `yaml:"stdout"`
}

// Bounds and default of the audit's retention, and of the tokens.
const (
	defaultRetention = 365 * 24 * time.Hour
	leastRetention   = 24 * time.Hour
	mostRetention    = 10 * 365 * 24 * time.Hour
	maxTokens        = 64
)

// Secret reads the token from its file.
func (t Token) Secret() (string, error) {
	return readLong("file", t.File)
}

func (a Admin) validate(b block) {
	if a.Socket == "" {
		b.add("socket", "is empty; allowed: a path, or off")
	}
	if len(a.Tokens) > maxTokens {
		b.add("tokens", "has %d entries; allowed: up to %d", len(a.Tokens), maxTokens)
	}
	names := map[string]bool{}
	for i, token := range a.Tokens {
		key := item("tokens", i)
		if allowed := settings.CheckID(token.Name); allowed != "" {
			b.add(key+".name", "is %q; allowed: %s", token.Name, allowed)
		} else if names[token.Name] {
			b.add(key+".name", "is %q like another's; allowed: each name once", token.Name)
		}
		names[token.Name] = true
		if token.File == "" {
			b.add(key+".file", "is empty; allowed: a file with a secret of %d characters or more", minSecret)
		}
		for n, id := range token.Environments {
			if settings.CheckID(id) != "" || slices.Contains(token.Environments[:n], id) {
				b.addItem(key+".environments", n, "has %q; allowed: ids of environments, each once", id)
			}
		}
	}
}

func (a Audit) validate(b block) {
	if a.Retention == 0 {
		return
	}
	b.within("retention", time.Duration(a.Retention), leastRetention, mostRetention)
}

// readLong reads a secret that is long enough not to be guessed.
func readLong(key, path string) (string, error) {
	secret, err := readSecret(key, path)
	if err == nil && len(secret) < minSecret {
		return "", fmt.Errorf("%s %s holds %d characters; allowed: %d or more, at random", key, path, len(secret), minSecret)
	}
	return secret, err
}
