package storetest

import (
	"context"
	"errors"

	"github.com/curfew-project/curfew/shared/deadline"
	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/verifier/session"
)

// calls are all methods that take a context, on session 1.
func calls(store session.Store) map[string]func(context.Context) error {
	const late = start + 9*hour
	return map[string]func(context.Context) error{
		"Create": func(ctx context.Context) error {
			return store.Create(ctx, sample(2, user("ada"), start), "", start)
		},
		"Get":     func(ctx context.Context) error { _, _, err := store.Get(ctx, id(1), start); return err },
		"Secrets": func(ctx context.Context) error { _, _, err := store.Secrets(ctx, id(1), start); return err },
		"SetSecrets": func(ctx context.Context) error {
			_, err := store.SetSecrets(ctx, id(1), "too late", start)
			return err
		},
		"Update": func(ctx context.Context) error {
			_, _, err := store.Update(ctx, id(1), start, func(s session.Session) (session.Session, error) {
				return stepping(deadline.End{Reason: wire.SignedOut}, start)(s), nil
			})
			return err
		},
		"ByUser": func(ctx context.Context) error { _, err := store.ByUser(ctx, user("ada"), start); return err },
		"ByProvider": func(ctx context.Context) error {
			_, err := store.ByProvider(ctx, "crm", "issuer", providerID(1), start)
			return err
		},
		"Scan": func(ctx context.Context) error {
			return store.Scan(ctx, "", start, func(session.Session) bool { return true })
		},
		"Mark":    func(ctx context.Context) error { _, _, err := store.Mark(ctx, key("a"), late, start); return err },
		"Marked":  func(ctx context.Context) error { _, _, err := store.Marked(ctx, key("a"), start); return err },
		"LastEnd": func(ctx context.Context) error { _, err := store.LastEnd(ctx, user("ada"), start); return err },
		"Expire":  func(ctx context.Context) error { _, err := store.Expire(ctx, late, 10); return err },
		"Forget":  func(ctx context.Context) error { _, err := store.Forget(ctx, late, late); return err },
		"Count":   func(ctx context.Context) error { _, err := store.Count(ctx, start); return err },
		"Ready":   store.Ready,
	}
}

var living = []check{
	{"Ready/WhenOpen", func(f fixture) {
		if err := f.store.Ready(f.ctx); err != nil {
			f.Fatalf("Ready: %v", err)
		}
	}},

	{"Context/EndedChangesNothing", func(f fixture) {
		f.create(sample(0, user("ada"), start))
		ended := f.end(id(0), start+1)
		s := f.create(sample(1, user("ada"), start))
		cancelled, cancel := context.WithCancel(f.ctx)
		cancel()
		for name, call := range calls(f.store) {
			if err := call(cancelled); !errors.Is(err, context.Canceled) {
				f.Errorf("%s with an ended context: %v; want context.Canceled", name, err)
			}
		}
		f.holds(ended)
		f.holds(s)
		f.lacks(id(2))
		f.secrets(id(1), "", true)
		f.unmarked("a", start)
	}},

	{"Close/EndsAllUse", func(f fixture) {
		f.create(sample(1, user("ada"), start))
		if err := f.store.Close(); err != nil {
			f.Fatalf("Close: %v", err)
		}
		for name, call := range calls(f.store) {
			if err := call(f.ctx); !errors.Is(err, session.ErrClosed) {
				f.Errorf("%s after Close: %v; want ErrClosed", name, err)
			}
		}
		if err := f.store.Close(); !errors.Is(err, session.ErrClosed) {
			f.Errorf("second Close: %v; want ErrClosed", err)
		}
	}},
}
