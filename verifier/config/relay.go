package config

import (
	"net/url"
	"strings"

	"github.com/curfew-project/curfew/verifier/settings"
)

// Relay passes on what stays open, such as WebSockets, and closes it with its session.
type Relay struct {
	Listen string `yaml:"listen"` // for the reverse proxy
	// Upstreams are the applications, http or https://host[:port], by the IDs of their environments.
	Upstreams map[string]string `yaml:"upstreams"`
}

// initial is what a relay has that says nothing else.
func (r *Relay) initial() { r.Listen = "127.0.0.1:8482" }

func (r Relay) validate(b block, others ...string) {
	if allowed := address(r.Listen); allowed != "" {
		b.add("listen", "is %q; allowed: %s", r.Listen, allowed)
	}
	for _, other := range others {
		if r.Listen == other && !strings.HasSuffix(other, ":0") {
			b.add("listen", "is %q like another listener; allowed: an address of its own", r.Listen)
		}
	}
	if len(r.Upstreams) == 0 {
		b.add("upstreams", "is empty; allowed: the application of one environment or more")
	}
	for _, id := range sorted(r.Upstreams) {
		key := "upstreams." + id
		if allowed := settings.CheckID(id); allowed != "" {
			b.add(key, "is for %q; allowed: %s", id, allowed)
		}
		if _, ok := upstream(r.Upstreams[id]); !ok {
			b.add(key, "is %q; allowed: http://host[:port] or https://host[:port], as the application is reached from here", r.Upstreams[id])
		}
	}
}

func upstream(text string) (*url.URL, bool) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || text != u.Scheme+"://"+u.Host {
		return nil, false
	}
	return u, true
}

// URLs are the upstreams as they are understood. The configuration must have been checked.
func (r Relay) URLs() map[string]*url.URL {
	all := map[string]*url.URL{}
	for id, text := range r.Upstreams {
		if u, ok := upstream(text); ok {
			all[id] = u
		}
	}
	return all
}
