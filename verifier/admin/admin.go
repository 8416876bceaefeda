package admin

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/curfew-project/curfew/shared/policy"
	"github.com/curfew-project/curfew/verifier/audit"
	"github.com/curfew-project/curfew/verifier/engine"
	"github.com/curfew-project/curfew/verifier/session"
	"github.com/curfew-project/curfew/verifier/settings"
)

// Config is what an Admin needs. All fields but Turn are required.
type Config struct {
	Sessions session.Store
	Engine   *engine.Engine
	Settings settings.Store
	Audit    audit.Store
	Record   audit.Recorder                  // for what is refused
	Kept     audit.Recorder                  // told of the events of a change, which are in Audit already
	Flush    func(ctx context.Context) error // makes what was recorded so far a part of Audit
	Live     *settings.Live
	Now      func() time.Time

	// Provider tells the issuer of an environment's identity provider, and in words how it fares.
	Provider func(environment string) (issuer, state string)
	// Changed tells the pages of some environments that their settings have changed (A12).
	Changed func(environments ...string)
	// Turn, which can be nil, waits until no other verifier changes settings, and keeps them waiting until done is called. Without it this
	// is the only verifier.
	Turn func(ctx context.Context) (done func(), err error)
	// Reported are the pages of an environment that have asked for the agent's script (A10).
	Reported func(environment string) []ReportedPage
	// Keys tells how the verifier's keys stand; nil: there are none to tell of.
	Keys func(ctx context.Context) ([]Key, error)
}

// Served is an environment that is to be served.
type Served struct {
	ID       string
	Provider string // the file's provider that it uses; empty: its own, in the file
}

// Prepared is a verifier that is ready for some environments. Nothing has changed for those that are in force.
type Prepared interface {
	// Commit puts it in force. It cannot fail.
	Commit()
	// Answers asks an environment's identity provider something, and says why it does not answer (C2).
	Answers(ctx context.Context, environment string) error
}

// Admin is safe for concurrent use. Load it before anything else.
type Admin struct {
	c Config

	changing sync.Mutex // held by whoever changes something, so that two changes do not cross

	mu   sync.RWMutex
	base Base
	docs map[string]settings.Revision // the last of each
}

// New makes an Admin.
func New(c Config) (*Admin, error) {
	if c.Sessions == nil || c.Engine == nil || c.Settings == nil || c.Audit == nil || c.Record == nil || c.Kept == nil || c.Flush == nil || c.Live == nil || c.Now == nil ||
		c.Provider == nil || c.Changed == nil || c.Reported == nil {
		return nil, errors.New("admin: every field of the configuration but Turn is required")
	}
	return &Admin{c: c, docs: map[string]settings.Revision{}}, nil
}

func (a *Admin) clock() int64 { return a.c.Now().UnixMilli() }

// state is what is known at one moment.
type state struct {
	base Base
	docs map[string]settings.Revision
}

// look is the state now. Its documents must not be changed.
func (a *Admin) look() state {
	a.mu.RLock()
	defer a.mu.RUnlock()
	return state{a.base, a.docs}
}

// with is the state after some more revisions.
func (s state) with(revisions ...settings.Revision) state {
	docs := make(map[string]settings.Revision, len(s.docs)+len(revisions))
	for id, rev := range s.docs {
		docs[id] = rev
	}
	for _, rev := range revisions {
		docs[rev.Environment] = rev
	}
	return state{s.base, docs}
}

// deployment is the document that holds for all.
func (s state) deployment() settings.Document { return s.docs[settings.Deployment].Document }

// ids are the environments that are not removed, in order.
func (s state) ids() []string {
	var ids []string
	for id, rev := range s.docs {
		if id != settings.Deployment && !rev.Document.Removed {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

// find is the document of an environment that is there.
func (s state) find(id string) (settings.Revision, bool) {
	rev, ok := s.docs[id]
	return rev, ok && id != settings.Deployment && !rev.Document.Removed
}

// inForce is an environment as it is served, at its first origin.
func (s state) inForce(id string) settings.Environment {
	rev := s.docs[id]
	doc := rev.Document
	env := s.base.Made
	if declared, ok := s.base.find(id); ok {
		env = declared.Fixed
	}
	env.ID, env.Kind, env.Version, env.Born = id, doc.Kind, rev.Version, doc.Born
	env.Switches = doc.On(s.deployment())
	env.Settings = policy.Settings(doc.Settings).Switched(env.Switches)
	env.Clients, env.Page.Name = doc.Clients, doc.Name
	if len(doc.Origins) > 0 {
		env.Origin = doc.Origins[0]
	}
	return env
}

// all are the environments as they are served, each once for each of its origins.
func (s state) all() []settings.Environment {
	var all []settings.Environment
	for _, id := range s.order() {
		env := s.inForce(id)
		for _, origin := range s.docs[id].Document.Origins {
			at := env
			at.Origin = origin
			all = append(all, at)
		}
	}
	return all
}

// order are the IDs, those of the file first and as they stand there.
func (s state) order() []string {
	var ids []string
	for _, declared := range s.base.Environments {
		if _, ok := s.find(declared.Fixed.ID); ok {
			ids = append(ids, declared.Fixed.ID)
		}
	}
	for _, id := range s.ids() {
		if !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return ids
}

// owned says what the file fixes of an environment.
func (s state) owned(id string) Owned {
	declared, ok := s.base.find(id)
	if !ok {
		return Owned{}
	}
	owned := declared.Owned
	owned.Environment = true
	return owned
}

// prepare makes the verifier ready for a state.
func (s state) prepare() (Prepared, error) {
	var served []Served
	for _, id := range s.order() {
		served = append(served, Served{ID: id, Provider: s.docs[id].Document.Provider})
	}
	ready, err := s.base.Prepare(served)
	if err != nil {
		return nil, refuse(Unavailable, "%v", err)
	}
	return ready, nil
}

// install puts a state in force that the verifier is ready for.
func (a *Admin) install(next state, ready Prepared) {
	ready.Commit()
	a.mu.Lock()
	a.base, a.docs = next.base, next.docs
	a.mu.Unlock()
	a.c.Live.Set(next.all())
}

// hosts reports two environments that have the same host.
func (s state) hosts(reserved []string) settings.Problems {
	var all settings.Problems
	of := map[string]string{}
	for _, origin := range reserved {
		of[hostOf(origin)] = settings.ReservedID
	}
	for _, id := range s.order() {
		for _, origin := range s.docs[id].Document.Origins {
			host := hostOf(origin)
			if other, taken := of[host]; taken && other != id {
				all.Add("origins", "has %q, whose host belongs to environment %s; allowed: each host once", origin, other)
			}
			of[host] = id
		}
	}
	return all
}

func hostOf(origin string) string {
	_, host, _ := strings.Cut(origin, "://")
	return host
}

func switchNames() string {
	var names []string
	for _, name := range policy.SwitchNames() {
		names = append(names, string(name))
	}
	return strings.Join(names, ", ")
}

func presetIDs() string {
	var ids []string
	for _, p := range policy.Presets() {
		ids = append(ids, p.ID)
	}
	return strings.Join(ids, ", ")
}
