package simbrowser

import (
	"context"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/curfew-project/curfew/wasm/host"
)

// agentless is a page with the loader and nobody who takes its port.
func agentless(t *testing.T) (*World, *page) {
	t.Helper()
	w := newWorld(1)
	p := newTab(t, w.NewBrowser("one", 0))
	p.loader = newLoader(p)
	p.loader.port("/.curfew/", map[string]string{})
	return w, p
}

func on(t *testing.T, p *page, method string, args ...host.Value) host.Value {
	t.Helper()
	var got host.Value
	err := p.realm.Run(context.Background(), func() (err error) {
		got, err = p.loader.object.CallMethod(method, args...)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// A15: what the agent tells the page, and the time that the page asks for.
func TestTell(t *testing.T) {
	w, p := agentless(t)
	detail := p.realm.NewObject().Define("kind", host.String("inactivity")).Define("left", host.Number(120)).Define("last", host.Bool(true))
	if got := on(t, p, "tell", host.String("warning"), detail); got != host.Undefined {
		t.Errorf("nobody handed in a promise, and tell returned %s", host.Describe(got))
	}
	p.tab.OnEvent(func(e Event) time.Duration {
		if e.Type == "ending" {
			return 2 * time.Second
		}
		return 0
	})
	if got := on(t, p, "tell", host.String("extended"), host.Undefined); got != host.Undefined {
		t.Errorf("tell returned %s for an event that nobody waits at", host.Describe(got))
	}
	settled := false
	err := p.realm.Run(context.Background(), func() error {
		v, err := p.loader.object.CallMethod("tell", host.String("ending"), p.realm.NewObject())
		p.realm.Then(v, func(host.Value) error { settled = true; return nil }, nil)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	pass(t, w, 1900*time.Millisecond)
	if settled {
		t.Error("the promise settled too early")
	}
	pass(t, w, 200*time.Millisecond)
	if !settled {
		t.Error("the promise did not settle")
	}
	want := []Event{
		{"warning", map[string]any{"kind": "inactivity", "left": 120.0, "last": true}},
		{"extended", map[string]any{}}, {"ending", map[string]any{}},
	}
	if got := p.tab.Events(); !reflect.DeepEqual(got, want) {
		t.Errorf("events %v, want %v", got, want)
	}
}

// The port's members for the page's own code, and life as the page's events fire.
func TestLifeAndChoices(t *testing.T) {
	w, p := agentless(t)
	tab := p.tab
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	// Nobody has set life and choose yet.
	must(tab.API("stay"))
	tab.Hide()
	must(tab.Show())

	var heard []string
	hear := func(name string) {
		p.loader.object.Define(name, p.realm.NewFunc("", func(c host.Call) (host.Value, error) {
			text, err := c.String(0)
			heard = append(heard, name+" "+text)
			return host.Undefined, err
		}))
	}
	hear("life")
	hear("choose")
	must(tab.API("stay"))
	must(tab.ScriptAPI("stay"))
	must(tab.ScriptAPI("sign_out"))
	tab.Freeze()
	must(tab.Show())
	tab.Go(site + "/elsewhere")
	pass(t, w, time.Second)
	must(tab.Back())
	tab.Close()
	want := "choose stay, choose sign_out, life visibilitychange, life freeze, life resume, life visibilitychange, life focus, " +
		"life pagehide, life visibilitychange, life freeze, life resume, life visibilitychange, life pageshow, life pagehide, life visibilitychange"
	if got := strings.Join(heard, ", "); got != want {
		t.Errorf("heard %s\nwant %s", got, want)
	}
	for _, problem := range tab.Problems() {
		t.Error(problem)
	}
}

func TestUnsavedTextsAndSite(t *testing.T) {
	w, p := agentless(t)
	if got := on(t, p, "unsaved"); got != host.Bool(false) {
		t.Errorf("a new page has unsaved work: %s", host.Describe(got))
	}
	p.tab.MarkUnsaved(true)
	if got := on(t, p, "unsaved"); got != host.Bool(true) {
		t.Errorf("a marked page: %s", host.Describe(got))
	}
	var texts host.Value
	p.realm.Then(on(t, p, "texts"), func(v host.Value) error { texts = v; return nil }, nil)
	pass(t, w, 0)
	if texts != host.Null {
		t.Errorf("texts gives %s", host.Describe(texts))
	}
	if v, _ := p.loader.object.Get("site"); v != host.String("{}") {
		t.Errorf("site is %s", host.Describe(v))
	}
	p.tab.Reload()
	pass(t, w, time.Second)
	if p.tab.page == p || p.tab.page.unsaved {
		t.Error("the mark survived the page")
	}
}

// The language is that of the markup.
func TestLanguage(t *testing.T) {
	for markup, want := range map[string]string{
		`<!doctype html><title>x</title>`:                       "en",
		`<!doctype html><html lang="ar" dir="rtl"><title>x`:     "ar",
		`<html class="a b" lang="pt-BR"><body lang="de"><html>`: "pt-BR",
		`<html><body lang="de">`:                                "en",
	} {
		if got := language(markup); got != want {
			t.Errorf("%s is %q, want %q", markup, got, want)
		}
	}
}
