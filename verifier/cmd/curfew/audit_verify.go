package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/curfew-project/curfew/verifier/audit"
)

func auditVerifyCommand(r *reach) *cobra.Command {
	var store stored
	var file string
	cmd := &cobra.Command{
		Use:   "verify",
		Short: "Verify the audit's chain, and name the first entry that does not fit",
		Long: `Go through the whole chain of the audit. Exit status 1 means that an entry was altered, removed or moved; the first one is
named. With --file it verifies an export, for which no verifier is needed: whether entries are missing at its end only the store
knows, so compare the last hash with what audit verify says there.`,
		Example: `  curfew audit verify
  curfew audit verify --store /var/lib/curfew
  curfew audit verify --file audit.jsonl`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if file != "" {
				if store.dir != "" || r.socket != "" || r.address != "" {
					return usage("--file needs no verifier; leave out --store, --socket and --address")
				}
				found, err := verifyFile(cmd, file)
				if err != nil {
					return err
				}
				return r.verified(cmd, found)
			}
			return r.records(cmd, &store, func(ctx context.Context, from records) error {
				bar := newProgress(cmd, "entries")
				found, err := from.VerifyAudit(ctx, bar.at)
				bar.end()
				if err != nil {
					return err
				}
				return r.verified(cmd, found)
			})
		},
	}
	store.flags(cmd)
	cmd.Flags().StringVar(&file, "file", "", "verify an export instead; - is the standard input")
	return cmd
}

func (r *reach) verified(cmd *cobra.Command, found audit.Verified) error {
	return r.answer(cmd, found, func(p *page) {
		p.say("The chain is whole: %s.", count(found.Entries, "entry", "entries"))
		switch {
		case found.Trusted:
			p.say("Entries before %d are not in this file.", found.First.Seq+1)
		case found.First.Seq > 0:
			p.say("Entries up to %d were dropped before.", found.First.Seq)
		}
		if found.Trusted {
			p.say("Nothing vouches for the first of them, because the file begins within the chain.")
		}
		if found.Last.Seq > 0 {
			p.say("Last entry: %d with hash %s", found.Last.Seq, found.Last.Hash)
		}
	})
}

func verifyFile(cmd *cobra.Command, path string) (audit.Verified, error) {
	in, size := cmd.InOrStdin(), int64(0)
	if path != "-" {
		file, err := os.Open(path)
		if err != nil {
			return audit.Verified{}, fmt.Errorf("--file: %w", err)
		}
		defer file.Close()
		if info, err := file.Stat(); err == nil {
			size = info.Size()
		}
		in = file
	}
	bar := newProgress(cmd, "bytes")
	defer bar.end()
	found, err := audit.VerifyLines(&counted{in: in, bar: bar, size: size})
	if err == nil && found.Entries == 0 {
		err = errors.New("the file has no entries")
	}
	if err != nil {
		return found, fmt.Errorf("%s: %w", path, err)
	}
	return found, nil
}

// counted shows how much of a file was read.
type counted struct {
	in   io.Reader
	bar  *progress
	read int64
	size int64
}

func (c *counted) Read(into []byte) (int, error) {
	n, err := c.in.Read(into)
	c.read += int64(n)
	c.bar.at(c.read, c.size)
	return n, err
}
