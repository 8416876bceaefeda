package main

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/curfew-project/curfew/shared/policy"
	"github.com/curfew-project/curfew/verifier/admin"
	"github.com/curfew-project/curfew/verifier/settings"
)

func switchCommand() *cobra.Command {
	r := &reach{}
	return r.flags(group(&cobra.Command{
		Use:   "switch",
		Short: "List feature switches, and switch them on and off",
		Long: `Feature switches are off when Curfew is shipped. They are set for the whole deployment and can be set otherwise for one
environment with --env. Switching on needs an identity provider that answers. The switches:
  ` + strings.Join(switchNames(), "\n  "),
		Example: `  curfew switch list
  curfew switch on AllowCustomSessionDuration
  curfew switch off FCB.UCIInactivityTimeout --env clinic`,
	}, switchListCommand(r), switchSetCommand(r, "on", "Switch something on, for all environments or for one"),
		switchSetCommand(r, "off", "Switch something off, for all environments or for one"),
		switchSetCommand(r, "inherit", "Let an environment have a switch as the deployment has it")))
}

func switchNames() []string {
	var names []string
	for _, name := range policy.SwitchNames() {
		names = append(names, string(name))
	}
	return names
}

func switchListCommand(r *reach) *cobra.Command {
	var environment string
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List the switches of the deployment, or of one environment",
		Example: "  curfew switch list\n  curfew switch list --env clinic",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, err := r.dial(cmd)
			if err != nil {
				return err
			}
			if environment == "" {
				all, err := client.Deployment(cmd.Context())
				if err != nil {
					return err
				}
				return r.answer(cmd, all, func(p *page) { p.switches(all.Switches, "as shipped") })
			}
			e, err := client.Environment(cmd.Context(), environment)
			if err != nil {
				return err
			}
			return r.answer(cmd, e, func(p *page) { p.switches(e.Switches, inheritedFrom(e.Kind)) })
		},
	}
	r.environmentFlag(cmd, &environment, "one environment, with what it inherits")
	return cmd
}

func inheritedFrom(kind settings.Kind) string {
	if kind == settings.Portal {
		return "off in a portal"
	}
	return "the deployment"
}

func (p *page) switches(all []admin.SwitchState, otherwise string) {
	rows := [][]string{{"SWITCH", "VALUE", "FROM"}}
	for _, s := range all {
		from := "set here"
		if !s.Own {
			from = otherwise
		}
		rows = append(rows, []string{string(s.Name), settings.OnOff(s.On), from})
	}
	p.table("", rows...)
}

func switchSetCommand(r *reach, value, short string) *cobra.Command {
	var c change
	var environment string
	cmd := &cobra.Command{
		Use:               value + " NAME",
		Short:             short,
		Example:           "  curfew switch " + value + " AllowCustomSessionDuration --env clinic\n  curfew switch " + value + " AllowCustomSessionDuration --env clinic --dry-run",
		Args:              arguments(1, 1, "the name of a switch"),
		ValidArgsFunction: cobra.FixedCompletions(switchNames(), cobra.ShellCompDirectiveNoFileComp),
		RunE: func(cmd *cobra.Command, args []string) error {
			of := environment
			switch {
			case environment == "" && value == "inherit":
				return usage("inherit needs --env: the deployment inherits from nobody")
			case environment == "" && cmd.Flags().Changed("env"):
				return usage("--env is empty; without --env the switch is the deployment's")
			case environment == "":
				of, c.all = settings.Deployment, true
			}
			return c.apply(r, cmd, of, admin.Edit{Switches: map[string]string{args[0]: value}})
		},
	}
	what := "one environment instead of the deployment"
	if value == "inherit" {
		what = "the environment"
	}
	r.environmentFlag(cmd, &environment, what)
	c.flags(cmd)
	return cmd
}
