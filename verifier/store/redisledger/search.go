package redisledger

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/redis/rueidis"

	"github.com/curfew-project/curfew/verifier/audit"
)

// span is some entries in a row, from its first number to its last.
type span struct{ first, last int64 }

const (
	mostNumbers = 512 // of an index that are read at once
	mostSpans   = 16  // that are read at once; each has perBlock entries at most
	mostTimes   = 5000
)

// each shows the entries that fit a query in its order, until visit returns false. It reads what an index says may fit, a bounded amount at
// a time: a session, a person and an administrator have few entries; otherwise the blocks in which the wanted kinds, reason or code occur, and
// where a time is given those of that time only.
func (a entries) each(ctx context.Context, q audit.Query, visit func(audit.Entry) bool) error {
	if err := a.s.usable(ctx); err != nil {
		return err
	}
	now, err := a.s.look(ctx)
	if err != nil {
		return err
	}
	w := &way{s: a.s, q: q, ascending: q.Ascending, bounds: span{max(now.end.First.Seq, q.After) + 1, max(now.end.Last.Seq, now.there.Seq)}}
	if q.Before != 0 {
		w.bounds.last = min(w.bounds.last, q.Before-1)
	}
	if err := w.choose(ctx); err != nil {
		return err
	}
	for w.bounds.first <= w.bounds.last {
		spans, err := w.next(ctx)
		if err != nil || len(spans) == 0 {
			return err
		}
		for some := range slices.Chunk(spans, mostSpans) {
			found, err := a.s.readSpans(ctx, some, w.ascending)
			if err != nil {
				return err
			}
			for _, e := range found {
				if fits(q, e) && !visit(e) {
					return nil
				}
			}
		}
	}
	return nil
}

// way goes along an index. bounds is what is left to be looked at.
type way struct {
	s         *Store
	q         audit.Query
	ascending bool
	bounds    span
	exact     string         // the one key with numbers of entries
	blocks    []string       // or the keys with numbers of blocks, each of which counts
	times     map[int64]bool // nil: any; otherwise the blocks of the wanted time
}

// choose decides by which index to go.
func (w *way) choose(ctx context.Context) error {
	q := w.q
	switch {
	case q.Session != "":
		w.exact = bySession(q.Session)
	case q.Subject != "":
		w.exact = bySubject(q.Subject)
	case q.Actor != "":
		w.exact = byActor(q.Actor)
	case q.Code != "":
		w.blocks = []string{byCode(string(q.Code))}
	case q.Reason != "":
		w.blocks = []string{byReason(string(q.Reason))}
	case len(q.Kinds) > 0 || q.Environment != "":
		kinds := slices.Compact(slices.Sorted(slices.Values(q.Kinds)))
		if len(kinds) == 0 {
			kinds = audit.Kinds()
		}
		for _, kind := range kinds {
			w.blocks = append(w.blocks, byKind(kind, q.Environment))
		}
	}
	if w.exact != "" || q.From == 0 && q.To == 0 {
		return nil
	}
	w.times = map[int64]bool{}
	from, to := strconv.FormatInt(q.From/minute, 10), "+inf"
	if q.To != 0 {
		to = strconv.FormatInt((q.To-1)/minute, 10)
	}
	for offset := int64(0); ; offset += mostTimes {
		found, err := w.s.conn.Do(ctx, w.s.conn.B().Zrange().Key(w.s.keys.index+byTime).Min(from).Max(to).Byscore().Limit(offset, mostTimes).Build()).AsStrSlice()
		if err != nil {
			return w.s.problem("search", err)
		}
		for _, text := range found {
			_, number, _ := strings.Cut(text, ":")
			block, err := strconv.ParseInt(number, 10, 64)
			if err != nil {
				return damaged("the index by time has %q", text)
			}
			w.times[block] = true
		}
		if len(found) < mostTimes {
			break
		}
	}
	if len(w.times) == 0 {
		w.bounds.last = w.bounds.first - 1
	}
	return nil
}

// next gives the next spans in their order, and takes them off the bounds; none means that there are no more.
func (w *way) next(ctx context.Context) ([]span, error) {
	switch {
	case w.exact != "":
		numbers, whole, err := w.numbers(ctx, []string{w.exact}, w.bounds)
		if err != nil {
			return nil, err
		}
		return w.spans(numbers, whole, 1), nil
	case len(w.blocks) > 0:
		for w.bounds.first <= w.bounds.last {
			numbers, whole, err := w.numbers(ctx, w.blocks, span{blockOf(w.bounds.first), blockOf(w.bounds.last)})
			if err != nil {
				return nil, err
			}
			if found := w.spans(numbers, whole, perBlock); len(found) > 0 {
				return found, nil
			}
		}
		return nil, nil
	case w.times != nil:
		var numbers []int64
		for block := range w.times {
			numbers = append(numbers, block)
		}
		slices.Sort(numbers)
		if !w.ascending {
			slices.Reverse(numbers)
		}
		return w.spans(numbers, true, perBlock), nil
	}
	var numbers []int64
	first, last := blockOf(w.bounds.first), blockOf(w.bounds.last)
	for n := int64(0); n < mostSpans && n <= last-first; n++ {
		if w.ascending {
			numbers = append(numbers, first+n)
		} else {
			numbers = append(numbers, last-n)
		}
	}
	return w.spans(numbers, last-first < mostSpans, perBlock), nil
}

// numbers are the first that sorted sets have within bounds, in the order of the way, each once. whole means that there are no more.
func (w *way) numbers(ctx context.Context, keys []string, within span) (all []int64, whole bool, err error) {
	var commands []rueidis.Completed
	for _, key := range keys {
		first, last := strconv.FormatInt(within.first, 10), strconv.FormatInt(within.last, 10)
		if w.ascending {
			commands = append(commands, w.s.conn.B().Zrange().Key(w.s.keys.index+key).Min(first).Max(last).Byscore().Limit(0, mostNumbers).Build())
		} else {
			commands = append(commands, w.s.conn.B().Zrange().Key(w.s.keys.index+key).Min(last).Max(first).Byscore().Rev().Limit(0, mostNumbers).Build())
		}
	}
	// Of several sets, what lies behind the nearest end of those that have more is not known yet.
	var horizon *int64
	for i, result := range w.s.conn.DoMulti(ctx, commands...) {
		found, err := result.AsStrSlice()
		if err != nil {
			return nil, false, w.s.problem("search", err)
		}
		for n, text := range found {
			number, err := strconv.ParseInt(text, 10, 64)
			if err != nil {
				return nil, false, damaged("the index %s has %q", keys[i], text)
			}
			all = append(all, number)
			if n == mostNumbers-1 && (horizon == nil || w.before(number, *horizon)) {
				horizon = &number
			}
		}
	}
	slices.Sort(all)
	all = slices.Compact(all)
	if !w.ascending {
		slices.Reverse(all)
	}
	if horizon != nil {
		all = slices.DeleteFunc(all, func(n int64) bool { return w.before(*horizon, n) })
	}
	return all, horizon == nil, nil
}

// before reports whether a number comes before another on the way.
func (w *way) before(a, b int64) bool {
	if w.ascending {
		return a < b
	}
	return a > b
}

// spans are those of some numbers, of entries or of blocks, within the bounds and the wanted time. What they cover is taken off the bounds.
func (w *way) spans(numbers []int64, whole bool, size int64) []span {
	var all []span
	bounds := w.bounds
	for _, n := range numbers {
		one := span{n * size, n*size + size - 1}
		if w.times != nil && size == perBlock && !w.times[n] {
			one.last = -1
		}
		if one.first, one.last = max(one.first, bounds.first), min(one.last, bounds.last); one.first <= one.last {
			all = append(all, one)
		}
		if w.ascending {
			w.bounds.first = max(w.bounds.first, n*size+size)
		} else {
			w.bounds.last = min(w.bounds.last, n*size-1)
		}
	}
	if whole {
		w.bounds.last = w.bounds.first - 1
	}
	return all
}

// readSpans reads the entries of some spans, in the order of the spans and within each in that order too. With an error it gives those that
// come before what cannot be read.
func (s *Store) readSpans(ctx context.Context, spans []span, ascending bool) ([]audit.Entry, error) {
	var commands []rueidis.Completed
	for _, one := range spans {
		first, last := identifier(one.first), identifier(one.last)
		if ascending {
			commands = append(commands, s.conn.B().Xrange().Key(s.keys.entries).Start(first).End(last).Build())
		} else {
			commands = append(commands, s.conn.B().Xrevrange().Key(s.keys.entries).End(last).Start(first).Build())
		}
	}
	var all []audit.Entry
	for _, result := range s.conn.DoMulti(ctx, commands...) {
		found, err := result.AsXRange()
		if err != nil {
			return nil, s.problem("search", err)
		}
		for _, x := range found {
			e, err := line(x)
			if err != nil {
				return all, err
			}
			all = append(all, e)
		}
	}
	return all, nil
}
