package server

import (
	"context"

	"github.com/curfew-project/curfew/verifier/audit"
	"github.com/curfew-project/curfew/verifier/session"
)

// lostWithin is how far before the audit's newest entry a sign-in or an ending may lie that the audit does not have, in milliseconds: the
// journal writes within a fraction of that, and clocks that are set do not move further.
const lostWithin = 60_000

// newestEntry is when the audit's newest entry happened, or 0.
func (s *Server) newestEntry(ctx context.Context) (int64, error) {
	newest, err := s.ledger.Audit().Search(ctx, audit.Query{Limit: 1})
	if err != nil || len(newest) == 0 {
		return 0, err
	}
	return newest[0].At, nil
}

// recoverAudit completes the audit after a verifier that was killed: sessions are durable before anybody is told of them, and the entries
// that tell of them a moment later. Those whose sign-in or ending the audit does not have are recorded now.
// since is when that may have happened first, and before when it cannot have any more.
func (s *Server) recoverAudit(ctx context.Context, since, before int64, detail string) error {
	log := s.ledger.Audit()
	type key struct {
		kind    audit.Kind
		session string
	}
	has := map[key]bool{}
	q := audit.Query{Kinds: []audit.Kind{audit.SignIn, audit.Ended}, From: max(since-lostWithin, 0), Ascending: true, Limit: audit.MaxLimit}
	for more := true; more; {
		found, err := log.Search(ctx, q)
		if err != nil {
			return err
		}
		for _, e := range found {
			has[key{e.Kind, e.Session}] = true
			q.After = e.Seq
		}
		more = len(found) == q.Most()
	}
	return s.store.Scan(ctx, "", s.o.Now().UnixMilli(), func(one session.Session) bool {
		id := one.ID.String()
		e := audit.Event{Environment: one.User.Environment, Session: id, Subject: one.User.Subject, Client: string(one.Client), Detail: detail}
		if one.State.Began >= since && one.State.Began < before && !has[key{audit.SignIn, id}] {
			e.At, e.Kind = one.State.Began, audit.SignIn
			s.journal.Record(e)
		}
		if one.State.EndedAt >= since && one.State.EndedAt < before && !has[key{audit.Ended, id}] {
			e.At, e.Kind, e.Reason = one.State.EndedAt, audit.Ended, one.State.Reason
			s.journal.Record(e)
		}
		return ctx.Err() == nil
	})
}
