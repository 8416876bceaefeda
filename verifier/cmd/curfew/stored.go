package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/curfew-project/curfew/verifier/admin"
	"github.com/curfew-project/curfew/verifier/admin/adminapi"
	"github.com/curfew-project/curfew/verifier/audit"
	"github.com/curfew-project/curfew/verifier/keyring"
	"github.com/curfew-project/curfew/verifier/server"
	"github.com/curfew-project/curfew/verifier/settings"
	"github.com/curfew-project/curfew/verifier/store/ledger"
	"github.com/curfew-project/curfew/verifier/store/sqlitefile"
)

// records are what can be read of the past, from a running verifier or from the data of one that is stopped.
type records interface {
	History(ctx context.Context, environment string, before int64, limit int) ([]admin.Version, error)
	Audit(ctx context.Context, q audit.Query) ([]audit.Entry, error)
	ExportAudit(ctx context.Context, q audit.Query, to io.Writer, progress func(written, seq int64)) (int64, error)
	VerifyAudit(ctx context.Context, progress func(done, all int64)) (audit.Verified, error)
}

var (
	_ records = (*adminapi.Client)(nil)
	_ records = ledgerRecords{}
)

// stored says where the data of a stopped verifier are.
type stored struct{ dir, keys string }

func (s *stored) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&s.dir, "store", "", "read the data directory of a verifier that is stopped, instead of asking a running one")
	cmd.Flags().StringVar(&s.keys, "keys", "", "with --store: the key file; otherwise keys in that directory")
	must(cmd.MarkFlagDirname("store"))
}

// records lets a command read from where it was told to.
func (r *reach) records(cmd *cobra.Command, s *stored, read func(context.Context, records) error) error {
	if s.dir == "" {
		if s.keys != "" {
			return usage("--keys is for --store")
		}
		client, err := r.dial(cmd)
		if err != nil {
			return err
		}
		return read(cmd.Context(), client)
	}
	if r.socket != "" || r.address != "" {
		return usage("--store reads the data directly; leave out --socket and --address")
	}
	store, err := s.open(cmd.Context())
	if err != nil {
		return err
	}
	return errors.Join(read(cmd.Context(), ledgerRecords{store}), store.Close())
}

// open opens the ledger. It makes neither data nor keys: with other keys the whole audit would look tampered with.
func (s *stored) open(ctx context.Context) (*ledger.Store, error) {
	keys := s.keys
	if keys == "" {
		keys = filepath.Join(s.dir, "keys")
	}
	path := filepath.Join(s.dir, server.LedgerFile)
	for _, file := range []string{path, keys} {
		if _, err := os.Stat(file); err != nil {
			return nil, fmt.Errorf("--store %s: %w", s.dir, err)
		}
	}
	ring, err := keyring.LoadFile(keys, rand.Reader, time.Now())
	if err != nil {
		return nil, err
	}
	store, err := ledger.Open(ctx, path, server.LedgerOptions(ring, nil))
	if errors.Is(err, sqlitefile.ErrLocked) {
		return nil, fmt.Errorf("%w\nA running verifier has it: leave out --store to ask that one, or stop it first", err)
	}
	return store, err
}

// ledgerRecords reads a ledger.
type ledgerRecords struct{ store *ledger.Store }

func (l ledgerRecords) History(ctx context.Context, environment string, before int64, limit int) ([]admin.Version, error) {
	revisions, err := l.store.Settings().History(ctx, environment, before, limit+1) // the one before the last shows what that changed
	if err != nil {
		return nil, err
	}
	if len(revisions) == 0 && environment != settings.Deployment {
		return nil, fmt.Errorf("there is no environment %q", environment)
	}
	return admin.Versions(revisions, limit), nil
}

func (l ledgerRecords) Audit(ctx context.Context, q audit.Query) ([]audit.Entry, error) {
	return l.store.Audit().Search(ctx, q)
}

func (l ledgerRecords) ExportAudit(ctx context.Context, q audit.Query, to io.Writer, progress func(written, seq int64)) (int64, error) {
	written := int64(0)
	q.Ascending, q.Limit = true, audit.MaxLimit
	var line []byte
	for {
		found, err := l.store.Audit().Search(ctx, q)
		if err != nil {
			return written, err
		}
		for _, e := range found {
			line = audit.AppendLine(line[:0], e)
			if _, err := to.Write(line); err != nil {
				return written, err
			}
			if written++; progress != nil {
				progress(written, e.Seq)
			}
		}
		if len(found) < q.Limit {
			return written, nil
		}
		q.After = found[len(found)-1].Seq
	}
}

func (l ledgerRecords) VerifyAudit(ctx context.Context, progress func(done, all int64)) (audit.Verified, error) {
	return settings.Verify(ctx, l.store.Settings(), l.store.Audit(), progress)
}
