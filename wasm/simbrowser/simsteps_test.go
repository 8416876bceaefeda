package simbrowser

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/curfew-project/curfew/wasm/host"
)

// simulated plays steps in the simulated browser.
type simulated struct {
	testing.TB
	browser *Browser
	tabs    map[string]*Tab
	pages   map[*page]*stepper
	names   []string
	mute    map[string]bool
	streams *streamer
}

// stepper is the Go twin of stepsPage.
type stepper struct {
	page     *page
	said     []string
	locks    map[string]*host.Deferred
	controls map[string]*host.Object
	channels map[string]*host.Object
	sources  map[string]*host.Object
}

func newSimulated(t testing.TB, seed uint64) *simulated {
	w := newWorld(seed)
	streams := newStreamer()
	w.Serve(site, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/events" {
			streams.ServeHTTP(w, r)
			return
		}
		_, _ = w.Write([]byte(`<!doctype html><html lang="da"><title>Steps</title>`))
	}))
	return &simulated{TB: t, browser: w.NewBrowser("one", 0), tabs: map[string]*Tab{}, pages: map[*page]*stepper{}, mute: map[string]bool{}, streams: streams}
}

func (s *simulated) pass(d time.Duration) {
	s.Helper()
	if err := s.browser.world.Pass(d); err != nil {
		s.Fatal(err)
	}
}

// begin gives a page, which has no agent, the agent's global object and its own code.
func (s *simulated) begin(p *page) {
	st := &stepper{page: p, locks: map[string]*host.Deferred{}, controls: map[string]*host.Object{}, channels: map[string]*host.Object{}, sources: map[string]*host.Object{}}
	s.pages[p] = st
	p.defineScope(p.realm.NewObject())
	p.watch = func(kind string, persisted bool) {
		if kind == "focus" {
			return // a headless browser has its own mind about that
		}
		mark := " "
		if persisted {
			mark = " persisted "
		}
		st.say(kind + mark + st.visibility())
	}
}

func duration(t testing.TB, text string) time.Duration {
	t.Helper()
	d, err := time.ParseDuration(text)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func (st *stepper) say(text string) { st.said = append(st.said, text) }

func (st *stepper) visibility() string {
	return st.text("document", "visibilityState")
}

func (st *stepper) text(path ...string) string {
	var v host.Value = st.page.realm.Global()
	for _, name := range path {
		v, _ = v.(*host.Object).Get(name)
	}
	text, _ := host.ToString(v)
	return text
}

func textOf(o *host.Object, name string) string {
	v, _ := o.Get(name)
	text, _ := host.ToString(v)
	return text
}

func (s *simulated) do(name, verb string, args []string) {
	s.Helper()
	if name == "server" {
		s.streams.do(verb, args)
		return
	}
	t := s.tabs[name]
	var err error
	switch verb {
	case "open":
		t = s.browser.Open(site + "/")
		s.tabs[name] = t
		s.names = append(s.names, name)
		s.pass(0)
		s.begin(t.page)
	case "freeze":
		t.Freeze()
		s.mute[name] = true
	case "thaw":
		err = t.Thaw()
		s.mute[name] = false
	case "hide":
		t.Hide()
	case "show":
		err = t.Show()
		s.mute[name] = false
		if s.pages[t.page] == nil {
			s.begin(t.page)
			s.pages[t.page].say("loaded")
		}
	case "close-tab":
		t.Close()
		s.mute[name] = true
	case "crash":
		t.Crash()
		s.mute[name] = true
	case "away":
		t.Go(site + "/away")
		s.pass(0)
		s.mute[name] = true
	case "pass":
		s.pass(duration(s, args[0]))
	case "hang":
		t.Hang(duration(s, args[0]))
	case "sleep":
		err = s.browser.world.Sleep(s.browser, duration(s, args[0]))
	case "discard":
		err = t.Discard()
		s.mute[name] = true
	case "reload":
		t.Reload()
		s.pass(0)
		s.begin(t.page)
		s.mute[name] = false
	case "back":
		err = t.Back()
		s.pass(0)
		if s.pages[t.page] == nil {
			s.begin(t.page)
			s.pages[t.page].say("pageshow visible") // a new page, which begins only here
		}
		s.mute[name] = false
	default:
		st := s.pages[t.page]
		err = t.page.realm.Run(s.browser.world.ctx, func() error { return st.do(verb, args) })
	}
	if err != nil {
		s.Fatalf("%s %s %q: %v", name, verb, args, err)
	}
}

func (s *simulated) settle() []string {
	s.pass(settling)
	slices.Sort(s.names)
	var all []string
	for _, name := range slices.Compact(s.names) {
		if st := s.pages[s.tabs[name].page]; st != nil && !s.mute[name] {
			all = append(all, said(name, st.said)...)
			st.said = nil
		}
	}
	return append(all, said("server", s.streams.said())...)
}

func (st *stepper) do(verb string, args []string) error {
	r := st.page.realm
	g := r.Global()
	member := func(path ...string) *host.Object {
		v := host.Value(g)
		for _, name := range path {
			v, _ = v.(*host.Object).Get(name)
		}
		return v.(*host.Object)
	}
	signal := func() (host.Value, error) {
		control, err := member("AbortController").New()
		if err != nil {
			return nil, err
		}
		st.controls[args[1]] = control
		return control.Get("signal")
	}
	switch verb {
	case "lock", "steal", "both":
		options := r.NewObject()
		if verb != "steal" {
			s, err := signal()
			if err != nil {
				return err
			}
			options.Define("signal", s)
		}
		if verb != "lock" {
			options.Define("steal", host.Bool(true))
		}
		id := args[1]
		v, err := member("navigator", "locks").CallMethod("request", host.String(args[0]), options, r.NewFunc("", func(c host.Call) (host.Value, error) {
			lock, _ := c.Object(0)
			name, _ := lock.Get("name")
			st.say(fmt.Sprintf("%s has %s", id, host.Describe(name)))
			st.locks[id] = r.NewDeferred()
			return st.locks[id].Promise, nil
		}))
		if err != nil {
			return err
		}
		r.Then(v, func(v host.Value) error {
			text, err := host.ToString(v)
			st.say(id + " done " + text)
			return err
		}, func(reason host.Value) error {
			if e, ok := reason.(*host.Object); ok {
				reason, _ = e.Get("name")
			}
			text, err := host.ToString(reason)
			st.say(id + " " + text)
			return err
		})
	case "release":
		if lock := st.locks[args[0]]; lock != nil {
			lock.Resolve(host.String(args[0]))
		} else {
			st.say("not held")
		}
	case "fail":
		st.locks[args[0]].Reject(&host.Throw{Value: host.String("failed")})
	case "abort":
		if _, err := st.controls[args[0]].CallMethod("abort"); err != nil {
			return err
		}
		r.Then(r.Resolved(host.Undefined), func(host.Value) error { st.say("after abort"); return nil }, nil)
	case "listen":
		id := args[0]
		channel, err := member("BroadcastChannel").New(host.String(args[1]))
		if err != nil {
			return err
		}
		st.channels[id] = channel
		return channel.Set("onmessage", r.NewFunc("", func(c host.Call) (host.Value, error) {
			event, err := c.Object(0)
			if err != nil {
				return nil, err
			}
			data, err := event.Get("data")
			text, _ := host.ToString(data)
			st.say(id + ": " + text)
			return nil, err
		}))
	case "post":
		if _, err := st.channels[args[0]].CallMethod("postMessage", host.String(args[1])); err != nil {
			v, _ := r.Throw(err).Value.(*host.Object).Get("name")
			st.say(string(v.(host.String)))
		}
	case "close":
		_, err := st.channels[args[0]].CallMethod("close")
		return err
	case "store":
		_, err := member("localStorage").CallMethod("setItem", host.String(args[0]), host.String(args[1]))
		return err
	case "read":
		v, err := member("localStorage").CallMethod("getItem", host.String(args[0]))
		if err != nil {
			return err
		}
		text, err := host.ToString(v)
		st.say("read " + text)
		return err
	case "drop":
		_, err := member("localStorage").CallMethod("removeItem", host.String(args[0]))
		return err
	case "title":
		if err := member("document").Set("title", host.String(args[0])); err != nil {
			return err
		}
		st.say(st.text("document", "title") + " " + st.text("document", "documentElement", "lang") + " " + st.visibility())
	case "stream":
		id := args[0]
		source, err := member("EventSource").New(host.String(args[1]))
		if err != nil {
			return err
		}
		st.sources[id] = source
		hear := func(kind string, tell func(event *host.Object) string) *host.Object {
			return r.NewFunc("", func(c host.Call) (host.Value, error) {
				event, err := c.Object(0)
				if err == nil {
					st.say(id + " " + kind + " " + tell(event))
				}
				return host.Undefined, err
			})
		}
		state := func(*host.Object) string { return textOf(source, "readyState") }
		data := func(event *host.Object) string { return strconv.Quote(textOf(event, "data")) }
		last := func(event *host.Object) string { return textOf(event, "data") + " " + textOf(event, "lastEventId") }
		for handler, f := range map[string]*host.Object{"onopen": hear("open", state), "onerror": hear("error", state), "onmessage": hear("message", data)} {
			if err := source.Set(handler, f); err != nil {
				return err
			}
		}
		_, err = source.CallMethod("addEventListener", host.String("ended"), hear("ended", last))
		return err
	case "shut":
		_, err := st.sources[args[0]].CallMethod("close")
		st.say(args[0] + " " + textOf(st.sources[args[0]], "readyState"))
		return err
	case "later":
		ms, err := strconv.Atoi(args[0])
		if err != nil {
			return err
		}
		r.SetTimeout(time.Duration(ms)*time.Millisecond, func() error { st.say(args[1]); return nil })
	default:
		return fmt.Errorf("no verb %s", verb)
	}
	return nil
}

// The simulated browser does what Chromium does, whatever the seed.
func TestSemantics(t *testing.T) {
	for _, s := range semantics(t) {
		t.Run(s.name, func(t *testing.T) {
			for seed := range uint64(20) {
				synctest.Test(t, func(t *testing.T) {
					p := newSimulated(t, seed)
					p.browser.world.InBubble(time.Sleep, synctest.Wait)
					defer p.browser.world.Close()
					compare(t, fmt.Sprintf("seed %d", seed), play(p, s.transcript), s.transcript)
				})
				if t.Failed() {
					return
				}
			}
		})
	}
}
