package admin

import (
	"context"
	"errors"
	"time"

	"github.com/curfew-project/curfew/shared/policy"
	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/verifier/audit"
	"github.com/curfew-project/curfew/verifier/session"
)

// bounds of the buckets of Overview.Left.
var bounds = [...]time.Duration{5 * time.Minute, 15 * time.Minute, time.Hour, 4 * time.Hour, 8 * time.Hour, 12 * time.Hour, 24 * time.Hour}

// Overview counts what lives now and what ended within the last day, in one environment or, with an empty one, in all that the actor may
// administer.
func (a *Admin) Overview(ctx context.Context, actor Actor, environment string) (Overview, error) {
	if err := a.mayList(actor, environment); err != nil {
		return Overview{}, err
	}
	now := a.clock()
	o := Overview{Since: now - 24*time.Hour.Milliseconds(), Ends: map[wire.Reason]int{}, ByEnvID: map[string]int{}}
	for _, below := range bounds {
		o.Left = append(o.Left, Bucket{Below: below.Milliseconds()})
	}
	o.Left = append(o.Left, Bucket{})
	err := a.c.Sessions.Scan(ctx, environment, now, func(s session.Session) bool {
		if actor.May(s.User.Environment) && !s.State.Ended(now) {
			o.count(s, now)
		}
		return ctx.Err() == nil
	})
	if err != nil {
		return Overview{}, unavailable(err)
	}
	if err := a.c.Flush(ctx); err != nil {
		return Overview{}, unavailable(err)
	}
	for _, of := range a.scopes(actor, environment) {
		ends, err := a.c.Audit.Ends(ctx, of, o.Since)
		if err != nil {
			return Overview{}, unavailable(err)
		}
		for reason, n := range ends {
			o.Ends[reason] += n
		}
	}
	return o, ctx.Err()
}

func (o *Overview) count(s session.Session, now int64) {
	o.Living++
	o.ByEnvID[s.User.Environment]++
	if s.State.Phase(now) == wire.Warned {
		o.Warned++
	}
	if s.Client != policy.Browser {
		o.Exempt++
	}
	ends, _ := s.State.Ends()
	last := len(o.Left) - 1
	for i := range o.Left[:last] {
		if ends-now < o.Left[i].Below {
			o.Left[i].Count++
			return
		}
	}
	o.Left[last].Count++
}

// scopes are the environments to ask about: one, all that the actor may see, or "" for everything.
func (a *Admin) scopes(actor Actor, environment string) []string {
	if environment != "" || actor.All {
		return []string{environment}
	}
	return actor.Environments
}

// Audit searches the audit (C5). Who may not see everything must name an environment.
func (a *Admin) Audit(ctx context.Context, actor Actor, q audit.Query) ([]audit.Entry, error) {
	if !actor.All {
		if err := a.may(actor, q.Environment); err != nil {
			return nil, a.refused(actor, q.Environment, err)
		}
	}
	if err := a.c.Flush(ctx); err != nil {
		return nil, unavailable(err)
	}
	found, err := a.c.Audit.Search(ctx, q)
	if err != nil {
		return nil, searchFailed(err)
	}
	return found, nil
}

// VerifyAudit goes through the whole chain. An *audit.Broken names the first entry that does not fit.
func (a *Admin) VerifyAudit(ctx context.Context, actor Actor, progress func(done, all int64)) (audit.Verified, error) {
	if !actor.All {
		return audit.Verified{}, a.refused(actor, "", refuse(Forbidden, "%s may not verify the audit", orNobody(actor.Name)))
	}
	if err := a.c.Flush(ctx); err != nil {
		return audit.Verified{}, unavailable(err)
	}
	return audit.Verify(ctx, a.c.Audit, progress)
}

// searchFailed tells a search that makes no sense from a store that cannot answer.
func searchFailed(err error) error {
	if errors.Is(err, audit.ErrQuery) {
		return refuse(Invalid, "%v", err)
	}
	return unavailable(err)
}
