package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/curfew-project/curfew/verifier/admin"
	"github.com/curfew-project/curfew/verifier/admin/adminapi"
	"github.com/curfew-project/curfew/verifier/settings"
)

// change is what every command that changes a document can be told.
type change struct {
	version int64
	dryRun  bool
	all     bool // the deployment is meant, which has no ID that people give
}

func (c *change) flags(cmd *cobra.Command) {
	cmd.Flags().Int64Var(&c.version, "version", -1, "change this version only; otherwise the one that there is now")
	cmd.Flags().BoolVar(&c.dryRun, "dry-run", false, "only say what would change, and which sessions would end when")
}

// from is the version to change.
func (c *change) from(ctx context.Context, client *adminapi.Client, environment string) (int64, error) {
	if c.version >= 0 {
		return c.version, nil
	}
	if environment == settings.Deployment {
		now, err := client.Deployment(ctx)
		return now.Version, err
	}
	now, err := client.Environment(ctx, environment)
	return now.Version, err
}

// apply changes a document and says what that did.
func (c *change) apply(r *reach, cmd *cobra.Command, environment string, e admin.Edit) error {
	if err := known(environment); err != nil && !c.all {
		return err
	}
	client, err := r.dial(cmd)
	if err != nil {
		return err
	}
	version, err := c.from(cmd.Context(), client, environment)
	if err != nil {
		return err
	}
	out, err := client.Change(cmd.Context(), environment, version, e, c.dryRun)
	if err != nil {
		return &unchanged{environment, e, err}
	}
	return r.answer(cmd, out, func(p *page) { p.outcome(version, out) })
}

// there refuses an environment that there is not and never was: of one that was removed the sessions and the audit stay. Empty is any.
func there(ctx context.Context, from records, environment string) error {
	if environment == "" || environment == settings.ReservedID {
		return nil
	}
	if err := known(environment); err != nil {
		return err
	}
	_, err := from.History(ctx, environment, 0, 1)
	return err
}

// known refuses what the deployment is called inside for an environment's ID.
func known(environment string) error {
	if environment == settings.Deployment {
		return &admin.Error{Code: admin.NotFound, Message: fmt.Sprintf("there is no environment %q", environment)}
	}
	return nil
}
