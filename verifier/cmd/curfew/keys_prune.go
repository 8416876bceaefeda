package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/curfew-project/curfew/verifier/config"
	"github.com/curfew-project/curfew/verifier/keyring"
	"github.com/curfew-project/curfew/verifier/server"
	"github.com/curfew-project/curfew/verifier/store/ledger"
)

func keysPruneCommand(k *keyFlags) *cobra.Command {
	var replaced time.Duration
	var data string
	var yes bool
	cmd := &cobra.Command{
		Use:   "prune",
		Short: "Drop keys that another one took the place of long ago",
		Long: `Drop the keys that another one took the place of at least --replaced ago. The default, 2160h, is how long a session can be
kept for a browser that stays away; a shorter time ends the sessions that still depend on the key. The current key always stays.
A key of which the file does not say since when it is an old one stays too, unless --replaced is 0: that drops all old ones.

The end of the audit is sealed with the key that the verifier had when it was started. While that is a key to drop, nothing is
dropped: the audit would look tampered with for good. Restart the verifier first, so that it is sealed with the present one.`,
		Example: `  curfew keys prune
  curfew keys prune --replaced 0 --yes`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if replaced < 0 {
				return usage("--replaced is %s; allowed: 0 or more", replaced)
			}
			path, err := k.path()
			if err != nil {
				return err
			}
			ledgers, err := k.ledgers(cmd, path, data)
			if err != nil {
				return err
			}
			if replaced < keepOld {
				question := fmt.Sprintf("Drop keys that were replaced less than %s ago? Sessions that depend on them end.", days(keepOld))
				if err := confirm(cmd, yes, question); err != nil {
					return err
				}
			}
			now := time.Now()
			old := func(one keyring.Listed) bool {
				return replaced == 0 || !one.Replaced.IsZero() && !one.Replaced.After(now.Add(-replaced))
			}
			dropped, err := keyring.PruneFile(path, now, old, func(now, rest *keyring.Ring) error {
				for _, one := range ledgers {
					if err := endStays(cmd.Context(), one, now, rest); err != nil {
						return err
					}
				}
				return nil
			})
			if err != nil {
				return err
			}
			return (&reach{json: k.json}).answer(cmd, struct {
				Dropped []keyring.Listed `json:"dropped"`
			}{dropped}, func(p *page) {
				if len(dropped) == 0 {
					p.say("No key was dropped.")
					return
				}
				for _, one := range dropped {
					p.say("key %s was dropped", one.ID)
				}
				p.say("Restart the verifier: until then it accepts them.")
			})
		},
	}
	cmd.Flags().DurationVar(&replaced, "replaced", keepOld, "how long ago another key took its place")
	cmd.Flags().StringVar(&data, "data", "", "the verifier's data directory, whatever the configuration file says")
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask")
	must(cmd.MarkFlagDirname("data"))
	return cmd
}

// ledgers are the files whose end may be sealed with a key of the file at path: in the data directory, and beside the key file.
func (k *keyFlags) ledgers(cmd *cobra.Command, path, data string) ([]string, error) {
	if data != "" {
		if info, err := os.Stat(data); err != nil {
			return nil, fmt.Errorf("--data: %w", err)
		} else if !info.IsDir() {
			return nil, fmt.Errorf("--data %s is no directory", data)
		}
		return []string{filepath.Join(data, server.LedgerFile)}, nil
	}
	found := []string{filepath.Join(filepath.Dir(path), server.LedgerFile)}
	c, err := config.Source{Path: k.config, Environ: os.Environ()}.Load()
	switch {
	case errors.Is(err, fs.ErrNotExist) && !cmd.Flags().Changed("config"):
		return found, nil
	case err != nil:
		return nil, fmt.Errorf("%w\n--data says where the verifier's data directory is, whatever is in the configuration file", err)
	}
	return append(found, filepath.Join(c.Data, server.LedgerFile)), nil
}

// endStays refuses when the end of the audit is sealed with a key that is to be dropped (C5). An end that no key of the file fits is not
// spoiled by it. Where there is no ledger there is no end.
func endStays(ctx context.Context, path string, now, rest *keyring.Ring) error {
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	text, seal, err := ledger.SealedEnd(ctx, path)
	if err != nil {
		return fmt.Errorf("no key was dropped: with which one the end of the audit is sealed cannot be read: %w", err)
	}
	if server.LedgerOptions(rest, nil).Sealed(text, seal) || !server.LedgerOptions(now, nil).Sealed(text, seal) {
		return nil
	}
	return fmt.Errorf("no key was dropped: the end of the audit is still sealed with key %s: restart the verifier first, so that it is sealed with the present one",
		now.MadeWith(seal))
}
