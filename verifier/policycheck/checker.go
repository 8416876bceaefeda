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
	config Config
	closed chan struct{}

	mu           sync.Mutex
	environments map[string]*queue
	queues       map[string]*queue // by issuer; one that no environment has any more stays, empty
	begin        func(*queue)      // while Run runs
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
	checker := &Checker{config: c, closed: make(chan struct{}), environments: map[string]*queue{}, queues: map[string]*queue{}}
	close(checker.closed)
	return checker, nil
}

// Serve says which provider answers for each environment, by the environment's ID; those with one issuer share a queue. It may be
// called again whenever that changes. Sessions of an environment that is gone are not checked any more.
func (c *Checker) Serve(providers map[string]*provider.Provider) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for id, q := range c.environments {
		if p := providers[id]; p == nil || p.Issuer() != q.issuer {
			q.drop(id)
			delete(c.environments, id)
		}
	}
	for id, p := range providers {
		q := c.queues[p.Issuer()]
		if q == nil {
			q = newQueue(c.config, p.Issuer(), c.closed)
			c.queues[p.Issuer()] = q
			if c.begin != nil {
				c.begin(q)
			}
		}
		q.serve(id, p)
		c.environments[id] = q
	}
}

// Ask puts a session into its provider's queue, those first that end soonest without an answer (by, in milliseconds since the epoch; 0: never), unless it is there or its check is under way already. done is closed when the
// check has been carried out or turned out not to be due, and at once when there is no room, no such provider or no Run any more.
func (c *Checker) Ask(env settings.Environment, id session.ID, by int64) (done <-chan struct{}) {
	c.mu.Lock()
	q := c.environments[env.ID]
	c.mu.Unlock()
	if q != nil {
		return q.ask(env, id, by)
	}
	return c.closed
}

// Run carries out checks until ctx ends. Those under way then are finished first, so that a refresh token that a provider is just
// exchanging is kept; it takes at most a minute. Call it once.
func (c *Checker) Run(ctx context.Context, e *engine.Engine) {
	var all sync.WaitGroup
	c.mu.Lock()
	c.begin = func(q *queue) { all.Go(func() { q.run(ctx, e) }) }
	for _, q := range c.queues {
		c.begin(q)
	}
	c.mu.Unlock()
	<-ctx.Done()
	c.mu.Lock()
	c.begin = func(q *queue) { q.stop() } // from here on nobody begins
	c.mu.Unlock()
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
	c.mu.Lock()
	defer c.mu.Unlock()
	all := make([]Queue, 0, len(c.queues))
	for _, q := range c.queues {
		all = append(all, q.look())
	}
	slices.SortFunc(all, func(a, b Queue) int { return cmp.Compare(a.Issuer, b.Issuer) })
	return all
}
