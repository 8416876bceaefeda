package simbrowser

import (
	"github.com/curfew-project/curfew/wasm/host"
)

// database is one database of the profile: what it keeps outlives pages. Values lie in the profile's own realm.
type database struct {
	version int64
	tables  map[string]map[string]host.Value
}

// connection is the state of an IDBDatabase.
type connection struct {
	db        *database
	upgrading bool
	closed    bool
}

// transaction is the state of an IDBTransaction: it commits when no request is left.
type transaction struct {
	page     *page
	object   *host.Object
	db       *database
	write    bool
	active   bool
	pending  int
	finished bool
}

// indexedDB is the part of IDBFactory that the agent uses.
func (p *page) indexedDB() *host.Object {
	return p.realm.NewObject().DefineFunc("open", func(c host.Call) (host.Value, error) {
		name, err := c.String(0)
		if err != nil {
			return nil, err
		}
		version, err := c.Number(1)
		if err != nil {
			return nil, err
		}
		request := p.realm.NewObject()
		p.realm.Post(func() error { return p.openDatabase(request, name, int64(version)) })
		return request, nil
	})
}

func (p *page) openDatabase(request *host.Object, name string, version int64) error {
	b := p.tab.browser
	key := originOf(p.tab.address) + " " + name
	db, ok := b.databases[key]
	if !ok {
		db = &database{tables: map[string]map[string]host.Value{}}
		b.databases[key] = db
	}
	if version < db.version {
		return p.fire(request, "onerror", host.Errorf("VersionError", "the requested version is less than the existing one"))
	}
	conn := &connection{db: db}
	request.Define("result", p.connectionObject(conn))
	if version > db.version {
		db.version = version
		conn.upgrading = true
		if err := p.fire(request, "onupgradeneeded", nil); err != nil {
			return err
		}
		conn.upgrading = false
	}
	p.realm.Post(func() error { return p.fire(request, "onsuccess", nil) })
	return nil
}

// fire calls an event handler of an object, which is a property. With failed, the object has that error.
func (p *page) fire(on *host.Object, handler string, failed error) error {
	if failed != nil {
		on.Define("error", p.realm.Throw(failed).Value)
	}
	v, err := on.Get(handler)
	if err != nil {
		return err
	}
	if f, ok := host.AsFunc(v); ok {
		_, err = f.Call(on, p.realm.NewObject().Define("type", host.String(handler[2:])).Define("target", on))
	}
	return err
}

func (p *page) connectionObject(conn *connection) *host.Object {
	return p.realm.NewObject().
		DefineFunc("createObjectStore", func(c host.Call) (host.Value, error) {
			name, err := c.String(0)
			if err != nil {
				return nil, err
			}
			if !conn.upgrading {
				return nil, host.Errorf("InvalidStateError", "The database is not running a version change transaction.")
			}
			conn.db.tables[name] = map[string]host.Value{}
			return p.realm.NewObject(), nil
		}).
		DefineFunc("close", func(host.Call) (host.Value, error) {
			conn.closed = true
			return host.Undefined, nil
		}).
		DefineFunc("transaction", func(c host.Call) (host.Value, error) {
			name, err := c.String(0)
			if err != nil {
				return nil, err
			}
			mode, err := c.String(1)
			if err != nil {
				return nil, err
			}
			if conn.closed {
				return nil, host.Errorf("InvalidStateError", "The database connection is closing.")
			}
			table, ok := conn.db.tables[name]
			if !ok {
				return nil, host.Errorf("NotFoundError", "One of the specified object stores was not found.")
			}
			return p.newTransaction(conn.db, table, mode == "readwrite"), nil
		})
}

func (p *page) newTransaction(db *database, table map[string]host.Value, write bool) *host.Object {
	t := &transaction{page: p, db: db, write: write, object: p.realm.NewObject()}
	t.activate()
	p.realm.Post(t.commitWhenIdle)
	store := p.realm.NewObject().
		DefineFunc("get", func(c host.Call) (host.Value, error) {
			key, err := c.String(0)
			if err != nil {
				return nil, err
			}
			return t.request(func() (host.Value, error) {
				kept, ok := table[key]
				if !ok {
					return host.Undefined, nil
				}
				return host.Clone(p.realm, kept)
			})
		}).
		DefineFunc("put", func(c host.Call) (host.Value, error) {
			key, err := c.String(1)
			if err != nil {
				return nil, err
			}
			if !t.write {
				return nil, host.Errorf("ReadOnlyError", "The transaction is read-only.")
			}
			copied, err := host.Clone(p.tab.browser.vault, c.Arg(0))
			if err != nil {
				return nil, err
			}
			return t.request(func() (host.Value, error) {
				table[key] = copied
				return host.String(key), nil
			})
		})
	return t.object.DefineFunc("objectStore", func(host.Call) (host.Value, error) { return store, nil })
}

// activate lets requests be placed until the end of the present task, as the standard has it.
func (t *transaction) activate() {
	t.active = true
	r := t.page.realm
	r.Then(r.Resolved(host.Undefined), func(host.Value) error {
		t.active = false
		return nil
	}, nil)
}

func (t *transaction) request(do func() (host.Value, error)) (host.Value, error) {
	if !t.active || t.finished {
		return nil, host.Errorf("TransactionInactiveError", "The transaction is not active.")
	}
	request := t.page.realm.NewObject()
	t.pending++
	t.page.realm.Post(func() error {
		v, err := do()
		t.pending--
		t.activate()
		handler := "onsuccess"
		if err != nil {
			handler = "onerror"
		} else {
			request.Define("result", v)
		}
		defer t.page.realm.Post(t.commitWhenIdle)
		return t.page.fire(request, handler, err)
	})
	return request, nil
}

func (t *transaction) commitWhenIdle() error {
	if t.pending > 0 || t.finished {
		return nil
	}
	t.finished = true
	return t.page.fire(t.object, "oncomplete", nil)
}
