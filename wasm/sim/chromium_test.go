package sim

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"

	"github.com/curfew-project/curfew/wasm/chrome"
	"github.com/curfew-project/curfew/wasm/simbrowser"
)

// real plays a script in Chromium, in virtual time, with the verifier's clock moved in step.
type real struct {
	testing.TB
	tab   context.Context
	clock atomic.Int64 // the verifier's, in nanoseconds since the epoch; 0: as real time goes
	down  atomic.Bool
	x     float64

	mu       sync.Mutex
	requests []string // for whoever has to find out why a script failed
}

func (r *real) now() time.Time {
	if at := r.clock.Load(); at != 0 {
		return time.Unix(0, at)
	}
	return time.Now()
}

// behind guards the site's handler with the network that a script takes away.
func (r *real) behind(site http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, in *http.Request) {
		down := r.down.Load()
		r.mu.Lock()
		r.requests = append(r.requests, fmt.Sprintf("%s %s down=%t", r.now().Format("15:04:05.000"), in.URL.Path, down))
		r.mu.Unlock()
		if down {
			panic(http.ErrAbortHandler) // the connection breaks
		}
		site.ServeHTTP(w, in)
	})
}

// newReal signs in in Chromium, in real time, and then takes over its clock and the verifier's at once.
func newReal(t *testing.T, browser context.Context, s script) *real {
	t.Helper()
	r := &real{TB: t, x: 100}
	server := httptest.NewUnstartedServer(nil)
	origin := "http://" + strings.Replace(server.Listener.Addr().String(), "127.0.0.1", "localhost", 1)
	site := newSite(t, origin, s.settings, r.now, 1, nil)
	server.Config.Handler = r.behind(site.mux)
	server.Start()
	t.Cleanup(server.Close)

	r.tab = chrome.Tab(t, browser)
	chrome.WithoutStreams(t, r.tab)
	console := chrome.Listen(t, r.tab)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("console: %+v", console.Entries())
			r.mu.Lock()
			defer r.mu.Unlock()
			t.Logf("requests, and the script begins half a minute after the sign-in:\n%s", strings.Join(r.requests, "\n"))
		}
	})
	chrome.Go(t, r.tab, origin+"/patients?of=today")
	chrome.Until(t, r.tab, `document.title === "Records" && globalThis.curfew?.state === "armed"`)
	r.act() // the first move only says where the mouse is
	call(r, emulation.SetVirtualTimePolicy, emulation.SetVirtualTimePolicyParams{Policy: emulation.VirtualTimePolicyPause})
	// The page's time, because on a busy machine it stood still long before this line is reached.
	r.clock.Store(int64(chrome.Eval[float64](t, r.tab, `Date.now()`)) * int64(time.Millisecond))
	r.pass(sampled) // input stalls for 15 s in a page whose virtual time has never moved
	s.settle(t, site, r)
	return r
}

func (r *real) pass(d time.Duration) {
	r.Helper()
	r.clock.Add(int64(d))
	budget := float64(d.Milliseconds())
	_, err := chromedp.Run(r.tab, chromedp.WaitEvent(emulation.VirtualTimeBudgetExpired, nil,
		chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
			_, err := chromedp.Call(ctx, emulation.SetVirtualTimePolicy, emulation.SetVirtualTimePolicyParams{
				Policy: emulation.VirtualTimePolicyPauseIfNetworkFetchesPending, Budget: &budget,
			})
			return err
		})))
	if err != nil {
		r.Fatalf("passing %s: %v", d, err)
	}
}

func call[P, R any](r *real, command cdp.Command[P, R], params P) {
	r.Helper()
	if _, err := chromedp.Call(r.tab, command, params); err != nil {
		r.Fatalf("%s: %v", command.Method, err)
	}
}

func (r *real) mouse(kind input.DispatchMouseEventType, x, y float64) {
	r.Helper()
	params := input.DispatchMouseEventParams{Type: kind, X: x, Y: y}
	if kind != input.DispatchMouseEventTypeMouseMoved {
		params.Button, params.ClickCount = input.MouseButtonLeft, 1
	}
	call(r, input.DispatchMouseEvent, params)
}

func (r *real) act() {
	r.Helper()
	r.x++
	r.mouse(input.DispatchMouseEventTypeMouseMoved, r.x, 300)
}

func (r *real) press(key string) {
	r.Helper()
	for _, kind := range []input.DispatchKeyEventType{input.DispatchKeyEventTypeKeyDown, input.DispatchKeyEventTypeKeyUp} {
		call(r, input.DispatchKeyEvent, input.DispatchKeyEventParams{Type: kind, Key: key, Code: key, WindowsVirtualKeyCode: keyCodes[key]})
	}
}

var keyCodes = map[string]int64{"Escape": 27, "Enter": 13}

// find is the button with a label among those that lie above the page.
const find = `[...document.querySelector("curfew-agent").shadowRoot.querySelectorAll("dialog[open] button")]
	.find((button) => !button.hidden && button.textContent === %q)`

func (r *real) click(label string) {
	r.Helper()
	at := chrome.Eval[[]float64](r, r.tab, fmt.Sprintf(`(() => { const box = (%s).getBoundingClientRect();
		return [box.x + box.width / 2, box.y + box.height / 2]; })()`, fmt.Sprintf(find, label)))
	r.mouse(input.DispatchMouseEventTypeMouseMoved, at[0], at[1])
	r.mouse(input.DispatchMouseEventTypeMousePressed, at[0], at[1])
	r.mouse(input.DispatchMouseEventTypeMouseReleased, at[0], at[1])
}

func (r *real) fakeClick(label string) {
	r.Helper()
	chrome.Eval[bool](r, r.tab, fmt.Sprintf(`(%s).click(), true`, fmt.Sprintf(find, label)))
}

func (r *real) fake() {
	r.Helper()
	chrome.Eval[bool](r, r.tab, `(() => {
		const on = document.querySelector("curfew-agent")?.shadowRoot.querySelector("dialog[open]") ?? document.body;
		for (const kind of ["pointerdown", "pointermove", "wheel", "touchstart", "touchmove", "scroll"]) {
			on.dispatchEvent(new PointerEvent(kind, { bubbles: true, composed: true, screenX: 7, screenY: 7 }));
		}
		for (const key of ["a", "Escape"]) {
			on.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, composed: true, cancelable: true }));
		}
		scrollTo(0, 1);
		return true;
	})()`)
}

func (r *real) online(online bool) { r.down.Store(!online) }

// screen is what simbrowser's Screen says, read from the page: the last opened dialog lies on top.
func (r *real) screen() string {
	r.Helper()
	return chrome.Eval[string](r, r.tab, `(() => {
		const top = [...document.querySelector("curfew-agent")?.shadowRoot.querySelectorAll("dialog[open]") ?? []].at(-1);
		if (!top) return "page";
		return top.dataset.kind ? "warning: " + top.dataset.kind : "cover: " + top.querySelector("h1").textContent;
	})()`)
}

// D3, D6: every script shows the same at the same times, give or take a second, in the simulated browser and in Chromium, and both
// show what the script expects.
func TestScripts(t *testing.T) {
	paths, err := filepath.Glob("testdata/*.script")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no scripts (%v)", err)
	}
	browser := chrome.New(t)
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".script"), func(t *testing.T) {
			s := readScript(t, path)
			began := time.Now()
			scene := newSceneOf(t, only(), s.settings)
			model := simulated{scene.signIn("laptop", 0, simbrowser.Network{MaxLatency: 5 * time.Millisecond})}
			s.settle(t, scene.site, model)
			one := s.play(t, model)
			between := time.Now()
			other := s.play(t, newReal(t, browser, s))
			t.Logf("%s in %s simulated and %s in Chromium: %v", s.end, between.Sub(began).Round(time.Millisecond), time.Since(between).Round(time.Millisecond), one)
			agree(t, one, other)
		})
	}
}
