package admin

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/curfew-project/curfew/shared/policy"
	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/verifier/session"
	"github.com/curfew-project/curfew/verifier/settings"
)

// Sessions lists sessions, those that began last first (B6). It looks at every session of the environment.
func (a *Admin) Sessions(ctx context.Context, actor Actor, q SessionQuery) (SessionList, error) {
	if err := a.mayList(actor, q.Environment); err != nil {
		return SessionList{}, err
	}
	want, err := q.read()
	if err != nil {
		return SessionList{}, err
	}
	now := a.clock()
	keep := want.Offset + want.Limit
	list := SessionList{Sessions: []SessionView{}}
	var found []session.Session
	err = a.c.Sessions.Scan(ctx, q.Environment, now, func(s session.Session) bool {
		if actor.May(s.User.Environment) && want.fits(s, now) {
			list.Total++
			if found = append(found, s); len(found) > 2*keep+1000 {
				found = newest(found, keep)
			}
		}
		return ctx.Err() == nil
	})
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		return SessionList{}, unavailable(err)
	}
	found = newest(found, keep)
	for _, s := range found[min(want.Offset, len(found)):] {
		list.Sessions = append(list.Sessions, a.viewSession(s, now))
	}
	return list, nil
}

func (a *Admin) mayList(actor Actor, environment string) error {
	if environment == "" && actor.Administers() {
		return nil
	}
	if err := a.may(actor, environment); err != nil {
		return a.refused(actor, environment, err)
	}
	return nil
}

func newest(all []session.Session, most int) []session.Session {
	slices.SortFunc(all, func(x, y session.Session) int {
		return cmp.Or(cmp.Compare(y.State.Began, x.State.Began), slices.Compare(x.ID[:], y.ID[:]))
	})
	return all[:min(len(all), most)]
}

// wanted is a query that makes sense.
type wanted struct {
	SessionQuery
	user      string // in lower case
	anyClient bool
	client    policy.Client
}

func (q SessionQuery) read() (wanted, error) {
	w := wanted{SessionQuery: q, user: strings.ToLower(q.User), anyClient: q.Client == ""}
	if w.State == "" {
		w.State = Living
	}
	if w.Limit == 0 {
		w.Limit = 50
	}
	var bad settings.Problems
	if !slices.Contains(States(), w.State) {
		bad.Add("state", "is %q; allowed: living, warned, ended, any", clip(string(w.State)))
	}
	if w.Limit < 1 || w.Limit > MaxSessions {
		bad.Add("limit", "is %d; allowed: 1 to %d", w.Limit, MaxSessions)
	}
	if w.Offset < 0 || w.Offset > MaxOffset {
		bad.Add("offset", "is %d; allowed: 0 to %d", w.Offset, MaxOffset)
	}
	if len(q.User) > session.MaxSubject {
		bad.Add("user", "has %d bytes; allowed: up to %d", len(q.User), session.MaxSubject)
	}
	if !w.anyClient {
		var ok bool
		if w.client, ok = settings.ParseClient(q.Client); !ok {
			bad.Add("client", "is %q; allowed: %s", clip(q.Client), clientNames())
		}
	}
	if len(bad) > 0 {
		return wanted{}, &Error{Code: Invalid, Problems: bad}
	}
	return w, nil
}

func clientNames() string {
	names := []string{settings.ClientName(policy.Browser)}
	for _, kind := range policy.Clients() {
		names = append(names, settings.ClientName(kind))
	}
	return strings.Join(names, ", ")
}

func (w wanted) fits(s session.Session, now int64) bool {
	ended := s.State.Ended(now)
	switch w.State {
	case Living:
		if ended {
			return false
		}
	case Over:
		if !ended {
			return false
		}
	case WarnedNow:
		if s.State.Phase(now) != wire.Warned {
			return false
		}
	}
	if !w.anyClient && s.Client != w.client {
		return false
	}
	return w.user == "" || strings.Contains(strings.ToLower(s.User.Subject), w.user) || strings.Contains(strings.ToLower(s.Name), w.user)
}

func (a *Admin) viewSession(s session.Session, now int64) SessionView {
	ends, reason := s.State.Ends()
	v := SessionView{
		ID: s.ID.String(), Environment: s.User.Environment, Issuer: s.User.Issuer, Subject: s.User.Subject, Name: s.Name,
		Client: settings.ClientName(s.Client), Phase: s.State.Phase(now), Began: s.State.Began, Active: s.State.Active,
		Ends: finite(ends), Reason: reason, Bypassed: s.Check.Bypassed,
	}
	if env, ok := a.c.Live.ByID(s.User.Environment); ok {
		enforced := env.Clients.Of(s.Client)
		if !enforced.Session {
			v.Exempt = append(v.Exempt, "session")
		}
		if !enforced.Inactivity {
			v.Exempt = append(v.Exempt, "inactivity")
		}
	}
	return v
}

// Session is one session, with where it began.
func (a *Admin) Session(ctx context.Context, actor Actor, id string) (SessionView, error) {
	s, err := a.find(ctx, actor, id)
	if err != nil {
		return SessionView{}, err
	}
	where, err := a.c.Engine.WhereOf(ctx, s)
	if err != nil {
		return SessionView{}, unavailable(err)
	}
	v := a.viewSession(s, a.clock())
	v.UserAgent, v.Address = where.UserAgent, where.Address
	return v, nil
}

// find is a session that the actor may administer. Of others it does not tell whether they exist.
func (a *Admin) find(ctx context.Context, actor Actor, text string) (session.Session, error) {
	if !actor.Administers() {
		return session.Session{}, a.refused(actor, "", refuse(Forbidden, "%s may not administer sessions", orNobody(actor.Name)))
	}
	unknown := refuse(NotFound, "there is no session %q", clip(text))
	id, err := session.ParseID(text)
	if err != nil {
		return session.Session{}, unknown
	}
	s, ok, err := a.c.Sessions.Get(ctx, id, a.clock())
	switch {
	case err != nil:
		return session.Session{}, unavailable(err)
	case !ok:
		return session.Session{}, unknown
	case !actor.May(s.User.Environment):
		return session.Session{}, a.refused(actor, "", unknown)
	}
	return s, nil
}

// EndSession ends one session: its next request is refused. One that has ended already stays as it ended.
func (a *Admin) EndSession(ctx context.Context, actor Actor, id string) error {
	s, err := a.find(ctx, actor, id)
	if err != nil {
		return err
	}
	defer a.c.Engine.Settle(ctx, s.User.Environment)
	if _, err := a.c.Engine.EndByAdmin(ctx, s, actor.Name); err != nil {
		return unavailable(err)
	}
	return nil
}

// EndUser ends the living sessions of one user, who is named by the subject, in an environment. It says how many.
func (a *Admin) EndUser(ctx context.Context, actor Actor, environment, subject string) (int, error) {
	if err := a.mayEnd(actor, environment); err != nil {
		return 0, err
	}
	if subject == "" || len(subject) > session.MaxSubject {
		var bad settings.Problems
		bad.Add("user", "has %d bytes; allowed: the subject of a user, 1 to %d", len(subject), session.MaxSubject)
		return 0, &Error{Code: Invalid, Problems: bad}
	}
	return a.endAll(ctx, actor, environment, func(s session.Session) bool { return s.User.Subject == subject })
}

// EndEnvironment ends the living sessions of an environment. It says how many.
func (a *Admin) EndEnvironment(ctx context.Context, actor Actor, environment string) (int, error) {
	if err := a.mayEnd(actor, environment); err != nil {
		return 0, err
	}
	return a.endAll(ctx, actor, environment, nil)
}

// mayEnd lets who administers everything end the console's own sessions too: an administrator's account may be stolen.
func (a *Admin) mayEnd(actor Actor, environment string) error {
	if environment == settings.ReservedID && actor.All {
		return nil
	}
	_, err := a.known(actor, environment)
	return err
}

// together is how many endings are under way at once, so that they share the store's commits.
const together = 64

// endAll ends the living sessions of an environment that are wanted (nil: all) and says how many. It ends as many as it can, and those
// that it could not end are in the error.
func (a *Admin) endAll(ctx context.Context, actor Actor, environment string, wanted func(session.Session) bool) (int, error) {
	ctx = context.WithoutCancel(ctx)
	now := a.clock()
	var ids []session.ID
	err := a.c.Sessions.Scan(ctx, environment, now, func(s session.Session) bool {
		if !s.State.Ended(now) && (wanted == nil || wanted(s)) {
			ids = append(ids, s.ID)
		}
		return true
	})
	if err != nil {
		return 0, unavailable(err)
	}
	defer a.c.Engine.Settle(ctx, environment)
	ended := make(chan bool, together)
	failed := make(chan error, together)
	next := make(chan session.ID)
	go func() {
		defer close(next)
		for _, id := range ids {
			next <- id
		}
	}()
	for range together {
		go func() {
			for id := range next {
				did, err := a.endOne(ctx, actor, id)
				ended <- did
				failed <- err
			}
		}()
	}
	count := 0
	var all error
	for range ids {
		if <-ended {
			count++
		}
		if err := <-failed; err != nil && all == nil {
			all = unavailable(err)
		}
	}
	return count, all
}

func (a *Admin) endOne(ctx context.Context, actor Actor, id session.ID) (bool, error) {
	s, ok, err := a.c.Sessions.Get(ctx, id, a.clock())
	if err != nil || !ok {
		return false, err
	}
	did, err := a.c.Engine.EndByAdmin(ctx, s, actor.Name)
	var none *Error
	if errors.As(err, &none) {
		return did, nil
	}
	return did, err
}

// allEnd is what the removal of an environment means.
func (a *Admin) allEnd(ctx context.Context, environment string) (Effects, error) {
	now := a.clock()
	found := Effects{Sooner: []Affected{}}
	err := a.c.Sessions.Scan(ctx, environment, now, func(s session.Session) bool {
		if !s.State.Ended(now) {
			old, _ := s.State.Ends()
			found.Living++
			found.EndsAtOnce++
			found.add(Affected{Session: s.ID.String(), Environment: environment, Subject: s.User.Subject, Name: s.Name,
				Ended: finite(old), Ends: now, Reason: wire.EndedByAdmin})
		}
		return ctx.Err() == nil
	})
	found.finish()
	if err != nil {
		return Effects{}, unavailable(err)
	}
	return found, ctx.Err()
}
