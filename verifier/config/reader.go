package config

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// reader reads a configuration strictly: every key must be known and every value of its key's type. It goes on after a mistake, so that all
// are told at once, and it remembers where each value stood.
type reader struct {
	block
	// place is where a node stands.
	place func(ast.Node) string
	// anchors are the YAML anchors met so far.
	anchors map[string]ast.Node
	// left is how many more values are read, and depth how many merged blocks are open: aliases could make a small file endless.
	left, depth int
}

// Bounds of a configuration, aliases included.
const (
	maxValues = 100_000
	maxDepth  = 64
)

// closed is a map of which only some keys are allowed.
type closed interface{ names() []string }

// initial is a block that has defaults once it is there.
type initial interface{ initial() }

func (r *reader) problem(path, place, format string, args ...any) {
	*r.all = append(*r.all, Problem{Path: path, Place: place, Err: fmt.Errorf(format, args...)})
}

// text reads one YAML document. It reports whether there is anything in it.
func (r *reader) text(text []byte, into reflect.Value, path string) bool {
	body, err := parse(text)
	if err != nil {
		*r.all = append(*r.all, Problem{Path: path, Place: r.places.of(path), Err: err})
		return true
	}
	if body == nil {
		return false
	}
	r.anchors, r.left = map[string]ast.Node{}, maxValues
	r.value(body, into, path)
	return true
}

// parse is the one document of a text, or nil. The library panics on some malformed texts, which fuzzing found; here that is an error
// like any other.
func parse(text []byte) (body ast.Node, err error) {
	defer func() {
		if problem := recover(); problem != nil {
			body, err = nil, fmt.Errorf("this cannot be read as YAML: %v", problem)
		}
	}()
	file, err := parser.ParseBytes(text, 0)
	if err != nil {
		return nil, errors.New(strings.TrimRight(yaml.FormatError(err, false, true), "\n"))
	}
	for _, doc := range file.Docs {
		if doc.Body == nil {
			continue
		}
		if body != nil {
			return nil, fmt.Errorf("%s a second document begins; allowed: one", lineColumn(doc.Body))
		}
		body = doc.Body
	}
	return body, nil
}

// lineColumn is the place of a node in the file.
func lineColumn(node ast.Node) string {
	token := node.GetToken()
	if mapping, ok := node.(*ast.MappingNode); ok && !mapping.IsFlowStyle && len(mapping.Values) > 0 {
		token = mapping.Values[0].Key.GetToken() // its own is the first colon
	}
	if token == nil || token.Position == nil {
		return ""
	}
	return fmt.Sprintf("[%d:%d]", token.Position.Line, token.Position.Column)
}

// resolve finds the value behind anchors and aliases; nil where there is none.
func (r *reader) resolve(node ast.Node, path string) ast.Node {
	for range maxDepth {
		switch n := node.(type) {
		case *ast.AnchorNode:
			r.anchors[n.Name.GetToken().Value] = n.Value
			node = n.Value
		case *ast.AliasNode:
			name := n.Value.GetToken().Value
			target, ok := r.anchors[name]
			if !ok {
				r.problem(path, r.place(n), "there is no anchor &%s above", name)
				return nil
			}
			node = target
		case *ast.TagNode:
			r.problem(path, r.place(n), "tags such as %s are not understood", n.Start.Value)
			return nil
		default:
			return node
		}
	}
	r.problem(path, r.place(node), "the aliases never end")
	return nil
}

// spend counts a value; ok is false when there are too many, which is told once.
func (r *reader) spend(node ast.Node, path string) (ok bool) {
	if r.left--; r.left == 0 {
		r.problem(path, r.place(node), "there are more than %d values, aliases included", maxValues)
	}
	return r.left > 0
}

func (r *reader) value(node ast.Node, into reflect.Value, path string) {
	if !r.spend(node, path) {
		return
	}
	place := r.place(node)
	if path != "" {
		r.places[path] = place
	}
	node = r.resolve(node, path)
	if node == nil {
		return
	}
	if _, none := node.(*ast.NullNode); none {
		r.problem(path, place, "%s has no value; leave it out, or give it one", orWhole(path))
		return
	}
	for into.Kind() == reflect.Pointer {
		into.Set(reflect.New(into.Type().Elem()))
		begin(into)
		into = into.Elem()
	}
	text, word := words(node)
	if isWord(into) {
		if !word {
			r.problem(path, place, "%s is a list or a block; allowed: %s", orWhole(path), kindOf(into))
			return
		}
		r.word(text, into, path, place)
		return
	}
	switch into.Kind() {
	case reflect.Struct, reflect.Map:
		entries, ok := r.entries(node, path)
		if !ok {
			r.problem(path, place, "%s must be a block of keys, such as {key: value}", orWhole(path))
			return
		}
		if into.Kind() == reflect.Map {
			r.mapping(entries, into, path)
			return
		}
		r.structure(entries, into, path)
	case reflect.Slice:
		list, ok := node.(*ast.SequenceNode)
		if !ok {
			r.problem(path, place, "%s must be a list, such as [a, b]", orWhole(path))
			return
		}
		into.Set(reflect.MakeSlice(into.Type(), len(list.Values), len(list.Values)))
		for i, one := range list.Values {
			r.value(one, into.Index(i), item(path, i))
		}
	}
}

// begin gives a block that has just been made its defaults.
func begin(block reflect.Value) {
	if b, ok := block.Interface().(initial); ok {
		b.initial()
	}
}

func orWhole(path string) string {
	if path == "" {
		return "the configuration"
	}
	return path
}

// isWord reports whether values of a type are written as one word.
func isWord(into reflect.Value) bool {
	if _, ok := into.Addr().Interface().(scalar); ok {
		return true
	}
	switch into.Kind() {
	case reflect.String, reflect.Bool, reflect.Float64:
		return true
	}
	return false
}

func kindOf(into reflect.Value) string {
	switch into.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.Float64:
		return "a number"
	case reflect.String:
		return "a text"
	}
	return "one value"
}

// word reads a value that is one word.
func (r *reader) word(text string, into reflect.Value, path, place string) {
	if s, ok := into.Addr().Interface().(scalar); ok {
		if err := s.read(text); err != nil {
			r.problem(path, place, "%s: %q %w", path, text, err)
		}
		return
	}
	switch into.Kind() {
	case reflect.String:
		into.SetString(text)
	case reflect.Bool:
		switch text {
		case "true", "on": // as the console and the command line have it
			into.SetBool(true)
		case "false", "off":
			into.SetBool(false)
		default:
			r.problem(path, place, "%s: %q is not true or false", path, text)
		}
	case reflect.Float64:
		number, err := strconv.ParseFloat(text, 64)
		if err != nil {
			r.problem(path, place, "%s: %q is not a number", path, text)
		}
		into.SetFloat(number)
	}
}

// words is the text of a scalar; ok is false for a list or a block.
func words(node ast.Node) (text string, ok bool) {
	switch n := node.(type) {
	case *ast.StringNode:
		return n.Value, true
	case *ast.LiteralNode:
		return n.Value.Value, true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		return n.GetToken().Value, true
	}
	return "", false
}

// entry is a key of a block and its value.
type entry struct {
	name       string
	key, value ast.Node
}

// entries are the keys of a block, those of the file before what it merges in with <<, which they override.
func (r *reader) entries(node ast.Node, path string) ([]entry, bool) {
	block, ok := node.(ast.MapNode)
	if !ok {
		return nil, false
	}
	if r.depth++; r.depth > maxDepth {
		r.problem(path, r.place(node), "the aliases never end")
		return nil, true
	}
	defer func() { r.depth-- }()
	var own []entry
	var merged []ast.Node
	for i := block.MapRange(); i.Next(); {
		if !r.spend(i.Key(), path) {
			break
		}
		if i.Key().IsMergeKey() {
			merged = append(merged, i.Value())
			continue
		}
		key := ast.Node(i.Key())
		if explicit, ok := key.(*ast.MappingKeyNode); ok {
			key = explicit.Value
		}
		name, ok := words(key)
		if !ok {
			r.problem(path, r.place(i.Key()), "a key of %s is no plain text", orWhole(path))
			continue
		}
		own = append(own, entry{name, key, i.Value()})
	}
	for _, from := range merged {
		target := r.resolve(from, path)
		if target == nil {
			continue
		}
		more, ok := r.entries(target, path)
		if !ok {
			r.problem(path, r.place(from), "<< must be followed by one alias of a block")
		}
		for _, one := range more {
			if !slices.ContainsFunc(own, func(e entry) bool { return e.name == one.name }) {
				own = append(own, one)
			}
		}
	}
	return own, true
}

func (r *reader) structure(entries []entry, into reflect.Value, path string) {
	fields := fieldsOf(into.Type())
	for _, e := range entries {
		at := slices.IndexFunc(fields, func(f field) bool { return f.name == e.name })
		if at < 0 {
			names := make([]string, len(fields))
			for i, f := range fields {
				names[i] = f.name
			}
			r.unknown(e, path, names)
			continue
		}
		r.value(e.value, into.FieldByIndex(fields[at].index), join(path, e.name))
	}
}

func (r *reader) mapping(entries []entry, into reflect.Value, path string) {
	into.Set(reflect.MakeMapWithSize(into.Type(), len(entries)))
	for _, e := range entries {
		if limited, ok := into.Interface().(closed); ok && !slices.Contains(limited.names(), e.name) {
			r.unknown(e, path, limited.names())
			continue
		}
		value := reflect.New(into.Type().Elem()).Elem()
		r.value(e.value, value, join(path, e.name))
		into.SetMapIndex(reflect.ValueOf(e.name).Convert(into.Type().Key()), value)
	}
}

func (r *reader) unknown(e entry, path string, names []string) {
	where := ""
	if path != "" {
		where = " in " + path
	}
	r.problem(join(path, e.name), r.place(e.key), "unknown field %q%s; allowed: %s", e.name, where, strings.Join(names, ", "))
}

// field is a key of a block, and which field of its structure has it.
type field struct {
	name  string
	by    string // of a list: the key that its items are told apart by
	index []int
}

// fieldsOf are the keys of a block.
func fieldsOf(of reflect.Type) []field {
	var all []field
	for i := range of.NumField() {
		f := of.Field(i)
		switch tag := f.Tag.Get("yaml"); {
		case f.Anonymous:
			for _, inner := range fieldsOf(f.Type) {
				if inner.name != f.Tag.Get("without") {
					inner.index = append([]int{i}, inner.index...)
					all = append(all, inner)
				}
			}
		case tag != "":
			all = append(all, field{tag, f.Tag.Get("by"), []int{i}})
		}
	}
	return all
}
