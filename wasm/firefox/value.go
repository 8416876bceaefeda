package firefox

import (
	"encoding/json"
	"errors"
	"fmt"
)

// remote is a JavaScript value as the browser describes it (WebDriver BiDi, "script.RemoteValue").
type remote struct {
	Type  string
	Value json.RawMessage
}

// errNoJSON says that a value has no form in JSON, as a function has none.
var errNoJSON = errors.New("the value cannot be sent")

// plain is what JSON.stringify would make of the value: null for undefined and for numbers that JSON lacks.
func (r remote) plain() (any, error) {
	switch r.Type {
	case "undefined", "null":
		return nil, nil
	case "string", "boolean", "date":
		return decode[any](r.Value)
	case "number":
		value, err := decode[any](r.Value)
		if _, special := value.(string); special { // NaN, -0, Infinity, -Infinity
			if value == "-0" {
				return 0, err
			}
			return nil, err
		}
		return value, err
	case "array":
		items, err := decode[[]remote](r.Value)
		list := []any{}
		for _, item := range items {
			value, wrong := item.plain()
			list, err = append(list, value), errors.Join(err, wrong)
		}
		return list, err
	case "object":
		pairs, err := decode[[][2]json.RawMessage](r.Value)
		all := object{}
		for _, pair := range pairs {
			name, wrongName := decode[string](pair[0])
			item, wrongItem := decode[remote](pair[1])
			if wrongName == nil && wrongItem == nil && item.Type == "undefined" {
				continue
			}
			value, wrong := item.plain()
			all[name], err = value, errors.Join(err, wrongName, wrongItem, wrong)
		}
		return all, err
	}
	return nil, fmt.Errorf("%w: it is a %s", errNoJSON, r.Type)
}

func decode[T any](data json.RawMessage) (T, error) {
	var value T
	if data == nil { // the browser leaves out what is deeper than it was asked for, and cycles
		return value, fmt.Errorf("%w: it has no content", errNoJSON)
	}
	return value, json.Unmarshal(data, &value)
}
