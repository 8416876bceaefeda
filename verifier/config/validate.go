package config

import (
	"errors"
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/curfew-project/curfew/shared/policy"
	"github.com/curfew-project/curfew/verifier/settings"
)

var prefixPattern = regexp.MustCompile(`^/([A-Za-z0-9._~-]+/)+$`)

// Bounds of policy_checks.
const (
	minRate, maxRate               = 0.1, 10_000.0
	minConcurrency, maxConcurrency = 1, 256
)

// sorted are the keys of a map, in order.
func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// validate returns everything that is wrong, as Problems, or nil.
func (c Config) validate() error {
	var all Problems
	b := block{all: &all, places: c.places}
	for _, one := range []struct{ key, value string }{{"listen", c.Listen}, {"operator_listen", c.OperatorListen}} {
		if allowed := address(one.value); allowed != "" {
			b.add(one.key, "is %q; allowed: %s", one.value, allowed)
		}
	}
	if c.Listen == c.OperatorListen && !strings.HasSuffix(c.Listen, ":0") {
		b.add("operator_listen", "is %q like listen; allowed: another address, because it is not for the public", c.OperatorListen)
	}
	b.within("cookie_renewal", time.Duration(c.CookieRenewal), policy.MinCookieRenewal, policy.MaxCookieRenewal)
	if !prefixPattern.MatchString(c.Prefix) || path.Clean(c.Prefix)+"/" != c.Prefix {
		b.add("prefix", "is %q; allowed: a path that begins and ends with a slash, such as /.curfew/", c.Prefix)
	}
	if c.Data == "" {
		b.add("data", "is empty; allowed: a directory")
	}
	if rate := c.PolicyChecks.Rate; !(rate >= minRate && rate <= maxRate) { // this way round for what is no number
		b.add("policy_checks.rate", "is %g; allowed: %g to %g a second", rate, minRate, maxRate)
	}
	if at := c.PolicyChecks.Concurrency; at < minConcurrency || at > maxConcurrency {
		b.add("policy_checks.concurrency", "is %d; allowed: %d to %d", at, minConcurrency, maxConcurrency)
	}
	c.validateService(b)
	limitsHold := c.validateLimits(b)
	c.KeyRotation.validate(b.below("key_rotation", "key_rotation"))
	c.Store.validate(b.below("store", "store"))
	c.Audit.validate(b.below("audit", "audit"))
	c.Admin.validate(b.below("admin", "admin"))
	if c.Relay != nil {
		c.Relay.validate(b.below("relay", "relay"), c.Listen, c.OperatorListen)
	}
	c.validateProviders(b)
	if len(c.Environments) == 0 && c.Console == nil {
		b.add("environments", "is empty; allowed: one or more, each with id, origin and provider, or a console in which they are created")
	}
	c.validateEnvironments(b, limitsHold)
	return all.orNil()
}

// validateLimits reports whether the limits make sense, so that settings can be held against them.
func (c Config) validateLimits(b block) bool {
	before := len(*b.all)
	var violations policy.Violations
	if errors.As(c.PolicyLimits().Validate(), &violations) {
		for _, v := range violations {
			b.tell(v.Setting, v)
		}
	}
	for _, limit := range []struct {
		key   string
		value *Length
	}{
		{"session_timeout.min", c.Limits.SessionTimeout.Min}, {"session_timeout.max", c.Limits.SessionTimeout.Max},
		{"inactivity_timeout.min", c.Limits.InactivityTimeout.Min}, {"inactivity_timeout.max", c.Limits.InactivityTimeout.Max},
		{"inactivity_warning.min", c.Limits.InactivityWarning.Min},
	} {
		if limit.value != nil && time.Duration(*limit.value)%policy.Granularity != 0 {
			b.add("limits."+limit.key, "is %s; allowed: whole seconds", policy.Format(time.Duration(*limit.value)))
		}
	}
	b.within("limits.policy_check.min", c.checkFloor(), leastFloor, mostInterval)
	return len(*b.all) == before
}

func (c Config) validateProviders(b block) {
	ids := map[string]bool{}
	for i, named := range c.Providers {
		at := item("providers", i)
		if allowed := settings.CheckID(named.ID); allowed != "" {
			b.add(at+".id", "is %q; allowed: %s", named.ID, allowed)
		} else if ids[named.ID] {
			b.add(at+".id", "is %q like another's; allowed: each id once", named.ID)
		}
		ids[named.ID] = true
		named.validate(b.below(at, "provider "+named.ID), "")
	}
}

func (c Config) validateEnvironments(b block, limitsHold bool) {
	ids, hosts := map[string]bool{}, map[string]bool{}
	if c.Console != nil {
		env := c.Console.Environment()
		own := b.below("console", "console")
		c.Console.validate(own)
		c.validateEnvironment(own, env, hosts, limitsHold)
	}
	for i, env := range c.Environments {
		at := item("environments", i)
		own := b.below(at, "environment "+env.ID)
		if allowed := settings.CheckID(env.ID); allowed != "" {
			own.name = at
			b.add(at+".id", "is %q; allowed: %s", env.ID, allowed)
		} else if ids[env.ID] {
			own.tell("id", errors.New("stands twice; allowed: each id once"))
		}
		ids[env.ID] = true
		c.validateEnvironment(own, env, hosts, limitsHold)
	}
}

func (c Config) validateEnvironment(b block, env Environment, hosts map[string]bool, limitsHold bool) {
	env.validateOrigins(b, hosts)
	c.validateUse(b, env.Provider)
	env.validateSignOut(b)
	env.Page.validate(b, env.AllOrigins())
	if env.Clients != nil {
		env.Clients.validate(b)
	}
	if env.HandIn != nil {
		env.HandIn.validate(b, env.Origin, c.Prefix)
	}
	validateServices(b, env.Services)
	if limitsHold {
		env.validateTimes(b, c)
	}
}

// validateTimes holds the settings and the policy check of an environment against the limits, and custom times against the switches.
func (e Environment) validateTimes(b block, c Config) {
	limits, set := c.PolicyLimits(), e.PolicySettings()
	doc, _ := e.Document()
	deployment, _ := c.DeploymentDocument()
	outOfRange := set.Validate(limits)
	for _, err := range []error{outOfRange, set.Gate(doc.On(deployment))} {
		var violations policy.Violations
		if errors.As(err, &violations) {
			for _, v := range violations {
				b.tell("settings."+v.Setting, fmt.Errorf("settings.%w", v))
			}
		}
	}
	check := e.Base().Check
	b.within("policy_check.interval", check.Interval, c.checkFloor(), mostInterval)
	b.within("policy_check.outage_budget", check.Budget, 0, mostBudget)
	b.within("policy_check.absence", check.Absence, leastAbsence, mostAbsence)
	// A capped session warns like any other, so the cap must leave room for it: for the default, where it has just been refused itself.
	warning := set.SessionWarning
	if outOfRange != nil {
		warning = policy.Defaults().SessionWarning
	}
	if check.Cap <= warning || check.Cap > limits.SessionTimeout.Max || check.Cap%policy.Granularity != 0 {
		b.add("policy_check.cap", "is %s; allowed: more than session_warning (%s), and at most limits.session_timeout.max (%s), in whole seconds",
			policy.Format(check.Cap), policy.Format(warning), policy.Format(limits.SessionTimeout.Max))
	}
}
