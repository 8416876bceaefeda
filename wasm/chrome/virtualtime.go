package chrome

import (
	"context"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// step is how much virtual time passes at once. Whoever moves another clock in step with the page's is never further apart.
const step = 250 * time.Millisecond

// patience is how long one step of virtual time may take.
const patience = time.Minute

// WithoutStreams takes server-sent events from every page that the tab opens from now on. Virtual time waits for a page's requests,
// and a stream is one that never ends: with one open, no Pass would return.
func WithoutStreams(t testing.TB, tab context.Context) {
	t.Helper()
	BeforeLoad(t, tab, `delete globalThis.EventSource`)
}

// StopTime makes the tab's clocks and timers stand still until Pass. From then on the tab lives in virtual time. Its pages must
// have no event streams; see WithoutStreams.
func StopTime(t testing.TB, tab context.Context) {
	t.Helper()
	params := emulation.SetVirtualTimePolicyParams{Policy: emulation.VirtualTimePolicyPause}
	if _, err := chromedp.Call(tab, emulation.SetVirtualTimePolicy, params); err != nil {
		t.Fatalf("stopping the tab's time: %v", err)
	}
}

// Pass lets virtual time pass in the tab, waiting for the page's requests, and calls advance before each small step so that a
// server's clock can go along.
func Pass(t testing.TB, tab context.Context, length time.Duration, advance func(time.Duration)) {
	t.Helper()
	for left := length; left > 0; left -= step {
		now := min(left, step)
		advance(now)
		params := emulation.SetVirtualTimePolicyParams{
			Policy: emulation.VirtualTimePolicyPauseIfNetworkFetchesPending,
			Budget: new(float64(now.Milliseconds())),
		}
		ctx, cancel := context.WithTimeout(tab, patience)
		_, err := chromedp.Run(ctx, chromedp.WaitEvent(emulation.VirtualTimeBudgetExpired, nil, chromedp.Func(
			func(ctx context.Context, _ *chromedp.Target) error {
				_, err := chromedp.Call(ctx, emulation.SetVirtualTimePolicy, params)
				return err
			})))
		cancel()
		if err != nil {
			t.Fatalf("letting %s pass in the tab: %v (if it took too long: is a request open that never ends? See WithoutStreams)", now, err)
		}
	}
}
