// Package config reads the verifier's one YAML file, strictly: an unknown key, a value without a unit or a setting out of range
// is an error that names the place, the value and what is allowed.
package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/curfew-project/curfew/shared/policy"
)

// Config is the whole file. See the README for each key.
type Config struct {
	Listen         string        `yaml:"listen"`
	OperatorListen string        `yaml:"operator_listen"`
	Prefix         string        `yaml:"prefix"`
	Data           string        `yaml:"data"`
	CookieRenewal  Length        `yaml:"cookie_renewal"`
	Limits         Limits        `yaml:"limits"`
	Environments   []Environment `yaml:"environments"`
}

// Environment is one application.
type Environment struct {
	ID       string   `yaml:"id"`
	Origin   string   `yaml:"origin"`
	Provider Provider `yaml:"provider"`
	Settings Settings `yaml:"settings"`
}

// Provider is an OpenID provider and the client registered there.
type Provider struct {
	Issuer           string   `yaml:"issuer"`
	ClientID         string   `yaml:"client_id"`
	ClientSecretFile string   `yaml:"client_secret_file"`
	Scopes           []string `yaml:"scopes"`
}

// Secret reads the client's secret from its file; it is empty when there is no file.
func (p Provider) Secret() (string, error) {
	if p.ClientSecretFile == "" {
		return "", nil
	}
	text, err := os.ReadFile(p.ClientSecretFile)
	if err != nil {
		return "", fmt.Errorf("client_secret_file: %w", err)
	}
	secret := strings.TrimRight(string(text), "\r\n")
	if secret == "" {
		return "", fmt.Errorf("client_secret_file %s is empty", p.ClientSecretFile)
	}
	return secret, nil
}

// Limits are policy.Limits as the file has them. A missing value keeps its default.
type Limits struct {
	SessionTimeout    Range `yaml:"session_timeout"`
	InactivityTimeout Range `yaml:"inactivity_timeout"`
	InactivityWarning Floor `yaml:"inactivity_warning"`
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

// Settings are policy.Settings as the file has them. A missing value keeps its default.
type Settings struct {
	SessionTimeout    *Length `yaml:"session_timeout"`
	SessionWarning    *Length `yaml:"session_warning"`
	InactivityTimeout *Length `yaml:"inactivity_timeout"`
	InactivityWarning *Length `yaml:"inactivity_warning"`
	AnyActivityStays  bool    `yaml:"any_activity_stays"`
}

// Length is a length of time with its unit, such as 90s, 20m or 24h; 0 and off are none.
type Length time.Duration

// UnmarshalYAML reads a length.
func (l *Length) UnmarshalYAML(text []byte) error {
	value := strings.Trim(strings.TrimSpace(string(text)), `"'`)
	if value == "0" || value == "off" || value == "false" { // YAML reads off as false
		*l = 0
		return nil
	}
	d, err := time.ParseDuration(value)
	if err != nil {
		return fmt.Errorf("%q is not a length of time: write a number and its unit, such as 90s, 20m or 24h", value)
	}
	*l = Length(d)
	return nil
}

// Default is the configuration that a file changes.
func Default() Config {
	return Config{
		Listen: "127.0.0.1:8480", OperatorListen: "127.0.0.1:8481", Prefix: "/.curfew/", Data: "curfew-data",
		CookieRenewal: Length(policy.MaxCookieRenewal),
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
	for i := range c.Environments {
		relative(&c.Environments[i].Provider.ClientSecretFile)
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
	if err := c.validate(); err != nil {
		return Config{}, err
	}
	return c, nil
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
		return errors.New(yaml.FormatError(err, false, true))
	}
	return nil
}

// PolicyLimits are the limits in force.
func (c Config) PolicyLimits() policy.Limits {
	limits := policy.DefaultLimits()
	set := func(to *time.Duration, from *Length) {
		if from != nil {
			*to = time.Duration(*from)
		}
	}
	set(&limits.SessionTimeout.Min, c.Limits.SessionTimeout.Min)
	set(&limits.SessionTimeout.Max, c.Limits.SessionTimeout.Max)
	set(&limits.InactivityTimeout.Min, c.Limits.InactivityTimeout.Min)
	set(&limits.InactivityTimeout.Max, c.Limits.InactivityTimeout.Max)
	set(&limits.InactivityWarning, c.Limits.InactivityWarning.Min)
	return limits
}

// PolicySettings are an environment's settings in force.
func (e Environment) PolicySettings() policy.Settings {
	s := policy.Defaults()
	set := func(to *time.Duration, from *Length) {
		if from != nil {
			*to = time.Duration(*from)
		}
	}
	set(&s.SessionTimeout, e.Settings.SessionTimeout)
	set(&s.SessionWarning, e.Settings.SessionWarning)
	set(&s.InactivityTimeout, e.Settings.InactivityTimeout)
	set(&s.InactivityWarning, e.Settings.InactivityWarning)
	s.AnyActivityStays = e.Settings.AnyActivityStays
	return s
}

var (
	idPattern     = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?$`)
	prefixPattern = regexp.MustCompile(`^/([A-Za-z0-9._~-]+/)+$`)
)

// validate reports everything that is wrong at once.
func (c Config) validate() error {
	var all []error
	add := func(format string, args ...any) { all = append(all, fmt.Errorf(format, args...)) }

	for _, address := range []struct{ key, value string }{{"listen", c.Listen}, {"operator_listen", c.OperatorListen}} {
		_, port, err := net.SplitHostPort(address.value)
		if number, portErr := strconv.Atoi(port); err != nil || portErr != nil || number < 0 || number > 65535 {
			add("%s is %q; allowed: host:port, such as 127.0.0.1:8480", address.key, address.value)
		}
	}
	if c.Listen == c.OperatorListen && !strings.HasSuffix(c.Listen, ":0") {
		add("operator_listen is %q like listen; allowed: another address, because it is not for the public", c.OperatorListen)
	}
	if renewal := time.Duration(c.CookieRenewal); renewal < policy.MinCookieRenewal || renewal > policy.MaxCookieRenewal {
		add("cookie_renewal is %s; allowed: %s to %s", policy.Format(renewal), policy.Format(policy.MinCookieRenewal), policy.Format(policy.MaxCookieRenewal))
	}
	if !prefixPattern.MatchString(c.Prefix) || path.Clean(c.Prefix)+"/" != c.Prefix {
		add("prefix is %q; allowed: a path that begins and ends with a slash, such as /.curfew/", c.Prefix)
	}
	if c.Data == "" {
		add("data is empty; allowed: a directory")
	}
	limits := c.PolicyLimits()
	limitsErr := limits.Validate()
	if limitsErr != nil {
		all = append(all, limitsErr)
	}
	if len(c.Environments) == 0 {
		add("environments is empty; allowed: one or more, each with id, origin and provider")
	}
	ids, hosts := map[string]bool{}, map[string]bool{}
	for i, env := range c.Environments {
		at := fmt.Sprintf("environments[%d]", i)
		if !idPattern.MatchString(env.ID) {
			add("%s.id is %q; allowed: 1 to 64 lower-case letters, digits and hyphens", at, env.ID)
		} else if at = "environment " + env.ID; ids[env.ID] {
			add("%s stands twice; allowed: each id once", at)
		}
		ids[env.ID] = true
		if problem := checkOrigin(env.Origin); problem != "" {
			add("%s: origin is %q; allowed: %s", at, env.Origin, problem)
		} else if host := hostOf(env.Origin); hosts[host] {
			add("%s: origin %s has the host of another environment; allowed: each host once", at, env.Origin)
		} else {
			hosts[host] = true
		}
		if problem := checkOrigin(issuerOrigin(env.Provider.Issuer)); problem != "" {
			add("%s: provider.issuer is %q; allowed: https://…, or http:// on localhost", at, env.Provider.Issuer)
		}
		if env.Provider.ClientID == "" {
			add("%s: provider.client_id is empty; allowed: the client registered at the provider", at)
		}
		if limitsErr == nil {
			var violations policy.Violations
			if errors.As(env.PolicySettings().Validate(limits), &violations) {
				for _, v := range violations {
					add("%s: settings.%w", at, v)
				}
			}
		}
	}
	return errors.Join(all...)
}

// checkOrigin says what is allowed when text is no origin that can be served, or nothing.
func checkOrigin(text string) string {
	const allowed = "https://host or https://host:port without a path, or http:// on localhost"
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || text != u.Scheme+"://"+u.Host || text != strings.ToLower(text) {
		return allowed
	}
	for i := range len(text) {
		// Browsers send the punycode of other letters, and every origin is one host.
		if c := text[i]; c > '~' || c == '*' {
			return allowed
		}
	}
	if port := u.Port(); strings.HasSuffix(u.Host, ":") || u.Scheme == "https" && port == "443" || u.Scheme == "http" && port == "80" {
		return allowed + "; leave out the default port, as browsers do"
	}
	if u.Scheme == "https" || u.Scheme == "http" && Local(u.Hostname()) {
		return ""
	}
	return allowed
}

// Local reports whether browsers treat a host as this machine, and so as a secure context without TLS.
func Local(host string) bool {
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || host == "::1" || host == "127.0.0.1"
}

func hostOf(origin string) string {
	_, host, _ := strings.Cut(origin, "://")
	return host
}

func issuerOrigin(issuer string) string {
	u, err := url.Parse(issuer)
	if err != nil || u.RawQuery != "" || u.Fragment != "" {
		return ""
	}
	host := strings.ToLower(u.Host)
	return u.Scheme + "://" + strings.TrimSuffix(strings.TrimSuffix(host, ":443"), ":80")
}
