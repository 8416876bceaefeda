package redis

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/redis/rueidis"

	"github.com/curfew-project/curfew/verifier/store/redisconn"
)

// What a Redis must be, for errors.Is.
var (
	ErrEvicts     = errors.New("redis may throw sessions away")
	ErrNotDurable = errors.New("redis may lose what it acknowledged")
	ErrLayout     = errors.New("redis has sessions of another layout")
)

// Ready implements session.Store. It asks every master.
func (s *Store) Ready(ctx context.Context) error {
	if err := s.usable(ctx); err != nil {
		return err
	}
	if err := s.suits(ctx); err != nil {
		return s.fault(ctx, "ready", err)
	}
	// the one proof that Redis can be written is to write
	if err := s.conn.Do(ctx, s.conn.B().Set().Key(s.layout.probe()).Value("1").Build()).Error(); err != nil {
		return s.fault(ctx, "probe", err)
	}
	return s.hearsAgain()
}

// suits asks every master whether it can keep sessions as they must be kept.
func (s *Store) suits(ctx context.Context) error {
	if err := s.conn.FindReplicas(ctx); err != nil {
		return err
	}
	return s.conn.Each(ctx, func(address string, do func(rueidis.Completed) rueidis.RedisResult) error {
		info := map[string]string{}
		text, err := do(s.conn.B().Info().Section("memory", "persistence", "replication").Build()).ToString()
		if err != nil {
			return s.conn.Problem("INFO", err)
		}
		for line := range strings.Lines(text) {
			if name, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok {
				info[name] = value
			}
		}
		if err := judge(info); err != nil {
			return s.problem(address, err)
		}
		return s.durable(address, info, do)
	})
}

func (s *Store) problem(address string, err *redisconn.Error) error {
	err.Where = address
	return err
}

// judge finds in INFO what makes a server unfit whatever the operator says.
func judge(info map[string]string) *redisconn.Error {
	unfit := func(kind error, setting, value, needed string) *redisconn.Error {
		return &redisconn.Error{What: "INFO", Kind: kind, Err: fmt.Errorf("%s is %q; needed: %s", setting, value, needed)}
	}
	used, _ := strconv.ParseInt(info["used_memory"], 10, 64)
	most, _ := strconv.ParseInt(info["maxmemory"], 10, 64)
	switch {
	case info["role"] != "master":
		return unfit(redisconn.ErrReadOnly, "role", info["role"], "master")
	case info["maxmemory_policy"] != "noeviction":
		return unfit(ErrEvicts, "maxmemory-policy", info["maxmemory_policy"], "noeviction")
	case info["loading"] != "0":
		return unfit(redisconn.ErrNotReady, "loading", info["loading"], "0, which it is when Redis has read its files")
	case info["aof_enabled"] == "1" && info["aof_last_write_status"] != "ok":
		return unfit(redisconn.ErrUnwritable, "aof_last_write_status", info["aof_last_write_status"], "ok: see Redis's log and its disk")
	case most > 0 && used >= most:
		return unfit(redisconn.ErrFull, "used_memory", info["used_memory"], "less than maxmemory "+info["maxmemory"]+": endings and heartbeats go on, nobody can sign in")
	}
	return nil
}

// durable is about what an operator may decide otherwise.
func (s *Store) durable(address string, info map[string]string, do func(rueidis.Completed) rueidis.RedisResult) error {
	lacks := func(setting, value, needed string) error {
		if s.durability == DurabilityOperator {
			s.warned.Do(func() {
				s.logger.Warn("redis_not_durable", "address", address, "setting", setting, "value", value, "needed", needed)
			})
			return nil
		}
		return s.problem(address, &redisconn.Error{What: "persistence", Kind: ErrNotDurable,
			Err: fmt.Errorf("%s is %s; needed: %s, or durability %q, which takes what is set", setting, value, needed, DurabilityOperator)})
	}
	if info["aof_enabled"] != "1" {
		return lacks("appendonly", "no", "yes")
	}
	found, err := do(s.conn.B().ConfigGet().Parameter("appendfsync").Build()).AsStrMap()
	if err != nil {
		return lacks("appendfsync", "not to be read ("+err.Error()+")", "the right to CONFIG GET for the user")
	}
	if found["appendfsync"] != "always" {
		return lacks("appendfsync", found["appendfsync"], "always")
	}
	if !s.conn.Replicas() {
		return nil
	}
	if found, err = do(s.conn.B().ConfigGet().Parameter("min-replicas-*").Build()).AsStrMap(); err != nil {
		return lacks("min-replicas-to-write", "not to be read ("+err.Error()+")", "the right to CONFIG GET for the user")
	}
	if n, err := strconv.Atoi(found["min-replicas-to-write"]); err != nil || n < 1 {
		return lacks("min-replicas-to-write", found["min-replicas-to-write"], "1 or more, because there are replicas that may take this server's place")
	}
	if n, err := strconv.Atoi(found["min-replicas-max-lag"]); err != nil || n < 1 || n > int(MostLag/time.Second) {
		return lacks("min-replicas-max-lag", found["min-replicas-max-lag"], fmt.Sprintf("1 to %d", int(MostLag/time.Second)))
	}
	return nil
}

// claim makes sure that all who use these keys lay them out alike.
func (s *Store) claim(ctx context.Context) error {
	own := fmt.Sprintf("format %d partitions %d", format, s.layout.partitions)
	was, err := s.conn.Do(ctx, s.conn.B().Set().Key(s.layout.meta()).Value(own).Nx().Get().Build()).ToString()
	if rueidis.IsRedisNil(err) {
		return nil
	}
	if err != nil {
		return s.conn.Problem("claim", err)
	}
	if was != own {
		return &redisconn.Error{What: "open", Where: s.where, Kind: ErrLayout,
			Err: fmt.Errorf("%s is %q; needed: %q, or another prefix", s.layout.meta(), was, own)}
	}
	return nil
}
