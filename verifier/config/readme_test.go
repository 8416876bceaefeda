package config

import (
	"os"
	"reflect"
	"strings"
	"testing"
)

// The README documents every key that the file can have.
func TestReadmeHasEveryKey(t *testing.T) {
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, ok := strings.Cut(string(text), "## Configuration")
	table, _, _ = strings.Cut(table, "\n## ")
	if !ok {
		t.Fatal("the README has no section on the configuration")
	}
	found := 0
	var walk func(of reflect.Type, path string)
	walk = func(of reflect.Type, path string) {
		for of.Kind() == reflect.Pointer || of.Kind() == reflect.Slice {
			of = of.Elem()
		}
		if of.Kind() != reflect.Struct {
			found++
			// Keys of one group may share a row, which then names the first in full and the others by their last part.
			parent, key := "", path
			if dot := strings.LastIndexByte(path, '.'); dot >= 0 {
				parent, key = path[:dot], path[dot+1:]
			}
			shares := false
			for _, row := range strings.Split(table, "\n") {
				shares = shares || strings.Contains(row, "`"+path+"`") || parent != "" && strings.Contains(row, "`"+parent+".") && strings.Contains(row, "`."+key+"`")
			}
			if !shares {
				t.Errorf("the README does not document %s", path)
			}
			return
		}
		for i := range of.NumField() {
			name, nested := of.Field(i).Tag.Get("yaml"), path
			switch {
			case path == "" && name == "environments":
				nested = "environments[]"
			case nested == "":
				nested = name
			default:
				nested += "." + name
			}
			// What is below an environment is written with an ellipsis.
			if rest, below := strings.CutPrefix(nested, "environments[]."); below && of.Field(i).Type != reflect.TypeFor[string]() || below && strings.Contains(rest, ".") {
				nested = "…" + rest
			}
			walk(of.Field(i).Type, nested)
		}
	}
	walk(reflect.TypeFor[Config](), "")
	if found < 35 {
		t.Errorf("only %d keys found", found)
	}
}
