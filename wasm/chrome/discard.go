package chrome

import (
	"context"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/chromedp/cdproto/target"
	"github.com/chromedp/chromedp"
)

// Discarded is a tab whose page the browser has thrown away to save memory: it still stands in its window, and loads the page again when
// somebody looks at it.
type Discarded struct {
	tab   context.Context
	page  context.Context // the browser's own, which knows the tab by its title
	id    target.ID
	title string
}

// Discard throws the tab's page away, as the browser does when memory is short; the page hears nothing and its process ends. The tab's
// context is of no use afterwards. It changes the tab's title,
// to tell it from others with the same address.
func Discard(t testing.TB, tab context.Context) *Discarded {
	t.Helper()
	id := chromedp.FromContext(tab).Target.TargetID
	page := discards(t, tab)
	before := targets(t, tab)
	mark := "discard " + string(id)
	found := false
	for began := time.Now(); !found && time.Since(began) < 10*time.Second; {
		Eval[any](t, tab, `void (document.title = `+strconv.Quote(mark)+`)`)
		found = Eval[bool](t, page, `(async () => {
			const provider = await globalThis.provider;
			const tab = (await provider.getTabDiscardsInfo()).infos.find((tab) => tab.title === `+strconv.Quote(mark)+`);
			return !!tab && (await provider.discardById(tab.id, 0), true);
		})()`)
	}
	if !found {
		t.Fatalf("the browser has no tab %s to discard", id)
	}
	for began := time.Now(); time.Since(began) < 10*time.Second; time.Sleep(10 * time.Millisecond) {
		now := targets(t, tab)
		if slices.Contains(now, id) {
			continue
		}
		for _, stands := range now {
			if !slices.Contains(before, stands) {
				return &Discarded{tab, page, stands, mark}
			}
		}
	}
	t.Fatal("the browser did not discard the tab")
	return nil
}

// Open looks at the tab, and returns the context of the page that the browser loads into it again.
func (d *Discarded) Open(t testing.TB) context.Context {
	t.Helper()
	Eval[any](t, d.page, `(async () => {
		const provider = await globalThis.provider;
		const tab = (await provider.getTabDiscardsInfo()).infos.find((tab) => tab.title === `+strconv.Quote(d.title)+`);
		void provider.loadById(tab.id);
	})()`)
	tab, detach := chromedp.NewContext(d.tab, chromedp.WithTargetID(d.id))
	t.Cleanup(detach)
	if err := chromedp.Do(tab); err != nil {
		t.Fatalf("looking at a discarded tab: %v", err)
	}
	Until(t, tab, `document.wasDiscarded && document.readyState === "complete"`)
	return tab
}

// discards opens the browser's page of tabs and takes hold of what its buttons use. That page is for developers and has to be allowed.
func discards(t testing.TB, ctx context.Context) context.Context {
	t.Helper()
	tab, cancel := chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	const address = "chrome://discards/"
	Go(t, tab, address)
	if Eval[bool](t, tab, `!!document.querySelector('a[href*="internal-debug-pages"]')`) {
		Go(t, tab, "chrome://chrome-urls/")
		const button = `document.querySelector("chrome-urls-app")?.shadowRoot.querySelector("cr-button")`
		Until(t, tab, button)
		Eval[any](t, tab, `void `+button+`.click()`)
		Go(t, tab, address)
	}
	Eval[any](t, tab, `void (globalThis.provider = import("`+address+`discards.mojom-webui.js").then((page) => page.DetailsProvider.getRemote()))`)
	return tab
}

// targets are the browser's pages.
func targets(t testing.TB, ctx context.Context) []target.ID {
	t.Helper()
	all, err := chromedp.Targets(ctx)
	if err != nil {
		t.Fatalf("listing the browser's pages: %v", err)
	}
	var ids []target.ID
	for _, one := range all {
		if one.Type == "page" {
			ids = append(ids, one.TargetID)
		}
	}
	return ids
}
