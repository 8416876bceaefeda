package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/curfew-project/curfew/shared/policy"
	"github.com/curfew-project/curfew/verifier/config"
	"github.com/curfew-project/curfew/verifier/texts"
)

func checkConfigCommand() *cobra.Command {
	var path string
	cmd := &cobra.Command{
		Use:   "check-config",
		Short: "Check the configuration file and show what it means",
		Long: `Check the configuration file. What is out of range is all reported at once, and what cannot be
read with its line and column. Exit status 1 means that serve would refuse it.`,
		Example: `  curfew check-config --config /etc/curfew/curfew.yaml`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := config.Load(path)
			if err != nil {
				return err
			}
			if err := c.Readable(); err != nil {
				return err
			}
			for _, env := range c.Environments {
				describe(cmd.OutOrStdout(), env)
			}
			catalog, err := texts.Load(c.Texts)
			if err != nil {
				return err
			}
			describeTexts(cmd.OutOrStdout(), catalog)
			fmt.Fprintf(cmd.OutOrStdout(), "%s is correct\n", path)
			return nil
		},
	}
	cmd.Flags().StringVarP(&path, "config", "c", "curfew.yaml", "the configuration file")
	return cmd
}

// describe says what an environment's settings mean.
func describe(to io.Writer, e config.Environment) {
	env := e.InForce()
	s, check := env.Settings, env.Check
	session := "by the identity provider's own policy"
	if s.SessionOn() {
		session = policy.Format(s.SessionTimeout)
	}
	inactivity := "off"
	if s.InactivityOn() {
		inactivity = fmt.Sprintf("%s, warning %s before", policy.Format(s.InactivityTimeout), policy.Format(s.InactivityWarning))
	}
	fmt.Fprintf(to, "environment %s at %s: session timeout %s, warning %s before; inactivity timeout %s\n",
		env.ID, env.Origin, session, policy.Format(s.SessionWarning), inactivity)
	most := policy.Format(env.For(true, policy.Browser).SessionTimeout)
	if check.Bypass {
		fmt.Fprintf(to, "  policy check bypassed: every session ends after %s at most\n", most)
	} else {
		budget := "nobody can choose to stay signed in through an outage"
		if stay := e.Provider.StaySignedIn; stay.Ask || stay.Claim != "" {
			budget = "outage budget " + policy.Format(check.Budget) + " for users who stay signed in"
		}
		fmt.Fprintf(to, "  policy check every %s, %s; without a refresh token a session ends after %s at most\n", policy.Format(check.Interval), budget, most)
	}
	if e.HandIn != nil {
		fmt.Fprintf(to, "  sessions can be handed in with ID tokens of client %s; they end after %s at most\n", e.HandIn.ClientID, most)
	}
	if len(env.Page.Frames) > 0 {
		fmt.Fprintf(to, "  frames of %s may take part\n", strings.Join(env.Page.Frames, ", "))
	}
}

// describeTexts says in which languages people are spoken to.
func describeTexts(to io.Writer, catalog *texts.Catalog) {
	var tags []string
	for _, l := range catalog.Languages() {
		tags = append(tags, l.Tag())
	}
	fmt.Fprintf(to, "languages: %s\n", strings.Join(tags, ", "))
}
