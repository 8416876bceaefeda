package ledger

import (
	"slices"
	"strings"

	"github.com/curfew-project/curfew/verifier/audit"
)

// statement says itself which index to use, because SQLite knows nothing of what is typical: a session, a person and an
// administrator have few entries; otherwise a stretch of time bounds what is read; without one an index in the chain's order does, in
// which the search ends when enough is found.
func statement(q audit.Query) (query string, args []any) {
	kinds := slices.Compact(slices.Sorted(slices.Values(q.Kinds)))
	common := common(q)
	switch {
	case q.Session != "":
		return common.oneOf(kinds).along("entries_by_session", "session <> ''")
	case q.Subject != "":
		return common.oneOf(kinds).along("entries_by_subject", "subject <> ''")
	case q.Actor != "":
		return common.oneOf(kinds).along("entries_by_actor", "actor <> ''")
	case q.From != 0 || q.To != 0:
		return common.oneOf(kinds).merged("entries_by_time")
	case q.Code != "":
		return common.oneOf(kinds).along("entries_by_code", "code <> ''")
	case q.Reason != "":
		return common.oneOf(kinds).along("entries_by_reason", "reason <> ''")
	case q.Environment != "":
		if len(kinds) == 0 {
			kinds = audit.Kinds()
		}
		return common.merged("entries_by_environment", kinds...)
	case len(kinds) > 0:
		return common.merged("entries_by_kind", kinds...)
	}
	return common.along("")
}

// part is the conditions of a search that is being put together, and how its results are ordered.
type part struct {
	conditions []string
	args       []any
	order      string
	most       int
}

func common(q audit.Query) part {
	p := part{order: " ORDER BY seq DESC LIMIT ?", most: q.Most()}
	if q.Ascending {
		p.order = " ORDER BY seq LIMIT ?"
	}
	for _, c := range []struct {
		text  string
		value any
		given bool
	}{
		{"session = ?", q.Session, q.Session != ""},
		{"subject = ?", q.Subject, q.Subject != ""},
		{"actor = ?", q.Actor, q.Actor != ""},
		{"environment = ?", q.Environment, q.Environment != ""},
		{"reason = ?", string(q.Reason), q.Reason != ""},
		{"code = ?", string(q.Code), q.Code != ""},
		{"at >= ?", q.From, q.From != 0},
		{"at < ?", q.To, q.To != 0},
		{"seq > ?", q.After, q.After != 0},
		{"seq < ?", q.Before, q.Before != 0},
	} {
		if c.given {
			p = p.and(c.text, c.value)
		}
	}
	return p
}

func (p part) and(text string, args ...any) part {
	p.conditions = append(slices.Clone(p.conditions), text)
	p.args = append(slices.Clone(p.args), args...)
	return p
}

func (p part) oneOf(kinds []audit.Kind) part {
	if len(kinds) == 0 {
		return p
	}
	var args []any
	for _, kind := range kinds {
		args = append(args, string(kind))
	}
	return p.and("kind IN (?"+strings.Repeat(",?", len(kinds)-1)+")", args...)
}

// along reads the entries that fit along an index, or along the chain. An index that leaves out entries wants its own condition
// repeated: without it SQLite would not use it.
func (p part) along(index string, repeated ...string) (string, []any) {
	return p.sel(columns, index, repeated...)
}

func (p part) sel(columns, index string, repeated ...string) (string, []any) {
	by := " NOT INDEXED"
	if index != "" {
		by = " INDEXED BY " + index
	}
	where := ""
	if all := append(slices.Clone(p.conditions), repeated...); len(all) > 0 {
		where = " WHERE " + strings.Join(all, " AND ")
	}
	return "SELECT " + columns + " FROM entries" + by + where + p.order, append(slices.Clone(p.args), p.most)
}

// merged finds the numbers first, in the index alone, for each kind apart where kinds are given, and then reads those entries.
func (p part) merged(index string, kinds ...audit.Kind) (string, []any) {
	parts := []part{p}
	if len(kinds) > 0 {
		parts = nil
		for _, kind := range kinds {
			parts = append(parts, p.and("kind = ?", string(kind)))
		}
	}
	var numbers []string
	var args []any
	for _, next := range parts {
		text, values := next.sel("seq", index)
		numbers, args = append(numbers, "SELECT seq FROM ("+text+")"), append(args, values...)
	}
	found := strings.Join(numbers, " UNION ALL ") + p.order
	return "SELECT " + columns + " FROM entries WHERE seq IN (" + found + ")" + strings.TrimSuffix(p.order, " LIMIT ?"), append(args, p.most)
}
