package engine

import (
	"context"
	"crypto/sha256"
	"sync"
	"time"

	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/verifier/session"
)

const (
	// apiNonceLife is how long a nonce for requests to APIs is good, and so how long a used proof is remembered at least.
	apiNonceLife = time.Minute
	// Bounds of the proofs that are remembered, twice over: of one session, and of all.
	maxProofsOf = 1 << 14
	maxProofs   = 1 << 20
)

// once uses a proof: it is good once (RFC 9449 section 11.1). The error is a *Refusal.
func (e *Engine) once(ctx context.Context, id session.ID, jti string, now int64) (first bool, err error) {
	if e.shared {
		_, first, err := e.store.Mark(ctx, session.NewKey("API proof", id.String(), jti), now+apiNonceLife.Milliseconds(), now)
		if err != nil {
			return false, unavailable(err)
		}
		return first, nil
	}
	first, room := e.replays.first(id, jti, now)
	if !room {
		return false, refuse(wire.TooMany, "too many requests to APIs within a minute")
	}
	return first, nil
}

// replays remember the proofs that this process has taken, each for apiNonceLife at least. The nonces that they were made with are good
// nowhere else, so nobody else need know, and after a restart none is good.
type replays struct {
	mu         sync.Mutex
	young, old map[session.ID]map[jtiHash]struct{}
	count      int   // in young
	turned     int64 // when young was begun
}

// jtiHash is long enough that nobody finds two of one value.
type jtiHash [16]byte

// first reports whether a proof is new, and whether there was room to remember it. Without room it is not to be taken.
func (r *replays) first(id session.ID, jti string, now int64) (first, room bool) {
	sum := sha256.Sum256([]byte(jti))
	key := jtiHash(sum[:16])
	r.mu.Lock()
	defer r.mu.Unlock()
	r.turn(now)
	if _, used := r.old[id][key]; used {
		return false, true
	}
	if _, used := r.young[id][key]; used {
		return false, true
	}
	if r.count >= maxProofs || len(r.young[id]) >= maxProofsOf {
		return false, false
	}
	if r.young[id] == nil {
		r.young[id] = map[jtiHash]struct{}{}
	}
	r.young[id][key] = struct{}{}
	r.count++
	return true, true
}

// turn forgets what nobody can repeat any more. Where the clock has gone back, everything is kept until it has caught up.
func (r *replays) turn(now int64) {
	life := apiNonceLife.Milliseconds()
	if r.young != nil && now < r.turned+life {
		return
	}
	r.old, r.young = r.young, map[session.ID]map[jtiHash]struct{}{}
	r.count, r.turned = 0, now
}
