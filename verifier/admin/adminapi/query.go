package adminapi

import (
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/curfew-project/curfew/verifier/admin"
	"github.com/curfew-project/curfew/verifier/settings"
)

// query reads the parameters of an address strictly: a parameter that is misspelt would otherwise choose more than was meant.
type query struct {
	values url.Values
	bad    settings.Problems
}

// query are the request's parameters, of which only some are known.
func (c *call) query(known ...string) (*query, error) {
	values, err := url.ParseQuery(c.r.URL.RawQuery)
	if err != nil {
		return nil, refusal(BadRequest, "the parameters cannot be read")
	}
	q := &query{values: values}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		switch {
		case !slices.Contains(known, name) && len(known) == 0:
			q.bad.Add("parameter", "%q is not known; allowed: none here", clip(name))
		case !slices.Contains(known, name):
			q.bad.Add("parameter", "%q is not known; allowed: %s", clip(name), strings.Join(known, ", "))
		case len(values[name]) > 1:
			q.bad.Add(name, "is given %d times; allowed: once", len(values[name]))
		}
	}
	return q, q.err()
}

func (q *query) has(name string) bool { return q.values.Has(name) }

func (q *query) text(name string) string { return q.values.Get(name) }

// number is a whole number of 0 or more, or otherwise where it is not given.
func (q *query) number(name string, otherwise int64) int64 {
	if !q.has(name) {
		return otherwise
	}
	n, err := strconv.ParseInt(q.text(name), 10, 64)
	if err != nil || n < 0 {
		q.bad.Add(name, "is %q; allowed: a whole number of 0 or more", clip(q.text(name)))
		return otherwise
	}
	return n
}

// small is a number that fits an int on every machine; more than that is cut, and so refused where it has a bound.
func (q *query) small(name string) int { return int(min(q.number(name, 0), 1<<31-1)) }

// flag is true or false.
func (q *query) flag(name string) bool {
	switch q.text(name) {
	case "1", "true":
		return true
	case "0", "false":
		return false
	}
	if q.has(name) {
		q.bad.Add(name, "is %q; allowed: 1 or 0", clip(q.text(name)))
	}
	return false
}

// err is every parameter that is not allowed.
func (q *query) err() error {
	if len(q.bad) == 0 {
		return nil
	}
	return &admin.Error{Code: admin.Invalid, Problems: q.bad}
}
