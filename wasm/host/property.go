package host

import "strconv"

// Attributes of a property.
const (
	writable uint8 = 1 << iota
	enumerable
	configurable

	plain  = writable | enumerable | configurable // as assignment makes it
	hidden = writable | configurable              // as methods of built-ins are
)

// property is one own property: a value, or a getter and setter (either may be nil) when accessor is set.
type property struct {
	key      string
	value    Value
	get, set *Object
	accessor bool
	flags    uint8
}

// propertyList keeps properties in the order of their creation. Small lists are searched; an index is kept for others.
type propertyList struct {
	list  []property
	index map[string]int
}

const indexFrom = 9 // measured: up to eight short keys a scan is as fast as a map

func (p *propertyList) find(key string) *property {
	if p.index != nil {
		if i, ok := p.index[key]; ok {
			return &p.list[i]
		}
		return nil
	}
	for i := range p.list {
		if p.list[i].key == key {
			return &p.list[i]
		}
	}
	return nil
}

func (p *propertyList) add(prop property) {
	p.list = append(p.list, prop)
	if p.index != nil {
		p.index[prop.key] = len(p.list) - 1
	} else if len(p.list) >= indexFrom {
		p.reindex()
	}
}

func (p *propertyList) remove(key string) {
	for i := range p.list {
		if p.list[i].key == key {
			p.list = append(p.list[:i], p.list[i+1:]...)
			if p.index != nil {
				p.reindex()
			}
			return
		}
	}
}

func (p *propertyList) reindex() {
	p.index = make(map[string]int, 2*len(p.list))
	for i := range p.list {
		p.index[p.list[i].key] = i
	}
}

// arrayIndex reports whether key is an array index in canonical form ("0", "17", not "017" or "-1").
func arrayIndex(key string) (int, bool) {
	if key == "" || len(key) > 10 || key[0] < '0' || key[0] > '9' || key[0] == '0' && len(key) > 1 {
		return 0, false
	}
	n, err := strconv.ParseUint(key, 10, 32)
	if err != nil || n == 1<<32-1 {
		return 0, false
	}
	return int(n), true
}
