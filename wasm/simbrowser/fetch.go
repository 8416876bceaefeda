package simbrowser

import (
	"net/http"
	"slices"
	"strings"

	"github.com/curfew-project/curfew/wasm/host"
)

// fetchOptions are the members of fetch's second argument that mean something here; another one is refused.
var fetchOptions = []string{"method", "mode", "credentials", "cache", "redirect", "headers", "body", "signal"}

// signal is the state of an AbortSignal.
type signal struct {
	aborted bool
	onabort []func()
}

func (p *page) defineAbortController() {
	signals := p.realm.NewClass("AbortSignal", nil, nil)
	class := p.realm.DefineClass("AbortController", nil, func(c host.Call) error {
		s := &signal{}
		c.This.(*host.Object).SetData(s).Define("signal", signals.New().SetData(s))
		return nil
	})
	class.Prototype.DefineFunc("abort", func(c host.Call) (host.Value, error) {
		s, ok := host.DataOf[*signal](c.This)
		if !ok {
			return nil, host.TypeError("Illegal invocation")
		}
		if !s.aborted {
			s.aborted = true
			for _, f := range s.onabort {
				f()
			}
		}
		return host.Undefined, nil
	})
}

// fetch sends a request to the page's own origin. What it refuses as unsupported is what the agent does not use.
func (p *page) fetch(c host.Call) (host.Value, error) {
	r, stop, redirect, err := p.fetchArguments(c)
	if err != nil {
		return p.realm.Rejected(err), nil
	}
	d := p.realm.NewDeferred()
	abort := func() { d.Reject(host.Errorf("AbortError", "The user aborted a request.")) }
	if stop != nil {
		if stop.aborted {
			abort()
			return d.Promise, nil
		}
		stop.onabort = append(stop.onabort, abort)
	}
	p.tab.browser.send(r, func(a *answer, err error) {
		p.realm.Post(func() error {
			switch {
			case err != nil:
				d.Reject(host.TypeError("Failed to fetch (%v)", err))
			case redirect == "error" && a.status >= 300 && a.status < 400 && a.status != http.StatusNotModified:
				d.Reject(host.TypeError("Failed to fetch (a redirect)"))
			default:
				d.Resolve(p.response(a))
			}
			return nil
		})
	})
	return d.Promise, nil
}

func (p *page) fetchArguments(c host.Call) (r request, stop *signal, redirect string, err error) {
	text, err := c.String(0)
	if err != nil {
		return r, nil, "", err
	}
	u, err := p.url.Parse(text)
	if err != nil {
		return r, nil, "", host.TypeError("Failed to parse URL from %s", text)
	}
	u.Fragment = ""
	options, err := c.Object(1)
	if err != nil {
		return r, nil, "", err
	}
	given := map[string]string{}
	for _, name := range options.Keys() {
		if !slices.Contains(fetchOptions, name) {
			return r, nil, "", host.TypeError("simbrowser: fetch has no option %s", name)
		}
		v, err := options.Get(name)
		if err != nil {
			return r, nil, "", err
		}
		switch name {
		case "headers", "signal":
		default:
			if given[name], err = host.ToString(v); err != nil {
				return r, nil, "", err
			}
		}
	}
	own := originOf(p.tab.address)
	r = request{method: strings.ToUpper(given["method"]), url: u.String(), origin: originOf(u.String()), header: http.Header{}, body: given["body"]}
	if given["mode"] != "same-origin" || given["credentials"] != "same-origin" || given["redirect"] == "follow" {
		return r, nil, "", host.TypeError("simbrowser: only same-origin requests that do not follow redirects")
	}
	if r.origin != own {
		return r, nil, "", host.TypeError("Failed to fetch (%s is another origin)", r.origin)
	}
	if err := p.setHeaders(r, options); err != nil {
		return r, nil, "", err
	}
	v, err := options.Get("signal")
	if err != nil {
		return r, nil, "", err
	}
	stop, _ = host.DataOf[*signal](v)
	return r, stop, given["redirect"], nil
}

// setHeaders sets what the page asked for and what the browser adds (Fetch Metadata, RFC 6454 section 7).
func (p *page) setHeaders(r request, options *host.Object) error {
	v, err := options.Get("headers")
	if err != nil {
		return err
	}
	if headers, ok := v.(*host.Object); ok {
		for _, name := range headers.Keys() {
			value, err := headers.Get(name)
			if err != nil {
				return err
			}
			text, err := host.ToString(value)
			if err != nil {
				return err
			}
			r.header.Set(name, text)
		}
	}
	r.header.Set("User-Agent", userAgent)
	r.header.Set("Accept", "*/*")
	r.header.Set("Sec-Fetch-Dest", "empty")
	r.header.Set("Sec-Fetch-Mode", "same-origin")
	r.header.Set("Sec-Fetch-Site", "same-origin")
	if r.method != http.MethodGet && r.method != http.MethodHead {
		r.header.Set("Origin", r.origin)
	}
	return nil
}

func (p *page) response(a *answer) *host.Object {
	headers := p.realm.NewObject().DefineFunc("get", func(c host.Call) (host.Value, error) {
		name, err := c.String(0)
		if err != nil {
			return nil, err
		}
		values := a.header.Values(name)
		if len(values) == 0 || http.CanonicalHeaderKey(name) == "Set-Cookie" {
			return host.Null, nil
		}
		return host.String(strings.Join(values, ", ")), nil
	})
	return p.realm.NewObject().Define("status", host.Number(a.status)).Define("headers", headers).
		DefineFunc("json", func(host.Call) (host.Value, error) {
			d := p.realm.NewDeferred()
			p.realm.Post(func() error {
				v, err := p.realm.ParseJSON(string(a.body))
				if err != nil {
					d.Reject(err)
				} else {
					d.Resolve(v)
				}
				return nil
			})
			return d.Promise, nil
		})
}
