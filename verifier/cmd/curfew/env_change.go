package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/curfew-project/curfew/verifier/admin"
	"github.com/curfew-project/curfew/verifier/config"
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
		Args: oneEnvironment,
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
			return r.answer(cmd, made, func(p *page) {
				p.say("environment %s was made (version %d)", made.ID, made.Version)
				p.registrations(made.Origins, r.prefix())
			})
		},
	}
	cmd.Flags().StringVar(&n.Name, "name", "", "what people call it")
	cmd.Flags().StringVar(&kind, "kind", string(settings.App), "app, or portal: the deployment's switches do not apply to it")
	cmd.Flags().StringArrayVar(&n.Origins, "origin", nil, "https://host of the application; may be given more than once")
	cmd.Flags().StringVar(&n.Provider, "provider", "", "the id of the identity provider in the configuration file")
	must(cmd.RegisterFlagCompletionFunc("kind", cobra.FixedCompletions([]string{string(settings.App), string(settings.Portal)}, cobra.ShellCompDirectiveNoFileComp)))
	return cmd
}

// registrations says what an identity provider has to know of new origins.
func (p *page) registrations(origins []string, prefix string) {
	p.say("Register at the identity provider:")
	rows := [][]string{{"FOR", "ADDRESS"}}
	for _, origin := range origins {
		for _, one := range [...]struct{ what, path string }{
			{"redirect after sign-in", "callback"}, {"redirect after sign-out", "signed-out"}, {"back-channel logout", "backchannel-logout"},
		} {
			rows = append(rows, []string{one.what, origin + prefix + one.path})
		}
	}
	p.table("", rows...)
}

// prefix is under which path the verifier is, by the configuration file; where that cannot be read, as by default.
func (r *reach) prefix() string {
	c, err := config.Source{Path: r.config, Environ: os.Environ()}.Load()
	if err != nil {
		return "/.curfew/"
	}
	return c.Prefix
}

func envRenameCommand(r *reach) *cobra.Command {
	var c change
	cmd := &cobra.Command{
		Use:               "rename ID NAME",
		Short:             "Change what people call an environment",
		Long:              "Change what people call an environment. Its ID stays, because sessions and the audit are kept by it. An empty name takes the name away.",
		Example:           `  curfew env rename lab "Laboratory, second floor"`,
		Args:              arguments(2, 2, "the ID of an environment and its name"),
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
		Args:              arguments(2, -1, "the ID of an environment and one origin or more"),
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
		Args:              oneEnvironment,
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
