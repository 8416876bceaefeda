//go:build linux

package main

import (
	"context"
	"fmt"
	mathrand "math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/curfew-project/curfew/verifier/proofcheck/prooftest"
	"github.com/curfew-project/curfew/verifier/store/redistest"
	"github.com/curfew-project/curfew/wasm/needs"
)

// unsureSignIns is how long before a master's end a sign-in may be acknowledged without a replica that has it.
const unsureSignIns = time.Second

// threeRedis is a master with two replicas, as README demands them, and Sentinel.
func threeRedis(t *testing.T) *redisWorld {
	demanded := []string{"--min-replicas-to-write", "1", "--min-replicas-max-lag", "5"}
	master := redistest.Start(t, demanded...)
	w := &redisWorld{all: []*redistest.Server{master, master.Replica(demanded...), master.Replica(demanded...)}}
	w.sentinel = redistest.Sentinel(t, master, 2)
	// a busy computer may stand still for a second, and this one is to fail over when it is told to
	w.sentinel.Do("SENTINEL", "SET", redistest.SentinelMaster, "down-after-milliseconds", "3000")
	w.config = fmt.Sprintf("store: {redis: {addresses: [%q], sentinel: %s, timeout: 1s, lease: 1s, durability: required}}\n",
		w.sentinel.Address, redistest.SentinelMaster)
	return w
}

// master is the one that Sentinel names; nil while that is none that runs as a master.
func (w *redisWorld) master() *redistest.Server {
	at := strings.Fields(w.sentinel.Do("SENTINEL", "GET-MASTER-ADDR-BY-NAME", redistest.SentinelMaster))
	for _, server := range w.all {
		if len(at) == 2 && at[1] == fmt.Sprint(server.Port) {
			if role, err := server.Try("ROLE"); err == nil && strings.HasPrefix(role, "master") {
				return server
			}
		}
	}
	return nil
}

// redisFailsOver kills the master, in half of the rounds after it has lost its replicas: what it acknowledged then would be lost. The load goes on while Sentinel finds that out and promotes a replica, and until endings, which wait
// longest, are acknowledged again. Then the dead one is started as it was, a master of its own, until Sentinel makes it a replica.
func redisFailsOver(l *load, r *mathrand.Rand) (time.Time, func() error, error) {
	w := l.redis
	var master *redistest.Server
	needs.Until(l.t, "a master with two replicas in step", func() bool {
		master = w.master()
		return master != nil && strings.Contains(master.Do("INFO", "replication"), "min_slaves_good_slaves:2")
	})
	if err := l.until(20); err != nil {
		return time.Now(), nil, err
	}
	l.mu.Lock()
	hit := time.Now()
	tried := l.acknowledged.Load() + l.refused.Load()
	l.fromUnsure, l.toUnsure = hit.Add(-unsureSignIns), time.Time{}
	l.mu.Unlock()
	replicas := slices.DeleteFunc(slices.Clone(w.all), func(one *redistest.Server) bool { return one == master })
	if r.IntN(2) == 0 {
		for _, one := range replicas {
			one.Pause()
		}
		master.Do("CLIENT", "KILL", "TYPE", "replica")
		needs.Until(l.t, "some operations", func() bool { return l.acknowledged.Load()+l.refused.Load() >= tried+24 })
	}
	master.Kill()
	for _, one := range replicas {
		one.Resume()
	}
	if err := l.suffer(12); err != nil {
		return hit, nil, err
	}
	needs.Until(l.t, "a replica to be promoted", func() bool {
		now := w.master()
		return now != nil && now != master
	})
	l.mu.Lock()
	l.toUnsure = time.Now()
	l.mu.Unlock()
	promoted := time.Since(hit)
	if err := l.recovered(hit); err != nil {
		return hit, nil, err
	}
	if err := l.endsAgain(); err != nil {
		return hit, nil, err
	}
	ends := time.Since(hit)
	if err := l.until(60); err != nil {
		return hit, nil, err
	}
	l.t.Logf("promoted after %s, endings acknowledged again after %s", promoted.Round(10*time.Millisecond), ends.Round(10*time.Millisecond))
	return hit, func() error { master.Restart(); return nil }, nil
}

// endsAgain waits until an ending is acknowledged.
func (l *load) endsAgain() error {
	var last error
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(2 * time.Millisecond) {
		v := &visit{t: l.t, http: l.http, origin: faultOrigins["long"], subject: faultUser(int(l.users.Add(1))), maker: prooftest.New(l.t)}
		if last = v.signIn(faultPassword, faultRenewal); last != nil {
			continue
		}
		if _, last = v.nonce(); last != nil { // which tells the session's name
			continue
		}
		last = v.leave(func() error { return l.admin.EndSession(context.Background(), v.session()) })
		l.mu.Lock()
		l.all = append(l.all, v)
		l.mu.Unlock()
		if last == nil {
			l.acknowledged.Add(2)
			return nil
		}
	}
	return fmt.Errorf("no ending was acknowledged within a minute: %w; the verifier says\n%s", last, l.said())
}
