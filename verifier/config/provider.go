package config

import (
	"fmt"
	"os"
	"strings"
)

// Provider is an OpenID provider and the client registered there.
type Provider struct {
	// Use is the id of a named provider, which is then all of this; after reading, the rest is that provider's.
	Use              string       `yaml:"use"`
	Issuer           string       `yaml:"issuer"`
	ClientID         string       `yaml:"client_id"`
	ClientSecretFile string       `yaml:"client_secret_file"`
	Scopes           []string     `yaml:"scopes"`
	Consent          bool         `yaml:"consent"`
	ClockSkew        Length       `yaml:"clock_skew"`
	StaySignedIn     StaySignedIn `yaml:"stay_signed_in"`
}

// NamedProvider is a provider that several environments can use, also those that administrators create.
type NamedProvider struct {
	ID       string `yaml:"id"`
	Provider `yaml:",inline" without:"use"`
}

// Named finds a named provider; ok is false when there is none of that id.
func (c Config) Named(id string) (p Provider, ok bool) {
	for _, named := range c.Providers {
		if named.ID == id {
			p = named.Provider
			p.Use = id
			return p, true
		}
	}
	return Provider{}, false
}

// AllProviders are the providers of the configuration: the named ones, the console's and each environment's own.
func (c Config) AllProviders() []Provider {
	var all []Provider
	for _, named := range c.Providers {
		all = append(all, named.Provider)
	}
	if c.Console != nil && c.Console.Provider.Use == "" {
		all = append(all, c.Console.Provider)
	}
	for _, env := range c.Environments {
		if env.Provider.Use == "" {
			all = append(all, env.Provider)
		}
	}
	return all
}

// use gives every environment that names a provider all of it, and the deployment's switches to all of them.
func (c *Config) use() {
	for i := range c.Environments {
		env := &c.Environments[i]
		if named, ok := c.Named(env.Provider.Use); ok {
			env.Provider = named
		}
		env.deployment = c.Switches
	}
	if c.Console != nil {
		if named, ok := c.Named(c.Console.Provider.Use); ok {
			c.Console.Provider = named
		}
	}
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
func (h HandIn) Secret() (string, error) { return readLong("hand_in.secret_file", h.SecretFile) }

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

// Readable reads every secret and certificate and reports those that cannot be had, as Problems, or nil.
func (c Config) Readable() error {
	var all Problems
	whole := block{all: &all, places: c.places}
	c.secrets(func(path, name, _ string, read func() (string, error)) {
		if _, err := read(); err != nil {
			b := whole
			b.name = name
			b.tell(path, err)
		}
	})
	c.readCertificates(whole)
	c.Store.readCertificates(whole)
	return all.orNil()
}

// secrets visits every file with a secret once for each setting that names it.
func (c Config) secrets(visit func(path, name, file string, read func() (string, error))) {
	provider := func(path, name string, p Provider) {
		if p.ClientSecretFile != "" {
			visit(path+".client_secret_file", name, p.ClientSecretFile, p.Secret)
		}
	}
	for i, named := range c.Providers {
		provider(item("providers", i), "provider "+named.ID, named.Provider)
	}
	if c.Console != nil && c.Console.Provider.Use == "" {
		provider("console.provider", "console", c.Console.Provider)
	}
	for i, e := range c.Environments {
		path, name := item("environments", i), "environment "+e.ID
		if e.Provider.Use == "" {
			provider(path+".provider", name, e.Provider)
		}
		if e.HandIn != nil {
			visit(path+".hand_in.secret_file", name, e.HandIn.SecretFile, e.HandIn.Secret)
		}
		for n, service := range e.Services {
			visit(item(path+".services", n)+".file", name+": service "+service.ID, service.File, service.Secret)
		}
	}
	c.Store.secrets(visit)
	for i, token := range c.Admin.Tokens {
		visit(item("admin.tokens", i)+".file", "admin token "+token.Name, token.File, token.Secret)
	}
}
