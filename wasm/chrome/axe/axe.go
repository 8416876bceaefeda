// Package axe checks pages in a test's Chromium with axe-core: the rules of WCAG 2.0 to 2.2, levels A and AA, and axe's best practices.
package axe

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"github.com/curfew-project/curfew/wasm/npm"
)

// tags choose the rules.
var tags = [...]string{"wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"}

// Option changes what is checked.
type Option func(*config)

type config struct {
	within  string
	without []string
}

// Within checks only what is inside the elements of the document that the CSS selector names, and not the whole page. A host of
// a shadow tree can be named; an element inside one cannot.
func Within(selector string) Option { return func(c *config) { c.within = selector } }

// Without leaves rules out, by their ids. The caller says why.
func Without(rules ...string) Option {
	return func(c *config) { c.without = append(c.without, rules...) }
}

// Finding is one rule that a page breaks, or that axe could not judge.
type Finding struct {
	Rule   string // its id, such as "button-name"
	Impact string // minor, moderate, serious or critical
	Help   string // what the rule asks for
	Nodes  []Node
}

// Node is an element that breaks the rule.
type Node struct {
	Where string // its selector; " >>> " leads into a shadow tree
	HTML  string
	Why   string // what to fix
}

func (f Finding) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s (%s): %s", f.Rule, f.Impact, f.Help)
	for _, n := range f.Nodes {
		fmt.Fprintf(&b, "\n\t%s\n\t\t%s\n\t\t%s", n.Where, n.HTML, strings.ReplaceAll(n.Why, "\n", "\n\t\t"))
	}
	return b.String()
}

// Check fails the test with every violation that axe finds in the page as it is now, and logs what axe could not judge. It sees
// into open shadow trees; closed ones and frames are not checked. The tab's time may stand still.
// Nothing of it is visible to the page's scripts, and a content security
// policy does not stop it.
func Check(t testing.TB, tab context.Context, options ...Option) {
	t.Helper()
	violations, unsure := Run(t, tab, options...)
	for _, f := range unsure {
		t.Log("axe could not judge", f)
	}
	for _, f := range violations {
		t.Error("axe found", f)
	}
}

// Run returns what Check would say: what the page breaks, and what axe could not judge.
func Run(t testing.TB, tab context.Context, options ...Option) (violations, unsure []Finding) {
	t.Helper()
	return run(t, tab, frames(t, tab).Frame, options)
}

// RunFrames calls each for every frame of the page, by its address, with what Run says of a page.
func RunFrames(t testing.TB, tab context.Context, each func(address string, violations, unsure []Finding), options ...Option) {
	t.Helper()
	for _, child := range frames(t, tab).ChildFrames {
		violations, unsure := run(t, tab, child.Frame, options)
		each(child.Frame.URL, violations, unsure)
	}
}

func run(t testing.TB, tab context.Context, in *cdp.Frame, options []Option) (violations, unsure []Finding) {
	t.Helper()
	var c config
	for _, option := range options {
		option(&c)
	}
	world := newWorld(t, tab, in)
	evaluate[any](t, tab, world, timeless+"void (() => {"+npm.Axe(t)+"\n})()")
	text := evaluate[string](t, tab, world, c.call(t))
	var found struct {
		Rules              int
		Violations, Unsure []Finding
	}
	if err := json.Unmarshal([]byte(text), &found); err != nil {
		t.Fatalf("what axe says: %v: %s", err, text)
	}
	if found.Rules == 0 {
		t.Fatalf("axe ran no rule on %s (is there anything in %q?)", in.URL, c.within)
	}
	return found.Violations, found.Unsure
}

// call is the expression that runs the rules. Its answer is small: axe's own has every rule that passed.
func (c config) call(t testing.TB) string {
	t.Helper()
	args, err := json.Marshal(map[string]any{"within": c.within, "without": append([]string{}, c.without...), "tags": tags})
	if err != nil {
		t.Fatal(err)
	}
	return `(async ({within, without, tags}) => {
	const known = new Set(axe.getRules().map((rule) => rule.ruleId));
	for (const rule of without) if (!known.has(rule)) throw new Error("no rule " + rule);
	const result = await axe.run(within ? {include: [[within]]} : document, {
		iframes: false,
		preload: false,
		runOnly: {type: "tag", values: tags},
		rules: Object.fromEntries(without.map((rule) => [rule, {enabled: false}])),
	});
	const plain = (list) => list.map((f) => ({
		rule: f.id, impact: f.impact ?? "", help: f.help,
		nodes: f.nodes.map((n) => ({where: n.target.flat().join(" >>> "), html: n.html, why: n.failureSummary ?? ""})),
	}));
	return JSON.stringify({
		rules: result.passes.length + result.violations.length + result.incomplete.length,
		violations: plain(result.violations), unsure: plain(result.incomplete),
	});
})(` + string(args) + `)`
}

// timeless lets axe run while the tab's time stands still: what it puts off, it does at once. Its long timers, which are for frames that do not
// answer, never come.
const timeless = `{
	const off = new Set();
	let last = 0;
	globalThis.setTimeout = (f, wait = 0, ...args) => {
		const id = ++last;
		if (wait < 50) queueMicrotask(() => off.delete(id) || f(...args));
		return id;
	};
	globalThis.clearTimeout = (id) => void off.add(id);
}
`

// frames are the page, and its frames that share its process.
func frames(t testing.TB, tab context.Context) *page.FrameTree {
	t.Helper()
	tree, err := chromedp.Call(tab, page.GetFrameTree, cdp.Empty{})
	if err != nil {
		t.Fatalf("finding the page for axe: %v", err)
	}
	return tree.FrameTree
}

// newWorld makes a world of its own in a frame: the same document, other global names.
func newWorld(t testing.TB, tab context.Context, in *cdp.Frame) runtime.ExecutionContextID {
	t.Helper()
	world, err := chromedp.Call(tab, page.CreateIsolatedWorld, page.CreateIsolatedWorldParams{FrameID: in.ID, WorldName: "axe"})
	if err != nil {
		t.Fatalf("making a world for axe: %v", err)
	}
	return world.ExecutionContextID
}

func evaluate[T any](t testing.TB, tab context.Context, world runtime.ExecutionContextID, expression string) T {
	t.Helper()
	in := func(p *runtime.EvaluateParams) { p.ContextID = world }
	value, err := chromedp.Run(tab, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise, in))
	if err != nil {
		t.Fatalf("axe: %v", err)
	}
	return value
}
