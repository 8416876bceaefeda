package chrome

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// listening is how often the accessibility tree is looked at. What comes and goes faster is not heard, nor by people.
const listening = 50 * time.Millisecond

// Announcements collects what a screen reader would speak of itself, in Chromium's accessibility tree of the tab's top frame, and so in shadow
// trees, open or closed:
//   - a live region whose text is added or written anew, even when it reads the same: the whole region when it is atomic, as
//     role status and alert are, and otherwise what is new in it;
//   - an alert when it appears with its text (another live region must be there before its text comes);
//   - a dialog or alertdialog when it appears: its role, name and description, as "alertdialog: Name: Description".
//
// Texts of several elements are joined with one space. aria-busy is not heeded, and moves of the focus are not spoken. It is safe for concurrent use.
type Announcements struct {
	tab context.Context

	documents atomic.Int64 // how many the tab has gone to

	mu       sync.Mutex
	heard    []string
	document int64 // the one that regions and dialogs are of
	regions  map[accessibility.NodeID]region
	dialogs  map[accessibility.NodeID]bool
}

// errNavigated says that nobody knows which document a tree is of.
var errNavigated = errors.New("the tab went to another page meanwhile")

// region is a live region as it was at the last look. A modal dialog takes all others out of the tree; when it closes they come back, and
// nobody hears of it.
type region struct {
	leaves  []leaf
	covered bool
}

// leaf is a piece of text in a live region.
type leaf struct {
	id   accessibility.NodeID
	text string
}

// HearAnnouncements starts to collect; what is in the page already is not announced. It goes on when the tab navigates.
func HearAnnouncements(t testing.TB, tab context.Context) *Announcements {
	t.Helper()
	ctx, stop := context.WithCancel(tab)
	a := &Announcements{tab: ctx}
	if err := chromedp.Listen(ctx, a.take); err != nil {
		t.Fatalf("listening for announcements: %v", err)
	}
	if _, err := chromedp.Call(ctx, accessibility.Enable, cdp.Empty{}); err != nil {
		t.Fatalf("listening for announcements: %v", err)
	}
	if err := a.look(); err != nil && !errors.Is(err, errNavigated) {
		t.Fatalf("listening for announcements: %v", err)
	}
	a.heard = nil
	var done sync.WaitGroup
	done.Go(func() {
		for ctx.Err() == nil {
			_ = a.look() // a page that is going away cannot be looked at; the next one can
			select {
			case <-ctx.Done():
			case <-time.After(listening):
			}
		}
	})
	t.Cleanup(func() { stop(); done.Wait() })
	return a
}

// All is what was announced so far, in order. It looks once more before it answers, so that nothing that has just changed is left out; a test in
// virtual time calls it after each step whose announcements it wants to tell apart.
func (a *Announcements) All() []string {
	for range 3 {
		if a.look() == nil {
			break
		}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.heard)
}

func (a *Announcements) take(event any) {
	if navigated, ok := event.(*page.EventFrameNavigated); ok && navigated.Frame.ParentID == "" {
		a.documents.Add(1)
	}
}

// look compares the accessibility tree with what it was at the last look.
func (a *Announcements) look() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	document := a.documents.Load()
	tree, err := chromedp.Call(a.tab, accessibility.GetFullAXTree, accessibility.GetFullAXTreeParams{})
	if err != nil {
		return err
	}
	if a.documents.Load() != document {
		return errNavigated
	}
	if a.document != document { // the nodes are other ones, even where they have the same number
		a.document, a.regions, a.dialogs = document, nil, nil
	}
	w := walk{nodes: map[accessibility.NodeID]*accessibility.Node{}, before: a, regions: map[accessibility.NodeID]region{}, dialogs: map[accessibility.NodeID]bool{}}
	for _, node := range tree.Nodes {
		w.nodes[node.NodeID] = node
	}
	for _, node := range tree.Nodes {
		if node.ParentID == "" {
			w.visit(node)
		}
	}
	for id, before := range a.regions {
		if _, seen := w.regions[id]; w.modal && !seen {
			w.regions[id] = region{before.leaves, true}
		}
	}
	a.regions, a.dialogs = w.regions, w.dialogs
	a.heard = append(a.heard, w.said...)
	return nil
}

type walk struct {
	nodes   map[accessibility.NodeID]*accessibility.Node
	before  *Announcements
	regions map[accessibility.NodeID]region
	dialogs map[accessibility.NodeID]bool
	modal   bool // a modal dialog is open
	said    []string
}

func (w *walk) visit(node *accessibility.Node) {
	role := text(node.Role)
	switch {
	case node.Ignored:
	case role == "dialog" || role == "alertdialog":
		w.dialogs[node.NodeID] = true
		w.modal = w.modal || property(node, "modal") == "true"
		if !w.before.dialogs[node.NodeID] {
			parts := slices.DeleteFunc([]string{role, text(node.Name), text(node.Description)}, func(s string) bool { return s == "" })
			w.said = append(w.said, strings.Join(parts, ": "))
		}
	case w.rootsRegion(node):
		w.region(node, role)
	}
	for _, id := range node.ChildIDs {
		if child := w.nodes[id]; child != nil {
			w.visit(child)
		}
	}
}

// rootsRegion tells a live region from what is in one: all of it carries the property.
func (w *walk) rootsRegion(node *accessibility.Node) bool {
	live := property(node, "live")
	if live != "polite" && live != "assertive" {
		return false
	}
	for up := w.nodes[node.ParentID]; up != nil; up = w.nodes[up.ParentID] {
		if !up.Ignored {
			above := property(up, "live")
			return above != "polite" && above != "assertive"
		}
	}
	return true
}

func (w *walk) region(node *accessibility.Node, role string) {
	before, known := w.before.regions[node.NodeID]
	leaves := w.leaves(node, nil)
	w.regions[node.NodeID] = region{leaves: leaves}
	if !known && role != "alert" || before.covered {
		return
	}
	var all, added []string
	for _, l := range leaves {
		all = append(all, l.text)
		if !slices.Contains(before.leaves, l) {
			added = append(added, l.text)
		}
	}
	if len(added) == 0 {
		return
	}
	if property(node, "atomic") == "true" {
		added = all
	}
	w.said = append(w.said, strings.Join(added, " "))
}

// leaves are the texts below a node that are not blank, in order.
func (w *walk) leaves(node *accessibility.Node, found []leaf) []leaf {
	for _, id := range node.ChildIDs {
		child := w.nodes[id]
		switch {
		case child == nil || !child.Ignored && property(child, "live") == "off":
		case !child.Ignored && (text(child.Role) == "StaticText" || len(child.ChildIDs) == 0):
			// Space at the edges comes and goes with what stands beside it.
			if name := strings.Join(strings.Fields(text(child.Name)), " "); name != "" {
				found = append(found, leaf{id, name})
			}
		default:
			found = w.leaves(child, found)
		}
	}
	return found
}

func property(node *accessibility.Node, name accessibility.PropertyName) string {
	for _, p := range node.Properties {
		if p.Name == name {
			return text(p.Value)
		}
	}
	return ""
}

// text is a value of the tree: a string without its quotes, or any other as it stands.
func text(value *accessibility.Value) string {
	if value == nil {
		return ""
	}
	var word string
	if json.Unmarshal(value.Value, &word) != nil {
		word = string(value.Value)
	}
	return word
}
