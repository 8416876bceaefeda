package main

import (
	"crypto/rand"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/curfew-project/curfew/verifier/config"
	"github.com/curfew-project/curfew/verifier/keyring"
)

// keepOld is how long an old key is kept at least: nobody comes back later than a browser that stayed away for as long as a session is
// kept for it.
const keepOld = 90 * 24 * time.Hour

// keyList is the answer to keys list.
type keyList struct {
	File    string           `json:"file"`
	Changed time.Time        `json:"changed"` // when the file was changed last, UTC
	Keys    []keyring.Listed `json:"keys"`
}

// keyFlags say where the key file is.
type keyFlags struct {
	config, file string
	json         bool
}

func keysCommand() *cobra.Command {
	k := &keyFlags{}
	cmd := group(&cobra.Command{
		Use:   "keys",
		Short: "List, add and drop the keys that the verifier's tokens are made with",
		Long: `The verifier makes its cookies and seals what it keeps with the first secret of its key file, and accepts all of them. To
exchange the key, add one, restart the verifier, and only then prune: drop the old one when nothing needs it any more. With
several verifiers, give all of them the new file before any is restarted on it alone.`,
		Example: `  curfew keys list
  curfew keys add
  curfew keys prune`,
	}, keysListCommand(k), keysAddCommand(k), keysPruneCommand(k))
	flags := cmd.PersistentFlags()
	flags.StringVarP(&k.config, "config", "c", defaultConfig, "the configuration file, which says where the key file is")
	flags.StringVar(&k.file, "file", "", "the key file, whatever the configuration file says")
	flags.BoolVar(&k.json, "json", false, "answer as JSON")
	return cmd
}

func (k *keyFlags) path() (string, error) {
	if k.file != "" {
		return k.file, nil
	}
	c, err := config.Source{Path: k.config, Environ: os.Environ()}.Load()
	if err != nil {
		return "", fmt.Errorf("%w\n--file says where the key file is, whatever is in the configuration file", err)
	}
	return c.Keys, nil
}

func keysListCommand(k *keyFlags) *cobra.Command {
	return &cobra.Command{
		Use:     "list",
		Short:   "List the keys and their ages, never the secrets",
		Example: "  curfew keys list --config /etc/curfew/curfew.yaml",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			path, err := k.path()
			if err != nil {
				return err
			}
			all, err := keyring.ListFile(path, time.Now())
			if err != nil {
				return err
			}
			info, err := os.Stat(path)
			if err != nil {
				return err
			}
			list := keyList{File: path, Changed: info.ModTime().UTC(), Keys: all}
			return (&reach{json: k.json}).answer(cmd, list, func(p *page) {
				rows := [][]string{{"KEY", "USE", "ADDED", "AGE"}}
				for i, one := range all {
					use, added, age := "accepted only", "before "+local(info.ModTime().UnixMilli()), "-"
					if i == 0 {
						use = "current"
					}
					if !one.Added.IsZero() {
						added, age = local(one.Added.UnixMilli()), days(time.Since(one.Added))
					}
					rows = append(rows, []string{one.ID, use, added, age})
				}
				p.table("", rows...)
			})
		},
	}
}

func days(d time.Duration) string { return count(int(d.Hours()/24), "day", "days") }

func keysAddCommand(k *keyFlags) *cobra.Command {
	return &cobra.Command{
		Use:   "add",
		Short: "Put a fresh key first; the others are accepted as before",
		Example: `  curfew keys add --config /etc/curfew/curfew.yaml
  curfew keys add --file /var/lib/curfew/keys`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			path, err := k.path()
			if err != nil {
				return err
			}
			made, err := keyring.AddFile(path, rand.Reader, time.Now(), time.Now())
			if err != nil {
				return err
			}
			return (&reach{json: k.json}).answer(cmd, made, func(p *page) {
				p.say("key %s is the first one in %s now", made.ID, path)
				p.say("Restart the verifier to use it, and only then prune.")
			})
		},
	}
}
