package main

import (
	"strconv"

	"github.com/spf13/cobra"

	"github.com/curfew-project/curfew/shared/policy"
	"github.com/curfew-project/curfew/verifier/admin"
	"github.com/curfew-project/curfew/verifier/settings"
)

func settingsCommand() *cobra.Command {
	r := &reach{}
	return r.flags(group(&cobra.Command{
		Use:   "settings",
		Short: "Show and set the times of an environment",
		Long: `The session timeout, the inactivity timeout and their warnings. A change applies to sessions that live already within
seconds, without a new sign-in; if it makes them end sooner, everyone has at least the full warning first.`,
		Example: `  curfew settings show clinic
  curfew settings set clinic --inactivity-timeout 15m --inactivity-warning 2m --dry-run`,
	}, settingsShowCommand(r), settingsSetCommand(r, false), settingsSetCommand(r, true), historyCommand(r, "settings")))
}

func settingsShowCommand(r *reach) *cobra.Command {
	return &cobra.Command{
		Use:               "show ID",
		Short:             "Show what is set and what is in force",
		Example:           "  curfew settings show clinic",
		Args:              oneEnvironment,
		ValidArgsFunction: r.firstEnvironment,
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := r.dial(cmd)
			if err != nil {
				return err
			}
			e, err := client.Environment(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			return r.answer(cmd, e, func(p *page) {
				p.facts("environment", e.ID, "version", changed(e.Version, e.ChangedAt, e.ChangedBy))
				p.times(e)
			})
		},
	}
}

// times adds what is set and what that comes to with the switches.
func (p *page) times(e admin.Environment) {
	of := func(t settings.Times) [5]string {
		return [5]string{settings.FormatTimeout(t.SessionTimeout), policy.Format(t.SessionWarning), settings.FormatInactivity(t.InactivityTimeout),
			policy.Format(t.InactivityWarning), strconv.FormatBool(t.AnyActivityStays)}
	}
	set, force, defaults := of(e.Set), of(e.InForce), of(settings.Times(policy.Defaults()))
	rows := [][]string{{"SETTING", "SET", "IN FORCE", "DEFAULT"}}
	for i, name := range [...]string{"session_timeout", "session_warning", "inactivity_timeout", "inactivity_warning", "any_activity_stays"} {
		rows = append(rows, []string{name, set[i], force[i], defaults[i]})
	}
	p.table("", rows...)
}

// settingsSetCommand is set, or preview, which only says what set would do.
func settingsSetCommand(r *reach, preview bool) *cobra.Command {
	var c change
	var anyActivity bool
	texts := map[string]*string{}
	cmd := &cobra.Command{
		Use:   "set ID",
		Short: "Change the times of an environment",
		Long: `Change the times of an environment. What is not given stays. Lengths have a unit, such as 90s, 20m or 24h; default puts
a setting back. Custom values need the switches AllowCustomSessionDuration and AllowCustomInactivityDuration, and an inactivity
timeout FCB.UCIInactivityTimeout too.`,
		Example: `  curfew settings set clinic --session-timeout 12h --session-warning 20m
  curfew settings set clinic --inactivity-timeout 15m --inactivity-warning 2m --dry-run
  curfew settings set clinic --session-timeout default --inactivity-timeout off --version 7`,
		Args:              oneEnvironment,
		ValidArgsFunction: r.firstEnvironment,
		RunE: func(cmd *cobra.Command, args []string) error {
			given := func(name string) *string {
				if cmd.Flags().Changed(name) {
					return texts[name]
				}
				return nil
			}
			e := admin.Edit{SessionTimeout: given("session-timeout"), SessionWarning: given("session-warning"),
				InactivityTimeout: given("inactivity-timeout"), InactivityWarning: given("inactivity-warning")}
			if cmd.Flags().Changed("any-activity-stays") {
				e.AnyActivityStays = &anyActivity
			}
			if e.SessionTimeout == nil && e.SessionWarning == nil && e.InactivityTimeout == nil && e.InactivityWarning == nil && e.AnyActivityStays == nil {
				return usage("nothing to set: give --session-timeout, --session-warning, --inactivity-timeout, --inactivity-warning or --any-activity-stays")
			}
			c.dryRun = c.dryRun || preview
			return c.apply(r, cmd, args[0], e)
		},
	}
	for _, flag := range [...]struct{ name, what string }{
		{"session-timeout", "the longest session: a length, provider or default"},
		{"session-warning", "how long before its end people are told: a length or default"},
		{"inactivity-timeout", "without activity for so long, the session ends: a length, off or default"},
		{"inactivity-warning", "how long before that people are asked: a length or default"},
	} {
		texts[flag.name] = cmd.Flags().String(flag.name, "", flag.what)
	}
	cmd.Flags().BoolVar(&anyActivity, "any-activity-stays", false, "any activity answers the inactivity warning, not only a choice")
	c.flags(cmd)
	if preview {
		cmd.Use, cmd.Short = "preview ID", "Say what a change of the times would do, and which sessions it would end when"
		cmd.Long = "Say what set would do, without doing it: the same as set --dry-run."
		cmd.Example = "  curfew settings preview clinic --inactivity-timeout 15m"
		must(cmd.Flags().MarkHidden("dry-run"))
	}
	return cmd
}
