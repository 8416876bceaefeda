package engine

import (
	"cmp"
	"context"
	"slices"

	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/verifier/session"
	"github.com/curfew-project/curfew/verifier/settings"
)

// Own is one of a user's living sessions, for that user to recognise (B6).
type Own struct {
	Session session.Session
	Where   Where // the zero value where it is not known
}

// MaxOwn is how many sessions OwnSessions lists at most. People have a few.
const MaxOwn = 100

// OwnSessions lists the living sessions of a user in one environment: those of whose session a fresh cookie names. That one comes
// first, then the one that was active last; when there are more than MaxOwn the others are left out. It refuses like Check.
func (e *Engine) OwnSessions(ctx context.Context, env settings.Environment, cookie string) (this session.Session, all []Own, err error) {
	if this, err = e.Check(ctx, env, cookie); err != nil {
		return session.Session{}, nil, err
	}
	living, err := e.livingOf(ctx, this.User, e.clock())
	if err != nil {
		return session.Session{}, nil, err
	}
	slices.SortStableFunc(living, func(a, b session.Session) int {
		switch this.ID {
		case a.ID:
			return -1
		case b.ID:
			return 1
		}
		return cmp.Compare(b.State.Active, a.State.Active)
	})
	for _, s := range living[:min(len(living), MaxOwn)] {
		where, err := e.WhereOf(ctx, s)
		if err != nil {
			return session.Session{}, nil, err
		}
		all = append(all, Own{Session: s, Where: where})
	}
	return this, all, nil
}

// EndOwn ends sessions of the user whose session a fresh cookie names, in the cookie's environment: those with the given IDs, or all
// but that one (B6). It says how many lived until now; one that has ended meanwhile is no error. It refuses like Check, and with
// wire.BadRequest, ending none, when an ID is that of this session or of none of the user's: nobody learns whether somebody else has
// such a session. A client that goes away does not stop it halfway.
func (e *Engine) EndOwn(ctx context.Context, env settings.Environment, cookie string, ids []session.ID, allOthers bool) (ended int, err error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), finish)
	defer cancel()
	this, err := e.Check(ctx, env, cookie)
	if err != nil {
		return 0, err
	}
	now := e.clock()
	mine, err := e.store.ByUser(ctx, this.User, now)
	if err != nil {
		return 0, unavailable(err)
	}
	others := slices.DeleteFunc(mine, func(s session.Session) bool { return s.ID == this.ID })
	if !allOthers {
		for _, id := range ids {
			if !slices.ContainsFunc(others, func(s session.Session) bool { return s.ID == id }) {
				e.recordRefusal(env, this, now, wire.BadRequest, "asked to end a session that is not another one of the user's")
				return 0, refuse(wire.BadRequest, "there is no such session")
			}
		}
		others = slices.DeleteFunc(others, func(s session.Session) bool { return !slices.Contains(ids, s.ID) })
	}
	defer e.Settle(ctx, env.ID)
	for _, s := range others {
		if s.State.Ended(now) {
			continue
		}
		after, err := e.endAs(ctx, s, wire.SignedOutElsewhere, s.User.Subject, now)
		if err != nil {
			return ended, err
		}
		if after.State.EndedAt == now && after.State.Reason == wire.SignedOutElsewhere {
			ended++
		}
	}
	return ended, nil
}

// livingOf are a user's sessions that have not ended, in order of their beginning.
func (e *Engine) livingOf(ctx context.Context, user session.User, now int64) ([]session.Session, error) {
	all, err := e.store.ByUser(ctx, user, now)
	if err != nil {
		return nil, unavailable(err)
	}
	return slices.DeleteFunc(all, func(s session.Session) bool { return s.State.Ended(now) }), nil
}
