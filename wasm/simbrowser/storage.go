package simbrowser

import "github.com/curfew-project/curfew/wasm/host"

// maxStorage is how much one origin may keep in localStorage, in bytes of names and values: Chromium allows about as many.
const maxStorage = 10 << 20

// localStorage is the part of Storage (HTML section 12.2) that the agent uses. All pages of an origin in one profile share it at once.
func (p *page) localStorage() *host.Object {
	b := p.tab.browser
	origin := originOf(p.tab.address)
	kept, ok := b.storage[origin]
	if !ok {
		kept = map[string]string{}
		b.storage[origin] = kept
	}
	return p.realm.NewObject().
		DefineFunc("getItem", func(c host.Call) (host.Value, error) {
			name, err := c.String(0)
			if err != nil {
				return nil, err
			}
			value, ok := kept[name]
			if !ok {
				return host.Null, nil
			}
			return host.String(value), nil
		}).
		DefineFunc("setItem", func(c host.Call) (host.Value, error) {
			name, err := c.String(0)
			if err != nil {
				return nil, err
			}
			value, err := c.String(1)
			if err != nil {
				return nil, err
			}
			total := len(name) + len(value)
			for n, v := range kept {
				if n != name {
					total += len(n) + len(v)
				}
			}
			if total > maxStorage {
				return nil, host.Errorf("QuotaExceededError", "Setting the value of '%s' exceeded the quota.", name)
			}
			kept[name] = value
			return host.Undefined, nil
		}).
		DefineFunc("removeItem", func(c host.Call) (host.Value, error) {
			name, err := c.String(0)
			if err == nil {
				delete(kept, name)
			}
			return host.Undefined, err
		})
}
