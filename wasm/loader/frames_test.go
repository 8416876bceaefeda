package loader_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/wasm/chrome"
)

// The tag of the script as pages name it, and as a web resource does from any folder.
const (
	tag      = `<script src="/.curfew/agent.js"></script>`
	resource = `<script src="../ClientGlobalContext.js.aspx"></script>`
)

// html is a page with a head and a body.
func html(head, body string) string {
	return `<!doctype html><html lang=en><meta charset=utf-8><title>Page</title>` + head + `<body>` + body + `</body></html>`
}

func frame(src string) string {
	return `<iframe src="` + src + `" style="border:0;width:95%;height:95%;position:absolute;left:0;top:20px"></iframe>`
}

// framed serves pages and opens the first one, in a tab that has signed in.
func framed(t *testing.T, browser context.Context, first string, pages map[string]string) (*site, context.Context) {
	t.Helper()
	s := newSite(t)
	tab, _ := open(t, s, browser)
	s.set(func(s *site) { s.interval, s.pages = 200, pages })
	chrome.Go(t, tab, s.URL+first)
	return s, tab
}

// deep is the window so many frames down.
func deep(depth int) string { return "window" + strings.Repeat(".frames[0]", depth) }

// agents is how many agents run in a window and its frames of this origin.
const agents = `(() => { const count = (view) => {
	let n = view.performance.getEntriesByType("resource").filter((e) => e.name.endsWith(".wasm")).length;
	for (let i = 0; i < view.length; i++) try { n += count(view[i]) } catch {}
	return n;
}; return count(window) })()`

func wantAgents(t testing.TB, tab context.Context, want int) {
	t.Helper()
	if got := chrome.Eval[int](t, tab, agents); got != want {
		t.Errorf("%d agents run, want %d", got, want)
	}
}

// wantCounts lets a person press a key in a window, and checks that the session's next heartbeat tells of it.
func wantCounts(t testing.TB, s *site, tab context.Context, window string) {
	t.Helper()
	chrome.Eval[any](t, tab, `void `+window+`.focus()`)
	wait(t, tab, "600") // so that what was done before is older
	began := time.Now()
	press(t, tab, "a")
	if got := nextIdle(t, s); got > time.Since(began).Milliseconds()+100 {
		t.Errorf("a key in %s counts as activity %d ms ago", window, got)
	}
}

// wantIgnored checks that a key in a window counts nowhere.
func wantIgnored(t testing.TB, s *site, tab context.Context, window string) {
	t.Helper()
	chrome.Eval[any](t, tab, `void `+window+`.focus()`)
	wait(t, tab, "600")
	began := time.Now()
	press(t, tab, "a")
	if got := nextIdle(t, s); got < time.Since(began).Milliseconds() {
		t.Errorf("a key in %s counts as activity %d ms ago", window, got)
	}
}

func armed(window string) string { return window + `.curfew?.state === "armed"` }

// A10, A14: however deep a frame is, what is done in it counts, and one agent runs: that of the highest page with the script,
// in whatever order the scripts run, and whoever is left out.
func TestA10_NestedFrames(t *testing.T) {
	t.Parallel()
	browser := chrome.New(t)
	late := `<script src="/late/ClientGlobalContext.js.aspx" async></script>`
	for name, c := range map[string]struct {
		heads  []string // of each page, from the top down
		agents int
	}{
		"three, all with the script":                 {[]string{tag, tag, tag}, 1},
		"three, by the name of web resources":        {[]string{resource, resource, resource}, 1},
		"three, the top's script is late":            {[]string{late, tag, tag}, 1},
		"three, the scripts run from the bottom up":  {[]string{late, strings.Replace(late, "async", "", 1), tag}, 1},
		"three, the one between without":             {[]string{tag, "", tag}, 1},
		"three, the top without":                     {[]string{"", tag, tag}, 1},
		"three, the top without, the next late":      {[]string{"", late, tag}, 1},
		"three, the lowest alone":                    {[]string{"", "", tag}, 1},
		"five, all with the script":                  {[]string{tag, tag, tag, tag, tag}, 1},
		"five, the top without, the others late":     {[]string{"", late, late, late, tag}, 1},
		"six, the middle without, the topmost later": {[]string{late, tag, "", "", tag, tag}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			pages := map[string]string{}
			for i, head := range c.heads {
				body := fmt.Sprintf("<h1>Page %d</h1>", i)
				if i+1 < len(c.heads) {
					body += frame(fmt.Sprintf("/%s/page", strings.Repeat("d/", i+1)))
				}
				// Each page at its own depth: d/page, d/d/page and so on; the web resource's name works from any of them.
				pages[fmt.Sprintf("/%s/page", strings.TrimSuffix(strings.Repeat("d/", i), "/"))] = html(head, body)
				pages[fmt.Sprintf("/%spage", strings.Repeat("d/", i))] = html(head, body)
				pages[fmt.Sprintf("/%s/page", strings.Repeat("d/", i))] = html(head, body)
			}
			s, tab := framed(t, browser, "/page", pages)
			for i, head := range c.heads {
				if head != "" {
					chrome.Until(t, tab, armed(deep(i)))
				}
			}
			wantCounts(t, s, tab, deep(len(c.heads)-1))
			for i, head := range c.heads {
				if head == "" {
					wantIgnored(t, s, tab, deep(i))
				}
			}
			wantAgents(t, tab, c.agents)
		})
	}
}

// top is a page with the script and one frame.
func top(inner string) map[string]string {
	return map[string]string{"/top": html(tag, "<h1>Top</h1>"+frame("/inner")), "/inner": inner, "/other": html(tag, "<h1>Other</h1>"), "/without": html("", "<h1>Without</h1>")}
}

const inner = `window.frames[0]`

// A10: a frame that is reloaded, that goes to another page and comes back, and that goes to a page without the script.
func TestA10_NavigatedFrame(t *testing.T) {
	t.Parallel()
	s, tab := framed(t, chrome.New(t), "/top", top(html(tag, "<h1>Inner</h1>")))
	go_ := func(path, ready string) {
		t.Helper()
		chrome.Eval[any](t, tab, `void `+inner+`.location.assign("`+path+`")`)
		chrome.Until(t, tab, inner+`.location.pathname === "`+path+`" && `+inner+`.document.readyState === "complete" && (`+ready+`)`)
	}
	chrome.Until(t, tab, armed("window")+` && `+armed(inner))
	wantCounts(t, s, tab, inner)

	chrome.Eval[any](t, tab, `void (`+inner+`.old = true, `+inner+`.location.reload())`)
	chrome.Until(t, tab, `!`+inner+`.old && `+armed(inner))
	wantCounts(t, s, tab, inner)

	go_("/other", armed(inner))
	wantCounts(t, s, tab, inner)

	go_("/without", `true`)
	wantIgnored(t, s, tab, inner)
	chrome.Eval[any](t, tab, `void (globalThis.heard = 0, `+inner+`.document.addEventListener("curfew:ending", () => heard++), curfew.signOut())`)
	chrome.Until(t, tab, `location.pathname === "/bye"`)
}

// A10: a page that the frame left hears nothing any more, and one without the script never does.
func TestA10_OnlyPagesWithTheScriptHear(t *testing.T) {
	t.Parallel()
	s, tab := framed(t, chrome.New(t), "/top", top(html(tag, "<h1>Inner</h1>")))
	chrome.Until(t, tab, armed("window")+` && `+armed(inner))
	const listen = `(view, name) => { const page = view.document; page.addEventListener("curfew:warning", () => (globalThis.heard ??= []).push(name)) }`
	chrome.Eval[any](t, tab, `void (`+listen+`)(`+inner+`, "left")`)
	chrome.Eval[any](t, tab, `void (`+inner+`.location.assign("/without"))`)
	chrome.Until(t, tab, inner+`.location.pathname === "/without" && `+inner+`.document.readyState === "complete"`)
	chrome.Eval[any](t, tab, `void (`+listen+`)(`+inner+`, "without")`)
	chrome.Eval[any](t, tab, `void ((`+listen+`)(window, "top"), document.body.insertAdjacentElement("beforeend", Object.assign(document.createElement("iframe"), { src: "/other" })))`)
	chrome.Until(t, tab, armed("frames[1]"))
	chrome.Eval[any](t, tab, `void (`+listen+`)(frames[1], "inserted")`)
	s.warnInactivity(60_000)
	chrome.Until(t, tab, `globalThis.heard?.length >= 2`)
	wait(t, tab, "300")
	if got := chrome.Eval[string](t, tab, `heard.join()`); got != "top,inserted" {
		t.Errorf("%s heard of the warning, want the page and its frame with the script", got)
	}
}

// A10: frames that have no address of their own, or none yet.
func TestA10_FramesWithoutAddress(t *testing.T) {
	t.Parallel()
	browser := chrome.New(t)
	for name, make := range map[string]string{
		// Trusted Types are not what this is about.
		"inserted later":   `frame.src = "/inner"; document.body.append(frame)`,
		"in a shadow tree": `const host = document.createElement("div"); document.body.append(host); frame.src = "/inner"; host.attachShadow({ mode: "closed" }).append(frame)`,
		"srcdoc":           `frame.srcdoc = page; document.body.append(frame)`,
		"written":          `document.body.append(frame); const to = frame.contentDocument; to.open(); to.write(page); to.close()`,
		"written twice":    `document.body.append(frame); const to = frame.contentDocument; for (let i = 0; i < 2; i++) { to.open(); to.write(page); to.close(); await new Promise((done) => setTimeout(done, 1000)) }`,
		"built":            `document.body.append(frame); const s = frame.contentDocument.createElement("script"); s.src = "/.curfew/agent.js"; frame.contentDocument.head.append(s)`,
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			tab, _ := open(t, s, browser)
			s.set(func(s *site) {
				s.interval, s.policy = 200, strings.Replace(s.policy, "; require-trusted-types-for 'script'", "", 1)
				s.pages = map[string]string{"/top": html(tag, "<h1>Top</h1>"), "/inner": html(tag, "<h1>Inner</h1>")}
			})
			chrome.Go(t, tab, s.URL+"/top")
			chrome.Until(t, tab, armed("window"))
			chrome.Eval[any](t, tab, `(async () => { const page = "<!doctype html><title>Frame</title><script src='/.curfew/agent.js'></scr" + "ipt><h1>Frame</h1>";
				const frame = globalThis.made = document.createElement("iframe"); `+make+` })()`)
			chrome.Until(t, tab, armed("made.contentWindow"))
			wantCounts(t, s, tab, "made.contentWindow")
			wantAgents(t, tab, 1)
		})
	}
}

// A10: a frame without an address of its own, in a page without the script, guards itself as any other does.
func TestA10_FrameWithoutAddressAlone(t *testing.T) {
	t.Parallel()
	browser := chrome.New(t)
	for name, make := range map[string]string{
		"srcdoc": `frame.srcdoc = "<!doctype html><title>Frame</title><script src='/.curfew/agent.js'></scr" + "ipt><h1>Frame</h1>"; document.body.append(frame)`,
		"built":  `document.body.append(frame); const s = frame.contentDocument.createElement("script"); s.src = "/.curfew/agent.js"; frame.contentDocument.head.append(s)`,
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			tab, _ := open(t, s, browser)
			s.set(func(s *site) {
				s.interval, s.policy = 200, strings.Replace(s.policy, "; require-trusted-types-for 'script'", "", 1)
				s.pages = map[string]string{"/top": html("", "<h1>Top</h1>")}
			})
			chrome.Go(t, tab, s.URL+"/top")
			chrome.Eval[any](t, tab, `void (() => { const frame = globalThis.made = document.createElement("iframe"); `+make+` })()`)
			chrome.Until(t, tab, armed("made.contentWindow"))
			wantCounts(t, s, tab, "made.contentWindow")
			s.set(func(s *site) { s.ended = wire.EndedByAdmin })
			chrome.Until(t, tab, `made.contentWindow.curfew.state === "ended"`)
		})
	}
}

// A10: two frames beside each other count alike, and so does what is left when one of them is removed.
func TestA10_SiblingAndRemovedFrames(t *testing.T) {
	t.Parallel()
	pages := top(html(tag, "<h1>Inner</h1>"))
	pages["/top"] = html(tag, `<iframe src="/inner"></iframe><iframe src="/other"></iframe>`)
	s, tab := framed(t, chrome.New(t), "/top", pages)
	chrome.Until(t, tab, armed("frames[0]")+` && `+armed("frames[1]"))
	wantCounts(t, s, tab, "frames[0]")
	wantCounts(t, s, tab, "frames[1]")
	chrome.Eval[any](t, tab, `void document.querySelector("iframe").remove()`)
	wantCounts(t, s, tab, "frames[0]")
	wantCounts(t, s, tab, "window")
	wantAgents(t, tab, 1)
	if state := chrome.Eval[string](t, tab, `curfew.state`); state != "armed" {
		t.Error("the page is", state)
	}
}

// A10: of a frame that was removed, reloaded or left nothing is kept.
func TestA10_FramesThatAreGoneAreForgotten(t *testing.T) {
	t.Parallel()
	browser := chrome.New(t, chrome.Flag("js-flags", "--expose-gc"))
	s, tab := framed(t, browser, "/top", map[string]string{"/top": html(tag, "<h1>Top</h1>"), "/inner": html(tag, "<h1>Inner</h1>")})
	chrome.Until(t, tab, armed("window"))
	chrome.Eval[any](t, tab, `(async () => {
		globalThis.documents = [];
		const pause = (millis) => new Promise((done) => setTimeout(done, millis));
		const armed = async (frame) => { while (frame.contentWindow.curfew?.state !== "armed") await pause(20) };
		for (let i = 0; i < 3; i++) {
			const frame = document.createElement("iframe");
			frame.src = "/inner";
			document.body.append(frame);
			await armed(frame);
			documents.push(new WeakRef(frame.contentDocument), new WeakRef(frame.contentWindow.curfew));
			frame.contentWindow.location.reload();
			await pause(300);
			await armed(frame);
			documents.push(new WeakRef(frame.contentDocument), new WeakRef(frame.contentWindow.curfew));
			frame.remove();
		}
	})()`)
	kept := 0
	for began := time.Now(); time.Since(began) < 10*time.Second; time.Sleep(100 * time.Millisecond) {
		if kept = chrome.Eval[int](t, tab, `(gc(), documents.filter((weak) => weak.deref()).length)`); kept == 0 {
			break
		}
	}
	if kept > 0 {
		t.Errorf("%d of 12 documents and scripts of frames that are gone are kept", kept)
	}
	wantCounts(t, s, tab, "window")
}

// A10: without the script in its parent a frame guards itself: it is covered, warns and ends by itself. Its parent is left alone.
func TestA10_FrameAloneGuardsItself(t *testing.T) {
	t.Parallel()
	pages := top(html(tag, "<h1>Inner</h1>"))
	pages["/top"] = html("", "<h1>Top</h1>"+frame("/inner"))
	s, tab := framed(t, chrome.New(t), "/top", pages)
	chrome.Until(t, tab, armed(inner))
	wantCounts(t, s, tab, inner)
	wantIgnored(t, s, tab, "window")
	s.set(func(s *site) { s.ended = wire.EndedByAdmin })
	chrome.Until(t, tab, inner+`.curfew.state === "ended"`)
	if !chrome.Eval[bool](t, tab, inner+`.document.querySelector("curfew-agent").shadowRoot.querySelector("[part=cover]").open`) {
		t.Error("the frame is not covered")
	}
	if chrome.Eval[bool](t, tab, `!!document.querySelector("curfew-agent") || "curfew" in globalThis`) {
		t.Error("something was done to a page that does not have the script")
	}
}

// A10, A14: a parent whose script comes when its frame guards itself already: both are guarded, as two tabs are, and act alike.
func TestA10_ParentComesLater(t *testing.T) {
	t.Parallel()
	pages := top(html(tag, "<h1>Inner</h1>"))
	pages["/top"] = html(`<script>const trusted = trustedTypes.createPolicy("test", { createScriptURL: (url) => url })</script>`, "<h1>Top</h1>"+frame("/inner"))
	s, tab := framed(t, chrome.New(t), "/bye", pages)
	s.set(func(s *site) {
		s.policy = strings.Replace(s.policy, "script-src 'self'", "script-src 'self' 'unsafe-inline'", 1)
	})
	chrome.Go(t, tab, s.URL+"/top")
	chrome.Until(t, tab, armed(inner))
	chrome.Eval[any](t, tab, `void document.head.append(Object.assign(document.createElement("script"), { src: trusted.createScriptURL("/.curfew/agent.js") }))`)
	chrome.Until(t, tab, armed("window"))
	wantCounts(t, s, tab, "window")
	wantCounts(t, s, tab, inner)
	s.set(func(s *site) { s.ended = wire.EndedByAdmin })
	chrome.Until(t, tab, `curfew.state === "ended" && `+inner+`.curfew.state === "ended"`)
}

// A14: the page warns and covers for its frames, and tells them; the frame's own curfew object follows and acts for the page.
func TestA14_TheTopPageActsForItsFrames(t *testing.T) {
	t.Parallel()
	s, tab := framed(t, chrome.New(t), "/top", map[string]string{"/top": html(tag, frame("/inner")), "/inner": html(tag, frame("/deepest")), "/deepest": html(tag, "<h1>Deepest</h1>")})
	chrome.Until(t, tab, armed(deep(2)))
	chrome.Eval[any](t, tab, `void ["warning", "extended", "ending", "ended"].forEach((type) => `+deep(2)+`.document.addEventListener("curfew:" + type, (event) => (globalThis.heard ??= []).push(type + " " + event.detail.reason + " " + (event.detail.left > 0))))`)
	s.warnInactivity(60_000)
	chrome.Until(t, tab, inRoot(`root.querySelector("dialog[part=dialog]")?.open`))
	if chrome.Eval[bool](t, tab, `!!(`+deep(1)+`.document.querySelector("curfew-agent") || `+deep(2)+`.document.querySelector("curfew-agent"))`) {
		t.Error("a frame shows a dialog of its own")
	}
	chrome.Until(t, tab, `globalThis.heard?.join() === "warning inactivity true"`)
	if chrome.Eval[bool](t, tab, deep(2)+`.curfew.stay()`) {
		t.Error("a script of a frame stays signed in without a person (D1)")
	}
	click(t, tab, `document.querySelector("curfew-agent").shadowRoot.querySelector("button")`)
	chrome.Until(t, tab, `globalThis.heard?.[1] === "extended inactivity false"`)

	chrome.Eval[any](t, tab, `void `+deep(2)+`.curfew.signOut()`)
	chrome.Until(t, tab, `location.pathname === "/bye"`)
}

// A14: what ends the session covers everything, and the frames know.
func TestA14_EndReachesFrames(t *testing.T) {
	t.Parallel()
	s, tab := framed(t, chrome.New(t), "/top", top(html(tag, "<h1>Inner</h1>")))
	chrome.Until(t, tab, armed(inner))
	chrome.Eval[any](t, tab, `void `+inner+`.document.addEventListener("curfew:ended", (event) => { globalThis.why = event.detail.reason })`)
	s.set(func(s *site) { s.ended = wire.EndedByAdmin })
	chrome.Until(t, tab, inner+`.curfew.state === "ended" && globalThis.why === "ended_by_admin"`)
	wantCovered(t, tab)
	if hit := chrome.Eval[string](t, tab, `document.elementFromPoint(600, 300).localName`); hit != "curfew-agent" {
		t.Errorf("in the middle of the frame is <%s>, want the cover", hit)
	}
}

// A15: unsaved work of a frame counts for the page until the frame is gone.
func TestA15_UnsavedWorkInFrames(t *testing.T) {
	t.Parallel()
	s, tab := framed(t, chrome.New(t), "/top", top(html(tag, "<h1>Inner</h1>")))
	chrome.Until(t, tab, armed(inner))
	chrome.Eval[any](t, tab, `void `+inner+`.curfew.markUnsaved(true)`)
	s.warnInactivity(100_000)
	const says = `/unsaved/i.test(root.querySelector("dialog[part=dialog]").textContent)`
	chrome.Until(t, tab, inRoot(`root.querySelector("dialog[part=dialog]")?.open && `+says))
	chrome.Eval[any](t, tab, `void document.querySelector("iframe").remove()`)
	chrome.Until(t, tab, inRoot(`!`+says))
}

// A13, A14: a page with a frame that comes back from the back/forward cache.
func TestA13_FrameInTheBackForwardCache(t *testing.T) {
	t.Parallel()
	s, tab := framed(t, chrome.New(t), "/top", top(html(tag, "<h1>Inner</h1>")))
	chrome.Until(t, tab, armed(inner))
	chrome.Eval[any](t, tab, `void (globalThis.same = true, addEventListener("pageshow", (e) => { globalThis.persisted = e.persisted }))`)
	chrome.Go(t, tab, s.URL+"/bye")
	chrome.Back(t, tab)
	chrome.Until(t, tab, `location.pathname === "/top" && `+armed("window"))
	if !chrome.Eval[bool](t, tab, `globalThis.same && globalThis.persisted`) {
		t.Fatal("the page was loaded anew, so this test says nothing")
	}
	chrome.Until(t, tab, pageIsSeen)
	chrome.Eval[any](t, tab, `void `+inner+`.document.addEventListener("curfew:warning", () => { globalThis.warned = true })`)
	s.warnInactivity(60_000)
	chrome.Until(t, tab, `globalThis.warned`)
	click(t, tab, `document.querySelector("curfew-agent").shadowRoot.querySelector("button")`)
	chrome.Until(t, tab, pageIsSeen)
	wantCounts(t, s, tab, inner)
}

// A10: the page takes frames below it and nothing else, whatever a script of the page asks for.
func TestA10_OnlyFramesAreTaken(t *testing.T) {
	t.Parallel()
	_, tab := framed(t, chrome.New(t), "/top", top(html("", "<h1>Inner</h1>")))
	chrome.Until(t, tab, armed("window"))
	got := chrome.Eval[string](t, tab, `(() => {
		const taken = (detail) => !document.dispatchEvent(new CustomEvent("curfew:frame", { detail, cancelable: true }));
		const gone = document.body.appendChild(document.createElement("iframe")), view = gone.contentWindow;
		gone.remove();
		const fake = Object.assign(new EventTarget(), { parent: window, document });
		return Object.entries({ itself: window, none: null, object: { parent: window }, fake, document, gone: view, frame: frames[0] })
			.filter(([, detail]) => taken(detail)).map(([name]) => name).join();
	})()`)
	if got != "frame" {
		t.Errorf("the page took %q, want only its frame", got)
	}
}
