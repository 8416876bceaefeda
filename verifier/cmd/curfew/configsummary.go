package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/curfew-project/curfew/shared/policy"
	"github.com/curfew-project/curfew/verifier/config"
	"github.com/curfew-project/curfew/verifier/settings"
)

// configSummary is what a configuration means.
type configSummary struct {
	File         string               `json:"file"`
	Correct      bool                 `json:"correct"`
	Environments []environmentSummary `json:"environments"`
	Providers    []providerSummary    `json:"providers,omitempty"` // those with a name, for environments to come too
	Console      *consoleSummary      `json:"console,omitempty"`
	Store        storeSummary         `json:"store"`
	Relay        *relaySummary        `json:"relay,omitempty"`
	Admin        adminSummary         `json:"admin"`
	Audit        auditSummary         `json:"audit"`
	Languages    []string             `json:"languages"`
	Variables    []variableSummary    `json:"variables,omitempty"`
	Ignored      []string             `json:"ignored_variables,omitempty"`
}

type environmentSummary struct {
	ID       string                       `json:"id"`
	Kind     settings.Kind                `json:"kind"`
	Origins  []string                     `json:"origins"`
	Provider providerSummary              `json:"provider"`
	Settings settings.Times               `json:"settings"`
	Switches map[policy.Switch]bool       `json:"switches"`
	Matchers []matcherSummary             `json:"matchers,omitempty"`
	Clients  map[string]settings.Enforced `json:"clients,omitempty"` // the kinds that a matcher recognises
	Check    checkSummary                 `json:"policy_check"`
	HandIn   string                       `json:"hand_in_client,omitempty"`
	Services []string                     `json:"services,omitempty"`
	Frames   []string                     `json:"frames,omitempty"`
	Fixed    []string                     `json:"fixed,omitempty"`                  // what administrators cannot change
	Open     []string                     `json:"left_to_administrators,omitempty"` // what is here is in force until they decide otherwise

	inForce settings.Environment
}

type providerSummary struct {
	ID       string `json:"id,omitempty"`
	Issuer   string `json:"issuer"`
	ClientID string `json:"client_id"`
}

type matcherSummary struct {
	Client    string `json:"client"`
	ClientID  string `json:"client_id,omitempty"`
	UserAgent string `json:"user_agent,omitempty"`

	text string
}

type checkSummary struct {
	Bypassed bool   `json:"bypassed"`
	Interval string `json:"interval"`
	Budget   string `json:"outage_budget"` // 0s where nobody can choose to stay signed in
	Cap      string `json:"cap"`           // of a session that the provider cannot be asked about
}

type consoleSummary struct {
	environmentSummary
	RoleClaim                 string              `json:"role_claim"`
	Administrators            []string            `json:"administrators"`
	EnvironmentAdministrators map[string][]string `json:"environment_administrators,omitempty"`
}

// storeSummary is where everything is kept.
type storeSummary struct {
	Data       string   `json:"data,omitempty"`
	Redis      []string `json:"redis,omitempty"`
	Sentinel   string   `json:"sentinel,omitempty"`
	Encrypted  bool     `json:"encrypted,omitempty"`
	Prefix     string   `json:"prefix,omitempty"`
	Durability string   `json:"durability,omitempty"`
}

func summarizeStore(c config.Config) storeSummary {
	if r := c.Store.Redis; r != nil {
		return storeSummary{Redis: r.Addresses, Sentinel: r.Sentinel, Encrypted: r.TLS != nil, Prefix: r.Prefix, Durability: r.Durability}
	}
	return storeSummary{Data: c.Data}
}

// print says it in one line.
func (s storeSummary) print(to io.Writer) {
	if len(s.Redis) == 0 {
		return // in files, as it always was
	}
	how := ""
	if s.Sentinel != "" {
		how += ", master " + s.Sentinel + " of these sentinels"
	}
	if s.Encrypted {
		how += ", encrypted"
	}
	fmt.Fprintf(to, "sessions, settings and audit in Redis at %s, below %s%s; durability %s\n", strings.Join(s.Redis, ", "), s.Prefix, how, s.Durability)
}

// relaySummary is where connections that stay open are passed on to.
type relaySummary struct {
	Listen    string            `json:"listen"`
	Upstreams map[string]string `json:"upstreams"`
	Unknown   []string          `json:"unknown_environments,omitempty"` // not of the file; an administrator may make them
}

func summarizeRelay(c config.Config) *relaySummary {
	if c.Relay == nil {
		return nil
	}
	s := &relaySummary{Listen: c.Relay.Listen, Upstreams: c.Relay.Upstreams}
	for _, id := range slices.Sorted(maps.Keys(c.Relay.Upstreams)) {
		if !slices.ContainsFunc(c.Environments, func(e config.Environment) bool { return e.ID == id }) {
			s.Unknown = append(s.Unknown, id)
		}
	}
	return s
}

func (s *relaySummary) print(to io.Writer) {
	if s == nil {
		return
	}
	for _, id := range slices.Sorted(maps.Keys(s.Upstreams)) {
		fmt.Fprintf(to, "relay at %s: open connections of %s go to %s\n", s.Listen, id, s.Upstreams[id])
	}
	for _, id := range s.Unknown {
		fmt.Fprintf(to, "relay: %s is no environment of this file; its connections are refused until an administrator makes it\n", id)
	}
}

type adminSummary struct {
	Socket string         `json:"socket,omitempty"`
	Tokens []tokenSummary `json:"tokens"`
}

type tokenSummary struct {
	Name         string   `json:"name"`
	Environments []string `json:"environments,omitempty"` // none: all
}

type auditSummary struct {
	Retention string `json:"retention"` // 0s: for ever
	Stdout    bool   `json:"stdout"`
}

type variableSummary struct {
	Name string `json:"name"`
	Path string `json:"path"`
}

func summarize(path string, c config.Config, languages []string) configSummary {
	s := configSummary{
		File: path, Correct: true, Environments: []environmentSummary{}, Languages: languages, Ignored: c.IgnoredVariables(),
		Store: summarizeStore(c), Relay: summarizeRelay(c),
		Admin: adminSummary{Socket: c.Admin.Socket, Tokens: []tokenSummary{}},
		Audit: auditSummary{Retention: policy.Format(time.Duration(c.Audit.Retention)), Stdout: c.Audit.Stdout},
	}
	for _, e := range c.Environments {
		s.Environments = append(s.Environments, summarizeEnvironment(e))
	}
	for _, named := range c.Providers {
		s.Providers = append(s.Providers, providerSummary{ID: named.ID, Issuer: named.Issuer, ClientID: named.ClientID})
	}
	if c.Console != nil {
		s.Console = &consoleSummary{summarizeEnvironment(c.Console.Environment()), c.Console.RoleClaim, c.Console.Administrators, c.Console.EnvironmentAdministrators}
		s.Console.Fixed, s.Console.Open = nil, nil // all of it is fixed
	}
	for _, token := range c.Admin.Tokens {
		s.Admin.Tokens = append(s.Admin.Tokens, tokenSummary{token.Name, token.Environments})
	}
	for _, v := range c.Variables() {
		s.Variables = append(s.Variables, variableSummary(v))
	}
	return s
}

func summarizeEnvironment(e config.Environment) environmentSummary {
	env := e.InForce()
	doc, owned := e.Document()
	s := environmentSummary{
		ID: env.ID, Kind: env.Kind, Origins: e.AllOrigins(), Frames: env.Page.Frames, Settings: settings.Times(env.Settings), inForce: env,
		Provider: providerSummary{ID: e.Provider.Use, Issuer: e.Provider.Issuer, ClientID: e.Provider.ClientID},
		Switches: map[policy.Switch]bool{}, Clients: map[string]settings.Enforced{},
		Check: checkSummary{Bypassed: env.Check.Bypass, Interval: policy.Format(env.Check.Interval), Budget: policy.Format(0),
			Cap: policy.Format(env.For(true, policy.Browser).SessionTimeout)},
	}
	if stay := e.Provider.StaySignedIn; stay.Ask || stay.Claim != "" {
		s.Check.Budget = policy.Format(env.Check.Budget)
	}
	if e.HandIn != nil {
		s.HandIn = e.HandIn.ClientID
	}
	for _, service := range e.Services {
		s.Services = append(s.Services, service.ID)
	}
	for _, name := range policy.SwitchNames() {
		s.Switches[name] = env.Switches.On(name)
	}
	for _, m := range doc.Clients.Matchers {
		name := settings.ClientName(m.Client)
		s.Matchers = append(s.Matchers, matcherSummary{name, m.ClientID, m.UserAgent, m.String()})
		s.Clients[name] = doc.Clients.Of(m.Client)
	}
	for _, part := range []struct {
		name string
		is   bool
	}{{"settings", owned.Settings}, {"switches", owned.Switches}, {"clients", owned.Clients}, {"name", owned.Name}} {
		switch {
		case part.is:
			s.Fixed = append(s.Fixed, part.name)
		case part.name != "name":
			s.Open = append(s.Open, part.name)
		}
	}
	return s
}

// print says it in words.
func (s configSummary) print(to io.Writer) {
	for _, env := range s.Environments {
		env.print(to)
	}
	for _, p := range s.Providers {
		fmt.Fprintf(to, "provider %s: %s, client %s\n", p.ID, p.Issuer, p.ClientID)
	}
	if s.Console != nil {
		s.Console.print(to)
	}
	s.Store.print(to)
	s.Relay.print(to)
	if s.Admin.Socket != "" {
		fmt.Fprintf(to, "admin socket %s\n", s.Admin.Socket)
	}
	for _, token := range s.Admin.Tokens {
		fmt.Fprintf(to, "admin token %s for %s\n", token.Name, orWord(strings.Join(token.Environments, ", "), "all environments"))
	}
	kept := s.Audit.Retention
	if kept == policy.Format(0) {
		kept = "for ever"
	}
	if s.Audit.Stdout {
		kept += ", and written to standard output"
	}
	fmt.Fprintf(to, "audit kept %s\n", kept)
	fmt.Fprintf(to, "languages: %s\n", strings.Join(s.Languages, ", "))
	for _, v := range s.Variables {
		fmt.Fprintf(to, "%s comes from %s\n", v.Path, v.Name)
	}
	if len(s.Ignored) > 0 {
		fmt.Fprintf(to, "no settings: %s\n", strings.Join(s.Ignored, ", "))
	}
	fmt.Fprintf(to, "%s is correct\n", s.File)
}

// print says what an environment's settings mean.
func (s environmentSummary) print(to io.Writer) {
	set, check := s.inForce.Settings, s.Check
	session := "by the identity provider's own policy"
	if set.SessionOn() {
		session = policy.Format(set.SessionTimeout)
	}
	inactivity := "off"
	if set.InactivityOn() {
		inactivity = fmt.Sprintf("%s, warning %s before", policy.Format(set.InactivityTimeout), policy.Format(set.InactivityWarning))
	}
	name := "environment " + s.ID
	switch {
	case s.ID == settings.ReservedID:
		name = s.ID
	case s.Kind != settings.App:
		name = string(s.Kind) + " " + s.ID
	}
	times := fmt.Sprintf("session timeout %s, warning %s before; inactivity timeout %s", session, policy.Format(set.SessionWarning), inactivity)
	if slices.Contains(s.Open, "settings") {
		times = "times " + s.left()
	}
	fmt.Fprintf(to, "%s at %s: %s\n", name, strings.Join(s.Origins, ", "), times)
	if check.Bypassed {
		fmt.Fprintf(to, "  policy check bypassed: every session ends after %s at most\n", check.Cap)
	} else {
		budget := "nobody can choose to stay signed in through an outage"
		if check.Budget != policy.Format(0) {
			budget = "outage budget " + check.Budget + " for users who stay signed in"
		}
		fmt.Fprintf(to, "  policy check every %s, %s; without a refresh token a session ends after %s at most\n", check.Interval, budget, check.Cap)
	}
	if s.HandIn != "" {
		fmt.Fprintf(to, "  sessions can be handed in with ID tokens of client %s; they end after %s at most\n", s.HandIn, check.Cap)
	}
	if len(s.Services) > 0 {
		fmt.Fprintf(to, "  services that may ask about its sessions: %s\n", strings.Join(s.Services, ", "))
	}
	if len(s.Frames) > 0 {
		fmt.Fprintf(to, "  frames of %s may take part\n", strings.Join(s.Frames, ", "))
	}
	if s.ID == settings.ReservedID {
		return
	}
	var on []string
	for _, name := range policy.SwitchNames() {
		if s.Switches[name] {
			on = append(on, string(name))
		}
	}
	switches := "switches on: " + orWord(strings.Join(on, ", "), "none")
	if slices.Contains(s.Open, "switches") {
		if switches = "switches " + s.left(); len(on) > 0 {
			switches += ", until then on as in the deployment: " + strings.Join(on, ", ")
		}
	}
	fmt.Fprintf(to, "  %s\n", switches)
	if slices.Contains(s.Open, "clients") {
		fmt.Fprintf(to, "  clients %s\n", s.left())
	}
	for i, m := range s.Matchers {
		fmt.Fprintf(to, "  client %d: %s; %s\n", i+1, m.text, exemption(s.Clients[m.Client]))
	}
	if len(s.Fixed) > 0 {
		fmt.Fprintf(to, "  fixed here, and not for administrators: %s\n", strings.Join(s.Fixed, ", "))
	}
}

// left says of a part that the file does not have it, and where it can be looked up.
func (s environmentSummary) left() string {
	return fmt.Sprintf("left to administrators (curfew env show %s)", s.ID)
}

// print says who administers what.
func (s consoleSummary) print(to io.Writer) {
	s.environmentSummary.print(to)
	if len(s.Administrators) > 0 {
		fmt.Fprintf(to, "  administrators have %s in the claim %s\n", strings.Join(s.Administrators, " or "), s.RoleClaim)
	}
	for _, env := range slices.Sorted(maps.Keys(s.EnvironmentAdministrators)) {
		fmt.Fprintf(to, "  administrators of %s have %s in the claim %s\n", env, strings.Join(s.EnvironmentAdministrators[env], " or "), s.RoleClaim)
	}
}

func exemption(is settings.Enforced) string {
	switch {
	case is.Session && is.Inactivity:
		return "both timeouts are enforced"
	case is.Session:
		return "the session timeout is enforced, the inactivity timeout is not"
	case is.Inactivity:
		return "the inactivity timeout is enforced, the session timeout is not"
	}
	return "no timeout is enforced"
}

func orWord(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}
