package admin

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/verifier/audit"
	"github.com/curfew-project/curfew/verifier/session"
	"github.com/curfew-project/curfew/verifier/settings"
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
			if env, ok := a.c.Live.ByID(s.User.Environment); ok && env.Clients.Of(s.Client) != (settings.Enforced{Session: true, Inactivity: true}) {
				o.Exempt++
			}
		}
		return ctx.Err() == nil
	})
	if err != nil {
		return Overview{}, unavailable(err)
	}
	o.EndsKnown = a.countEnds(ctx, actor, environment, &o) == nil
	return o, ctx.Err()
}

// countEnds is the audit's part, without which the rest is shown all the same.
func (a *Admin) countEnds(ctx context.Context, actor Actor, environment string, o *Overview) error {
	if err := a.flush(ctx); err != nil {
		return err
	}
	for _, of := range a.scopes(actor, environment) {
		ends, err := a.c.Audit.Ends(ctx, of, o.Since)
		if err != nil {
			return err
		}
		for reason, n := range ends {
			o.Ends[reason] += n
		}
	}
	return nil
}

// flushing is how long whoever reads the audit waits for what is just being written.
const flushing = 2 * time.Second

// flush makes what was recorded so far a part of the audit.
func (a *Admin) flush(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, flushing)
	defer cancel()
	if err := a.c.Flush(ctx); err != nil {
		return fmt.Errorf("%w (%w)", refuse(Unavailable, "the audit cannot be written just now, so what it has is not all there is"), err)
	}
	return nil
}

func (o *Overview) count(s session.Session, now int64) {
	o.Living++
	o.ByEnvID[s.User.Environment]++
	if s.State.Phase(now) == wire.Warned {
		o.Warned++
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
	if err := a.flush(ctx); err != nil {
		return nil, err
	}
	found, err := a.c.Audit.Search(ctx, q)
	if err != nil {
		return nil, searchFailed(err)
	}
	return found, nil
}

// VerifyAudit goes through the whole chain and every version of the settings. An *audit.Broken names the first entry that does not fit, or
// whose version does not.
func (a *Admin) VerifyAudit(ctx context.Context, actor Actor, progress func(done, all int64)) (audit.Verified, error) {
	if !actor.All {
		return audit.Verified{}, a.refused(actor, "", refuse(Forbidden, "%s may not verify the audit", orNobody(actor.Name)))
	}
	if err := a.flush(ctx); err != nil {
		return audit.Verified{}, err
	}
	return settings.Verify(ctx, a.c.Settings, a.c.Audit, progress)
}

// searchFailed tells a search that makes no sense from a store that cannot answer.
func searchFailed(err error) error {
	if errors.Is(err, audit.ErrQuery) {
		return refuse(Invalid, "%v", err)
	}
	return unavailable(err)
}
