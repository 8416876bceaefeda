package config

import (
	"os"
	"reflect"
	"slices"
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
	// Keys of one group may share a row, which then names the first in full and the others by their last part.
	documented := func(path string) bool {
		parent, key := "", path
		if dot := strings.LastIndexByte(path, '.'); dot >= 0 {
			parent, key = path[:dot], path[dot+1:]
		}
		return slices.ContainsFunc(strings.Split(table, "\n"), func(row string) bool {
			return strings.Contains(row, "`"+path+"`") || parent != "" && strings.Contains(row, "`"+parent+".") && strings.Contains(row, "`."+key+"`")
		})
	}
	found := 0
	var walk func(of reflect.Type, path string)
	walk = func(of reflect.Type, path string) {
		for of.Kind() == reflect.Pointer || of.Kind() == reflect.Slice {
			of = of.Elem()
		}
		// What is as in an environment has a row that says so.
		again := strings.HasPrefix(path, "console.") || strings.HasPrefix(path, "providers[].")
		if of.Kind() == reflect.Map && of.Elem().Kind() == reflect.Struct {
			of, path = of.Elem(), path+".<name>"
		}
		if of.Kind() != reflect.Struct || again && documented(path) {
			found++
			if !documented(path) {
				t.Errorf("the README does not document %s", path)
			}
			return
		}
		for _, f := range fieldsOf(of) {
			nested := join(path, f.name)
			if f.by != "" {
				nested += "[]"
			}
			kind := of.FieldByIndex(f.index).Type
			// What is below an environment is written with an ellipsis.
			if rest, below := strings.CutPrefix(nested, "environments[]."); below && kind != reflect.TypeFor[string]() || below && strings.Contains(rest, ".") {
				nested = "…" + rest
			}
			walk(kind, nested)
		}
	}
	walk(reflect.TypeFor[Config](), "")
	if found < 70 {
		t.Errorf("only %d keys found", found)
	}
}

// The README says what needs a restart.
func TestReadmeSaysWhatNeedsARestart(t *testing.T) {
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, reload, ok := strings.Cut(string(text), "**Reload.**")
	reload, _, _ = strings.Cut(reload, "\n\n")
	everything := Config{Listen: "x", OperatorListen: "x", Prefix: "x", Data: "x", Keys: "x", Store: Store{Redis: &Redis{}}, Texts: "x", CookieRenewal: 1,
		PolicyChecks: PolicyChecks{Concurrency: 1}, TLS: &PublicTLS{}, OperatorTLS: &TLS{}, MaxConnections: 1, StopTimeout: 1, Admin: Admin{Socket: "x"}, Console: &Console{}}
	keys := NeedsRestart(Config{}, everything)
	if !ok || len(keys) != 15 {
		t.Fatalf("%d keys, in %q", len(keys), reload)
	}
	for _, key := range keys {
		if !strings.Contains(reload, "`"+key+"`") {
			t.Errorf("%s is missing", key)
		}
	}
}
