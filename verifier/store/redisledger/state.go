package redisledger

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/redis/rueidis"

	"github.com/curfew-project/curfew/verifier/audit"
	"github.com/curfew-project/curfew/verifier/store/redisconn"
)

// seen is the chain's ends as Redis has them at one moment.
type seen struct {
	text, seal string // as they are there
	end        audit.End
	sealed     bool       // by a verifier
	there      audit.Link // the newest entry that is there, or the zero Link
	top        string     // its ID in the stream, or empty
}

// empty reports whether there is no ledger yet.
func (n *seen) empty() bool { return n.text == "" && n.seal == "" && n.top == "" }

// look reads the ends: the first reply of every script that does.
var look = redisconn.NewScript(lookFunction + `return look(KEYS[1], KEYS[2])`)

const lookFunction = `
local function look(state, entries)
  local top = redis.call('XREVRANGE', entries, '+', '-', 'COUNT', 1)[1]
  local note = redis.call('HMGET', state, 'end', 'seal')
  return {'ends', note[1] or '', note[2] or '', top and top[1] or '', top and top[2][2] or ''}
end
`

func (s *Store) look(ctx context.Context) (*seen, error) {
	reply, err := s.conn.Run(ctx, look, []string{s.keys.state, s.keys.entries}, nil).AsStrSlice()
	if err != nil {
		return nil, s.problem("look", err)
	}
	return s.read(reply)
}

// read understands what lookFunction gives.
func (s *Store) read(reply []string) (*seen, error) {
	if len(reply) != 5 || reply[0] != "ends" {
		return nil, s.problem("look", fmt.Errorf("cannot read the answer %q", reply))
	}
	n := &seen{text: reply[1], seal: reply[2], top: reply[3]}
	if n.top != "" {
		seq, err := sequence(n.top)
		if err != nil {
			return nil, err
		}
		n.there.Seq = seq
		if e, err := decode(seq, reply[4]); err == nil {
			n.there.Hash = e.Hash
		}
	}
	if n.text != "" && json.Unmarshal([]byte(n.text), &n.end) == nil {
		n.sealed = s.options.Sealed(n.end.Text(), n.seal)
	}
	return n, nil
}

// sequence is the number of the entry that has an ID in the stream.
func sequence(id string) (int64, error) {
	number, rest, _ := strings.Cut(id, "-")
	seq, err := strconv.ParseInt(number, 10, 64)
	if err != nil || rest != "0" || seq < 1 {
		return 0, damaged("an entry has the ID %q; allowed: its number, followed by -0", id)
	}
	return seq, nil
}

func identifier(seq int64) string { return strconv.FormatInt(seq, 10) + "-0" }

// line reads what the stream has of an entry.
func line(x rueidis.XRangeEntry) (audit.Entry, error) {
	seq, err := sequence(x.ID)
	if err != nil {
		return audit.Entry{}, err
	}
	e, err := decode(seq, x.FieldValues[entryField])
	if err != nil {
		return audit.Entry{}, damaged("entry %d: %w", seq, err)
	}
	return e, nil
}

// entryField is the one field of an entry in the stream.
const entryField = "e"

// SealedEnd reads what is sealed of where the chain begins and ends, and the seal, which is for Options.Sealed (C5). It changes nothing.
// Where there is no ledger, or its end has been tampered with so that it cannot be read, the text is empty.
func SealedEnd(ctx context.Context, conn *redisconn.Conn, prefix string) (text, seal string, err error) {
	s := &Store{conn: conn, keys: keysOf(prefix), options: Options{Sealed: func(t, with string) bool {
		text, seal = t, with
		return true
	}}}
	_, err = s.look(ctx)
	return text, seal, err
}

// missing reports whether Redis has no value.
func missing(err error) bool { return rueidis.IsRedisNil(err) }

// SealedEnd is that of the ledger.
func (s *Store) SealedEnd(ctx context.Context) (text, seal string, err error) {
	if err := s.usable(ctx); err != nil {
		return "", "", err
	}
	now, err := s.look(ctx)
	if err != nil || now.text == "" {
		return "", "", err
	}
	return now.end.Text(), now.seal, nil
}
