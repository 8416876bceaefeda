package main

import (
	"fmt"

	"github.com/curfew-project/curfew/verifier/admin"
	"github.com/curfew-project/curfew/verifier/settings"
)

// outcome says what a change does, or did.
func (p *page) outcome(before int64, o admin.Outcome) {
	what := named(o.Environment)
	switch {
	case len(o.Changes) == 0:
		p.say("%s stays as it is (version %d)", what, before)
		return
	case o.Applied:
		p.say("%s changed: version %d -> %d", what, before, o.Version)
	default:
		p.say("%s would change: version %d -> %d", what, before, o.Version)
	}
	p.changes("  ", o.Changes)
	p.effects(o.Effects, o.Applied)
	for _, note := range o.Notes {
		p.say("%s", note)
	}
}

func (p *page) changes(indent string, changes []settings.Change) {
	for _, c := range changes {
		p.say("%s%s", indent, c)
	}
}

// effects says what a change means for the sessions that live now (A12).
func (p *page) effects(e admin.Effects, applied bool) {
	if e.Living == 0 {
		p.say("No living session is touched.")
		return
	}
	verb := "would end"
	switch {
	case applied && e.SoonerCount == 1:
		verb = "ends"
	case applied:
		verb = "end"
	}
	p.say("%s: %d %s sooner, %d of them at once; %d later.", count(e.Living, "living session is touched", "living sessions are touched"),
		e.SoonerCount, verb, e.EndsAtOnce, e.LaterCount)
	if len(e.Sooner) == 0 {
		return
	}
	rows := [][]string{{"SESSION", "ENVIRONMENT", "USER", "WOULD HAVE ENDED", "ENDS", "BY"}}
	for _, s := range e.Sooner {
		rows = append(rows, []string{s.Session, s.Environment, person(s.Subject, s.Name), local(s.Ended), local(s.Ends), string(s.Reason)})
	}
	p.table("", rows...)
	if more := e.SoonerCount - len(e.Sooner); more > 0 {
		p.say("and %d more", more)
	}
}

func named(environment string) string {
	if environment == settings.Deployment {
		return "the deployment"
	}
	return "environment " + environment
}

func person(subject, name string) string {
	if name == "" {
		return subject
	}
	return fmt.Sprintf("%s (%s)", subject, name)
}
