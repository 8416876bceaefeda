package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/curfew-project/curfew/shared/policy"
	"github.com/curfew-project/curfew/verifier/config"
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
			for _, env := range c.Environments {
				if _, err := env.Provider.Secret(); err != nil {
					return fmt.Errorf("environment %s: %w", env.ID, err)
				}
				s := env.PolicySettings()
				inactivity := "off"
				if s.InactivityOn() {
					inactivity = fmt.Sprintf("%s, warning %s before", policy.Format(s.InactivityTimeout), policy.Format(s.InactivityWarning))
				}
				fmt.Fprintf(cmd.OutOrStdout(), "environment %s at %s: session timeout %s, warning %s before; inactivity timeout %s\n",
					env.ID, env.Origin, policy.Format(s.SessionTimeout), policy.Format(s.SessionWarning), inactivity)
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s is correct\n", path)
			return nil
		},
	}
	cmd.Flags().StringVarP(&path, "config", "c", "curfew.yaml", "the configuration file")
	return cmd
}
