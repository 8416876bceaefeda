package config

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/curfew-project/curfew/shared/policy"
)

// Problem is one thing that is wrong with the configuration.
type Problem struct {
	// Path is the setting, such as environments[0].settings.session_timeout.
	Path string
	// Place is where it was read: [line:column] of the file, or the name of a variable; empty where neither has it.
	Place string
	// Err says what is wrong: the setting, its value and what is allowed. Where a time is out of range it wraps a policy.Violation.
	Err error
}

// Error is the problem in one line, or in a few where the file's text is shown.
func (p Problem) Error() string {
	switch {
	case p.Place == "":
		return p.Err.Error()
	case strings.HasPrefix(p.Place, "["):
		return p.Place + " " + p.Err.Error()
	}
	return p.Place + ": " + p.Err.Error()
}

// Unwrap is what is wrong.
func (p Problem) Unwrap() error { return p.Err }

// Problems is everything that is wrong, so that it is told at once. It is never empty when returned as an error.
type Problems []Problem

// Error has a line for each.
func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap is each problem.
func (ps Problems) Unwrap() []error {
	all := make([]error, len(ps))
	for i, p := range ps {
		all[i] = p
	}
	return all
}

func (ps Problems) orNil() error {
	if len(ps) == 0 {
		return nil
	}
	return ps
}

// places says where the value of each path was read.
type places map[string]string

// of is the place of a path, or of the nearest above it, which is where a missing value would have to be.
func (p places) of(path string) string {
	for path != "" {
		if place, ok := p[path]; ok {
			return place
		}
		path = path[:max(strings.LastIndexByte(path, '.'), strings.LastIndexByte(path, '['), 0)]
	}
	return ""
}

// forget drops a path and all below it.
func (p places) forget(path string) {
	for known := range p {
		if rest, below := strings.CutPrefix(known, path); below && (rest == "" || rest[0] == '.' || rest[0] == '[') {
			delete(p, known)
		}
	}
}

// block is a part of the configuration that is being checked.
type block struct {
	all    *Problems
	places places
	path   string // empty: the whole
	name   string // what people call it, such as environment clinic; empty: nothing
}

// below is a part of b.
func (b block) below(key, name string) block {
	b.path, b.name = join(b.path, key), name
	return b
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

func item(path string, i int) string { return path + "[" + strconv.Itoa(i) + "]" }

// add tells what is wrong with a key of the block; the text follows the key.
func (b block) add(key, format string, args ...any) {
	b.tell(key, fmt.Errorf("%s "+format, append([]any{key}, args...)...))
}

// addItem does it for one item of a list.
func (b block) addItem(key string, i int, format string, args ...any) {
	b.tell(item(key, i), fmt.Errorf("%s "+format, append([]any{key}, args...)...))
}

// tell adds a problem at a key of the block.
func (b block) tell(key string, err error) {
	path := join(b.path, key)
	if b.name != "" {
		err = fmt.Errorf("%s: %w", b.name, err)
	}
	*b.all = append(*b.all, Problem{Path: path, Place: b.places.of(path), Err: err})
}

// within adds a problem unless a length is in a range and whole seconds.
func (b block) within(key string, value, least, most time.Duration) {
	if value < least || value > most || value%policy.Granularity != 0 {
		b.add(key, "is %s; allowed: %s to %s, in whole seconds", policy.Format(value), policy.Format(least), policy.Format(most))
	}
}
