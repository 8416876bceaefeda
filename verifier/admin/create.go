package admin

import (
	"context"
	"slices"
	"strings"

	"github.com/curfew-project/curfew/shared/policy"
	"github.com/curfew-project/curfew/verifier/settings"
)

// NewEnvironment is an environment that an administrator makes (C1). It uses an identity provider of the configuration file, because
// secrets are in files only.
type NewEnvironment struct {
	ID       string        `json:"id"`
	Name     string        `json:"name"`
	Kind     settings.Kind `json:"kind"` // empty: app
	Origins  []string      `json:"origins"`
	Provider string        `json:"provider"`
}

// Create makes an environment. It has the defaults until somebody sets something else.
func (a *Admin) Create(ctx context.Context, actor Actor, n NewEnvironment) (Environment, error) {
	if !actor.All {
		return Environment{}, a.refused(actor, "", refuse(Forbidden, "%s may not make environments", orNobody(actor.Name)))
	}
	if n.Kind == "" {
		n.Kind = settings.App
	}
	tried, err := a.planned(actor, n)
	if err != nil {
		return Environment{}, err
	}
	if err := a.precondition(ctx, tried); err != nil {
		return Environment{}, a.refused(actor, n.ID, err)
	}
	done, err := a.turn(ctx)
	if err != nil {
		return Environment{}, err
	}
	defer done()
	p, err := a.planned(actor, n)
	if err != nil {
		return Environment{}, err
	}
	// Whatever is left of one that had this ID before must not become its own (P4).
	if _, err := a.endAll(ctx, actor, n.ID, nil); err != nil {
		return Environment{}, err
	}
	if err := a.keep(ctx, p.after, p.rev, eventsOf(p.rev, settings.Blank(), false, settings.Diff(settings.Blank(), p.rev.Document))); err != nil {
		return Environment{}, err
	}
	return a.view(p.after, n.ID, 0), nil
}

// planned judges a new environment by the state as it is now.
func (a *Admin) planned(actor Actor, n NewEnvironment) (plan, error) {
	now := a.look()
	last := now.docs[n.ID]
	doc := settings.New()
	doc.Born = last.Version + 1
	doc.Kind, doc.Name, doc.Origins, doc.Provider = n.Kind, n.Name, slices.Clone(n.Origins), n.Provider
	rev := settings.Revision{Environment: n.ID, Version: last.Version + 1, At: a.clock(), By: actor.Name, Document: doc}
	after := now.with(rev)
	var problems settings.Problems
	if allowed := settings.CheckID(n.ID); allowed != "" {
		problems.Add("id", "is %q; allowed: %s", clip(n.ID), allowed)
	} else if _, there := now.find(n.ID); there {
		problems.Add("id", "is %q, which there is already; allowed: another one", n.ID)
	}
	if len(n.Origins) == 0 {
		problems.Add("origins", "is empty; allowed: 1 to %d", settings.MaxOrigins)
	}
	if !slices.Contains(now.base.Providers, n.Provider) {
		allowed := strings.Join(now.base.Providers, ", ")
		if allowed == "" {
			allowed = "one of providers in the configuration file, which has none"
		}
		problems.Add("provider", "is %q; allowed: %s", clip(n.Provider), allowed)
	}
	if hasField(problems, "id") {
		problems.Join("", doc.Validate(now.base.Limits, policy.Switches{}))
	} else {
		problems = append(problems, after.judge(n.ID, doc)...)
	}
	if len(problems) > 0 {
		return plan{}, a.refused(actor, n.ID, &Error{Code: Invalid, Problems: problems})
	}
	return plan{now, after, last, rev}, nil
}

func hasField(problems settings.Problems, field string) bool {
	return slices.ContainsFunc(problems, func(p settings.Problem) bool { return p.Field == field })
}

// Remove removes an environment. Its hosts are refused from then on, and its living sessions end. What was set and what happened stays to
// be looked at.
func (a *Admin) Remove(ctx context.Context, actor Actor, id string, version int64, dryRun bool) (Outcome, error) {
	if !actor.All {
		return Outcome{}, a.refused(actor, id, refuse(Forbidden, "%s may not remove environments", orNobody(actor.Name)))
	}
	done, err := a.turn(ctx)
	if err != nil {
		return Outcome{}, err
	}
	defer done()
	now := a.look()
	last, ok := now.find(id)
	if !ok {
		return Outcome{}, unknownEnvironment(id)
	}
	if now.owned(id).Environment {
		return Outcome{}, a.refused(actor, id, refuse(InFile, "environment %s is in the configuration file; take it out there", id))
	}
	if err := sameVersion(last, version); err != nil {
		return Outcome{}, err
	}
	doc := last.Document.Clone()
	doc.Removed = true
	rev := settings.Revision{Environment: id, Version: last.Version + 1, At: a.clock(), By: actor.Name, Document: doc}
	out := Outcome{Environment: id, Version: rev.Version, Changes: settings.Diff(last.Document, doc)}
	if out.Effects, err = a.allEnd(ctx, id); err != nil || dryRun {
		return out, err
	}
	if err := a.keep(ctx, now.with(rev), rev, eventsOf(rev, last.Document, true, out.Changes)); err != nil {
		return Outcome{}, err
	}
	out.Applied = true
	_, err = a.endAll(ctx, actor, id, nil)
	return out, err
}
