package main

import (
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/curfew-project/curfew/shared/policy"
	"github.com/curfew-project/curfew/verifier/admin"
	"github.com/curfew-project/curfew/verifier/settings"
)

func clientCommand() *cobra.Command {
	r := &reach{}
	return r.flags(group(&cobra.Command{
		Use:   "client",
		Short: "Say in which clients the timeouts are not enforced, and try a user agent",
		Long: `Matchers recognise kinds of clients by their OAuth client and their user agent, in order; the first that fits decides. In the
kinds that are recognised the timeouts are not enforced, unless said otherwise; in browsers always. The kinds:
  outlook_add_in, phone, tablet, desktop_agent_shell, live_chat, canvas_app; browser ends the search`,
		Example: `  curfew client list --env clinic
  curfew client set --env clinic --match "phone:user-agent=*iPhone*" --enforce phone:session,inactivity
  curfew client try --env clinic --user-agent "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X)"`,
	}, clientListCommand(r), clientSetCommand(r), clientTryCommand(r)))
}

func clientListCommand(r *reach) *cobra.Command {
	var environment string
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List the matchers of an environment, and what is enforced",
		Example: "  curfew client list --env clinic",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if environment == "" {
				return usage("--env is missing: the environment")
			}
			client, err := r.dial(cmd)
			if err != nil {
				return err
			}
			e, err := client.Environment(cmd.Context(), environment)
			if err != nil {
				return err
			}
			return r.answer(cmd, e.Clients, func(p *page) { p.clients(e.Clients) })
		},
	}
	r.environmentFlag(cmd, &environment, "the environment")
	return cmd
}

func (p *page) clients(c settings.Clients) {
	if len(c.Matchers) == 0 {
		p.say("No client is recognised: the timeouts are enforced everywhere.")
		return
	}
	rows := [][]string{{"PLACE", "CLIENT", "OAUTH CLIENT", "USER AGENT"}}
	for i, m := range c.Matchers {
		rows = append(rows, []string{strconv.Itoa(i + 1), settings.ClientName(m.Client), dash(m.ClientID), dash(m.UserAgent)})
	}
	p.table("", rows...)
	rows = [][]string{{"CLIENT", "SESSION TIMEOUT", "INACTIVITY TIMEOUT"}}
	for _, kind := range policy.Clients() {
		of := c.Of(kind)
		rows = append(rows, []string{settings.ClientName(kind), enforced(of.Session), enforced(of.Inactivity)})
	}
	p.table("", rows...)
}

func enforced(is bool) string {
	if is {
		return "enforced"
	}
	return "exempt"
}

func clientSetCommand(r *reach) *cobra.Command {
	var c change
	var environment string
	var draft clientDraft
	cmd := &cobra.Command{
		Use:   "set",
		Short: "Replace the matchers of an environment and what is enforced",
		Long: `Replace all matchers of an environment and what is enforced: from a file, YAML or JSON, as "clients" in the configuration
file, or from flags. --none takes all away.`,
		Example: `  curfew client set --env clinic --file clients.yaml
  curfew client set --env clinic --match "phone:user-agent=*iPhone*" --match "live_chat:client-id=chat" --enforce phone:session
  curfew client set --env clinic --none`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if environment == "" {
				return usage("--env is missing: the environment")
			}
			clients, given, err := draft.read()
			if err != nil {
				return err
			}
			if !given {
				return usage("nothing to set: give --file, --match, --enforce or --none")
			}
			return c.apply(r, cmd, environment, admin.Edit{Clients: &clients})
		},
	}
	r.environmentFlag(cmd, &environment, "the environment")
	draft.flags(cmd)
	cmd.Flags().BoolVar(&draft.none, "none", false, "recognise nobody")
	c.flags(cmd)
	return cmd
}

func clientTryCommand(r *reach) *cobra.Command {
	var environment, clientID, userAgent string
	var draft clientDraft
	cmd := &cobra.Command{
		Use:   "try",
		Short: "Say what a user agent would be taken for",
		Long:  "Say what a user agent and an OAuth client would be taken for, by the matchers of the environment or by others, which are not kept.",
		Example: `  curfew client try --env clinic --user-agent "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X)"
  curfew client try --env clinic --client-id chat --file clients.yaml`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if environment == "" {
				return usage("--env is missing: the environment")
			}
			if clientID == "" && userAgent == "" {
				return usage("nothing to try: give --user-agent, --client-id or both")
			}
			clients, given, err := draft.read()
			if err != nil {
				return err
			}
			var other *settings.Clients
			if given {
				other = &clients
			}
			client, err := r.dial(cmd)
			if err != nil {
				return err
			}
			tried, err := client.TryClient(cmd.Context(), environment, clientID, userAgent, other)
			if err != nil {
				return err
			}
			return r.answer(cmd, tried, func(p *page) {
				why := "no matcher fits"
				if tried.Matcher > 0 {
					why = fmt.Sprintf("by matcher %d", tried.Matcher)
				}
				p.facts("client", tried.Client+", "+why, "session timeout", enforced(tried.Enforced.Session), "inactivity timeout", enforced(tried.Enforced.Inactivity))
			})
		},
	}
	r.environmentFlag(cmd, &environment, "the environment")
	cmd.Flags().StringVar(&userAgent, "user-agent", "", "the User-Agent header of a sign-in")
	cmd.Flags().StringVar(&clientID, "client-id", "", "the OAuth client of a sign-in")
	draft.flags(cmd)
	return cmd
}
