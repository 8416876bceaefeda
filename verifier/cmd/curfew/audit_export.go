package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/curfew-project/curfew/verifier/audit"
)

func auditExportCommand(r *reach) *cobra.Command {
	var f auditFlags
	var store stored
	var file string
	cmd := &cobra.Command{
		Use:   "export",
		Short: "Export the audit as lines of JSON, the oldest first",
		Long: `Export the audit as lines of JSON, the oldest first. A whole export can be verified without the verifier: audit verify
--file. A part of it, chosen with --kind and the like, cannot.`,
		Example: `  curfew audit export > audit.jsonl
  curfew audit export --from 2026-03-01 --to 2026-04-01 --output march.jsonl
  curfew audit export --store /var/lib/curfew --output audit.jsonl`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			q, err := f.query(time.Now())
			if err != nil {
				return err
			}
			return r.records(cmd, &store, func(ctx context.Context, from records) error {
				if err := there(ctx, from, q.Environment); err != nil {
					return err
				}
				written, err := exportTo(cmd, file, func(to io.Writer) (int64, error) { return export(ctx, cmd, from, q, to) })
				if err != nil {
					return err
				}
				fmt.Fprintf(cmd.ErrOrStderr(), "%s exported\n", count(int(written), "entry", "entries"))
				return nil
			})
		},
	}
	f.flags(r, cmd)
	store.flags(cmd)
	cmd.Flags().StringVarP(&file, "output", "o", "", "write to this file, which must not be there yet, instead of the standard output")
	return cmd
}

// export writes the entries and shows how far it is.
func export(ctx context.Context, cmd *cobra.Command, from records, q audit.Query, to io.Writer) (int64, error) {
	last := int64(0)
	if newest, err := from.Audit(ctx, audit.Query{Environment: q.Environment, To: q.To, Limit: 1}); err != nil {
		return 0, err
	} else if len(newest) > 0 {
		last = newest[0].Seq
	}
	bar := newProgress(cmd, "entries")
	defer bar.end()
	return from.ExportAudit(ctx, q, to, func(_, seq int64) { bar.at(seq, last) })
}

// exportTo gives a file, or the standard output, to be written. A file that could not be written whole does not stay.
func exportTo(cmd *cobra.Command, path string, write func(io.Writer) (int64, error)) (int64, error) {
	if path == "" {
		out := bufio.NewWriter(cmd.OutOrStdout())
		written, err := write(out)
		return written, errors.Join(err, out.Flush())
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return 0, fmt.Errorf("--output: %w", err)
	}
	out := bufio.NewWriter(file)
	written, err := write(out)
	if err = errors.Join(err, out.Flush(), file.Sync(), file.Close()); err != nil {
		return written, errors.Join(err, os.Remove(path))
	}
	return written, nil
}
