package chrome

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/inspector"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// NewWindow opens a tab in a new window, as Tab does: the windows do not hide one another. It closes it at the end of the test.
func NewWindow(t testing.TB, ctx context.Context) context.Context {
	t.Helper()
	return Tab(t, ctx)
}

// Show brings the tab to the front of its window and waits until it is visible. The one that was there is hidden.
func Show(t testing.TB, tab context.Context) {
	t.Helper()
	if _, err := chromedp.Call(tab, page.BringToFront, cdp.Empty{}); err != nil {
		t.Fatalf("showing a tab: %v", err)
	}
	Until(t, tab, `document.visibilityState === "visible"`)
}

// Minimize hides the tab's window, and so the tab, and waits until the page knows.
func Minimize(t testing.TB, tab context.Context) {
	t.Helper()
	setWindow(t, tab, browser.WindowStateMinimized)
	Until(t, tab, `document.visibilityState === "hidden"`)
}

// Restore shows the tab of a minimized window again, or one that was frozen and thawed.
func Restore(t testing.TB, tab context.Context) {
	t.Helper()
	setWindow(t, tab, browser.WindowStateMinimized) // no news to a minimized one; one that was frozen is shown by the change alone
	setWindow(t, tab, browser.WindowStateNormal)
	Until(t, tab, `document.visibilityState === "visible"`)
}

func setWindow(t testing.TB, tab context.Context, state browser.WindowState) {
	t.Helper()
	params := browser.SetWindowBoundsParams{WindowID: window(t, tab), Bounds: &browser.Bounds{WindowState: state}}
	if _, err := chromedp.Call(tab, browser.SetWindowBounds, params); err != nil {
		t.Fatalf("making the window %s: %v", state, err)
	}
}

func window(t testing.TB, tab context.Context) browser.WindowID {
	t.Helper()
	found, err := chromedp.Call(tab, browser.GetWindowForTarget, browser.GetWindowForTargetParams{})
	if err != nil {
		t.Fatalf("finding the tab's window: %v", err)
	}
	return found.WindowID
}

// Freeze hides the tab's page and stops it as the browser stops one that was hidden for long: the page hears freeze, then neither it nor its
// workers run. Eval still works, but promises and timers do not go on.
func Freeze(t testing.TB, tab context.Context) {
	t.Helper()
	setLifecycle(t, tab, page.SetWebLifecycleStateStateFrozen)
}

// Thaw lets a frozen page go on: it hears resume, and is hidden until Restore.
func Thaw(t testing.TB, tab context.Context) {
	t.Helper()
	setLifecycle(t, tab, page.SetWebLifecycleStateStateActive)
}

func setLifecycle(t testing.TB, tab context.Context, state page.SetWebLifecycleStateState) {
	t.Helper()
	if _, err := chromedp.Call(tab, page.SetWebLifecycleState, page.SetWebLifecycleStateParams{State: state}); err != nil {
		t.Fatalf("making the page %s: %v", state, err)
	}
}

// Crash ends the process of the tab's page, as a fault in it would: the page hears nothing. Other tabs that the page opened are in the same
// process and go with it. Go loads a page into the tab again.
func Crash(t testing.TB, tab context.Context) {
	t.Helper()
	crashed := make(chan struct{})
	var once sync.Once
	ctx, cancel := context.WithTimeout(tab, 30*time.Second)
	defer cancel()
	err := chromedp.Listen(ctx, func(event any) {
		if _, ok := event.(*inspector.EventTargetCrashed); ok {
			once.Do(func() { close(crashed) })
		}
	})
	if err == nil {
		_, err = chromedp.Call(ctx, inspector.Enable, cdp.Empty{})
	}
	if err != nil {
		t.Fatalf("crashing a tab: %v", err)
	}
	asked := make(chan struct{})
	go func() {
		defer close(asked)
		_, _ = chromedp.Call(ctx, page.Crash, cdp.Empty{}) // nobody is left to answer
	}()
	select {
	case <-crashed:
	case <-ctx.Done():
		t.Fatal("the tab did not crash")
	}
	cancel()
	<-asked
}

// ThrottleAfter makes the browser treat the timers of hidden pages harshly, to once a minute, after so many whole seconds and not five
// minutes. It sets --enable-features, so no other option may.
func ThrottleAfter(grace time.Duration) Option {
	return Flag("enable-features", fmt.Sprintf("IntensiveWakeUpThrottling:grace_period_seconds/%d", int(grace.Seconds())))
}
