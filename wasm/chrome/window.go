package chrome

import (
	"context"
	"testing"
	"time"

	"github.com/chromedp/cdproto/target"
	"github.com/chromedp/chromedp"

	"github.com/curfew-project/curfew/wasm/needs"
)

// Opened does something that has a page open a tab or a window, and returns that one.
func Opened(t testing.TB, tab context.Context, do func()) context.Context {
	t.Helper()
	opened := chromedp.WaitNewTarget(tab, func(info *target.Info) bool { return info.Type == "page" })
	do()
	select {
	case id := <-opened:
		window, leave := chromedp.NewContext(tab, chromedp.WithTargetID(id))
		t.Cleanup(leave)
		if err := chromedp.Do(window); err != nil {
			t.Fatalf("attaching to the window: %v", err)
		}
		return window
	case <-time.After(needs.Patience):
		t.Fatal("no window was opened")
		return nil
	}
}

// Pages are the browser's tabs and windows.
func Pages(t testing.TB, ctx context.Context) (ids []target.ID) {
	t.Helper()
	all, err := chromedp.Targets(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for _, one := range all {
		if one.Type == "page" {
			ids = append(ids, one.TargetID)
		}
	}
	return ids
}
