package redisledger

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"

	"github.com/curfew-project/curfew/verifier/audit"
	"github.com/curfew-project/curfew/verifier/settings"
	"github.com/curfew-project/curfew/verifier/store/redisconn"
)

// revisions is the settings.Store.
type revisions struct{ s *Store }

// latest gives name, version and text of the last revision of every document, at one moment.
var latest = redisconn.NewScript(`
local all = {}
local state = redis.call('HGETALL', KEYS[1])
for i = 1, #state, 2 do
  if string.sub(state[i], 1, 2) == 'v:' then
    local name = string.sub(state[i], 3)
    all[#all+1] = name
    all[#all+1] = state[i+1]
    all[#all+1] = redis.call('HGET', KEYS[2], state[i+1] .. ':' .. name) or ''
  end
end
return all`)

func (r revisions) Latest(ctx context.Context) ([]settings.Revision, error) {
	if err := r.s.usable(ctx); err != nil {
		return nil, err
	}
	found, err := r.s.conn.Run(ctx, latest, []string{r.s.keys.state, r.s.keys.revisions}, nil).AsStrSlice()
	if err != nil {
		return nil, r.s.problem("latest", err)
	}
	var all []settings.Revision
	for one := range slices.Chunk(found, 3) {
		version, err := strconv.ParseInt(one[1], 10, 64)
		if err != nil {
			return nil, damaged("environment %q is at version %q", one[0], one[1])
		}
		next, err := decodeRevision(one[0], version, one[2])
		if err != nil {
			return nil, err
		}
		all = append(all, next)
	}
	slices.SortFunc(all, func(a, b settings.Revision) int { return cmp.Compare(a.Environment, b.Environment) })
	return all, nil
}

func decodeRevision(environment string, version int64, text string) (next settings.Revision, err error) {
	decoder := json.NewDecoder(bytes.NewReader([]byte(text)))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&next); err != nil {
		return next, damaged("version %d of environment %q: %w", version, environment, err)
	}
	if next.Environment != environment || next.Version != version {
		return next, damaged("version %d of environment %q says that it is version %d of %q", version, environment, next.Version, next.Environment)
	}
	return next, nil
}

func (r revisions) History(ctx context.Context, environment string, before int64, limit int) ([]settings.Revision, error) {
	switch {
	case before < 0:
		return nil, fmt.Errorf("before is %d; allowed: 0 or more", before)
	case limit < 1:
		return nil, fmt.Errorf("limit is %d; allowed: 1 or more", limit)
	}
	if err := r.s.usable(ctx); err != nil {
		return nil, err
	}
	text, err := r.s.conn.Do(ctx, r.s.conn.B().Hget().Key(r.s.keys.state).Field("v:"+environment).Build()).ToString()
	switch err := r.s.problem("history", err); {
	case missing(err):
		return nil, nil
	case err != nil:
		return nil, err
	}
	last, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return nil, damaged("environment %q is at version %q", environment, text)
	}
	if before == 0 || before > last {
		before = last + 1
	}
	var all []settings.Revision
	const atOnce = 100
	for version := before - 1; version >= 1 && len(all) < limit; {
		var fields []string
		first := version
		for ; version >= 1 && len(all)+len(fields) < limit && len(fields) < atOnce; version-- {
			fields = append(fields, strconv.FormatInt(version, 10)+":"+environment)
		}
		found, err := r.s.conn.Do(ctx, r.s.conn.B().Hmget().Key(r.s.keys.revisions).Field(fields...).Build()).ToArray()
		if err != nil {
			return nil, r.s.problem("history", err)
		}
		for i, one := range found {
			text, _ := one.ToString() // one that is not there is an empty text, which is no revision
			next, err := decodeRevision(environment, first-int64(i), text)
			if err != nil {
				return nil, err
			}
			all = append(all, next)
		}
	}
	return all, nil
}

func (r revisions) Append(ctx context.Context, all []settings.Revision, events []audit.Event) error {
	if err := audit.CheckAll(events); err != nil {
		return err
	}
	c := change{revisions: all, events: slices.Clone(events)}
	for _, next := range all {
		text, err := json.Marshal(next)
		switch {
		case err != nil:
			return fmt.Errorf("version %d of environment %q: %w", next.Version, next.Environment, err)
		case next.Environment == "":
			return fmt.Errorf("environment is empty; allowed: an environment's ID or %s", settings.Deployment)
		}
		c.documents = append(c.documents, string(text))
	}
	if len(all) == 0 && len(events) == 0 {
		return r.s.usable(ctx)
	}
	return r.s.write(ctx, c)
}
