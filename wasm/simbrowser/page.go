package simbrowser

import (
	"fmt"
	"html"
	"net/http"
	"net/url"
	"strings"

	"github.com/curfew-project/curfew/wasm/host"
)

// page is one document with its JavaScript world.
type page struct {
	tab    *Tab
	realm  *host.Realm
	began  int64 // monotonic, where performance.now() begins
	url    *url.URL
	title  string
	focus  *element
	loader *loader // nil on a page without the script
	elem   *host.Class

	lang      string
	unsaved   bool // the page's own code said so
	hung      bool // busy, so that nothing runs
	hangs     int
	left      bool                              // pagehide was fired
	cached    bool                              // in the back/forward cache
	evict     func()                            // takes it from there
	watch     func(kind string, persisted bool) // the page's own listener for events of its lifecycle, in tests
	toLocks   courier
	fromLocks courier
	sources   []*eventSource
	ways      map[*page]*courier // to the other pages, for what is posted on channels
}

// newPage makes the page that HTML describes. Of the markup only the title, the language and
// the loader's script tag mean anything here.
func newPage(t *Tab, markup string) *page {
	p := &page{tab: t, began: t.browser.clock.Mono, ways: map[*page]*courier{}}
	p.url, _ = url.Parse(t.address) // it was fetched, so it parses
	p.toLocks.browser, p.fromLocks.browser = t.browser, t.browser
	name := t.name
	p.realm = host.NewRealm(t.browser.loop, host.Config{
		Name: name, Random: host.SeededRandom(t.browser.seed()),
		Hooks: host.Hooks{
			Console:   func(level, text string) { t.console = append(t.console, level+": "+text) },
			Exception: func(thrown *host.Throw) { t.problem("%s: %s", t.address, thrown.Error()) },
			Rejection: func(r host.Rejection) { t.problem("%s: unhandled rejection: %s", t.address, host.Describe(r.Reason)) },
			Exit:      func(_ *host.Guest, err error) { p.exited(err) },
		},
	})
	p.title, _, _ = strings.Cut(after(markup, "<title>"), "</title>")
	p.title = html.UnescapeString(p.title)
	p.lang = language(markup)
	if script := findScript(markup); script != nil {
		p.fetchScript(script)
	}
	return p
}

// fetchScript gets the loader as the browser does, and runs the loader's Go twin in its place: see the package's comment.
func (p *page) fetchScript(script map[string]string) {
	address, err := p.url.Parse(script["src"])
	if err != nil {
		p.tab.problem("script address %q: %v", script["src"], err)
		return
	}
	r := request{method: http.MethodGet, url: address.String(), origin: originOf(address.String()), header: http.Header{}}
	r.header.Set("User-Agent", userAgent)
	r.header.Set("Accept", "*/*")
	r.header.Set("Sec-Fetch-Dest", "script")
	r.header.Set("Sec-Fetch-Mode", "no-cors")
	r.header.Set("Sec-Fetch-Site", relation(originOf(p.tab.address), r.origin))
	p.tab.browser.send(r, func(a *answer, err error) {
		p.realm.Post(func() error {
			if err != nil || a.status != http.StatusOK {
				// As in a browser, a page without its script is not watched; the verifier ends its session (D5).
				p.tab.console = append(p.tab.console, fmt.Sprintf("error: %s did not load", address))
				return nil
			}
			prefix := address.Path[:strings.LastIndexByte(address.Path, '/')+1]
			return p.start(prefix, script)
		})
	})
}

func (p *page) start(prefix string, script map[string]string) error {
	p.loader = newLoader(p)
	p.defineScope(p.loader.port(prefix, script))
	_, err := p.tab.browser.world.module.Start(p.tab.browser.world.ctx, p.realm, host.StartConfig{})
	if err != nil {
		p.tab.problem("starting the agent: %v", err)
	}
	return nil
}

func (p *page) exited(err error) {
	if p.realm.Killed() {
		return
	}
	p.tab.problem("%s: the agent ended: %v", p.tab.address, err)
	if exit, ok := err.(*host.ExitError); ok {
		p.tab.console = append(p.tab.console, "error: "+exit.Text)
	}
	if p.loader != nil {
		p.loader.fail("crash", fmt.Sprint(err))
	}
}

// findScript returns the attributes of the tag that loads agent.js, or nil.
func findScript(markup string) map[string]string {
	for rest := markup; ; {
		at := strings.Index(rest, "<script")
		if at < 0 {
			return nil
		}
		tag, more, ok := strings.Cut(rest[at+len("<script"):], ">")
		if !ok {
			return nil
		}
		if attributes := parseAttributes(tag); strings.HasSuffix(attributes["src"], "/agent.js") {
			return attributes
		}
		rest = more
	}
}

// parseAttributes reads name="value" pairs; a name alone has the empty value.
func parseAttributes(tag string) map[string]string {
	attributes := map[string]string{}
	for tag = strings.TrimSpace(tag); tag != ""; tag = strings.TrimSpace(tag) {
		end := strings.IndexAny(tag, "= \n\t")
		if end < 0 {
			attributes[tag] = ""
			break
		}
		name := tag[:end]
		tag = tag[end:]
		if !strings.HasPrefix(tag, `="`) {
			attributes[name] = ""
			continue
		}
		value, rest, _ := strings.Cut(tag[2:], `"`)
		attributes[name], tag = html.UnescapeString(value), rest
	}
	return attributes
}

// language is the attribute lang of the html tag. Pages without one are taken for English.
func language(markup string) string {
	if tag, _, ok := strings.Cut(after(markup, "<html"), ">"); ok {
		if lang, ok := parseAttributes(tag)["lang"]; ok {
			return lang
		}
	}
	return "en"
}

func after(text, mark string) string {
	_, rest, _ := strings.Cut(text, mark)
	return rest
}
