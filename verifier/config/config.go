// Package config reads the verifier's one YAML file, strictly: an unknown key, a value without a unit or a setting out of range
// is an error that names the place, the value and what is allowed.
package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"

	"github.com/goccy/go-yaml"

	"github.com/curfew-project/curfew/shared/policy"
)

// Config is the whole file. See the README for each key.
type Config struct {
	Listen         string        `yaml:"listen"`
	OperatorListen string        `yaml:"operator_listen"`
	Prefix         string        `yaml:"prefix"`
	Data           string        `yaml:"data"`
	Keys           string        `yaml:"keys"`
	Texts          string        `yaml:"texts"` // directory with the operator's own languages (C7); empty: none
	CookieRenewal  Length        `yaml:"cookie_renewal"`
	PolicyChecks   PolicyChecks  `yaml:"policy_checks"`
	Limits         Limits        `yaml:"limits"`
	Environments   []Environment `yaml:"environments"`
}

// PolicyChecks bounds what this process asks of one identity provider (A5).
type PolicyChecks struct {
	Rate        float64 `yaml:"rate"`        // a second
	Concurrency Whole   `yaml:"concurrency"` // at once
}

// Limits are policy.Limits as the file has them, and those of what the verifier alone knows. A missing value keeps its default.
type Limits struct {
	SessionTimeout    Range `yaml:"session_timeout"`
	InactivityTimeout Range `yaml:"inactivity_timeout"`
	InactivityWarning Floor `yaml:"inactivity_warning"`
	PolicyCheck       Floor `yaml:"policy_check"`
}

// Range is a floor and a ceiling.
type Range struct {
	Min *Length `yaml:"min"`
	Max *Length `yaml:"max"`
}

// Floor is only a floor.
type Floor struct {
	Min *Length `yaml:"min"`
}

// Default is the configuration that a file changes.
func Default() Config {
	return Config{
		Listen: "127.0.0.1:8480", OperatorListen: "127.0.0.1:8481", Prefix: "/.curfew/", Data: "curfew-data",
		CookieRenewal: Length(policy.MaxCookieRenewal), PolicyChecks: PolicyChecks{Rate: 20, Concurrency: 8},
	}
}

// maxFile bounds the file.
const maxFile = 1 << 20

// Load reads and validates a file. Relative paths in it are relative to it.
func Load(path string) (Config, error) {
	file, err := os.Open(path)
	if err != nil {
		return Config{}, err
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, maxFile+1))
	if err != nil {
		return Config{}, err
	}
	c, err := Parse(text)
	if err != nil {
		return Config{}, fmt.Errorf("%s: %w", path, err)
	}
	base := filepath.Dir(path)
	relative := func(p *string) {
		if *p != "" && !filepath.IsAbs(*p) {
			*p = filepath.Join(base, *p)
		}
	}
	relative(&c.Data)
	relative(&c.Keys)
	relative(&c.Texts)
	for i := range c.Environments {
		env := &c.Environments[i]
		relative(&env.Provider.ClientSecretFile)
		if env.HandIn != nil {
			relative(&env.HandIn.SecretFile)
		}
	}
	return c, nil
}

// Parse reads and validates the text of a file. The error has every violation, or the line and column of what cannot be read.
func Parse(text []byte) (Config, error) {
	if len(text) > maxFile {
		return Config{}, fmt.Errorf("the file has more than %d bytes", maxFile)
	}
	c := Default()
	if err := decode(text, &c); err != nil {
		return Config{}, err
	}
	if c.Listen == "" && c.Prefix == "" && len(c.Environments) == 0 {
		return Config{}, errors.New("the file is empty: it needs environments, each with id, origin and provider")
	}
	if c.Keys == "" {
		c.Keys = filepath.Join(c.Data, "keys")
	}
	if err := c.validate(); err != nil {
		return Config{}, err
	}
	return c, nil
}

// wrongType is how the library tells of a value of another type than its key has. It only says what is shown.
var wrongType = regexp.MustCompile(`cannot unmarshal \w+ into Go struct field \S+ of type (\w+)`)

var wanted = map[string]string{"bool": "true or false", "float64": "a number", "int": "a whole number", "string": "a text"}

// plain says in the file's own words what the library says in Go's.
func plain(text string) string {
	return wrongType.ReplaceAllStringFunc(text, func(found string) string {
		kind := wrongType.FindStringSubmatch(found)[1]
		if words, ok := wanted[kind]; ok {
			return "the value must be " + words
		}
		return "the value has the wrong type"
	})
}

// decode reads YAML. The library panics on some malformed texts, which fuzzing found; here that is an error like any other.
func decode(text []byte, into *Config) (err error) {
	defer func() {
		if problem := recover(); problem != nil {
			err = fmt.Errorf("the file cannot be read as YAML: %v", problem)
		}
	}()
	err = yaml.NewDecoder(bytes.NewReader(text), yaml.Strict()).Decode(into)
	if err != nil && !errors.Is(err, io.EOF) {
		return errors.New(plain(yaml.FormatError(err, false, true)))
	}
	return nil
}
