package config

import (
	"errors"
	"fmt"
	"net"
	"path"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/curfew-project/curfew/shared/policy"
)

var (
	idPattern     = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?$`)
	prefixPattern = regexp.MustCompile(`^/([A-Za-z0-9._~-]+/)+$`)
)

// Bounds of policy_checks.
const (
	minRate, maxRate               = 0.1, 10_000.0
	minConcurrency, maxConcurrency = 1, 256
)

// problems collects everything that is wrong, so that it is reported at once.
type problems []error

func (p *problems) add(format string, args ...any) { *p = append(*p, fmt.Errorf(format, args...)) }

// within adds a problem unless a length is in a range and whole seconds.
func (p *problems) within(key string, value, least, most time.Duration) {
	if value < least || value > most || value%policy.Granularity != 0 {
		p.add("%s is %s; allowed: %s to %s, in whole seconds", key, policy.Format(value), policy.Format(least), policy.Format(most))
	}
}

func (c Config) validate() error {
	var all problems
	for _, address := range []struct{ key, value string }{{"listen", c.Listen}, {"operator_listen", c.OperatorListen}} {
		_, port, err := net.SplitHostPort(address.value)
		if number, portErr := strconv.Atoi(port); err != nil || portErr != nil || number < 0 || number > 65535 {
			all.add("%s is %q; allowed: host:port, such as 127.0.0.1:8480", address.key, address.value)
		}
	}
	if c.Listen == c.OperatorListen && !strings.HasSuffix(c.Listen, ":0") {
		all.add("operator_listen is %q like listen; allowed: another address, because it is not for the public", c.OperatorListen)
	}
	all.within("cookie_renewal", time.Duration(c.CookieRenewal), policy.MinCookieRenewal, policy.MaxCookieRenewal)
	if !prefixPattern.MatchString(c.Prefix) || path.Clean(c.Prefix)+"/" != c.Prefix {
		all.add("prefix is %q; allowed: a path that begins and ends with a slash, such as /.curfew/", c.Prefix)
	}
	if c.Data == "" {
		all.add("data is empty; allowed: a directory")
	}
	if rate := c.PolicyChecks.Rate; !(rate >= minRate && rate <= maxRate) { // this way round for what is no number
		all.add("policy_checks.rate is %g; allowed: %g to %g a second", rate, minRate, maxRate)
	}
	if at := c.PolicyChecks.Concurrency; at < minConcurrency || at > maxConcurrency {
		all.add("policy_checks.concurrency is %d; allowed: %d to %d", at, minConcurrency, maxConcurrency)
	}
	limitsHold := c.validateLimits(&all)
	if len(c.Environments) == 0 {
		all.add("environments is empty; allowed: one or more, each with id, origin and provider")
	}
	c.validateEnvironments(&all, limitsHold)
	return errors.Join(all...)
}

// validateLimits reports whether the limits make sense, so that settings can be held against them.
func (c Config) validateLimits(all *problems) bool {
	before := len(*all)
	if err := c.PolicyLimits().Validate(); err != nil {
		*all = append(*all, err)
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
			all.add("limits.%s is %s; allowed: whole seconds", limit.key, policy.Format(time.Duration(*limit.value)))
		}
	}
	all.within("limits.policy_check.min", c.checkFloor(), leastFloor, mostInterval)
	return len(*all) == before
}

func (c Config) validateEnvironments(all *problems, limitsHold bool) {
	ids, hosts := map[string]bool{}, map[string]bool{}
	for i, env := range c.Environments {
		at := fmt.Sprintf("environments[%d]", i)
		if !idPattern.MatchString(env.ID) {
			all.add("%s.id is %q; allowed: 1 to 64 lower-case letters, digits and hyphens", at, env.ID)
		} else if at = "environment " + env.ID; ids[env.ID] {
			all.add("%s stands twice; allowed: each id once", at)
		}
		ids[env.ID] = true
		if problem := checkOrigin(env.Origin); problem != "" {
			all.add("%s: origin is %q; allowed: %s", at, env.Origin, problem)
		} else if host := hostOf(env.Origin); hosts[host] {
			all.add("%s: origin %s has the host of another environment; allowed: each host once", at, env.Origin)
		} else {
			hosts[host] = true
		}
		env.validateProvider(all, at)
		env.validateSignOut(all, at)
		env.Page.validate(all, at, env.Origin)
		if env.HandIn != nil {
			env.HandIn.validate(all, at, env.Origin, c.Prefix)
		}
		if limitsHold {
			env.validateTimes(all, at, c.PolicyLimits(), c.checkFloor())
		}
	}
}

// validateTimes holds the settings and the policy check of an environment against the limits.
func (e Environment) validateTimes(all *problems, at string, limits policy.Limits, floor time.Duration) {
	var violations policy.Violations
	if errors.As(e.PolicySettings().Validate(limits), &violations) {
		for _, v := range violations {
			all.add("%s: settings.%w", at, v)
		}
	}
	force := e.InForce()
	all.within(at+": policy_check.interval", force.Check.Interval, floor, mostInterval)
	all.within(at+": policy_check.outage_budget", force.Check.Budget, 0, mostBudget)
	all.within(at+": policy_check.absence", force.Check.Absence, leastAbsence, mostAbsence)
	// A capped session warns like any other, so the cap must leave room for it.
	if length, warning := force.Check.Cap, force.Settings.SessionWarning; length <= warning || length > limits.SessionTimeout.Max || length%policy.Granularity != 0 {
		all.add("%s: policy_check.cap is %s; allowed: more than session_warning (%s), and at most limits.session_timeout.max (%s), in whole seconds",
			at, policy.Format(length), policy.Format(warning), policy.Format(limits.SessionTimeout.Max))
	}
}
