package redisledger

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/curfew-project/curfew/verifier/audit"
	"github.com/curfew-project/curfew/verifier/settings"
	"github.com/curfew-project/curfew/verifier/store/redisconn"
)

// change is what is added in one step.
type change struct {
	revisions []settings.Revision
	documents []string // of them, as they are stored
	events    []audit.Event
	drop      *audit.Link // entries up to there are dropped
	from      audit.Link  // with drop: where the chain must begin for that
}

// sent is a change of which nobody knows whether it was made: Redis was silent, or is still to come to it.
type sent struct {
	events []audit.Event
	last   audit.Link
}

// mostSent is how many of those are remembered: whoever waits for one tries it again before the next.
const mostSent = 16

// add is the one script that adds. It begins with what the caller believes, so that of several verifiers one goes first, and every other
// one is told where the chain ends now. What could go wrong in the middle comes before anything is written.
//
// KEYS: state, entries, revisions, changes, then those of the index. ARGV: the end and seal that are believed to be there and the ID of
// the newest entry; the new end and seal; how many revisions, each with environment, version and text; how many entries, each with ID and
// line; and members of the index, each with its key's number, score and text.
var add = redisconn.NewScript(lookFunction + `
local now = look(KEYS[1], KEYS[2])
if now[2] ~= ARGV[1] or now[3] ~= ARGV[2] or now[4] ~= ARGV[3] then return now end
local at = 7
local revisions = tonumber(ARGV[6])
local versions = {}
for i = 1, revisions do
  local environment, version = ARGV[at], tonumber(ARGV[at+1])
  local last = versions[environment] or tonumber(redis.call('HGET', KEYS[1], 'v:' .. environment) or '0')
  if version ~= last + 1 then return {'conflict', environment, tostring(last), ARGV[at+1]} end
  versions[environment] = version
  at = at + 3
end
local count = tonumber(ARGV[at])
at = at + 1
for i = 1, count do
  local added = redis.pcall('XADD', KEYS[2], ARGV[at], 'e', ARGV[at+1])
  if type(added) == 'table' and added.err then
    if i > 1 then return redis.error_reply(added.err) end
    -- Entries that were cut off have left their numbers behind.
    if now[4] == '' then redis.call('DEL', KEYS[2]) else redis.call('XSETID', KEYS[2], now[4]) end
    redis.call('XADD', KEYS[2], ARGV[at], 'e', ARGV[at+1])
  end
  at = at + 2
end
redis.call('HSET', KEYS[1], 'end', ARGV[4], 'seal', ARGV[5])
local from = 7
for i = 1, revisions do
  redis.call('HSET', KEYS[3], ARGV[from+1] .. ':' .. ARGV[from], ARGV[from+2])
  redis.call('HSET', KEYS[1], 'v:' .. ARGV[from], ARGV[from+1])
  from = from + 3
end
while at <= #ARGV do
  redis.call('ZADD', KEYS[tonumber(ARGV[at])], ARGV[at+1], ARGV[at+2])
  at = at + 3
end
if revisions > 0 then redis.call('SPUBLISH', KEYS[4], '') end
return {'done'}
`)

// errMoved says that the chain begins elsewhere now than when it was looked at for what can be dropped.
var errMoved = errors.New("the chain begins elsewhere now")

// write makes a change, one caller after the other, and goes on from wherever another verifier has left the chain meanwhile. ctx is for
// waiting; what has been sent is not cut short, so that its caller is told what became of it.
func (s *Store) write(ctx context.Context, c change) error {
	if err := s.usable(ctx); err != nil {
		return err
	}
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	case <-ctx.Done():
		return ctx.Err()
	}
	if err := s.usable(ctx); err != nil {
		return err
	}
	for {
		done, err := s.try(context.WithoutCancel(ctx), c)
		switch {
		case errors.Is(err, settings.ErrConflict), errors.Is(err, errMoved):
			return err
		case err != nil:
			return s.told(err)
		case done:
			return s.told(nil)
		}
		if err := s.usable(ctx); err != nil { // another verifier was faster, and nothing has changed
			return err
		}
	}
}

// try makes a change behind the end as it was seen last; done is false when there is another one now.
func (s *Store) try(ctx context.Context, c change) (done bool, err error) {
	if s.seen == nil {
		if s.seen, err = s.look(ctx); err != nil {
			return false, err
		}
	}
	if landed, err := s.landed(ctx, c); err != nil || landed {
		return landed, err
	}
	begin := s.seen
	if !begin.sealed && !begin.empty() {
		if err := s.options.Refuse(begin.seal); err != nil {
			s.seen = nil
			return false, err
		}
	}
	next, tampered := begin.end.Resume(begin.sealed || begin.empty(), begin.there)
	events := c.events
	if lost := s.lost(begin); lost != nil {
		if len(events) > 0 {
			lost.At = events[0].At
		}
		events = slices.Insert(slices.Clone(events), 0, *lost)
	}
	if c.drop != nil {
		if next.First != c.from {
			return false, errMoved
		}
		next = next.Dropped(*c.drop)
	}
	call := newCall(s.keys)
	for _, event := range events {
		e := next.Last.Next(event)
		call.entry(e)
		next.Last = e.Link()
	}
	text, err := json.Marshal(next)
	if err != nil {
		return false, err
	}
	seal := s.options.Seal(next.Text())
	args := []string{begin.text, begin.seal, begin.top, string(text), seal, strconv.Itoa(len(c.revisions))}
	for i, r := range c.revisions {
		args = append(args, r.Environment, strconv.FormatInt(r.Version, 10), c.documents[i])
	}
	keys, args := call.finish(args)
	s.seen = nil // until the answer is there
	reply, err := s.conn.RunKept(ctx, add, keys, args).AsStrSlice()
	if err != nil {
		if len(c.revisions) == 0 && c.drop == nil && len(s.sent) < mostSent {
			s.sent = append(s.sent, sent{c.events, next.Last})
		}
		return false, s.problem("add", err)
	}
	switch {
	case len(reply) == 1 && reply[0] == "done":
		top := begin.top
		if len(events) > 0 {
			top = identifier(next.Last.Seq)
			begin.there = next.Last
		}
		s.seen = &seen{text: string(text), seal: seal, end: next, sealed: true, there: begin.there, top: top}
		s.last = next.Last
		if tampered {
			s.log.Error("audit_tampered", "path", s.keys.state, "entry", next.Doubt, "meaning", "run its verification")
		}
		return true, nil
	case len(reply) == 4 && reply[0] == "conflict":
		return false, fmt.Errorf("environment %q is at version %s, so %s cannot be added: %w", reply[1], reply[2], reply[3], settings.ErrConflict)
	}
	s.seen, err = s.read(reply)
	return false, err
}

// landed reports whether a change that was sent before, and of which nobody knew, was made, and is the one that is tried again: then it
// must not be made twice.
func (s *Store) landed(ctx context.Context, c change) (bool, error) {
	for i := 0; i < len(s.sent); i++ {
		last := s.sent[i].last
		if s.seen.end.Last.Seq < last.Seq {
			continue // it may still come to Redis, where it is refused once something else was added
		}
		found, err := s.conn.Do(ctx, s.conn.B().Xrange().Key(s.keys.entries).Start(identifier(last.Seq)).End(identifier(last.Seq)).Build()).AsXRange()
		if err != nil {
			return false, s.problem("look", err)
		}
		events := s.sent[i].events
		s.sent = slices.Delete(s.sent, i, i+1) // it was made, or never will be: the end that it goes on from is gone
		i--
		if len(found) != 1 || len(c.revisions) != 0 || c.drop != nil || !slices.Equal(events, c.events) {
			continue
		}
		if e, err := line(found[0]); err == nil && e.Link() == last {
			if err := s.conn.RunKept(ctx, probe, []string{s.keys.state}, nil).Error(); err != nil {
				s.sent = append(s.sent, sent{events, last}) // a replica may still not have it
				return false, s.problem("keep", err)
			}
			s.last = s.seen.end.Last
			return true, nil
		}
	}
	return false, nil
}

// lost is the event that says that the chain ends before where this verifier has seen it: Redis was restarted without its data, or another
// copy has taken its place. Nobody else might ever tell.
func (s *Store) lost(now *seen) *audit.Event {
	if now.end.Last.Seq >= s.last.Seq || !now.sealed && !now.empty() {
		return nil
	}
	s.log.Error("ledger_lost", "path", s.keys.state, "had", s.last.Seq, "has", now.end.Last.Seq,
		"meaning", "redis has come back without entries, and perhaps settings and sessions, that it had acknowledged")
	return &audit.Event{Kind: audit.Lost, Detail: fmt.Sprintf("the chain went on to entry %d with hash %s, and redis has come back with entries up to %d",
		s.last.Seq, s.last.Hash, now.end.Last.Seq)}
}
