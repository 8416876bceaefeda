package admin

import (
	"context"
	"slices"

	"github.com/curfew-project/curfew/shared/policy"
	"github.com/curfew-project/curfew/verifier/session"
	"github.com/curfew-project/curfew/verifier/settings"
)

// Environments lists what the actor may administer, in order of ID.
func (a *Admin) Environments(ctx context.Context, actor Actor) ([]Environment, error) {
	if !actor.Administers() {
		return nil, a.refused(actor, "", refuse(Forbidden, "%s may not administer anything", orNobody(actor.Name)))
	}
	living, err := a.living(ctx, "")
	if err != nil {
		return nil, err
	}
	now := a.look()
	found := []Environment{}
	for _, id := range now.ids() {
		if actor.May(id) {
			found = append(found, a.view(now, id, living[id]))
		}
	}
	return found, nil
}

// Environment is one of them.
func (a *Admin) Environment(ctx context.Context, actor Actor, id string) (Environment, error) {
	now, err := a.known(actor, id)
	if err != nil {
		return Environment{}, err
	}
	living, err := a.living(ctx, id)
	if err != nil {
		return Environment{}, err
	}
	return a.view(now, id, living[id]), nil
}

// known is the state when the actor may administer the environment and there is one.
func (a *Admin) known(actor Actor, id string) (state, error) {
	now := a.look()
	if err := a.may(actor, id); err != nil {
		return now, a.refused(actor, id, err)
	}
	if _, ok := now.find(id); !ok {
		return now, unknownEnvironment(id)
	}
	return now, nil
}

// living counts the living sessions by environment, of one environment or with an empty one of all.
func (a *Admin) living(ctx context.Context, environment string) (map[string]int, error) {
	counts := map[string]int{}
	now := a.clock()
	err := a.c.Sessions.Scan(ctx, environment, now, func(s session.Session) bool {
		if !s.State.Ended(now) {
			counts[s.User.Environment]++
		}
		return ctx.Err() == nil
	})
	if err != nil {
		return nil, unavailable(err)
	}
	return counts, ctx.Err()
}

// Living counts the living sessions by environment, for the metrics.
func (a *Admin) Living(ctx context.Context) (map[string]int, error) { return a.living(ctx, "") }

func (a *Admin) view(now state, id string, sessions int) Environment {
	rev := now.docs[id]
	doc := rev.Document.Clone()
	env := now.inForce(id)
	issuer, fares := a.c.Provider(id)
	return Environment{
		ID: id, Name: doc.Name, Kind: doc.Kind, Origins: doc.Origins, Issuer: issuer, Provider: doc.Provider,
		Version: rev.Version, ChangedAt: rev.At, ChangedBy: rev.By,
		Set: doc.Settings, InForce: settings.Times(env.Settings), Switches: switchStates(doc, env.Switches, now.deployment()), Clients: doc.Clients,
		Owned: now.owned(id), Sessions: sessions, ProviderState: fares,
	}
}

func switchStates(doc settings.Document, on policy.Switches, deployment settings.Document) []SwitchState {
	var all []SwitchState
	for _, name := range policy.SwitchNames() {
		_, own := doc.Switches[name]
		all = append(all, SwitchState{Name: name, On: on.On(name), Own: own, Deployment: deployment.Switches[name]})
	}
	return all
}

// Deployment is what holds for all environments.
func (a *Admin) Deployment(_ context.Context, actor Actor) (DeploymentView, error) {
	if err := a.may(actor, settings.Deployment); err != nil {
		return DeploymentView{}, a.refused(actor, settings.Deployment, err)
	}
	now := a.look()
	rev := now.docs[settings.Deployment]
	on := settings.Document{Kind: settings.App}.On(rev.Document)
	return DeploymentView{Version: rev.Version, ChangedAt: rev.At, ChangedBy: rev.By, Switches: switchStates(rev.Document, on, rev.Document),
		InFile: now.base.SwitchesOwned, Providers: slices.Clone(now.base.Providers)}, nil
}

// maxHistory is how many versions are listed at once.
const maxHistory = 200

// History lists the versions of an environment, or of settings.Deployment, below one (0: all), the newest first, with what each changed
// (C1). It has those of removed environments too.
func (a *Admin) History(ctx context.Context, actor Actor, environment string, before int64, limit int) ([]Version, error) {
	if err := a.may(actor, environment); err != nil {
		return nil, a.refused(actor, environment, err)
	}
	if _, ok := a.look().docs[environment]; !ok && environment != settings.Deployment {
		return nil, unknownEnvironment(environment)
	}
	if limit <= 0 || limit > maxHistory {
		limit = maxHistory
	}
	revisions, err := a.c.Settings.History(ctx, environment, before, limit+1) // the one before the last shows what that changed
	if err != nil {
		return nil, unavailable(err)
	}
	return Versions(revisions, limit), nil
}

// Versions says what each revision of one document changed, the newest first, up to limit. One more shows what the last of them changed.
func Versions(revisions []settings.Revision, limit int) []Version {
	found := []Version{}
	for i, rev := range revisions[:min(len(revisions), limit)] {
		var old settings.Document
		switch {
		case i+1 < len(revisions):
			old = revisions[i+1].Document
		case rev.Environment != settings.Deployment:
			old = settings.Blank()
		}
		found = append(found, Version{Revision: rev, Changes: settings.Diff(old, rev.Document)})
	}
	return found
}

// Reported lists the pages of an environment that have asked for the agent's script (A10).
func (a *Admin) Reported(_ context.Context, actor Actor, environment string) ([]ReportedPage, error) {
	if _, err := a.known(actor, environment); err != nil {
		return nil, err
	}
	return a.c.Reported(environment), nil
}

// TryClient says what a client would be taken for (A9), by the environment's matchers or by a draft of others.
func (a *Admin) TryClient(_ context.Context, actor Actor, environment, clientID, userAgent string, draft *settings.Clients) (Tried, error) {
	now, err := a.known(actor, environment)
	if err != nil {
		return Tried{}, err
	}
	clients := now.docs[environment].Document.Clients
	if draft != nil {
		var problems settings.Problems
		if problems.Join("clients", draft.Validate()); len(problems) > 0 {
			return Tried{}, &Error{Code: Invalid, Problems: problems}
		}
		clients = *draft
	}
	client, place := clients.Match(clientID, userAgent)
	return Tried{Client: settings.ClientName(client), Matcher: place + 1, Enforced: clients.Of(client)}, nil
}
