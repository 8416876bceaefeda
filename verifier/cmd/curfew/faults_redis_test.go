//go:build linux

package main

import (
	"fmt"
	mathrand "math/rand/v2"
	"testing"
	"time"

	"github.com/curfew-project/curfew/verifier/store/redistest"
)

// redisWorld is a Redis that keeps everything, as one that loses nothing is set, and what is between it and a verifier.
type redisWorld struct {
	config   string // what a verifier's configuration has for it
	server   *redistest.Server
	proxy    *redistest.Proxy
	sentinel *redistest.Server
	all      []*redistest.Server // that Sentinel chooses from
	around   *network            // in which the verifier is; nil: the computer's own
	far      *network            // in which Redis is
}

// redisFaults are the rows of a verifier that keeps everything in Redis.
var redisFaults = []fault{
	{name: "kill -9, on Redis", redis: oneRedis, times: func(kills int) int { return max(1, kills/5) }, hit: killed},
	{name: "Redis killed -9", redis: oneRedis, times: some(1), hit: redisGone((*redistest.Server).Kill, (*redistest.Server).Restart)},
	{name: "Redis stands still", redis: oneRedis, seldom: true, times: some(1), hit: redisGone((*redistest.Server).Pause, (*redistest.Server).Resume)},
	{name: "Redis comes back empty", redis: oneRedis, seldom: true, times: some(1), hit: redisEmptied},
	{name: "cut off from Redis", redis: oneRedis, seldom: true, times: some(1), hit: redisCutOff},
	{name: "partitioned from Redis", redis: redisFarAway, seldom: true, times: some(1), hit: partitioned},
	{name: "Redis fails over to its replica", redis: threeRedis, passes: true, seldom: true, times: some(1), hit: redisFailsOver},
}

// oneRedis is a single one with a proxy before it that can hold everything back.
func oneRedis(t *testing.T) *redisWorld {
	server := redistest.Start(t)
	proxy := redistest.NewProxy(t, server)
	return &redisWorld{config: fmt.Sprintf("store: {redis: {addresses: [%q], timeout: 1s, lease: 1s}}\n", proxy.Address), server: server, proxy: proxy}
}

// redisGone takes Redis away for a while. Nothing may be let through meanwhile, and nothing that was acknowledged may be lost.
func redisGone(away, back func(*redistest.Server)) func(*load, *mathrand.Rand) (time.Time, func() error, error) {
	return func(l *load, _ *mathrand.Rand) (time.Time, func() error, error) {
		hit := time.Now()
		away(l.redis.server)
		err := l.suffer(12)
		if err != nil {
			back(l.redis.server)
		}
		return hit, func() error { back(l.redis.server); return nil }, err
	}
}

// redisCutOff leaves the connections open and lets nothing through, as a network does that has come apart.
func redisCutOff(l *load, _ *mathrand.Rand) (time.Time, func() error, error) {
	hit := time.Now()
	l.redis.proxy.Cut()
	err := l.suffer(12)
	return hit, func() error { l.redis.proxy.Heal(); return nil }, err
}

// redisEmptied is an operator who has lost all data. Whoever was signed in signs in again, and nobody is let through.
func redisEmptied(l *load, _ *mathrand.Rand) (time.Time, func() error, error) {
	hit := time.Now()
	l.redis.server.Kill()
	if err := l.suffer(12); err != nil {
		return hit, nil, err
	}
	return hit, func() error {
		l.redis.server.RestartEmpty()
		for _, v := range l.all { // nobody works: all that was is over
			v.mu.Lock()
			v.leaving, v.left = true, time.Now()
			v.mu.Unlock()
		}
		l.name, l.asked = "", ""
		return nil
	}, nil
}
