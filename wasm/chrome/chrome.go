// Package chrome starts a real, headless Chromium for tests. Chromium runs with the flags that it needs as root and without a
// GPU, and with none that turn off its throttling, freezing or back/forward cache, because those are what the tests are about.
package chrome

import (
	"bytes"
	"context"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/curfew-project/curfew/wasm/needs"
)

// Option changes how the browser is started.
type Option func(*config)

type config struct {
	dir   string
	flags []chromedp.ExecAllocatorOption
}

// UserDataDir keeps the profile in dir, so that a second browser can find what the first one stored. The caller removes it.
// Without it the profile is fresh and removed at the end.
func UserDataDir(dir string) Option { return func(c *config) { c.dir = dir } }

// Flag adds a command-line flag without its dashes; the value is a string or a bool.
func Flag(name string, value any) Option {
	return func(c *config) { c.flags = append(c.flags, chromedp.Flag(name, value)) }
}

// Env adds variables, such as LD_PRELOAD=..., to the browser's environment.
func Env(vars ...string) Option {
	return func(c *config) { c.flags = append(c.flags, chromedp.Env(vars...)) }
}

// New starts a browser, closes it at the end of the test, and returns its context. That context has a first, empty tab of its
// own; Tab opens more.
func New(t testing.TB, options ...Option) context.Context {
	t.Helper()
	path := needs.Program(t, "install Debian's chromium", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
	var c config
	for _, option := range options {
		option(&c)
	}
	if c.dir == "" {
		c.dir = needs.Folder(t, "curfew-chrome-")
	}
	var output bytes.Buffer
	flags := []chromedp.ExecAllocatorOption{
		chromedp.ExecPath(path),
		chromedp.UserDataDir(c.dir),
		chromedp.Headless, chromedp.NoSandbox, chromedp.DisableGPU, chromedp.NoFirstRun, chromedp.NoDefaultBrowserCheck,
		chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-sync", true),
		chromedp.Flag("disable-dev-shm-usage", true),
		chromedp.Flag("disable-breakpad", true),
		chromedp.Flag("password-store", "basic"),
		chromedp.Flag("force-color-profile", "srgb"),
		chromedp.WindowSize(1280, 800),
		chromedp.CombinedOutput(&output),
	}
	allocator, stop := chromedp.NewExecAllocator(context.Background(), append(flags, c.flags...)...)
	t.Cleanup(stop)
	browser, closeBrowser := chromedp.NewContext(allocator, chromedp.WithErrorf(t.Logf))
	t.Cleanup(closeBrowser)
	if err := chromedp.Do(browser); err != nil {
		t.Fatalf("starting %s: %v\n%s", path, err, output.String())
	}
	return browser
}

// Tab opens a tab in the browser of ctx and closes it at the end of the test. Every action on it fails after five minutes, so
// that a page that hangs fails its own test.
func Tab(t testing.TB, ctx context.Context) context.Context {
	t.Helper()
	tab, closeTab := chromedp.NewContext(ctx)
	t.Cleanup(closeTab)
	if err := chromedp.Do(tab); err != nil {
		t.Fatalf("opening a tab: %v", err)
	}
	tab, cancel := context.WithTimeout(tab, 5*time.Minute)
	t.Cleanup(cancel)
	return tab
}
