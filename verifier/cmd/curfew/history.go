package main

import (
	"context"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/curfew-project/curfew/verifier/admin"
	"github.com/curfew-project/curfew/verifier/admin/adminapi"
	"github.com/curfew-project/curfew/verifier/settings"
)

// historyCommand lists the versions of an environment; it is the same one in every group that changes something.
func historyCommand(r *reach, group string) *cobra.Command {
	var deployment bool
	var store stored
	var limit int
	var before int64
	cmd := &cobra.Command{
		Use:   "history [ID]",
		Short: "List every version of an environment: who changed what, and when",
		Long: `List every version of an environment, or with --deployment of what holds for all: who changed what, and when, the newest
first. Nothing is ever dropped; removed environments are there too. With --store it reads the data of a verifier that is stopped.`,
		Example: "  curfew " + group + " history clinic\n  curfew " + group + " history --deployment\n  curfew " + group + " history clinic --store /var/lib/curfew",
		Args:    arguments(0, 1, "the ID of one environment"), ValidArgsFunction: r.firstEnvironment,
		RunE: func(cmd *cobra.Command, args []string) error {
			of := settings.Deployment
			switch {
			case deployment == (len(args) == 1):
				return usage("give the ID of an environment, or --deployment")
			case len(args) == 1:
				of = args[0]
				if err := known(of); err != nil {
					return err
				}
			}
			return r.records(cmd, &store, func(ctx context.Context, from records) error {
				all, err := from.History(ctx, of, before, limit)
				if err != nil {
					return err
				}
				return r.answer(cmd, adminapi.History{Versions: all}, func(p *page) { p.history(all) })
			})
		},
	}
	cmd.Flags().BoolVar(&deployment, "deployment", false, "what holds for all environments")
	cmd.Flags().IntVar(&limit, "limit", 50, "how many versions, 1 to 200")
	cmd.Flags().Int64Var(&before, "before", 0, "only versions below this one")
	store.flags(cmd)
	return cmd
}

func (p *page) history(all []admin.Version) {
	if len(all) == 0 {
		p.say("Nobody has changed anything.")
	}
	for _, v := range all {
		p.say("version %s", changed(v.Version, v.At, v.By))
		p.changes("  ", v.Changes)
		if v.Document.Removed {
			p.say("  (removed)")
		}
	}
	if last := len(all) - 1; last >= 0 && all[last].Version > 1 {
		p.say("older: --before %s", strconv.FormatInt(all[last].Version, 10))
	}
}
