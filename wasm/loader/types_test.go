package loader_test

import (
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/wasm/chrome"
	"github.com/curfew-project/curfew/wasm/npm"
)

const declarations = "curfew.d.ts"

// A15: the declarations take what a page's author may write, and refuse each mistake for its own reason.
func TestA15_TypeScriptDeclarations(t *testing.T) {
	t.Parallel()
	npm.TypeCheck(t, declarations, "testdata/types/right.ts")

	source, err := os.ReadFile("testdata/types/wrong.ts")
	if err != nil {
		t.Fatal(err)
	}
	var want, got []string
	for i, line := range strings.Split(string(source), "\n") {
		if _, code, ok := strings.Cut(line, "; // TS"); ok {
			want = append(want, strconv.Itoa(i+1)+" TS"+code)
		}
	}
	said := npm.TypeErrors(t, declarations, "testdata/types/wrong.ts")
	for _, found := range regexp.MustCompile(`wrong\.ts\((\d+),\d+\): error (TS\d+)`).FindAllStringSubmatch(said, -1) {
		got = append(got, found[1]+" "+found[2])
	}
	if !slices.Equal(got, want) || len(want) == 0 {
		t.Errorf("the compiler refuses %q, want %q; it says:\n%s", got, want, said)
	}
}

// The declarations name the very members, states, events and reasons that there are.
func TestA15_DeclarationsAreTrue(t *testing.T) {
	t.Parallel()
	source, err := os.ReadFile(declarations)
	if err != nil {
		t.Fatal(err)
	}
	text := string(source)
	for _, reason := range wire.Reasons() {
		if !strings.Contains(text, `| "`+string(reason)+`"`) {
			t.Errorf("the reason %s is not declared", reason)
		}
	}
	s := newSite(t)
	tab, _ := open(t, s, chrome.New(t))
	members := regexp.MustCompile(`(?m)^  (?:readonly )?(\w+)(?:\([^)]*\))?: \w+;$`).FindAllStringSubmatch(between(t, text, "interface Curfew {", "\n}"), -1)
	var names []string
	for _, member := range members {
		names = append(names, member[1])
	}
	slices.Sort(names)
	if got := chrome.Eval[string](t, tab, `Object.getOwnPropertyNames(curfew).sort().join()`); got != strings.Join(names, ",") {
		t.Errorf("globalThis.curfew has %s, declared are %s", got, names)
	}
	chrome.BeforeLoad(t, tab, recordEvents)
	chrome.Go(t, tab, s.URL)
	chrome.Until(t, tab, `globalThis.curfew?.state === "armed"`)
	chrome.Eval[any](t, tab, `void addEventListener("curfew:ending", ({ detail }) => { globalThis.detail = Object.keys(detail).sort().join() })`)
	hold := make(chan struct{})
	s.set(func(s *site) { s.hold = hold }) // so that the page stays
	defer close(hold)
	chrome.Eval[bool](t, tab, `curfew.signOut()`)
	chrome.Until(t, tab, `globalThis.detail`)
	if got := chrome.Eval[string](t, tab, `detail`); got != "left,reason,waitUntil" {
		t.Errorf("an event's detail has %s", got)
	}
	for _, event := range []string{"notice", "warning", "extended", "ending", "ended", "resumed"} {
		if !strings.Contains(text, `"curfew:`+event+`": CurfewEvent;`) {
			t.Errorf("curfew:%s is not declared", event)
		}
	}
}

func between(t testing.TB, text, from, to string) string {
	t.Helper()
	_, rest, found := strings.Cut(text, from)
	part, _, ended := strings.Cut(rest, to)
	if !found || !ended {
		t.Fatalf("nothing between %q and %q", from, to)
	}
	return part
}
