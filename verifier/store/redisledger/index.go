package redisledger

import (
	"strconv"

	"github.com/curfew-project/curfew/verifier/audit"
)

// An entry is found by what it says in two ways. Sessions, people and administrators have few entries, and a sorted set has their numbers.
// For what many entries share, such as their kind, a sorted set has the blocks of perBlock entries in which it occurs: that takes a
// hundredth of the memory, and a search reads whole blocks and leaves out what does not fit. Time is such a thing too, by the minute.
const perBlock = 64

// minute is the unit of the index by time, in milliseconds.
const minute = 60_000

func blockOf(seq int64) int64 { return seq / perBlock }

func bySession(id string) string  { return "session:" + id }
func bySubject(sub string) string { return "subject:" + sub }
func byActor(actor string) string { return "actor:" + actor }

func byKind(kind audit.Kind, environment string) string {
	if environment == "" {
		return "kind:" + string(kind)
	}
	return "kind:" + string(kind) + ":" + environment
}

func byReason(reason string) string { return "reason:" + reason }
func byCode(code string) string     { return "code:" + code }

const byTime = "time"

// mark is a member of a sorted set of the index.
type mark struct {
	key   string // without the beginning that all have
	score int64
	text  string
}

// marksOf are those by which an entry is found.
func marksOf(e audit.Entry) (exact, blocks []mark) {
	for _, by := range []struct{ value, key string }{{e.Session, bySession(e.Session)}, {e.Subject, bySubject(e.Subject)}, {e.Actor, byActor(e.Actor)}} {
		if by.value != "" {
			exact = append(exact, mark{by.key, e.Seq, strconv.FormatInt(e.Seq, 10)})
		}
	}
	block := blockOf(e.Seq)
	number := strconv.FormatInt(block, 10)
	keys := []string{byKind(e.Kind, "")}
	if e.Environment != "" {
		keys = append(keys, byKind(e.Kind, e.Environment))
	}
	if e.Reason != "" {
		keys = append(keys, byReason(string(e.Reason)))
	}
	if e.Code != "" {
		keys = append(keys, byCode(string(e.Code)))
	}
	for _, key := range keys {
		blocks = append(blocks, mark{key, block, number})
	}
	at := e.At / minute
	return exact, append(blocks, mark{byTime, at, strconv.FormatInt(at, 10) + ":" + number})
}

// call is the keys and arguments of the script that adds, or of the one that sweeps.
type call struct {
	base  string
	keys  []string
	at    map[string]int // where a key of the index stands among them, from 1
	lines []string       // ID and line of each entry
	marks []mark
	known map[mark]bool
}

func newCall(k keys) *call {
	return &call{base: k.index, keys: []string{k.state, k.entries, k.revisions, k.changes}, at: map[string]int{}, known: map[mark]bool{}}
}

func (c *call) entry(e audit.Entry) {
	c.lines = append(c.lines, identifier(e.Seq), encode(e))
	exact, blocks := marksOf(e)
	for _, m := range append(exact, blocks...) {
		if !c.known[m] { // a block has each of its marks once
			c.known[m] = true
			c.marks = append(c.marks, m)
		}
	}
}

// key is the number of a key of the index among all keys.
func (c *call) key(name string) string {
	at := c.at[name]
	if at == 0 {
		c.keys = append(c.keys, c.base+name)
		at = len(c.keys)
		c.at[name] = at
	}
	return strconv.Itoa(at)
}

func (c *call) finish(args []string) (keys, all []string) {
	args = append(args, strconv.Itoa(len(c.lines)/2))
	args = append(args, c.lines...)
	for _, m := range c.marks {
		args = append(args, c.key(m.key), strconv.FormatInt(m.score, 10), m.text)
	}
	return c.keys, args
}
