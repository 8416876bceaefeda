package redis

import (
	"cmp"
	"context"
	"slices"

	"github.com/redis/rueidis"

	"github.com/curfew-project/curfew/verifier/session"
)

// lastEnd is the member of a user's list whose score is the latest end; the other members are IDs, with their beginnings.
const lastEnd = "e"

// ofUser gives a user's sessions and the latest end that is noted. The note is read last: a session that was forgotten before it could
// be read is in it.
func (s *Store) ofUser(ctx context.Context, user session.User) ([]*stored, int64, error) {
	in := s.layout.ofUser(user)
	name := s.keys[in].userOf(user)
	ids, err := s.conn.Do(ctx, s.conn.B().Zrange().Key(name).Min("0").Max("-1").Build()).AsStrSlice()
	if err != nil || len(ids) == 0 {
		return nil, 0, err
	}
	ids = slices.DeleteFunc(ids, func(id string) bool { return id == lastEnd })
	score := s.conn.B().Zscore().Key(name).Member(lastEnd).Build()
	var found []*stored
	var results []rueidis.RedisResult
	if len(ids) == 0 {
		results = s.conn.DoMulti(ctx, score)
	} else {
		results = s.conn.DoMulti(ctx, s.mget(in, ids), score)
		if found, err = s.records(results[0], ids, true); err != nil {
			return nil, 0, err
		}
	}
	last, err := results[len(results)-1].AsFloat64()
	if err != nil && !rueidis.IsRedisNil(err) {
		return nil, 0, err
	}
	found = slices.DeleteFunc(found, func(r *stored) bool { return r.User != user })
	return found, int64(last), nil
}

// ByUser implements session.Store.
func (s *Store) ByUser(ctx context.Context, user session.User, _ int64) ([]session.Session, error) {
	if err := s.usable(ctx); err != nil {
		return nil, err
	}
	found, _, err := s.ofUser(ctx, user)
	if err == nil {
		in := s.layout.ofUser(user)
		some := make([]placed, len(found))
		for i, r := range found {
			some[i] = placed{r, in}
		}
		err = s.settleAll(ctx, some)
	}
	if err != nil {
		return nil, s.fault(ctx, "read", err)
	}
	return inOrder(found), nil
}

func inOrder(found []*stored) []session.Session {
	all := make([]session.Session, len(found))
	for i, r := range found {
		all[i] = r.Session
	}
	slices.SortFunc(all, func(a, b session.Session) int {
		return cmp.Or(cmp.Compare(a.State.Began, b.State.Began), slices.Compare(a.ID[:], b.ID[:]))
	})
	return all
}

// LastEnd implements session.Store.
func (s *Store) LastEnd(ctx context.Context, user session.User, now int64) (int64, error) {
	if err := s.usable(ctx); err != nil {
		return 0, err
	}
	found, last, err := s.ofUser(ctx, user)
	if err != nil {
		return 0, s.fault(ctx, "read", err)
	}
	for _, r := range found {
		if ends, _ := r.State.Ends(); r.State.EndedAt != 0 || ends <= instant(now) {
			last = max(last, ends)
		}
	}
	return last, nil
}

// ByProvider implements session.Store. Whose session it is, and so its partition, is not known: every partition is asked.
func (s *Store) ByProvider(ctx context.Context, environment, issuer, sid string, _ int64) ([]session.Session, error) {
	if err := s.usable(ctx); err != nil {
		return nil, err
	}
	if sid == "" {
		return nil, nil
	}
	of := session.User{Environment: environment, Issuer: issuer}
	found, err := s.members(ctx, func(k keys) rueidis.Completed {
		return s.conn.B().Zrange().Key(k.providerOf(of, sid)).Min("0").Max("-1").Build()
	})
	if err != nil {
		return nil, s.fault(ctx, "read", err)
	}
	records, err := s.fetch(ctx, found, true)
	if err != nil {
		return nil, s.fault(ctx, "read", err)
	}
	records = slices.DeleteFunc(records, func(r placed) bool {
		return r.Provider != sid || r.User.Environment != environment || r.User.Issuer != issuer
	})
	if err := s.settleAll(ctx, records); err != nil {
		return nil, s.fault(ctx, "settle", err)
	}
	var all []*stored
	for _, r := range records {
		all = append(all, r.stored)
	}
	if len(all) == 0 {
		return nil, nil
	}
	return inOrder(all), nil
}

// placed is a record and where it is.
type placed struct {
	*stored
	in partition
}

// members asks every partition for some of its IDs, together; where there are none the partition is left out.
func (s *Store) members(ctx context.Context, ask func(keys) rueidis.Completed) (map[partition][]string, error) {
	commands := make([]rueidis.Completed, len(s.keys))
	for i, k := range s.keys {
		commands[i] = ask(k)
	}
	found := map[partition][]string{}
	for i, result := range s.conn.DoMulti(ctx, commands...) {
		ids, err := result.AsStrSlice()
		if err != nil {
			return nil, err
		}
		if len(ids) > 0 {
			found[partition(i)] = ids
		}
	}
	return found, nil
}

// due asks every partition for the first members of an index between two scores.
func (s *Store) due(ctx context.Context, index func(keys) string, from, to string, most int) (map[partition][]string, error) {
	return s.members(ctx, func(k keys) rueidis.Completed {
		return s.conn.B().Zrange().Key(index(k)).Min(from).Max(to).Byscore().Limit(0, int64(most)).Build()
	})
}

// fetch reads the records of what members found; see records.
func (s *Store) fetch(ctx context.Context, found map[partition][]string, strict bool) ([]placed, error) {
	var commands []rueidis.Completed
	var ins []partition
	for in, ids := range found {
		commands, ins = append(commands, s.mget(in, ids)), append(ins, in)
	}
	var all []placed
	for i, result := range s.conn.DoMulti(ctx, commands...) {
		records, err := s.records(result, found[ins[i]], strict)
		if err != nil {
			return nil, err
		}
		for _, r := range records {
			all = append(all, placed{r, ins[i]})
		}
	}
	return all, nil
}
