package simbrowser

import (
	"context"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/curfew-project/curfew/wasm/host"
)

var start = time.Date(2027, time.March, 1, 8, 0, 0, 0, time.UTC)

const site = "https://records.example"

// newTab opens a page without an agent, so that these tests need none, and gives it the agent's global object all the same.
func newTab(t *testing.T, b *Browser) *page {
	t.Helper()
	b.world.Serve(site, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/set":
			w.Header().Add("Set-Cookie", "__Host-s=1; Path=/; Secure; HttpOnly; SameSite=Lax")
			w.Header().Add("Set-Cookie", "seen=2; Path=/; Max-Age=60")
			w.Header().Add("Set-Cookie", "__Host-bad=3; Path=/")
			w.Header().Add("Set-Cookie", "wide=4; Path=/; Domain=example")
		case "/away":
			http.Redirect(w, r, "/set", http.StatusSeeOther)
			return
		}
		_, _ = w.Write([]byte(`<!doctype html><title>A &amp; B</title><script src="/other.js"></script>`))
	}))
	tab := b.Open(site + "/set")
	pass(t, b.world, time.Second)
	if tab.Title() != "A & B" || tab.Screen() != "page" {
		t.Fatalf("the tab shows %q, %q", tab.Title(), tab.Screen())
	}
	tab.page.defineScope(tab.page.realm.NewObject())
	return tab.page
}

func newWorld(seed uint64) *World { return NewWorld(context.Background(), nil, seed, start) }

func pass(t *testing.T, w *World, d time.Duration) {
	t.Helper()
	if err := w.Pass(d); err != nil {
		t.Fatal(err)
	}
}

func TestCookies(t *testing.T) {
	w := newWorld(1)
	b := w.NewBrowser("one", 0)
	newTab(t, b)
	if got := b.Cookies(site); got != "__Host-s=1; seen=2" {
		t.Errorf("cookies %q", got)
	}
	if got := b.ScriptCookies(site); got != "seen=2" {
		t.Errorf("scripts see %q", got)
	}
	if got := b.Cookies("https://other.example"); got != "" {
		t.Errorf("another origin gets %q", got)
	}
	pass(t, w, time.Minute)
	if got := b.Cookies(site); got != "__Host-s=1" {
		t.Errorf("a minute later: %q", got)
	}
	if got := w.NewBrowser("two", 0).Cookies(site); got != "" {
		t.Errorf("another profile has %q", got)
	}
}

func TestClocks(t *testing.T) {
	w := newWorld(1)
	a, b := w.NewBrowser("a", time.Hour), w.NewBrowser("b", -time.Hour)
	monoA, monoB := a.clock.Mono, b.clock.Mono
	pass(t, w, time.Minute)
	if err := w.Sleep(a, 10*time.Minute); err != nil {
		t.Fatal(err)
	}
	b.SetClock(5 * time.Minute)
	if got := w.Now().Sub(start); got != 11*time.Minute {
		t.Errorf("the world is %s further", got)
	}
	if got := a.Now().Sub(start); got != time.Hour+11*time.Minute {
		t.Errorf("the wall clock of a shows %s", got)
	}
	if got := b.Now().Sub(start); got != -time.Hour+16*time.Minute {
		t.Errorf("the wall clock of b shows %s", got)
	}
	if a.clock.Mono-monoA != int64(time.Minute) || b.clock.Mono-monoB != int64(11*time.Minute) {
		t.Errorf("the monotonic clocks are %d and %d further", a.clock.Mono-monoA, b.clock.Mono-monoB)
	}
}

// The agent's global object has what the loader's scope has, and nothing else: this list is that of wasm/loader/run.js.
func TestScope(t *testing.T) {
	w := newWorld(1)
	g := newTab(t, w.NewBrowser("one", 0)).realm.Global()
	for _, name := range []string{
		"fs", "process", "path", "curfew", "Object", "Array", "Uint8Array", "Date", "URL", "console", "AbortController",
		"encodeURIComponent", "document", "location", "performance", "crypto", "fetch", "indexedDB", "JSON", "Promise", "BroadcastChannel",
		"localStorage", "navigator",
	} {
		if !g.Has(name) {
			t.Errorf("%s is missing", name)
		}
	}
	for _, name := range append([]string{"window", "self", "Intl", "Notification", "EventSource"}, unoffered[:]...) {
		if g.Has(name) {
			t.Errorf("%s is there", name)
		}
	}
}

func TestFetchRefuses(t *testing.T) {
	w := newWorld(1)
	p := newTab(t, w.NewBrowser("one", 0))
	good := func() *host.Object {
		return p.realm.NewObject().Define("method", host.String("POST")).Define("mode", host.String("same-origin")).
			Define("credentials", host.String("same-origin")).Define("redirect", host.String("error"))
	}
	for name, c := range map[string]struct {
		url     string
		options *host.Object
		ok      bool
	}{
		"a good one":         {"/set", good(), true},
		"a redirect":         {"/away", good(), false},
		"another origin":     {"https://other.example/", good(), false},
		"an unknown option":  {"/set", good().Define("keepalive", host.Bool(true)), false},
		"another mode":       {"/set", good().Define("mode", host.String("cors")), false},
		"following silently": {"/set", good().Define("redirect", host.String("follow")), false},
	} {
		ok := false
		err := p.realm.Run(context.Background(), func() error {
			v, err := p.realm.Global().CallMethod("fetch", host.String(c.url), c.options)
			p.realm.Then(v, func(host.Value) error { ok = true; return nil }, func(host.Value) error { return nil })
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		pass(t, w, time.Second)
		if ok != c.ok {
			t.Errorf("%s: fulfilled is %v", name, ok)
		}
	}
	headers := w.Trace()[len(w.Trace())-1].Header
	if headers.Get("Sec-Fetch-Site") != "same-origin" || headers.Get("Origin") != site || headers.Get("Cookie") == "" {
		t.Errorf("the last request has the headers %v", headers)
	}
}

// A key survives in the profile's database, can sign there, and never gives its bytes away.
func TestKeysInTheDatabase(t *testing.T) {
	w := newWorld(7)
	b := w.NewBrowser("one", 0)
	p := newTab(t, b)
	key, err := b.newKey()
	if err != nil {
		t.Fatal(err)
	}
	private := keyObject(p.realm, &cryptoKey{private: key, public: &key.PublicKey, usages: []string{"sign"}})
	stored, err := host.Clone(b.vault, p.realm.NewObject().Define("private", private))
	if err != nil {
		t.Fatal(err)
	}
	back, err := host.Clone(newTab(t, b).realm, stored)
	if err != nil {
		t.Fatal(err)
	}
	v, err := back.(*host.Object).Get("private")
	if err != nil {
		t.Fatal(err)
	}
	found, ok := host.DataOf[*cryptoKey](v)
	if !ok || found.private != key || found.extractable {
		t.Fatalf("what comes back is %+v", found)
	}
	if names := v.(*host.Object).Keys(); !slices.Equal(names, []string{"type", "extractable"}) {
		t.Errorf("a script sees %q of a key", names)
	}
	one, _ := Sign(key, []byte("text"))
	two, _ := Sign(key, []byte("text"))
	if len(one) != 64 || !slices.Equal(one, two) {
		t.Error("two signatures of one text differ")
	}
	first, _ := newWorld(7).NewBrowser("one", 0).newKey()
	same, _ := newWorld(7).NewBrowser("one", 0).newKey()
	other, _ := newWorld(8).NewBrowser("one", 0).newKey()
	if first == nil || !first.Equal(same) || first.Equal(other) {
		t.Error("keys do not follow from the seed")
	}
}

func TestScriptTag(t *testing.T) {
	got := findScript(`<script src="/a.js"></script><SCRIPT></SCRIPT>
<script src="/.curfew/agent.js" async data-mode="resume" data-return-to="/a?b=c&amp;d"></script>`)
	if got["data-mode"] != "resume" || got["data-return-to"] != "/a?b=c&d" || got["src"] != "/.curfew/agent.js" {
		t.Errorf("attributes %q", got)
	}
	if findScript(`<p>agent.js</p><script src="/x.js">`) != nil {
		t.Error("found a script that is none")
	}
	if got := encodeURIComponent("/ä?b=c d&e#f"); got != "%2F%C3%A4%3Fb%3Dc%20d%26e%23f" {
		t.Errorf("encoded %s", got)
	}
}
