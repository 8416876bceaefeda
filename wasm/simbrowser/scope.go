package simbrowser

import (
	"net/url"
	"slices"

	"github.com/curfew-project/curfew/wasm/host"
)

// unoffered are the globals that wasm/host gives every realm and the loader's scope (wasm/loader/run.js) does not have.
var unoffered = [...]string{
	"Function", "Error", "TypeError", "RangeError", "SyntaxError", "ReferenceError", "EvalError", "URIError", "AggregateError",
	"Math", "Reflect", "Symbol", "Map", "Set", "String", "Number", "Boolean", "ArrayBuffer", "DataView",
	"Int8Array", "Uint8ClampedArray", "Int16Array", "Uint16Array", "Int32Array", "Uint32Array", "Float32Array", "Float64Array",
	"BigInt64Array", "BigUint64Array", "TextEncoder", "TextDecoder", "structuredClone", "setTimeout", "clearTimeout",
	"setInterval", "clearInterval", "queueMicrotask", "btoa", "atob", "parseInt", "parseFloat", "isNaN", "isFinite",
}

// defineScope gives the agent its global object. What it shall not have is taken away, so that a use of it shows.
func (p *page) defineScope(port *host.Object) {
	r := p.realm
	g := r.Global()
	keep := func(name string, members ...string) *host.Object {
		full, _ := g.Get(name)
		from, _ := full.(*host.Object)
		kept := r.NewObject()
		for _, member := range members {
			if from != nil && from.Has(member) {
				v, _ := from.Get(member)
				kept.Define(member, v)
			}
		}
		return kept
	}
	fs := keep("fs", "constants", "writeSync", "write")
	crypto := keep("crypto", "getRandomValues").Define("subtle", p.subtle())
	performance := keep("performance", "now")
	for _, name := range unoffered {
		g.Delete(name)
	}
	g.Define("fs", fs).Define("process", r.NewObject()).Define("path", r.NewObject()).
		Define("curfew", r.NewObject().Define("port", port)).
		Define("crypto", crypto).Define("performance", performance).
		Define("document", p.document()).Define("location", p.location()).Define("indexedDB", p.indexedDB())
	g.DefineFunc("fetch", p.fetch)
	g.DefineFunc("encodeURIComponent", func(c host.Call) (host.Value, error) {
		text, err := c.String(0)
		if err != nil {
			return nil, err
		}
		return host.String(encodeURIComponent(text)), nil
	})
	p.defineURL()
	p.defineAbortController()
	p.defineBroadcastChannel()
	if p.tab.browser.world.wait != nil {
		p.defineEventSource()
	}
	g.Define("localStorage", p.localStorage()).Define("navigator", p.navigator())
	for _, name := range p.tab.browser.Lacks {
		g.Delete(name)
	}
}

func (p *page) navigator() *host.Object {
	n := p.realm.NewObject()
	if !slices.Contains(p.tab.browser.Lacks, "locks") {
		n.Define("locks", p.locks())
	}
	return n
}

// encodeURIComponent follows ECMA-262 (sec-encodeuricomponent-uricomponent).
func encodeURIComponent(text string) string {
	const hex = "0123456789ABCDEF"
	out := make([]byte, 0, len(text))
	for _, c := range []byte(text) {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9',
			c == '-', c == '_', c == '.', c == '!', c == '~', c == '*', c == '\'', c == '(', c == ')':
			out = append(out, c)
		default:
			out = append(out, '%', hex[c>>4], hex[c&15])
		}
	}
	return string(out)
}

func (p *page) defineURL() {
	type state struct{ u *url.URL }
	class := p.realm.DefineClass("URL", nil, func(c host.Call) error {
		text, err := c.String(0)
		if err != nil {
			return err
		}
		base := &url.URL{}
		if len(c.Args) > 1 {
			from, err := c.String(1)
			if err != nil {
				return err
			}
			if base, err = url.Parse(from); err != nil {
				return host.TypeError("Invalid base URL")
			}
		}
		u, err := base.Parse(text)
		if err != nil || !u.IsAbs() {
			return host.TypeError("Invalid URL")
		}
		c.This.(*host.Object).SetData(state{u})
		return nil
	})
	class.Prototype.DefineAccessor("protocol", func(c host.Call) (host.Value, error) {
		s, ok := host.DataOf[state](c.This)
		if !ok {
			return nil, host.TypeError("Illegal invocation")
		}
		return host.String(s.u.Scheme + ":"), nil
	}, nil)
}

// location is the page's address and the ways to leave it.
func (p *page) location() *host.Object {
	l := p.realm.NewObject()
	read := func(name string, get func(u *url.URL) string) {
		l.DefineAccessor(name, func(host.Call) (host.Value, error) { return host.String(get(p.url)), nil }, nil)
	}
	read("href", (*url.URL).String)
	read("origin", func(u *url.URL) string { return u.Scheme + "://" + u.Host })
	read("pathname", func(u *url.URL) string {
		if u.EscapedPath() == "" {
			return "/"
		}
		return u.EscapedPath()
	})
	read("search", func(u *url.URL) string {
		if u.RawQuery == "" {
			return ""
		}
		return "?" + u.RawQuery
	})
	read("hash", func(u *url.URL) string {
		if u.Fragment == "" {
			return ""
		}
		return "#" + u.EscapedFragment()
	})
	leave := func(replace bool) host.Func {
		return func(c host.Call) (host.Value, error) {
			text, err := c.String(0)
			if err != nil {
				return nil, err
			}
			to, err := p.url.Parse(text)
			if err != nil {
				return nil, host.Errorf("SyntaxError", "%q is not a valid URL.", text)
			}
			p.tab.navigate(to.String(), originOf(p.tab.address), replace)
			return host.Undefined, nil
		}
	}
	l.DefineFunc("assign", leave(false))
	l.DefineFunc("replace", leave(true))
	return l
}
