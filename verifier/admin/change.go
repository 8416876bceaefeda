package admin

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/curfew-project/curfew/shared/policy"
	"github.com/curfew-project/curfew/verifier/audit"
	"github.com/curfew-project/curfew/verifier/settings"
)

// Change changes the document of an environment, or with settings.Deployment the switches of the deployment (C1, C2). version is the one
// that the actor saw: when there is another one now, somebody else was faster, and the change is refused with Conflict. With dryRun it only says what it
// would do.
func (a *Admin) Change(ctx context.Context, actor Actor, environment string, version int64, e Edit, dryRun bool) (Outcome, error) {
	if err := a.may(actor, environment); err != nil {
		return Outcome{}, a.refused(actor, environment, err)
	}
	// The providers are asked before anybody else has to wait: that may take its time.
	tried, err := a.plan(actor, environment, version, e, dryRun)
	if err != nil {
		return Outcome{}, err
	}
	if err := a.precondition(ctx, tried); err != nil {
		return Outcome{}, a.refused(actor, environment, err)
	}
	done, err := a.turn(ctx)
	if err != nil {
		return Outcome{}, err
	}
	defer done()
	p, err := a.plan(actor, environment, version, e, dryRun)
	if err != nil {
		return Outcome{}, err
	}
	out := Outcome{Environment: environment, Version: p.last.Version, Changes: settings.Diff(p.last.Document, p.rev.Document)}
	if len(out.Changes) == 0 {
		return out, nil
	}
	if out.Effects, err = a.effects(ctx, p.before, p.after); err != nil {
		return Outcome{}, err
	}
	out.Notes = p.notes(out.Effects)
	if out.Version = p.rev.Version; dryRun {
		return out, nil
	}
	if err := a.keep(ctx, p.after, p.rev, eventsOf(p.rev, p.last.Document, true, out.Changes)); err != nil {
		return Outcome{}, err
	}
	out.Applied = true
	a.c.Changed(touched(p.before, p.after)...)
	return out, nil
}

// plan is a change that is allowed.
type plan struct {
	before, after state
	last, rev     settings.Revision
}

// plan judges a change by the state as it is now. What somebody only tries, and mistypes, is nothing to record.
func (a *Admin) plan(actor Actor, environment string, version int64, e Edit, dryRun bool) (plan, error) {
	deployment := environment == settings.Deployment
	now := a.look()
	last, ok := now.docs[environment]
	if !deployment && (!ok || last.Document.Removed) {
		return plan{}, unknownEnvironment(environment)
	}
	if deployment && !ok {
		last.Environment = settings.Deployment
	}
	if err := sameVersion(last, version); err != nil {
		return plan{}, err
	}
	if e.Origins != nil && !actor.All {
		return plan{}, a.refused(actor, environment, refuse(Forbidden, "%s may not change the origins of environment %s; who administers everything may", actor.Name, environment))
	}
	next, problems := e.apply(last.Document, deployment)
	if err := now.inFile(environment, last.Document, next); err != nil {
		return plan{}, a.refused(actor, environment, err)
	}
	rev := settings.Revision{Environment: environment, Version: last.Version + 1, At: a.clock(), By: actor.Name, Document: next}
	after := now.with(rev)
	problems = append(problems, after.judge(environment, last.Document)...)
	if len(problems) > 0 {
		wrong := &Error{Code: Invalid, Problems: problems}
		if dryRun {
			return plan{}, wrong
		}
		return plan{}, a.refused(actor, environment, wrong)
	}
	return plan{now, after, last, rev}, nil
}

// notes says what else a change means for sessions.
func (p plan) notes(of Effects) []string {
	var notes []string
	for _, origin := range p.last.Document.Origins {
		if !slices.Contains(p.rev.Document.Origins, origin) {
			notes = append(notes, fmt.Sprintf("Sessions that began at %s cannot be used any more; they end by their own deadlines.", origin))
		}
	}
	if !slices.Equal(p.last.Document.Clients.Matchers, p.rev.Document.Clients.Matchers) && of.Recognised > 0 {
		notes = append(notes, recognisedNote(of.Recognised))
	}
	return notes
}

func recognisedNote(n int) string {
	if n == 1 {
		return "1 living session stays what it was recognised as when it began, until the next sign-in."
	}
	return fmt.Sprintf("%d living sessions stay what they were recognised as when they began, until the next sign-in.", n)
}

// keep makes a revision durable, with its events, and puts the state in force. Whatever could refuse it comes first.
func (a *Admin) keep(ctx context.Context, next state, rev settings.Revision, events []audit.Event) error {
	ready, err := next.prepare()
	if err != nil {
		return err
	}
	// An actor who goes away must not leave a change that is kept but not in force.
	ctx = context.WithoutCancel(ctx)
	if err := a.c.Settings.Append(ctx, []settings.Revision{rev}, events); err != nil {
		if errors.Is(err, settings.ErrConflict) {
			return refuse(Conflict, "%s was changed by somebody else meanwhile; look at it again", named(rev.Environment))
		}
		return unavailable(err)
	}
	for _, e := range events {
		a.c.Kept(e)
	}
	a.install(next, ready)
	return nil
}

func (a *Admin) may(actor Actor, environment string) error {
	if environment == settings.Deployment && !actor.All || !actor.May(environment) {
		if environment == "" && actor.Administers() {
			return refuse(Forbidden, "%s may not administer everything; name one of the environments %s", actor.Name, strings.Join(actor.Environments, ", "))
		}
		return refuse(Forbidden, "%s may not administer %s", orNobody(actor.Name), named(environment))
	}
	return nil
}

func orNobody(name string) string {
	if name == "" {
		return "nobody"
	}
	return name
}

func named(environment string) string {
	switch environment {
	case settings.Deployment:
		return "the deployment"
	case "":
		return "everything"
	}
	return "environment " + environment
}

func unknownEnvironment(id string) error {
	return refuse(NotFound, "there is no environment %q", clip(id))
}

func clip(text string) string { return text[:min(len(text), 100)] }

func sameVersion(last settings.Revision, version int64) error {
	if last.Version == version {
		return nil
	}
	refused := refuse(Conflict, "%s is at version %d now, by %s, and not at %d; look at what has changed and try again", named(last.Environment), last.Version, last.By, version)
	refused.Version = last.Version
	return refused
}

// inFile refuses to change what the configuration file fixes.
func (s state) inFile(environment string, before, after settings.Document) error {
	if environment == settings.Deployment {
		if s.base.SwitchesOwned && !maps.Equal(before.Switches, after.Switches) {
			return refuse(InFile, "the switches of the deployment are set in the configuration file; change them there, or take switches out of it to set them here")
		}
		return nil
	}
	owned := s.owned(environment)
	for _, part := range []struct {
		owned   bool
		changed bool
		name    string
		key     string
	}{
		{owned.Settings, before.Settings != after.Settings, "the times", "settings"},
		{owned.Switches, !maps.Equal(before.Switches, after.Switches), "the switches", "switches"},
		{owned.Clients, !sameClients(before.Clients, after.Clients), "the clients", "clients"},
		{owned.Name, before.Name != after.Name, "the name", "page.name"},
	} {
		if part.owned && part.changed {
			return refuse(InFile, "%s of environment %s are set in the configuration file; change them there, or take %s out of it to set them here", part.name, environment, part.key)
		}
	}
	if owned.Environment && !slices.Equal(before.Origins, after.Origins) {
		return refuse(InFile, "environment %s is in the configuration file; change its origins there", environment)
	}
	return nil
}

func sameClients(a, b settings.Clients) bool {
	return slices.Equal(a.Matchers, b.Matchers) && maps.Equal(a.Enforced, b.Enforced)
}

// judge says what is not allowed in the state after a change of one document: in it, and in those that inherit from it.
func (s state) judge(environment string, before settings.Document) settings.Problems {
	if environment != settings.Deployment {
		doc := s.docs[environment].Document
		all := s.problems(environment)
		if doc.Settings.InactivityTimeout == before.Settings.InactivityTimeout {
			all = withoutFeature(all)
		}
		return append(all, s.hosts(s.base.Reserved)...)
	}
	var all settings.Problems
	for _, id := range s.order() {
		for _, p := range withoutFeature(s.problems(id)) {
			p.Message = "environment " + id + ": " + p.Message
			all = append(all, p)
		}
	}
	return all
}

// asking is how long providers have to answer, all together.
const asking = 10 * time.Second

// precondition refuses to switch something on where no identity provider answers (C2).
func (a *Admin) precondition(ctx context.Context, p plan) error {
	ready, err := p.after.prepare()
	if err != nil {
		return err
	}
	return answering(ctx, p.before, p.after, ready)
}

// answering asks the providers of all environments in which a switch comes on.
func answering(ctx context.Context, before, after state, ready Prepared) error {
	ctx, cancel := context.WithTimeout(ctx, asking)
	defer cancel()
	var ids []string
	comesOn := map[string]policy.Switch{}
	for _, id := range after.order() {
		now := after.inForce(id).Switches
		var old policy.Switches
		if _, there := before.find(id); there {
			old = before.inForce(id).Switches
		}
		for _, name := range policy.SwitchNames() {
			if now.On(name) && !old.On(name) && comesOn[id] == "" {
				comesOn[id] = name
				ids = append(ids, id)
			}
		}
	}
	answers := make([]error, len(ids))
	var all sync.WaitGroup
	for i, id := range ids {
		all.Go(func() { answers[i] = ready.Answers(ctx, id) })
	}
	all.Wait()
	for i, id := range ids {
		if answers[i] != nil {
			return refuse(NoProvider, "%s cannot be switched on: the identity provider of environment %s does not answer: %v", comesOn[id], id, answers[i])
		}
	}
	for _, name := range policy.SwitchNames() {
		if after.deployment().Switches[name] && !before.deployment().Switches[name] && len(after.order()) == 0 {
			return refuse(NoProvider, "%s cannot be switched on: there is no environment yet, and so no identity provider that answers", name)
		}
	}
	return nil
}

// touched are the environments that are served differently.
func touched(before, after state) []string {
	var ids []string
	for _, id := range after.order() {
		old, now := before.inForce(id), after.inForce(id)
		if old.Settings != now.Settings || old.Switches != now.Switches || !sameClients(old.Clients, now.Clients) || old.Page.Name != now.Page.Name || !slices.Equal(before.docs[id].Document.Origins, after.docs[id].Document.Origins) {
			ids = append(ids, id)
		}
	}
	return ids
}

// Refused records what somebody was not let do before any operation was asked for, by the console or the API.
func (a *Admin) Refused(actor Actor, detail string) {
	a.c.Record(audit.Event{At: a.clock(), Kind: audit.AdminRefused, Actor: actor.Name, Detail: detail})
}

// refused records what somebody was not let do.
func (a *Admin) refused(actor Actor, environment string, err error) error {
	if environment == settings.Deployment {
		environment = ""
	}
	a.c.Record(audit.Event{At: a.clock(), Kind: audit.AdminRefused, Environment: clip(environment), Actor: actor.Name, Detail: oneLine(err.Error())})
	return err
}

// oneLine is a refusal as an entry of the audit has it. The audit bounds it.
func oneLine(text string) string { return strings.ReplaceAll(text, "\n", "; ") }

// eventsOf are the audit's entries for a revision: one for each part that changed.
func eventsOf(rev settings.Revision, before settings.Document, known bool, changes []settings.Change) []audit.Event {
	entry := func(kind audit.Kind, of []settings.Change) audit.Event {
		lines := make([]string, len(of))
		for i, c := range of {
			lines[i] = c.String()
		}
		environment := rev.Environment
		if environment == settings.Deployment {
			environment = ""
		}
		return audit.Event{At: rev.At, Kind: kind, Environment: environment, Actor: rev.By, Digest: rev.Digest(), Detail: strings.Join(lines, "; ")}
	}
	if !known && rev.Environment != settings.Deployment || before.Removed && !rev.Document.Removed {
		return []audit.Event{entry(audit.EnvironmentCreated, changes)}
	}
	if rev.Document.Removed {
		return []audit.Event{entry(audit.EnvironmentRemoved, nil)}
	}
	parts := map[audit.Kind][]settings.Change{}
	for _, c := range changes {
		kind := audit.SettingsChanged
		switch {
		case strings.HasPrefix(c.Field, "switch "):
			kind = audit.SwitchChanged
		case strings.HasPrefix(c.Field, "client "), c.Field == "matchers":
			kind = audit.ClientsChanged
		case c.Field == "name":
			kind = audit.EnvironmentRenamed
		}
		parts[kind] = append(parts[kind], c)
	}
	var events []audit.Event
	for _, kind := range audit.Kinds() {
		if of := parts[kind]; of != nil {
			events = append(events, entry(kind, of))
		}
	}
	return events
}
