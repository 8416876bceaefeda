// Package redispresence tells the verifiers on one Redis of each other: which of them run, with which keys, and which have died without a
// word, so that another finishes what they had begun.
package redispresence

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/redis/rueidis"

	"github.com/curfew-project/curfew/verifier/store/redisconn"
)

const (
	// Life is how long a verifier counts as running after it was last heard of, and MeetEvery how often it says so.
	Life      = 30 * time.Second
	MeetEvery = 5 * time.Second
)

// Verifier is one that runs, or did.
type Verifier struct {
	Name    string   `json:"-"`
	Host    string   `json:"host"`    // for people
	Current string   `json:"current"` // the ID of the key that it makes tokens with
	Keys    []string `json:"keys"`    // the IDs of all that it accepts
	Seen    int64    `json:"-"`       // when it was last heard of, by Redis's clock, in milliseconds since the epoch
}

// Met is who was there.
type Met struct {
	Now    int64 // Redis's clock, in milliseconds since the epoch
	Others []Verifier
	Gone   []Verifier // they have neither been heard of for Life nor taken leave; each is told until somebody calls Forget
}

// Presence is a verifier's place among the others. It is safe for concurrent use.
type Presence struct {
	conn *redisconn.Conn
	name string
	keys [2]string
	base string
}

// New makes a presence under a name that nobody else has. Prefix is that of all keys; "curfew" where it is empty.
func New(conn *redisconn.Conn, prefix, name string) *Presence {
	if prefix == "" {
		prefix = "curfew"
	}
	base := "{" + prefix + ":verifiers}"
	return &Presence{conn: conn, name: name, keys: [2]string{base + "seen", base + "who"}, base: base}
}

// meet notes a verifier and tells of all others. KEYS: sorted set of names by when they were seen, hash of what they say. ARGV: name, what
// it says, Life in milliseconds; with an empty name it only looks.
var meet = redisconn.NewScript(`
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if ARGV[1] ~= '' then
  redis.call('ZADD', KEYS[1], now, ARGV[1])
  redis.call('HSET', KEYS[2], ARGV[1], ARGV[2])
end
local reply = {tostring(now)}
local all = redis.call('ZRANGE', KEYS[1], 0, -1, 'WITHSCORES')
for i = 1, #all, 2 do
  if all[i] ~= ARGV[1] then
    reply[#reply+1] = all[i]
    reply[#reply+1] = all[i+1]
    reply[#reply+1] = redis.call('HGET', KEYS[2], all[i]) or ''
  end
end
return reply`)

// Meet says that this verifier runs, and tells who else does. Its errors are *redisconn.Error, or ctx's.
func (p *Presence) Meet(ctx context.Context, self Verifier) (Met, error) {
	text, err := json.Marshal(self)
	if err != nil {
		return Met{}, err
	}
	return p.ask(ctx, p.name, string(text))
}

// Look tells who runs, and does not say that this verifier does.
func (p *Presence) Look(ctx context.Context) (Met, error) { return p.ask(ctx, "", "") }

func (p *Presence) ask(ctx context.Context, name, text string) (Met, error) {
	reply, err := p.conn.Run(ctx, meet, p.keys[:], []string{name, text}).AsStrSlice()
	if err != nil {
		return Met{}, p.conn.Problem("meet", err)
	}
	var met Met
	if len(reply)%3 == 1 {
		met.Now, err = strconv.ParseInt(reply[0], 10, 64)
	}
	if err != nil || met.Now == 0 {
		return Met{}, p.conn.Problem("meet", errors.New("cannot read the answer"))
	}
	for one := range slices.Chunk(reply[1:], 3) {
		other := Verifier{}
		if json.Unmarshal([]byte(one[2]), &other) != nil {
			other = Verifier{} // one of another version; its keys differ, whatever they are
		}
		other.Name = one[0]
		seen, err := strconv.ParseFloat(one[1], 64)
		if err != nil {
			return Met{}, p.conn.Problem("meet", errors.New("cannot read when a verifier was seen"))
		}
		other.Seen = int64(seen)
		switch {
		case other.Name == p.name:
		case met.Now-other.Seen > Life.Milliseconds():
			met.Gone = append(met.Gone, other)
		default:
			met.Others = append(met.Others, other)
		}
	}
	return met, nil
}

// Leave says that this verifier stops, with nothing left to be done.
func (p *Presence) Leave(ctx context.Context) error { return p.Forget(ctx, p.name) }

// Forget takes a verifier out whose work is finished.
func (p *Presence) Forget(ctx context.Context, name string) error {
	for _, result := range p.conn.DoMulti(ctx, p.conn.B().Zrem().Key(p.keys[0]).Member(name).Build(), p.conn.B().Hdel().Key(p.keys[1]).Field(name).Build()) {
		if err := result.Error(); err != nil {
			return p.conn.Problem("forget", err)
		}
	}
	return nil
}

var release = redisconn.NewScript(`if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end return 1`)

// Claim takes a task that one verifier at a time may do, until done is called or the time is over. ok is false when another has it.
func (p *Presence) Claim(ctx context.Context, task string, within time.Duration) (done func(), ok bool, err error) {
	key := p.base + "task:" + task
	err = p.conn.Do(ctx, p.conn.B().Set().Key(key).Value(p.name).Nx().Px(within).Build()).Error()
	switch err = p.conn.Problem("claim", err); {
	case err == nil:
		return func() { p.conn.Run(context.WithoutCancel(ctx), release, []string{key}, []string{p.name}) }, true, nil
	case rueidis.IsRedisNil(err):
		return nil, false, nil
	}
	return nil, false, err
}

var prolong = redisconn.NewScript(`if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('PEXPIRE', KEYS[1], ARGV[2]) end return 0`)

// Hold is Claim for a task of unknown length: it is held until done is called, and for most at most. When the verifier that holds it dies,
// it is free after lease.
func (p *Presence) Hold(ctx context.Context, task string, lease, most time.Duration) (done func(), ok bool, err error) {
	release, ok, err := p.Claim(ctx, task, lease)
	if !ok {
		return nil, false, err
	}
	holding, stop := context.WithTimeout(context.WithoutCancel(ctx), most)
	var renewing sync.WaitGroup
	renewing.Go(func() {
		ticker := time.NewTicker(lease / 3)
		defer ticker.Stop()
		for {
			select {
			case <-holding.Done():
				return
			case <-ticker.C:
				// One that fails is followed by another before the lease is over.
				p.conn.Run(holding, prolong, []string{p.base + "task:" + task}, []string{p.name, strconv.FormatInt(lease.Milliseconds(), 10)})
			}
		}
	})
	return func() { stop(); renewing.Wait(); release() }, true, nil
}

// ErrKeys is in the tree of the error for verifiers whose keys differ.
var ErrKeys = errors.New("the verifiers on this Redis have different keys")

// Compare says where what one verifier makes another would refuse: each must have the key that any other makes tokens with. Otherwise
// people are signed out at random. nil when all fits.
func Compare(self Verifier, others []Verifier) error {
	var all []string
	for _, other := range others {
		who := other.Host + " (" + other.Name[:min(len(other.Name), 8)] + ")"
		if !slices.Contains(self.Keys, other.Current) {
			all = append(all, fmt.Sprintf("%s makes tokens with key %q, which this verifier does not have", who, other.Current))
		}
		if !slices.Contains(other.Keys, self.Current) {
			all = append(all, fmt.Sprintf("this verifier makes tokens with key %q, which %s does not have", self.Current, who))
		}
	}
	if len(all) == 0 {
		return nil
	}
	return fmt.Errorf("%w: %s; give all of them the same key file", ErrKeys, strings.Join(all, "; "))
}
