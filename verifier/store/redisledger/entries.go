package redisledger

import (
	"context"
	"slices"

	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/verifier/audit"
)

// entries is the audit.Store.
type entries struct{ s *Store }

func (a entries) Append(ctx context.Context, events []audit.Event) error {
	if err := audit.CheckAll(events); err != nil {
		return err
	}
	if len(events) == 0 {
		return a.s.usable(ctx)
	}
	return a.s.write(ctx, change{events: slices.Clone(events)})
}

func (a entries) Ends(ctx context.Context, environment string, since int64) (map[wire.Reason]int, error) {
	ends := map[wire.Reason]int{}
	q := audit.Query{From: since, Environment: environment, Kinds: []audit.Kind{audit.Ended}, Ascending: true}
	err := a.each(ctx, q, func(e audit.Entry) bool {
		ends[e.Reason]++
		return true
	})
	if err != nil {
		return nil, err
	}
	return ends, nil
}

func (a entries) Search(ctx context.Context, q audit.Query) ([]audit.Entry, error) {
	if err := q.Validate(); err != nil {
		return nil, err
	}
	var found []audit.Entry
	err := a.each(ctx, q, func(e audit.Entry) bool {
		found = append(found, e)
		return len(found) < q.Most()
	})
	if err != nil {
		return nil, err
	}
	return found, nil
}

// fits reports whether an entry is one that is wanted.
func fits(q audit.Query, e audit.Entry) bool {
	is := func(want, has string) bool { return want == "" || want == has }
	return (q.From == 0 || e.At >= q.From) && (q.To == 0 || e.At < q.To) &&
		is(q.Environment, e.Environment) && is(q.Subject, e.Subject) && is(q.Session, e.Session) && is(q.Actor, e.Actor) &&
		is(string(q.Reason), string(e.Reason)) && is(string(q.Code), string(e.Code)) && (len(q.Kinds) == 0 || slices.Contains(q.Kinds, e.Kind))
}
