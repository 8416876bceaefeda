package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/curfew-project/curfew/verifier/admin"
	"github.com/curfew-project/curfew/verifier/config"
	"github.com/curfew-project/curfew/verifier/keyring"
)

// listedKey is a key with what a running verifier says of it.
type listedKey struct {
	keyring.Listed
	NeededBy *neededBy `json:"needed_by,omitempty"` // nil: no verifier was asked
}

type neededBy struct {
	Sessions int  `json:"sessions"`  // that may have a cookie or tokens made with it
	AuditEnd bool `json:"audit_end"` // the end of the audit is sealed with it
	Any      bool `json:"any"`       // dropping it would sign somebody out, or make the audit look tampered with
}

// keyList is the answer to keys list.
type keyList struct {
	File    string      `json:"file"`
	Changed time.Time   `json:"changed"` // when the file was changed last, UTC
	Keys    []listedKey `json:"keys"`
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
		Short: "Exchange the keys that the verifier's tokens are made with",
		Long: `The verifier makes its cookies, seals what it keeps and signs assertions with one secret of its key file, and accepts all of them.
To exchange the key, add one: running verifiers take the changed file within seconds and accept the new key at once, but use it
only after a while, so that every verifier and everybody who caches jwks.json knows it first. Where each verifier has a copy of the
file, give all of them the new one in that time. Prune then drops old keys that nothing needs any more. With key_rotation.every
in the configuration the verifier does both by itself.`,
		Example: `  curfew keys list
  curfew keys rotate
  curfew keys add
  curfew keys prune`,
	}, keysListCommand(k), keysAddCommand(k), keysActivateCommand(k), keysPruneCommand(k), keysRotateCommand(k))
	flags := cmd.PersistentFlags()
	flags.StringVarP(&k.config, "config", "c", defaultConfig, "the configuration file, which says where the key file and the verifier are")
	flags.StringVar(&k.file, "file", "", "the key file, whatever the configuration file says")
	flags.BoolVar(&k.json, "json", false, "answer as JSON")
	return cmd
}

func (k *keyFlags) load() (config.Config, error) {
	return config.Source{Path: k.config, Environ: os.Environ()}.Load()
}

func (k *keyFlags) path() (string, error) {
	if k.file != "" {
		return k.file, nil
	}
	c, err := k.load()
	if err != nil {
		return "", fmt.Errorf("%w\n--file says where the key file is, whatever is in the configuration file", err)
	}
	return c.Keys, nil
}

// asking bounds how long a command waits for the verifier, which looks at every session.
const asking = time.Minute

// ask asks the running verifier of the configuration about its keys. ok is false when the file is not that verifier's, or none runs.
func (k *keyFlags) ask(cmd *cobra.Command) (keys map[string]admin.Key, ok bool) {
	c, err := k.load()
	if err != nil || c.Admin.Socket == "" {
		return nil, false
	}
	if k.file != "" && !sameFile(k.file, c.Keys) {
		return nil, false
	}
	client, err := (&reach{config: k.config}).dial(cmd)
	if err != nil {
		return nil, false
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), asking)
	defer cancel()
	all, err := client.Keys(ctx)
	if err != nil {
		return nil, false
	}
	keys = map[string]admin.Key{}
	for _, one := range all {
		keys[one.ID] = one
	}
	return keys, true
}

func sameFile(a, b string) bool {
	one, err := os.Stat(a)
	if err != nil {
		return false
	}
	other, err := os.Stat(b)
	return err == nil && os.SameFile(one, other)
}

func keysListCommand(k *keyFlags) *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List the keys, their ages and what each is still needed for, never the secrets",
		Long: `List the keys of the key file, the newest first. A published key is accepted, and waits until every verifier knows it; the current one
makes tokens; an accepted one made them once. Where a verifier runs, it says how many sessions may still have something that was
made with each.`,
		Example: "  curfew keys list --config /etc/curfew/curfew.yaml",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			path, err := k.path()
			if err != nil {
				return err
			}
			now := time.Now()
			all, err := keyring.ListFile(path, now)
			if err != nil {
				return err
			}
			info, err := os.Stat(path)
			if err != nil {
				return err
			}
			list := keyList{File: path, Changed: info.ModTime().UTC(), Keys: []listedKey{}}
			known, asked := k.ask(cmd)
			for _, one := range all {
				row := listedKey{Listed: one}
				if of, ok := known[one.ID]; ok {
					row.NeededBy = &neededBy{of.Sessions, of.AuditEnd, of.Needed}
				}
				list.Keys = append(list.Keys, row)
			}
			return (&reach{json: k.json}).answer(cmd, list, func(p *page) {
				rows := [][]string{{"KEY", "USE", "ADDED", "AGE", "NEEDED BY"}}
				for _, one := range list.Keys {
					added, age := "before "+local(info.ModTime().UnixMilli()), "-"
					if !one.Added.IsZero() {
						added, age = local(one.Added.UnixMilli()), days(now.Sub(one.Added))
					}
					rows = append(rows, []string{one.ID, useOf(one.Listed), added, age, one.NeededBy.words()})
				}
				p.table("", rows...)
				if !asked {
					p.say("No running verifier was asked what the keys are needed for.")
				}
			})
		},
	}
}

func useOf(one keyring.Listed) string {
	switch one.Use {
	case keyring.Published:
		return "from " + local(one.Active.UnixMilli())
	case keyring.Current:
		return "current"
	}
	return "accepted only"
}

func (n *neededBy) words() string {
	switch {
	case n == nil:
		return "-"
	case n.Sessions > 0 && n.AuditEnd:
		return count(n.Sessions, "session", "sessions") + ", the audit"
	case n.Sessions > 0:
		return count(n.Sessions, "session", "sessions")
	case n.AuditEnd:
		return "the audit"
	case n.Any:
		return "what comes"
	}
	return "nothing"
}

func days(d time.Duration) string { return count(int(d.Hours()/24), "day", "days") }

// afterFlag is how long a new key waits before it is used.
func (k *keyFlags) afterFlag(cmd *cobra.Command) func() (time.Duration, error) {
	var after time.Duration
	cmd.Flags().DurationVar(&after, "after", 0, "use it after so long; otherwise after key_rotation.overlap of the configuration, or 1h")
	return func() (time.Duration, error) {
		switch {
		case after < 0:
			return 0, usage("--after is %s; allowed: 0 or more", after)
		case cmd.Flags().Changed("after"):
			return after, nil
		}
		c, err := k.load()
		if err != nil {
			c = config.Default()
		}
		return time.Duration(c.KeyRotation.Overlap), nil
	}
}

func (p *page) addedKey(made keyring.Listed, path string) {
	p.say("key %s was added to %s", made.ID, path)
	if made.Use == keyring.Published {
		p.say("It is used from %s on. Running verifiers accept it within seconds; give its file to those with a copy of their own before that.", local(made.Active.UnixMilli()))
	} else {
		p.say("Running verifiers use it within seconds; those that do not have it yet refuse what is made with it.")
	}
}

func keysAddCommand(k *keyFlags) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "add",
		Short: "Add a fresh key, to be used a while later; the others are accepted as before",
		Example: `  curfew keys add --config /etc/curfew/curfew.yaml
  curfew keys add --file /var/lib/curfew/keys --after 24h
  curfew keys add --after 0   # one verifier alone, or in an emergency`,
		Args: cobra.NoArgs,
	}
	after := k.afterFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		wait, err := after()
		if err != nil {
			return err
		}
		path, err := k.path()
		if err != nil {
			return err
		}
		now := time.Now()
		made, err := keyring.AddFile(path, rand.Reader, now, now.Add(wait))
		if err != nil {
			return err
		}
		return (&reach{json: k.json}).answer(cmd, made, func(p *page) { p.addedKey(made, path) })
	}
	return cmd
}

func keysActivateCommand(k *keyFlags) *cobra.Command {
	return &cobra.Command{
		Use:   "activate [KEY]",
		Short: "Use a key that waits now; without KEY it is the newest",
		Long: `Use a key that waits at once, instead of when its time comes. A verifier that has not read the key file yet refuses what is made with
it: its users sign in again.`,
		Example: `  curfew keys activate
  curfew keys activate 1f0c9a3e`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			path, err := k.path()
			if err != nil {
				return err
			}
			id := ""
			if len(args) > 0 {
				id = args[0]
			}
			used, err := keyring.ActivateFile(path, id, time.Now())
			if err != nil {
				return err
			}
			return (&reach{json: k.json}).answer(cmd, used, func(p *page) {
				p.say("key %s is used by running verifiers within seconds", used.ID)
			})
		},
	}
}
