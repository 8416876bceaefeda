package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/curfew-project/curfew/verifier/admin"
	"github.com/curfew-project/curfew/verifier/settings"
)

func envCreateCommand(r *reach) *cobra.Command {
	var n admin.NewEnvironment
	var kind string
	cmd := &cobra.Command{
		Use:   "create ID",
		Short: "Make an environment",
		Long: `Make an environment with the default settings. It uses an identity provider that "providers" in the configuration file
has, because secrets are in files only.`,
		Example: `  curfew env create lab --origin https://lab.example --provider main --name Laboratory
  curfew env create patients --kind portal --origin https://patients.example --provider main`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := r.dial(cmd)
			if err != nil {
				return err
			}
			n.ID, n.Kind = args[0], settings.Kind(kind)
			made, err := client.Create(cmd.Context(), n)
			if err != nil {
				return err
			}
			return r.answer(cmd, made, func(p *page) { p.say("environment %s was made (version %d)", made.ID, made.Version) })
		},
	}
	cmd.Flags().StringVar(&n.Name, "name", "", "what people call it")
	cmd.Flags().StringVar(&kind, "kind", string(settings.App), "app, or portal: the deployment's switches do not apply to it")
	cmd.Flags().StringArrayVar(&n.Origins, "origin", nil, "https://host of the application; may be given more than once")
	cmd.Flags().StringVar(&n.Provider, "provider", "", "the id of the identity provider in the configuration file")
	must(cmd.RegisterFlagCompletionFunc("kind", cobra.FixedCompletions([]string{string(settings.App), string(settings.Portal)}, cobra.ShellCompDirectiveNoFileComp)))
	return cmd
}

func envRenameCommand(r *reach) *cobra.Command {
	var c change
	cmd := &cobra.Command{
		Use:               "rename ID NAME",
		Short:             "Change what people call an environment",
		Long:              "Change what people call an environment. Its ID stays, because sessions and the audit are kept by it. An empty name takes the name away.",
		Example:           `  curfew env rename lab "Laboratory, second floor"`,
		Args:              cobra.ExactArgs(2),
		ValidArgsFunction: r.firstEnvironment,
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.apply(r, cmd, args[0], admin.Edit{Name: &args[1]})
		},
	}
	c.flags(cmd)
	return cmd
}

func envOriginsCommand(r *reach) *cobra.Command {
	var c change
	cmd := &cobra.Command{
		Use:               "origins ID ORIGIN...",
		Short:             "Change where the application is",
		Example:           "  curfew env origins lab https://lab.example https://lab.example:8443",
		Args:              cobra.MinimumNArgs(2),
		ValidArgsFunction: r.firstEnvironment,
		RunE: func(cmd *cobra.Command, args []string) error {
			origins := args[1:]
			return c.apply(r, cmd, args[0], admin.Edit{Origins: &origins})
		},
	}
	c.flags(cmd)
	return cmd
}

func envRemoveCommand(r *reach) *cobra.Command {
	var c change
	var yes bool
	cmd := &cobra.Command{
		Use:               "remove ID",
		Short:             "Remove an environment and end its sessions",
		Long:              "Remove an environment. Its living sessions end, and its hosts are refused from then on. Its history and the audit stay.",
		Example:           "  curfew env remove lab --dry-run\n  curfew env remove lab --yes",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: r.firstEnvironment,
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := r.dial(cmd)
			if err != nil {
				return err
			}
			version, err := c.from(cmd.Context(), client, args[0])
			if err != nil {
				return err
			}
			out, err := client.Remove(cmd.Context(), args[0], version, true)
			if err != nil {
				return err
			}
			if !c.dryRun {
				question := fmt.Sprintf("Remove environment %s and end %s?", args[0], count(out.Effects.Living, "living session", "living sessions"))
				if err := confirm(cmd, yes, question); err != nil {
					return err
				}
				if out, err = client.Remove(cmd.Context(), args[0], version, false); err != nil {
					return err
				}
			}
			return r.answer(cmd, out, func(p *page) { p.outcome(version, out) })
		},
	}
	c.flags(cmd)
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask")
	return cmd
}
