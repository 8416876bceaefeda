package main

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/curfew-project/curfew/shared/policy"
	"github.com/curfew-project/curfew/verifier/admin"
	"github.com/curfew-project/curfew/verifier/admin/adminapi"
)

func presetCommand() *cobra.Command {
	r := &reach{}
	return r.flags(group(&cobra.Command{
		Use:   "preset",
		Short: "List presets, and apply one to an environment",
		Long:  "A preset is a set of times that a standard or a product asks for, with its source. What it leaves open stays as it is.",
		Example: `  curfew preset list
  curfew preset apply nist-aal2 --env clinic --dry-run
  curfew preset apply hipaa --env clinic --inactivity 15m`,
	}, presetListCommand(r), presetShowCommand(r), presetApplyCommand(r)))
}

func presetIDs(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	var ids []string
	if len(args) == 0 {
		for _, p := range policy.Presets() {
			ids = append(ids, cobra.CompletionWithDesc(p.ID, p.Name))
		}
	}
	return ids, cobra.ShellCompDirectiveNoFileComp
}

func presetListCommand(r *reach) *cobra.Command {
	return &cobra.Command{
		Use:     "list",
		Short:   "List the presets with their sources",
		Example: "  curfew preset list",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			all := adminapi.AllPresets()
			return r.answer(cmd, all, func(p *page) {
				rows := [][]string{{"PRESET", "SESSION", "INACTIVITY", "SOURCE"}}
				for _, one := range all.Presets {
					rows = append(rows, []string{one.ID, stays(one.SessionTimeout), asked(one), one.Source})
				}
				p.table("", rows...)
			})
		},
	}
}

func stays(text string) string {
	if text == "" {
		return "stays"
	}
	return text
}

func asked(p adminapi.Preset) string {
	if p.AsksInactivity {
		return "yours"
	}
	return stays(p.InactivityTimeout)
}

func presetShowCommand(r *reach) *cobra.Command {
	return &cobra.Command{
		Use:               "show PRESET",
		Short:             "Show one preset",
		Example:           "  curfew preset show nist-aal2",
		Args:              arguments(1, 1, "the name of a preset"),
		ValidArgsFunction: presetIDs,
		RunE: func(cmd *cobra.Command, args []string) error {
			var ids []string
			for _, one := range adminapi.AllPresets().Presets {
				if ids = append(ids, one.ID); one.ID == args[0] {
					return r.answer(cmd, one, func(p *page) {
						p.facts("preset", one.ID, "name", one.Name, "source", one.Source, "note", one.Note, "session timeout", stays(one.SessionTimeout),
							"inactivity timeout", asked(one), "warnings", one.Warnings)
					})
				}
			}
			return &admin.Error{Code: admin.NotFound, Message: "preset is \"" + args[0] + "\"; allowed: " + strings.Join(ids, ", ")}
		},
	}
}

func presetApplyCommand(r *reach) *cobra.Command {
	var c change
	var environment, inactivity string
	var yes bool
	cmd := &cobra.Command{
		Use:   "apply PRESET",
		Short: "Apply a preset to an environment, after showing what it changes",
		Long: `Apply a preset to an environment. It shows the differences, and which sessions would end when, and asks first. HIPAA gives
no number: --inactivity is your organisation's.`,
		Example: `  curfew preset apply nist-aal2 --env clinic --dry-run
  curfew preset apply hipaa --env clinic --inactivity 15m --yes`,
		Args:              arguments(1, 1, "the name of a preset"),
		ValidArgsFunction: presetIDs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if environment == "" {
				return usage("--env is missing: the environment to apply it to")
			}
			if err := known(environment); err != nil {
				return err
			}
			client, err := r.dial(cmd)
			if err != nil {
				return err
			}
			version, err := c.from(cmd.Context(), client, environment)
			if err != nil {
				return err
			}
			e := admin.Edit{Preset: args[0], PresetInactivity: inactivity}
			out, err := client.Change(cmd.Context(), environment, version, e, true)
			if err != nil {
				return &unchanged{environment, e, err}
			}
			if !c.dryRun && len(out.Changes) > 0 {
				if !yes {
					p := &page{}
					p.outcome(version, out)
					if err := p.write(cmd.ErrOrStderr()); err != nil {
						return err
					}
				}
				if err := confirm(cmd, yes, "Apply?"); err != nil {
					return err
				}
				if out, err = client.Change(cmd.Context(), environment, version, e, false); err != nil {
					return &unchanged{environment, e, err}
				}
			}
			return r.answer(cmd, out, func(p *page) { p.outcome(version, out) })
		},
	}
	r.environmentFlag(cmd, &environment, "the environment")
	cmd.Flags().StringVar(&inactivity, "inactivity", "", "the inactivity timeout that your organisation has decided on, where the preset asks for it")
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask")
	c.flags(cmd)
	return cmd
}
