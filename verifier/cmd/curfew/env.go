package main

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/curfew-project/curfew/verifier/admin"
	"github.com/curfew-project/curfew/verifier/admin/adminapi"
)

func envCommand() *cobra.Command {
	r := &reach{}
	return r.flags(group(&cobra.Command{
		Use:   "env",
		Short: "List, show, create, rename and remove environments",
		Long: `An environment is one application with its own settings. Those of the configuration file can be changed and removed
there only; others use an identity provider of the file.`,
		Example: `  curfew env list
  curfew env create lab --origin https://lab.example --provider main --name Laboratory`,
	}, envListCommand(r), envShowCommand(r), envCreateCommand(r), envRenameCommand(r), envOriginsCommand(r), envRemoveCommand(r),
		historyCommand(r, "env"), envPagesCommand(r)))
}

func envListCommand(r *reach) *cobra.Command {
	return &cobra.Command{
		Use:     "list",
		Short:   "List the environments",
		Example: "  curfew env list\n  curfew env list --json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, err := r.dial(cmd)
			if err != nil {
				return err
			}
			all, err := client.Environments(cmd.Context())
			if err != nil {
				return err
			}
			return r.answer(cmd, adminapi.Environments{Environments: all}, func(p *page) {
				rows := [][]string{{"ID", "NAME", "KIND", "ORIGINS", "SESSIONS", "VERSION", "PROVIDER"}}
				for _, e := range all {
					rows = append(rows, []string{e.ID, dash(e.Name), string(e.Kind), strings.Join(e.Origins, " "), strconv.Itoa(e.Sessions),
						strconv.FormatInt(e.Version, 10), e.ProviderState})
				}
				p.table("There is no environment.", rows...)
			})
		},
	}
}

func envShowCommand(r *reach) *cobra.Command {
	return &cobra.Command{
		Use:               "show ID",
		Short:             "Show one environment with all that is set",
		Example:           "  curfew env show clinic",
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
				p.facts("environment", e.ID, "name", e.Name, "kind", string(e.Kind), "origins", strings.Join(e.Origins, " "),
					"identity provider", e.Issuer, "provider state", e.ProviderState, "made with provider", e.Provider,
					"living sessions", strconv.Itoa(e.Sessions), "version", changed(e.Version, e.ChangedAt, e.ChangedBy),
					"in the file", owned(e.Owned))
				p.times(e)
				p.switches(e.Switches, "the deployment")
				p.clients(e.Clients)
			})
		},
	}
}

func changed(version, at int64, by string) string {
	if version == 0 {
		return "0, nobody has changed anything"
	}
	return fmt.Sprintf("%d, by %s at %s", version, by, local(at))
}

// owned says what only the configuration file can change.
func owned(o admin.Owned) string {
	var parts []string
	for _, part := range []struct {
		is   bool
		name string
	}{{o.Environment, "kind, origins, provider"}, {o.Name, "name"}, {o.Settings, "settings"}, {o.Switches, "switches"}, {o.Clients, "clients"}} {
		if part.is {
			parts = append(parts, part.name)
		}
	}
	return strings.Join(parts, ", ")
}

func envPagesCommand(r *reach) *cobra.Command {
	return &cobra.Command{
		Use:               "pages ID",
		Short:             "List the pages that have asked for the agent",
		Long:              "List the pages and frames that have asked for the agent since the verifier started. A page that is not here is not watched.",
		Example:           "  curfew env pages clinic",
		Args:              oneEnvironment,
		ValidArgsFunction: r.firstEnvironment,
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := r.dial(cmd)
			if err != nil {
				return err
			}
			all, err := client.Reported(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			return r.answer(cmd, adminapi.Reported{Pages: all}, func(p *page) {
				rows := [][]string{{"PAGE", "FIRST", "LAST", "TIMES"}}
				for _, one := range all {
					rows = append(rows, []string{one.Path, local(one.First), local(one.Last), strconv.Itoa(one.Count)})
				}
				p.table("No page has asked for the agent yet.", rows...)
			})
		},
	}
}
