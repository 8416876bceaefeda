// Package policycheck asks identity providers in the background whether users may go on (A5, A7). Each provider has a queue, a
// rate and a number of requests at once, so that a thousand sessions that are due together do not fall upon it together, and a
// slow provider holds up only its own users.
//
// Waiting in a queue ends no session and extends none. What a check means for its session is decided by the engine, which also
// sees to it that one session is checked once among all replicas.
package policycheck

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/curfew-project/curfew/verifier/engine"
	"github.com/curfew-project/curfew/verifier/provider"
	"github.com/curfew-project/curfew/verifier/session"
	"github.com/curfew-project/curfew/verifier/settings"
)

// defaultMost bounds a queue's memory to some hundred megabytes.
const defaultMost = 1 << 20

// Config is what a Checker needs. Now and Log are required.
type Config struct {
	// Providers answer for one environment each, by the environment's ID. Those with one issuer share a queue.
	Providers map[string]*provider.Provider
	// Rate is how many checks a second this process sends to one issuer at most; more than 0.
	Rate float64
	// Concurrency is how many checks of one issuer are under way at most; 1 or more.
	Concurrency int
	// Most is how many sessions can wait for one issuer; 0 means about a million. Those beyond ask again with their next heartbeat.
	Most int
	Now  func() time.Time
	Log  *slog.Logger
	// Count takes the outcome of each check; nil drops them. It must be safe for concurrent use and must not block.
	Count func(environment string, outcome Outcome)
}

// Checker carries out policy checks; it is an engine.Checks. It is safe for concurrent use.
type Checker struct {
	environments map[string]*queue
	queues       []*queue // each once, by issuer
	closed       chan struct{}
}

// New makes a checker that begins to work with Run, or says which field of the configuration is wrong.
func New(c Config) (*Checker, error) {
	if c.Now == nil || c.Log == nil {
		return nil, errors.New("policycheck: Now and Log are required")
	}
	if !(c.Rate > 0) || math.IsInf(c.Rate, 1) || c.Concurrency < 1 || c.Most < 0 { // this way round for what is no number
		return nil, fmt.Errorf("policycheck: Rate is %g, Concurrency %d and Most %d; allowed: more than 0, 1 or more, 0 or more", c.Rate, c.Concurrency, c.Most)
	}
	if c.Most == 0 {
		c.Most = defaultMost
	}
	if c.Count == nil {
		c.Count = func(string, Outcome) {}
	}
	checker := &Checker{environments: map[string]*queue{}, closed: make(chan struct{})}
	close(checker.closed)
	issuers := map[string]*queue{}
	for id, p := range c.Providers {
		q := issuers[p.Issuer()]
		if q == nil {
			q = newQueue(c, p.Issuer(), checker.closed)
			issuers[p.Issuer()] = q
			checker.queues = append(checker.queues, q)
		}
		q.targets[id] = &target{provider: p, loud: map[string]time.Time{}}
		checker.environments[id] = q
	}
	slices.SortFunc(checker.queues, func(a, b *queue) int { return cmp.Compare(a.issuer, b.issuer) })
	return checker, nil
}

// Ask puts a session into its provider's queue, those first that end soonest without an answer (by, in milliseconds since the epoch; 0: never), unless it is there or its check is under way already. done is closed when the
// check has been carried out or turned out not to be due, and at once when there is no room, no such provider or no Run any more.
func (c *Checker) Ask(env settings.Environment, id session.ID, by int64) (done <-chan struct{}) {
	if q := c.environments[env.ID]; q != nil {
		return q.ask(env, id, by)
	}
	return c.closed
}

// Run carries out checks until ctx ends. Those under way then are finished first, so that a refresh token that a provider is just
// exchanging is kept; it takes at most a minute. Call it once.
func (c *Checker) Run(ctx context.Context, e *engine.Engine) {
	var all sync.WaitGroup
	for _, q := range c.queues {
		all.Go(func() { q.run(ctx, e) })
	}
	all.Wait()
}

// Queue is how things stand with one issuer.
type Queue struct {
	Issuer  string
	Waiting int           // sessions whose check is due and not begun
	Oldest  time.Duration // how long the first of them has been waiting
}

// Queues are all queues, in order of their issuers.
func (c *Checker) Queues() []Queue {
	all := make([]Queue, 0, len(c.queues))
	for _, q := range c.queues {
		all = append(all, q.look())
	}
	return all
}
