package sim

import (
	"context"
	"time"

	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/verifier/engine"
	"github.com/curfew-project/curfew/verifier/session"
	"github.com/curfew-project/curfew/verifier/settings"
)

// provider carries out the policy checks that the engine asks for, at once and as it is told to: what an identity provider does,
// without the network between. How it is really asked is tested in verifier/policycheck.
type provider struct {
	engine *engine.Engine
	now    func() time.Time

	stay    bool // people choose to stay signed in (A7)
	silent  bool // it cannot be reached
	refuses bool // it does not let the user in any more

	asked, answered int
	failed          []error
}

// Ask implements engine.Checks.
func (p *provider) Ask(env settings.Environment, id session.ID, _ int64) <-chan struct{} {
	done := make(chan struct{})
	close(done)
	ctx := context.Background()
	claim, ok, err := p.engine.ClaimCheck(ctx, env, id)
	if err != nil || !ok {
		p.note(err)
		return done
	}
	p.asked++
	user := claim.Session.User
	switch {
	case p.silent:
		p.note(p.engine.Postpone(ctx, env, claim, engine.Failure{Cause: "no connection"}))
	case p.refuses:
		p.note(p.engine.EndChecked(ctx, env, claim, wire.ProviderRefused, "invalid_grant"))
	default:
		p.answered++
		who := session.Identity{Issuer: user.Issuer, Subject: user.Subject, AuthTime: claim.Session.AuthTime}
		p.note(p.engine.Confirm(ctx, env, claim, who))
	}
	return done
}

func (p *provider) note(err error) {
	if err != nil {
		p.failed = append(p.failed, err)
	}
}
