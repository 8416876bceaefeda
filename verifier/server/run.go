package server

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/curfew-project/curfew/verifier/audit"
	"github.com/curfew-project/curfew/verifier/provider"
)

// Keep is how long an ended session is kept, so that its page can still learn why it ended.
const Keep = 24 * time.Hour

// sweepEvery is how often sessions that ended by time are recorded as ended. Nothing is let through meanwhile.
const sweepEvery = 5 * time.Second

// Run does what is done in the background, until ctx ends or Close is called: it asks the providers about users (A5) and records
// the sessions that end by time. A policy check that is under way then is finished first, which takes at most a minute. Call it
// once; until it runs, no user is asked about.
func (s *Server) Run(ctx context.Context) {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return
	}
	s.running.Add(1)
	s.mu.Unlock()
	defer s.running.Done()

	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(s.life, cancel)()
	var all sync.WaitGroup
	all.Go(func() { s.sweep(ctx) })
	all.Go(func() { s.checker.Run(ctx, s.engine) })
	all.Go(func() { s.connections.probe(ctx) })
	all.Go(func() { s.trim(ctx) })
	if s.replicas != nil {
		all.Go(func() { s.replicas.run(ctx) })
	}
	all.Go(func() { s.watchKeys(ctx) })
	all.Wait()
}

// probeEvery is how often each provider is asked for its discovery document.
const probeEvery = time.Minute

// probe keeps a provider's State true, so that an operator hears of a provider that cannot be reached before the first user does, and in
// the night too.
func probe(ctx context.Context, p *provider.Provider) {
	_ = p.Ready(ctx) // what comes of it is in its State
	ticker := time.NewTicker(probeEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			_ = p.Probe(ctx)
		}
	}
}

func (s *Server) sweep(ctx context.Context) {
	ticker := time.NewTicker(sweepEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			s.restraint.Tell(s.o.Now().UnixMilli(), false)
			if err := s.engine.Sweep(ctx, Keep); err != nil && ctx.Err() == nil {
				s.o.Log.Error("sweep_failed", "error", err)
			}
		}
	}
}

// Close ends Run and waits for it, makes everything durable and closes the store.
func (s *Server) Close() error {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.end()
	s.running.Wait()
	if s.restraint != nil {
		s.restraint.Tell(s.o.Now().UnixMilli(), true)
	}
	var recorded error
	if s.replicas != nil {
		ctx, cancel := context.WithTimeout(context.Background(), audit.DefaultGrace)
		recorded = s.journal.Flush(ctx)
		cancel()
	}
	s.stopJournal()
	<-s.writing
	err := errors.Join(s.ledger.Close(), s.store.Close())
	if s.replicas != nil {
		err = errors.Join(err, s.replicas.leave(recorded == nil))
	}
	return err
}

// trimEvery is how often entries of the audit that are older than the retention are looked for.
const trimEvery = time.Hour

// trim drops entries of the audit that are older than the retention (C5), after it has made sure that nobody has tampered with the chain: a chain
// that is broken is evidence, and nothing of it is dropped.
func (s *Server) trim(ctx context.Context) {
	ticker := time.NewTicker(trimEvery)
	defer ticker.Stop()
	for {
		if err := s.trimOnce(ctx); err != nil && ctx.Err() == nil {
			s.o.Log.Error("audit_not_trimmed", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

func (s *Server) trimOnce(ctx context.Context) error {
	keep := time.Duration(s.configuration().Audit.Retention)
	if keep == 0 {
		return nil
	}
	if s.replicas != nil { // one of all is enough
		done, ok, err := s.replicas.presence.Claim(ctx, "trim", trimEvery)
		if err != nil || !ok {
			return err
		}
		defer done()
	}
	now := s.o.Now().UnixMilli()
	before := now - keep.Milliseconds()
	old, err := s.ledger.Audit().Search(ctx, audit.Query{To: before, Limit: 1})
	if err != nil || len(old) == 0 {
		return err
	}
	if _, err := audit.Verify(ctx, s.ledger.Audit(), nil); err != nil {
		return err
	}
	dropped, err := s.ledger.Audit().Trim(ctx, before, now, "retention")
	if dropped > 0 {
		s.o.Log.Info("audit_trimmed", "entries", dropped)
	}
	return err
}
