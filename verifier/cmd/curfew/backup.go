package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/curfew-project/curfew/verifier/config"
	"github.com/curfew-project/curfew/verifier/keyring"
	"github.com/curfew-project/curfew/verifier/server"
)

// dataFlags say where a verifier's data are.
type dataFlags struct {
	config, data, keys string
	json               bool
}

func (d *dataFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVarP(&d.config, "config", "c", defaultConfig, "the configuration file, which says where the data directory is")
	flags.StringVar(&d.data, "data", "", "the data directory, whatever the configuration file says")
	flags.BoolVar(&d.json, "json", false, "answer as JSON")
	must(cmd.MarkFlagDirname("data"))
}

func (d *dataFlags) find() (data, keys string, err error) {
	if d.data != "" {
		if keys = d.keys; keys == "" {
			keys = d.data + "/keys"
		}
		return d.data, keys, nil
	}
	c, err := config.Source{Path: d.config, Environ: os.Environ()}.Load()
	if err != nil {
		return "", "", fmt.Errorf("%w\n--data says where the data directory is, whatever is in the configuration file", err)
	}
	if c.Store.Redis != nil {
		return "", "", errors.New("the sessions, the settings and the audit are in Redis: back that up with its own tools")
	}
	if keys = d.keys; keys == "" {
		keys = c.Keys
	}
	return c.Data, keys, nil
}

func backupCommand() *cobra.Command {
	d := &dataFlags{}
	var to string
	cmd := &cobra.Command{
		Use:   "backup --to DIRECTORY",
		Short: "Copy the sessions, the settings and the audit, also while the verifier runs",
		Long: `Copy the session store and the ledger into a new directory, each as it is at one moment. The verifier may be running; run this
as its user or as root. The copies are read again before they count.

The key file is not among them: keep a copy of it elsewhere. Who has only the backup can read who signed in and what was set,
but no token of the provider, and can make no cookie.`,
		Example: `  curfew backup --to /backup/curfew-2026-11-29
  curfew backup --data /var/lib/curfew --to /backup/curfew-2026-11-29 --json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if to == "" {
				return usage("--to is missing; allowed: the name of a new directory")
			}
			data, _, err := d.find()
			if err != nil {
				return err
			}
			bar := newProgress(cmd, "bytes")
			made, err := server.Backup(cmd.Context(), data, to, time.Now(), bar.at)
			bar.end()
			if err != nil {
				return err
			}
			return (&reach{json: d.json}).answer(cmd, made, func(p *page) {
				p.say("%s holds the data of %s", to, local(made.Made.UnixMilli()))
				p.say("The key file is not in it: keep a copy of that elsewhere.")
			})
		},
	}
	d.add(cmd)
	cmd.Flags().StringVar(&to, "to", "", "the directory to make")
	return cmd
}

func restoreCommand() *cobra.Command {
	d := &dataFlags{}
	var unverified bool
	cmd := &cobra.Command{
		Use:   "restore DIRECTORY",
		Short: "Put a backup into an empty data directory; everybody has to sign in again",
		Long: `Put a backup into a data directory that has no data yet: nothing is overwritten. The verifier must be stopped.

Every session of the backup is ended, and everybody has to enter credentials again. The backup does not know who signed out, or was
signed out, after it was made, and an ended session must stay ended.

The audit is verified first, with the key file that it was sealed with; put that in its place before. It then says when it was
restored, from what and by whom. Settings are those of the backup.`,
		Example: `  curfew restore /backup/curfew-2026-11-29
  curfew restore /backup/curfew-2026-11-29 --data /var/lib/curfew --keys /etc/curfew/keys`,
		Args: arguments(1, 1, "the directory of a backup"),
		RunE: func(cmd *cobra.Command, args []string) error {
			data, keys, err := d.find()
			if err != nil {
				return err
			}
			if _, err := os.Stat(keys); errors.Is(err, fs.ErrNotExist) && !unverified {
				return fmt.Errorf("the key file %s is not there: put the copy of it in its place first, or nothing vouches for the end of the audit. With --unverified-audit a new one is made", keys)
			}
			if err := os.MkdirAll(data, 0o700); err != nil {
				return err
			}
			ring, err := keyring.LoadFile(keys, rand.Reader, time.Now())
			if err != nil {
				return err
			}
			bar := newProgress(cmd, "entries")
			done, err := server.Restore(cmd.Context(), server.Restoring{
				From: args[0], Data: data, Ring: ring, Now: time.Now(), Actor: fmt.Sprintf("uid %d (restore)", os.Getuid()), Unverified: unverified, Progress: bar.at,
			})
			bar.end()
			if err != nil {
				return err
			}
			return (&reach{json: d.json}).answer(cmd, done, func(p *page) {
				p.say("%s has the data of %s", data, local(done.Made.UnixMilli()))
				p.say("%s ended; everybody has to sign in again.", count(done.Ended, "living session was", "living sessions were"))
				if done.Why != "" {
					p.say("The audit could not be verified: %s", done.Why)
				}
			})
		},
	}
	d.add(cmd)
	cmd.Flags().StringVar(&d.keys, "keys", "", "the key file, whatever the configuration file says")
	cmd.Flags().BoolVar(&unverified, "unverified-audit", false, "restore although the audit cannot be verified; the audit says so")
	return cmd
}
