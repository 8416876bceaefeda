package main

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/curfew-project/curfew/shared/policy"
	"github.com/curfew-project/curfew/verifier/admin"
	"github.com/curfew-project/curfew/verifier/settings"
)

func sessionCommand() *cobra.Command {
	r := &reach{}
	return r.flags(group(&cobra.Command{
		Use:   "session",
		Short: "List, search and end sessions",
		Long:  "List, search and end sessions. A session that is ended is refused at its next request, on every replica.",
		Example: `  curfew session list --env clinic --user amara
  curfew session end --env clinic --user 8c1f3d52`,
	}, sessionListCommand(r), sessionShowCommand(r), sessionEndCommand(r), sessionOverviewCommand(r)))
}

func sessionListCommand(r *reach) *cobra.Command {
	var q admin.SessionQuery
	var state string
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List sessions, those that began last first",
		Example: `  curfew session list
  curfew session list --env clinic --user amara --state any
  curfew session list --client phone --limit 1000 --json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, err := r.dial(cmd)
			if err != nil {
				return err
			}
			if err := there(cmd.Context(), client, q.Environment); err != nil {
				return err
			}
			q.State = admin.State(state)
			found, err := client.Sessions(cmd.Context(), q)
			if err != nil {
				return err
			}
			return r.answer(cmd, found, func(p *page) {
				rows := [][]string{{"SESSION", "ENVIRONMENT", "USER", "CLIENT", "STATE", "BEGAN", "ACTIVE", "ENDS", "BY"}}
				for _, s := range found.Sessions {
					rows = append(rows, []string{s.ID, s.Environment, person(s.Subject, s.Name), s.Client, string(s.Phase), local(s.Began), local(s.Active), local(s.Ends), dash(string(s.Reason))})
				}
				p.table("There is no such session.", rows...)
				if end := q.Offset + len(found.Sessions); end < found.Total && len(found.Sessions) > 0 {
					p.say("%d to %d of %d; more: --offset %d", q.Offset+1, end, found.Total, end)
				}
			})
		},
	}
	r.environmentFlag(cmd, &q.Environment, "of one environment")
	cmd.Flags().StringVar(&q.User, "user", "", "whose subject or name has this in it, whatever the case")
	cmd.Flags().StringVar(&q.Client, "client", "", "of a kind of client, or browser")
	cmd.Flags().StringVar(&state, "state", string(admin.Living), "living, warned, ended or any")
	cmd.Flags().IntVar(&q.Limit, "limit", 50, "how many, 1 to 1000")
	cmd.Flags().IntVar(&q.Offset, "offset", 0, "leave out so many")
	var states, kinds []string
	for _, one := range admin.States() {
		states = append(states, string(one))
	}
	for _, one := range append(policy.Clients(), policy.Browser) {
		kinds = append(kinds, settings.ClientName(one))
	}
	must(cmd.RegisterFlagCompletionFunc("state", cobra.FixedCompletions(states, cobra.ShellCompDirectiveNoFileComp)))
	must(cmd.RegisterFlagCompletionFunc("client", cobra.FixedCompletions(kinds, cobra.ShellCompDirectiveNoFileComp)))
	return cmd
}

func sessionShowCommand(r *reach) *cobra.Command {
	return &cobra.Command{
		Use:     "show ID",
		Short:   "Show one session, with where it began",
		Example: "  curfew session show 3q2-7w",
		Args:    arguments(1, 1, "the ID of a session"), ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := r.dial(cmd)
			if err != nil {
				return err
			}
			s, err := client.Session(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			return r.answer(cmd, s, func(p *page) {
				provider := ""
				if s.Bypassed {
					provider = "is not asked again"
				}
				p.facts("session", s.ID, "environment", s.Environment, "user", person(s.Subject, s.Name), "issuer", s.Issuer, "client", s.Client,
					"exempt from", strings.Join(s.Exempt, ", "), "state", string(s.Phase), "began", local(s.Began), "last activity", local(s.Active),
					"ends", local(s.Ends), "by", string(s.Reason), "identity provider", provider, "user agent", s.UserAgent, "address", s.Address)
			})
		},
	}
}

func sessionEndCommand(r *reach) *cobra.Command {
	var environment, user string
	var yes bool
	cmd := &cobra.Command{
		Use:   "end [ID]",
		Short: "End one session, those of a user, or those of an environment",
		Long: `End one session by its ID; those of a user, who is named by the subject, with --user and --env; or those of everybody in an
environment with --env. The latter two tell how many there are, and ask first.`,
		Example: `  curfew session end kJ2mP0s3Vt6yB1n4Qw7xZg
  curfew session end --env clinic --user 8c1f3d52
  curfew session end --env clinic --yes`,
		Args: arguments(0, 1, "the ID of one session"), ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case len(args) == 1 && (environment != "" || user != ""):
				return usage("an ID and --env or --user are given; allowed: one session by its ID, or those of --env")
			case len(args) == 1:
				return endOne(r, cmd, args[0])
			case environment == "":
				return usage("give the ID of a session, or --env, and --user for one user only")
			case user == "" && cmd.Flags().Changed("user"):
				return usage("--user is empty; without --user the sessions of everybody in the environment are ended")
			}
			return endMany(r, cmd, environment, user, yes)
		},
	}
	r.environmentFlag(cmd, &environment, "in this environment")
	cmd.Flags().StringVar(&user, "user", "", "of the user with this subject")
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask")
	return cmd
}

func endOne(r *reach, cmd *cobra.Command, id string) error {
	client, err := r.dial(cmd)
	if err != nil {
		return err
	}
	if err := client.EndSession(cmd.Context(), id); err != nil {
		return err
	}
	s, err := client.Session(cmd.Context(), id)
	if err != nil {
		return err
	}
	return r.answer(cmd, s, func(p *page) {
		p.say("session %s of %s ended at %s (%s)", s.ID, person(s.Subject, s.Name), local(s.Ends), s.Reason)
	})
}
