package config

import (
	"reflect"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// variablePrefix begins the name of every variable that is a setting; between the levels of its path is variableLevel.
const (
	variablePrefix = "CURFEW_"
	variableLevel  = "__"
)

// Variable is a setting that came from the process environment.
type Variable struct {
	Name string // such as CURFEW_ENVIRONMENTS__CLINIC__ORIGIN
	Path string // such as environments[0].origin
}

// Variables are those that gave a setting, in order of their names.
func (c Config) Variables() []Variable { return slices.Clone(c.variables) }

// IgnoredVariables are the names of those that begin like settings and are none, in order.
func (c Config) IgnoredVariables() []string { return slices.Clone(c.ignored) }

// variables reads settings from the process environment, above what is there already. A variable whose first level is no key is somebody
// else's: Kubernetes has CURFEW_PORT for a service of that name.
func (r *reader) variables(environ []string, c *Config) {
	values := map[string]string{}
	for _, one := range environ {
		if name, value, ok := strings.Cut(one, "="); ok && strings.HasPrefix(name, variablePrefix) && name != variablePrefix {
			values[name] = value
		}
	}
	defaults := Default()
	for _, name := range sorted(values) { // a whole block comes before its parts
		v := &variable{reader: r, name: name, value: values[name]}
		if len(v.value) > maxFile {
			r.problem("", name, "it has more than %d bytes", maxFile)
			continue
		}
		if path, ok := v.set(reflect.ValueOf(c).Elem(), reflect.ValueOf(defaults), strings.TrimPrefix(name, variablePrefix), "", ""); ok {
			c.variables = append(c.variables, Variable{name, path})
		} else {
			c.ignored = append(c.ignored, name)
		}
	}
}

// variable is one variable on its way to the setting that it names.
type variable struct {
	*reader
	name, value string
}

// set goes down from a value by the rest of the name, and sets what it comes to. by is the key that the items of a list are told apart by.
// untouched is the value as it is by default, or not valid. It returns the path of the setting; ok is false when there is none.
func (v *variable) set(into, untouched reflect.Value, rest, path, by string) (setting string, ok bool) {
	if rest == "" {
		v.whole(into, untouched, path)
		return path, true
	}
	if into.Kind() == reflect.Pointer {
		if into.IsNil() {
			into.Set(reflect.New(into.Type().Elem()))
			begin(into)
			v.places[path] = v.name
		}
		return v.set(into.Elem(), reflect.Value{}, rest, path, by)
	}
	switch {
	case isWord(into):
	case into.Kind() == reflect.Struct:
		return v.setKey(into, untouched, rest, path)
	case into.Kind() == reflect.Map:
		return v.setEntry(into, rest, path)
	case by != "":
		return v.setItem(into, rest, path, by)
	}
	v.problem(path, v.name, "%s has nothing below it; set it as a whole", path)
	return "", false
}

// whole replaces a value.
func (v *variable) whole(into, untouched reflect.Value, path string) {
	v.places.forget(path)
	v.places[path] = v.name
	if untouched.IsValid() {
		into.Set(untouched)
	} else {
		into.SetZero()
	}
	word := into
	if word.Kind() == reflect.Pointer {
		word = reflect.New(into.Type().Elem()).Elem()
	}
	if isWord(word) {
		v.word(v.value, word, path, v.name)
		if into.Kind() == reflect.Pointer {
			into.Set(word.Addr())
		}
		return
	}
	inFile := v.place
	defer func() { v.place = inFile }()
	v.place = func(ast.Node) string { return v.name }
	if !v.text([]byte(v.value), into, path) {
		v.problem(path, v.name, "%s has no value; leave it out, or give it one", path)
	}
}

// setKey finds the key of a block that the name begins with.
func (v *variable) setKey(into, untouched reflect.Value, rest, path string) (string, bool) {
	var names []string
	for _, f := range fieldsOf(into.Type()) {
		below, ok := level(rest, f.name)
		if !ok {
			names = append(names, upper(f.name))
			continue
		}
		var default_ reflect.Value
		if untouched.IsValid() {
			default_ = untouched.FieldByIndex(f.index)
		}
		return v.set(into.FieldByIndex(f.index), default_, below, join(path, f.name), f.by)
	}
	if first, _, _ := strings.Cut(rest, variableLevel); path != "" || slices.Contains(names, first) {
		v.unknown(path, rest, names)
	}
	return "", false
}

// setItem finds the item of a list by its id, or adds one.
func (v *variable) setItem(into reflect.Value, rest, path, by string) (string, bool) {
	key := slices.IndexFunc(fieldsOf(into.Type().Elem()), func(f field) bool { return f.name == by })
	index := fieldsOf(into.Type().Elem())[key].index
	found, below := -1, ""
	for i := range into.Len() {
		id := into.Index(i).FieldByIndex(index).String()
		if under, ok := level(rest, id); ok && id != "" && (found < 0 || len(under) < len(below)) {
			found, below = i, under
		}
	}
	if found < 0 {
		var id string
		id, below, _ = strings.Cut(rest, variableLevel)
		id = lower(id)
		one := reflect.New(into.Type().Elem()).Elem()
		one.FieldByIndex(index).SetString(id)
		found = into.Len()
		into.Set(reflect.Append(into, one))
		v.places[item(path, found)] = v.name
	}
	one := into.Index(found)
	id := one.FieldByIndex(index).String()
	setting, ok := v.set(one, reflect.Value{}, below, item(path, found), "")
	if now := one.FieldByIndex(index); now.String() == "" && below == "" {
		now.SetString(id)
	} else if now.String() != id {
		v.problem(setting, v.name, "%s.%s is %q; allowed: %s, as the name of the variable says", item(path, found), by, now.String(), id)
	}
	return setting, ok
}

// setEntry finds the entry of a map by its key, or adds one.
func (v *variable) setEntry(into reflect.Value, rest, path string) (string, bool) {
	var known []string
	limited, isLimited := into.Interface().(closed)
	if isLimited {
		known = limited.names()
	} else {
		for _, key := range into.MapKeys() {
			known = append(known, key.String())
		}
	}
	name, below := "", ""
	for _, one := range known {
		if under, ok := level(rest, one); ok && (name == "" || len(under) < len(below)) {
			name, below = one, under
		}
	}
	if name == "" {
		if isLimited {
			var names []string
			for _, one := range known {
				names = append(names, upper(one))
			}
			v.unknown(path, rest, names)
			return "", false
		}
		name, below, _ = strings.Cut(rest, variableLevel)
		name = lower(name)
	}
	if into.IsNil() {
		into.Set(reflect.MakeMap(into.Type()))
	}
	key := reflect.ValueOf(name).Convert(into.Type().Key())
	value := reflect.New(into.Type().Elem()).Elem()
	if was := into.MapIndex(key); was.IsValid() {
		value.Set(was)
	}
	setting, ok := v.set(value, reflect.Value{}, below, join(path, name), "")
	into.SetMapIndex(key, value)
	return setting, ok
}

func (v *variable) unknown(path, rest string, names []string) {
	v.problem(path, v.name, "%s has no setting %q; allowed: %s", orWhole(path), rest, strings.Join(names, ", "))
}

// level takes a key off the beginning of a name.
func level(rest, key string) (below string, ok bool) {
	if rest == upper(key) {
		return "", true
	}
	below, ok = strings.CutPrefix(rest, upper(key)+variableLevel)
	return below, ok && below != ""
}

// upper is how a key is written in a variable's name: in upper case, with an underscore for everything else.
func upper(key string) string {
	return strings.Map(func(c rune) rune {
		switch {
		case c >= 'a' && c <= 'z':
			return c - 'a' + 'A'
		case c >= 'A' && c <= 'Z', c >= '0' && c <= '9':
			return c
		}
		return '_'
	}, key)
}

// lower is the id that a part of a variable's name stands for.
func lower(name string) string { return strings.ReplaceAll(strings.ToLower(name), "_", "-") }
