package services

import (
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/verifier/api"
	"github.com/curfew-project/curfew/verifier/engine"
	"github.com/curfew-project/curfew/verifier/settings"
)

// feeds are the processes that are told of endings, by the names that they were given.
type feeds struct {
	mu sync.Mutex
	of map[string]feed
}

type feed struct {
	*engine.Feed
	environment, client string
}

// endings tells a service which sessions have ended since it last asked, and renews its lease (engine.Feed). A service that is not known, as
// after a restart, gets a new feed and is told that it may have missed some.
func (s *Services) endings(w http.ResponseWriter, r *http.Request, env settings.Environment, client Client) {
	name, ok := field(r, wire.FieldFeed)
	text, okAfter := field(r, wire.FieldAfter)
	after, err := strconv.ParseUint(text, 10, 64)
	if !ok || !okAfter || name != "" && err != nil {
		invalid(w, http.StatusBadRequest, "the form must have feed and after once, and after is a number")
		return
	}
	if s.Engine.FeedLease() == 0 {
		nothingKept(w, r)
		return
	}
	known, ok := s.feeds.get(name)
	if !ok || known.environment != env.ID || known.client != client.ID {
		s.begin(w, env, client)
		return
	}
	ended, next, lost, ok := known.Next(r.Context(), after)
	if !ok {
		s.feeds.remove(name)
		s.begin(w, env, client)
		return
	}
	answer := wire.Endings{Feed: name, Next: next, Lost: lost, Lease: s.Engine.FeedLease().Milliseconds()}
	for _, id := range ended {
		answer.Ended = append(answer.Ended, id.String())
	}
	api.WriteJSON(w, http.StatusOK, answer)
}

// nothingKept answers where no process may keep anything. It takes as long as for others, so that nobody asks without a pause.
func nothingKept(w http.ResponseWriter, r *http.Request) {
	hold := time.NewTimer(engine.FeedHold)
	defer hold.Stop()
	select {
	case <-hold.C:
		api.WriteJSON(w, http.StatusOK, wire.Endings{Lost: true})
	case <-r.Context().Done():
	}
}

func (s *Services) begin(w http.ResponseWriter, env settings.Environment, client Client) {
	name, err := text(s.Random)
	if err != nil {
		api.WriteJSON(w, http.StatusServiceUnavailable, failure{Error: "temporarily_unavailable"})
		return
	}
	opened, ok := s.Engine.OpenFeed(env.ID, client.ID)
	if !ok {
		w.Header().Set("Retry-After", "5")
		api.WriteJSON(w, http.StatusTooManyRequests, failure{"temporarily_unavailable", "too many processes are told of endings"})
		return
	}
	s.feeds.add(name, feed{opened, env.ID, client.ID})
	api.WriteJSON(w, http.StatusOK, wire.Endings{Feed: name, Lost: true, Lease: s.Engine.FeedLease().Milliseconds()})
}

func (f *feeds) get(name string) (feed, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	one, ok := f.of[name]
	return one, ok
}

// add keeps a feed, and forgets those that are over: nobody else does when a process goes away.
func (f *feeds) add(name string, one feed) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for other, old := range f.of {
		if old.Over() {
			delete(f.of, other)
		}
	}
	f.of[name] = one
}

func (f *feeds) remove(name string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.of, name)
}
