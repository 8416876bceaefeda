package server

import (
	"context"
	"errors"
	"path/filepath"

	"github.com/curfew-project/curfew/verifier/audit"
	"github.com/curfew-project/curfew/verifier/config"
	"github.com/curfew-project/curfew/verifier/settings"
	"github.com/curfew-project/curfew/verifier/store/embedded"
	"github.com/curfew-project/curfew/verifier/store/ledger"
)

// ledgerStore is where settings and the audit are: a ledger.Store or a redisledger.Store.
type ledgerStore interface {
	Settings() settings.Store
	Audit() audit.Store
	// SealedEnd is what is sealed of where the audit's chain begins and ends, and the seal.
	SealedEnd(ctx context.Context) (text, seal string, err error)
	Ready(ctx context.Context) error
	Close() error
}

// openStores opens what the configuration says.
func (s *Server) openStores(ctx context.Context, c config.Config) (err error) {
	if c.Store.Redis != nil {
		return s.openRedis(ctx, c.Store.Redis)
	}
	if err := halfRestored(c.Data); err != nil {
		return err
	}
	if s.store, err = embedded.Open(ctx, filepath.Join(c.Data, SessionsFile), embedded.Options{Logger: s.o.Log}); err != nil {
		return err
	}
	if s.ledger, err = ledger.Open(ctx, filepath.Join(c.Data, LedgerFile), LedgerOptions(s.ring, s.o.Log)); err != nil {
		return errors.Join(err, s.store.Close())
	}
	return nil
}
