package redis

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/redis/rueidis"

	"github.com/curfew-project/curfew/verifier/session"
	"github.com/curfew-project/curfew/verifier/store/redisconn"
)

// Mark implements session.Store. A mark expires by the instants that it was given and not by Redis's own clock, which may be set.
func (s *Store) Mark(ctx context.Context, key session.Key, until, now int64) (int64, bool, error) {
	if err := s.usable(ctx); err != nil {
		return 0, false, err
	}
	k := s.keys[s.layout.of(key)]
	answer, err := s.conn.RunKept(ctx, mark, []string{k.mark + string(key[:]), k.marks}, []string{string(key[:]), decimal(now), decimal(until), decimal(now)}).ToMessage()
	if err != nil {
		return 0, false, s.fault(ctx, "mark", err)
	}
	if answer.IsInt64() {
		return now, true, nil
	}
	text, err := answer.ToString()
	if err != nil {
		return 0, false, s.fault(ctx, "mark", err)
	}
	at, err := strconv.ParseInt(text, 10, 64)
	return at, false, err
}

// Marked implements session.Store.
func (s *Store) Marked(ctx context.Context, key session.Key, now int64) (int64, bool, error) {
	if err := s.usable(ctx); err != nil {
		return 0, false, err
	}
	text, err := s.conn.Do(ctx, s.conn.B().Get().Key(s.keys[s.layout.of(key)].mark+string(key[:])).Build()).ToString()
	if rueidis.IsRedisNil(err) {
		return 0, false, nil
	}
	if err != nil {
		return 0, false, s.fault(ctx, "marked", err)
	}
	from, till, _ := strings.Cut(text, " ")
	at, err1 := strconv.ParseInt(from, 10, 64)
	until, err2 := strconv.ParseInt(till, 10, 64)
	if err1 != nil || err2 != nil {
		return 0, false, fmt.Errorf("a mark in Redis is %q; want two instants", text)
	}
	return at, until > now, nil
}

// outlasts, in milliseconds, is how much longer than it must a mark is kept: it may be dropped by a verifier whose clock is ahead.
const outlasts = 60_000

// forgetMarks drops expired marks, some of each partition at a time.
func (s *Store) forgetMarks(ctx context.Context, now int64) error {
	now -= outlasts
	for {
		found, err := s.due(ctx, func(k keys) string { return k.marks }, "-inf", decimal(now), step)
		if err != nil {
			return err
		}
		var calls []redisconn.Call
		for in, all := range found {
			for _, key := range all {
				calls = append(calls, redisconn.Call{Script: unmark, Keys: []string{s.keys[in].mark + key, s.keys[in].marks}, Args: []string{key, decimal(now)}})
			}
		}
		gone := 0
		if err := s.runAll(ctx, calls, func(int) { gone++ }); err != nil || gone == 0 {
			return err
		}
	}
}
