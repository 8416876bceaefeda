package main

import (
	"crypto/rand"
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
)

// keepOld is how long an old key is kept at least when no verifier can say what needs it: nobody comes back later than a browser that stayed
// away for as long as a session is kept for it.
const keepOld = 90 * 24 * time.Hour

// droppedKeys is the answer to keys prune.
type droppedKeys struct {
	Dropped []keyring.Listed `json:"dropped"`
}

func (p *page) droppedKeys(dropped []keyring.Listed) {
	if len(dropped) == 0 {
		p.say("No key was dropped.")
		return
	}
	for _, one := range dropped {
		p.say("key %s was dropped", one.ID)
	}
	p.say("Running verifiers accept them for some seconds more.")
}

func keysPruneCommand(k *keyFlags) *cobra.Command {
	var replaced time.Duration
	var data string
	var yes bool
	cmd := &cobra.Command{
		Use:   "prune",
		Short: "Drop old keys that nothing needs any more",
		Long: `Drop the keys that another one took the place of, where the running verifier says that nothing needs them: neither a session, whose
cookie or tokens may have been made with one, nor the end of the audit. Where no verifier runs, drop those that were replaced at
least 2160h ago, which is how long a session can be kept for a browser that stays away.

With --replaced the age alone counts, and sessions that still depend on a key end. The current key always stays, and so do keys that
wait to be used. A key of which the file does not say since when it is an old one stays too, unless --replaced is 0: that drops all
old ones. A key that the end of the audit is sealed with never goes: the audit would look tampered with for good.`,
		Example: `  curfew keys prune
  curfew keys prune --replaced 0 --yes   # a key that somebody else may have`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if replaced < 0 {
				return usage("--replaced is %s; allowed: 0 or more", replaced)
			}
			given := cmd.Flags().Changed("replaced")
			if given && replaced < keepOld {
				question := fmt.Sprintf("Drop keys that were replaced less than %s ago? Sessions that depend on them end.", days(keepOld))
				if err := confirm(cmd, yes, question); err != nil {
					return err
				}
			}
			dropped, err := k.prune(cmd, data, time.Now(), replaced, given)
			if err != nil {
				return err
			}
			return (&reach{json: k.json}).answer(cmd, droppedKeys{dropped}, func(p *page) { p.droppedKeys(dropped) })
		},
	}
	cmd.Flags().DurationVar(&replaced, "replaced", keepOld, "drop by age alone: how long ago another key took its place")
	cmd.Flags().StringVar(&data, "data", "", "the verifier's data directory, whatever the configuration file says")
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask")
	must(cmd.MarkFlagDirname("data"))
	return cmd
}

// prune drops keys by their age, or by what the running verifier says.
func (k *keyFlags) prune(cmd *cobra.Command, data string, now time.Time, replaced time.Duration, byAge bool) ([]keyring.Listed, error) {
	path, err := k.path()
	if err != nil {
		return nil, err
	}
	ledgers, redis, err := k.ledgers(cmd, path, data)
	if err != nil {
		return nil, err
	}
	goes := func(one keyring.Listed) bool {
		return replaced == 0 || !one.Replaced.IsZero() && !one.Replaced.After(now.Add(-replaced))
	}
	if !byAge {
		if known, ok := k.ask(cmd); ok {
			goes = func(one keyring.Listed) bool {
				of, ok := known[one.ID]
				return ok && !of.Needed
			}
		}
	}
	return keyring.PruneFile(path, now, goes, func(now, rest *keyring.Ring) error {
		for _, one := range ledgers {
			if err := server.EndStays(cmd.Context(), one, now, rest); err != nil {
				return err
			}
		}
		if redis != nil {
			return server.EndStaysInRedis(cmd.Context(), redis, now, rest)
		}
		return nil
	})
}

// ledgers are the files whose end may be sealed with a key of the file at path: in the data directory, and beside the key file; and
// the Redis, where the configuration has one.
func (k *keyFlags) ledgers(cmd *cobra.Command, path, data string) ([]string, *config.Redis, error) {
	if data != "" {
		if info, err := os.Stat(data); err != nil {
			return nil, nil, fmt.Errorf("--data: %w", err)
		} else if !info.IsDir() {
			return nil, nil, fmt.Errorf("--data %s is no directory", data)
		}
		return []string{filepath.Join(data, server.LedgerFile)}, nil, nil
	}
	found := []string{filepath.Join(filepath.Dir(path), server.LedgerFile)}
	c, err := k.load()
	switch {
	case errors.Is(err, fs.ErrNotExist) && !cmd.Flags().Changed("config"):
		return found, nil, nil
	case err != nil:
		return nil, nil, fmt.Errorf("%w\n--data says where the verifier's data directory is, whatever is in the configuration file", err)
	}
	return append(found, filepath.Join(c.Data, server.LedgerFile)), c.Store.Redis, nil
}

func keysRotateCommand(k *keyFlags) *cobra.Command {
	var data string
	cmd := &cobra.Command{
		Use:   "rotate",
		Short: "Add a fresh key, and drop old ones that nothing needs any more",
		Long: `Do at once what key_rotation.every does by schedule: add a fresh key, to be used a while later, and drop the old ones that nothing needs
any more, as prune does.`,
		Example: `  curfew keys rotate
  curfew keys rotate --after 24h --config /etc/curfew/curfew.yaml`,
		Args: cobra.NoArgs,
	}
	after := k.afterFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		wait, err := after()
		if err != nil {
			return err
		}
		now := time.Now()
		dropped, err := k.prune(cmd, data, now, keepOld, false) // first, because a full file takes no more
		if err != nil {
			return err
		}
		path, err := k.path()
		if err != nil {
			return err
		}
		made, err := keyring.AddFile(path, rand.Reader, now, now.Add(wait))
		if err != nil {
			return err
		}
		return (&reach{json: k.json}).answer(cmd, struct {
			Added keyring.Listed `json:"added"`
			droppedKeys
		}{made, droppedKeys{dropped}}, func(p *page) {
			p.addedKey(made, path)
			p.droppedKeys(dropped)
		})
	}
	cmd.Flags().StringVar(&data, "data", "", "the verifier's data directory, whatever the configuration file says")
	must(cmd.MarkFlagDirname("data"))
	return cmd
}
