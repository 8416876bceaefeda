package admin

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/curfew-project/curfew/shared/policy"
	"github.com/curfew-project/curfew/verifier/audit"
	"github.com/curfew-project/curfew/verifier/session"
	"github.com/curfew-project/curfew/verifier/settings"
)

// Base is what the configuration file says.
type Base struct {
	Limits       policy.Limits
	Environments []Declared
	// Switches are the deployment's, where the file has them; then nobody else can change them.
	Switches      map[policy.Switch]bool
	SwitchesOwned bool
	Providers     []string             // that environments made by administrators can use
	Made          settings.Environment // what such an environment has besides its document
	Reserved      []string             // origins that no environment may have
	// Prepare makes the verifier ready for some environments of this file, all that there are going to be. It reads secrets.
	Prepare func([]Served) (Prepared, error)
}

// Declared is an environment of the file.
type Declared struct {
	Fixed    settings.Environment // what only the file can say
	Document settings.Document    // kind and origins, and those parts that Owned names
	Owned    Owned
}

func (b Base) find(id string) (Declared, bool) {
	for _, d := range b.Environments {
		if d.Fixed.ID == id {
			return d, true
		}
	}
	return Declared{}, false
}

// File is who made the changes that the configuration file makes.
const File = "configuration file"

// ErrEndings is in the tree of the error of a Load that is in force, while sessions of environments that are gone could not be ended. Nobody
// can use them, and the next Load ends them.
var ErrEndings = errors.New("sessions of environments that are gone could not be ended")

// Load puts what the file says in force, together with what administrators have set. What the file changes is a new version like any
// other. Where the two do not fit together, or what was set is not what the audit says was set, nothing changes, and the error says why;
// it is not ErrEndings then. Environments that have left the file are removed. Sessions of environments that are not served end.
func (a *Admin) Load(ctx context.Context, base Base) error {
	a.changing.Lock()
	defer a.changing.Unlock()
	if a.c.Turn != nil {
		done, err := a.c.Turn(ctx)
		if err != nil {
			return unavailable(err)
		}
		defer done()
	}
	latest, err := a.c.Settings.Latest(ctx)
	if err != nil {
		return unavailable(err)
	}
	for _, rev := range latest {
		if err := settings.Vouched(ctx, rev, a.c.Audit); err != nil {
			return err
		}
	}
	now := a.clock()
	before := state{base, map[string]settings.Revision{}}
	for _, rev := range latest {
		before.docs[rev.Environment] = rev
	}
	var revisions []settings.Revision
	var events []audit.Event
	propose := func(id string, next settings.Document) {
		last, known := before.docs[id]
		old := last.Document
		if id != settings.Deployment && (!known || old.Removed) {
			next.Born = last.Version + 1
		}
		if !known && id != settings.Deployment {
			old = settings.Blank()
		}
		changes := settings.Diff(old, next)
		if known && len(changes) == 0 {
			return
		}
		rev := settings.Revision{Environment: id, Version: last.Version + 1, At: now, By: File, Document: next}
		revisions = append(revisions, rev)
		events = append(events, eventsOf(rev, old, known, changes)...)
	}
	if deployment := before.deployment().Clone(); base.SwitchesOwned {
		deployment.Switches = maps.Clone(base.Switches)
		propose(settings.Deployment, deployment)
	}
	for _, d := range base.Environments {
		propose(d.Fixed.ID, d.overlay(before.docs[d.Fixed.ID]))
	}
	for _, id := range before.ids() {
		doc := before.docs[id].Document
		if _, declared := base.find(id); declared || doc.Provider != "" {
			continue
		}
		doc.Removed = true
		propose(id, doc)
	}
	next := before.with(revisions...)
	if err := next.fits(); err != nil {
		return err
	}
	ready, err := next.prepare()
	if err != nil {
		return err
	}
	if len(revisions) > 0 {
		if err := a.c.Settings.Append(ctx, revisions, events); err != nil {
			return unavailable(err)
		}
		for _, e := range events {
			a.c.Kept(e)
		}
	}
	a.install(next, ready)
	a.c.Changed(next.ids()...)
	served := map[string]bool{settings.ReservedID: true}
	for _, id := range next.ids() {
		served[id] = true
	}
	gone := func(s session.Session) bool { return !served[s.User.Environment] }
	if _, err := a.endAll(ctx, Actor{Name: File, All: true}, "", gone); err != nil {
		return fmt.Errorf("%w: %w", ErrEndings, err)
	}
	return nil
}

// overlay is the document with what the file says.
func (d Declared) overlay(last settings.Revision) settings.Document {
	next := settings.New()
	if last.Version > 0 {
		next = last.Document.Clone()
	}
	next.Removed, next.Provider = false, ""
	next.Kind, next.Origins = d.Document.Kind, slices.Clone(d.Document.Origins)
	if d.Owned.Settings {
		next.Settings = d.Document.Settings
	}
	if d.Owned.Switches {
		next.Switches = maps.Clone(d.Document.Switches)
	}
	if d.Owned.Clients {
		next.Clients = d.Document.Clone().Clients
	}
	if d.Owned.Name {
		next.Name = d.Document.Name
	}
	return next
}

// fits says what does not fit: with the limits, the switches, the providers of the file, or between environments.
func (s state) fits() error {
	var all []string
	for _, id := range s.order() {
		rev := s.docs[id]
		doc := rev.Document
		at := fmt.Sprintf("environment %s (version %d, by %s): ", id, rev.Version, rev.By)
		problems := s.problems(id)
		if !s.owned(id).Settings {
			problems = withoutFeature(problems)
		}
		for _, p := range problems {
			all = append(all, at+p.Message)
		}
		if doc.Provider != "" && !slices.Contains(s.base.Providers, doc.Provider) {
			all = append(all, at+fmt.Sprintf("provider is %q, which the file does not have; allowed: %s", doc.Provider, strings.Join(s.base.Providers, ", ")))
		}
	}
	for _, p := range s.hosts(s.base.Reserved) {
		all = append(all, p.Message)
	}
	if len(all) == 0 {
		return nil
	}
	return &Error{Code: Invalid, Message: "the configuration file does not fit with what is set:\n" + strings.Join(all, "\n")}
}

// problems is everything about an environment's document that is not allowed.
func (s state) problems(id string) settings.Problems {
	doc := s.docs[id].Document
	var all settings.Problems
	all.Join("", doc.Validate(s.base.Limits, doc.On(s.deployment())))
	// A capped session warns like any other, so the warning must leave room in it (A6).
	if most, warning := s.inForce(id).Check.Cap, doc.Settings.SessionWarning; warning >= most && !hasField(all, "session_warning") {
		all.Add("session_warning", "is %s; allowed: less than policy_check.cap (%s) (A6)", policy.Format(warning), policy.Format(most))
	}
	return all
}

// withoutFeature leaves out that the inactivity timeout as a feature is off: whoever switches it off wants just that, and what was set
// stays until it is switched on again. Only setting a timeout that would not be enforced is refused.
func withoutFeature(problems settings.Problems) settings.Problems {
	return slices.DeleteFunc(problems, func(p settings.Problem) bool { return p.Switch == policy.UCIInactivityTimeout })
}
