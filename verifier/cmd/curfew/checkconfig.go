package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/curfew-project/curfew/verifier/config"
	"github.com/curfew-project/curfew/verifier/provider"
	"github.com/curfew-project/curfew/verifier/texts"
)

// configSource is where the configuration comes from: the file, which may be missing unless it was named, and the process environment.
func configSource(cmd *cobra.Command, path string) config.Source {
	return config.Source{Path: path, Optional: !cmd.Flags().Changed("config"), Environ: os.Environ()}
}

// configFlag adds the flag that configSource asks for.
func configFlag(cmd *cobra.Command, path *string) {
	cmd.Flags().StringVarP(path, "config", "c", "curfew.yaml", "the configuration file")
}

func checkConfigCommand() *cobra.Command {
	var path string
	var asJSON, ask bool
	cmd := &cobra.Command{
		Use:   "check-config",
		Short: "Check the configuration and show what it means",
		Long: `Check the configuration: the file, and the variables of the process environment that stand above it. Everything
that is wrong is reported at once, each with its line and column or its variable. Exit status 1 means that serve
would refuse it, or, with --ask-providers, that an identity provider does not answer.`,
		Example: `  curfew check-config --config /etc/curfew/curfew.yaml
  CURFEW_ENVIRONMENTS__RECORDS__SETTINGS__INACTIVITY_TIMEOUT=10m curfew check-config
  curfew check-config --ask-providers
  curfew check-config --json | jq '.environments[].settings'`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, languages, err := checked(configSource(cmd, path))
			if err == nil && ask {
				err = askProviders(cmd.Context(), cmd.ErrOrStderr(), c, time.Now)
			}
			if asJSON {
				if encodeErr := writeCheck(cmd.OutOrStdout(), path, c, languages, err); encodeErr != nil {
					return encodeErr
				}
				return err
			}
			if err != nil {
				return err
			}
			summarize(path, c, languages).print(cmd.OutOrStdout())
			return nil
		},
	}
	configFlag(cmd, &path)
	cmd.Flags().BoolVar(&asJSON, "json", false, "write what the configuration means, or what is wrong with it, as JSON")
	cmd.Flags().BoolVar(&ask, "ask-providers", false, "also ask every identity provider whether it answers, as feature switches need it to")
	return cmd
}

// checked loads a configuration and everything that serve reads because of it.
func checked(source config.Source) (config.Config, []string, error) {
	c, err := source.Load()
	if err != nil {
		return config.Config{}, nil, err
	}
	if err := c.Readable(); err != nil {
		return config.Config{}, nil, source.Named(err)
	}
	catalog, err := texts.Load(c.Texts)
	if err != nil {
		return config.Config{}, nil, err
	}
	var languages []string
	for _, l := range catalog.Languages() {
		languages = append(languages, l.Tag())
	}
	return c, languages, nil
}

// problem is one thing that is wrong, as JSON.
type problem struct {
	Path    string `json:"path,omitempty"`
	Place   string `json:"place,omitempty"`
	Message string `json:"message"`
}

// writeCheck writes the outcome of a check as JSON.
func writeCheck(to io.Writer, path string, c config.Config, languages []string, err error) error {
	if err == nil {
		return writeJSON(to, summarize(path, c, languages))
	}
	wrong := []problem{}
	var all config.Problems
	if errors.As(err, &all) {
		for _, p := range all {
			wrong = append(wrong, problem{p.Path, p.Place, p.Err.Error()})
		}
	} else {
		wrong = append(wrong, problem{Message: err.Error()})
	}
	return writeJSON(to, struct {
		File     string    `json:"file"`
		Correct  bool      `json:"correct"`
		Problems []problem `json:"problems"`
	}{path, false, wrong})
}

// askProviders asks every provider once, all at the same time, and says who does not answer and why.
func askProviders(ctx context.Context, progress io.Writer, c config.Config, now func() time.Time) error {
	var issuers []string
	known := map[string]bool{}
	for _, p := range c.AllProviders() {
		if !known[p.Issuer] {
			known[p.Issuer] = true
			issuers = append(issuers, p.Issuer)
		}
	}
	answers := make([]error, len(issuers))
	var asking sync.WaitGroup
	for i, issuer := range issuers {
		fmt.Fprintf(progress, "asking %s\n", issuer)
		asking.Go(func() {
			if err := provider.New(provider.Config{Issuer: issuer}, nil, now, nil).Ready(ctx); err != nil {
				answers[i] = fmt.Errorf("provider %s: %w", issuer, err)
			}
		})
	}
	asking.Wait()
	return errors.Join(answers...)
}
