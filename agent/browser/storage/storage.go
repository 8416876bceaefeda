//go:build js && wasm

// Package storage keeps a few JavaScript values by name in IndexedDB, the only store of a browser that keeps a CryptoKey
// without its bytes ever being readable.
package storage

import (
	"errors"
	"fmt"
	"time"

	"github.com/hack-pad/safejs"

	"github.com/curfew-project/curfew/agent/browser/jsvalue"
	"github.com/curfew-project/curfew/agent/cancel"
)

// ErrUnavailable says that this browser does not let the page store anything: IndexedDB is missing, blocked or broken.
var ErrUnavailable = errors.New("IndexedDB is not available")

const (
	database = "curfew"
	version  = 1
	table    = "keys"
	// patience bounds every operation, because a browser that is out of order may never answer.
	patience = 10 * time.Second
)

// Get returns the value kept under a name, or undefined when there is none. Its errors are ErrUnavailable and those of ctx.
func Get(ctx *cancel.Context, name string) (safejs.Value, error) {
	var value safejs.Value
	err := with(ctx, "readonly", func(ctx *cancel.Context, _, store safejs.Value) error {
		request, err := store.Call("get", name)
		if err != nil {
			return err
		}
		value, err = result(ctx, request)
		return err
	})
	return value, err
}

// Update replaces the value kept under a name by what change makes of it, in one transaction. It returns when the browser has
// committed it. Its errors are ErrUnavailable, that of change, and those of ctx.
func Update(ctx *cancel.Context, name string, change func(safejs.Value) (safejs.Value, error)) error {
	return with(ctx, "readwrite", func(ctx *cancel.Context, transaction, store safejs.Value) error {
		request, err := store.Call("get", name)
		if err != nil {
			return err
		}
		value, err := result(ctx, request)
		if err != nil {
			return err
		}
		if value, err = change(value); err != nil {
			return err
		}
		if _, err := store.Call("put", value, name); err != nil {
			return err
		}
		_, err = jsvalue.Settle(ctx, func(resolve, reject safejs.Func) error {
			return errors.Join(transaction.Set("oncomplete", resolve), transaction.Set("onabort", reject))
		})
		return because(err, transaction)
	})
}

// with opens the database, does something in one transaction, and closes it, so that no page ever blocks another one.
func with(parent *cancel.Context, mode string, do func(ctx *cancel.Context, transaction, store safejs.Value) error) error {
	ctx, end := cancel.Within(parent, patience)
	defer end()
	err := func() error {
		db, err := open(ctx)
		if err != nil {
			return err
		}
		defer func() { _, _ = db.Call("close") }()
		transaction, err := db.Call("transaction", table, mode)
		if err != nil {
			return err
		}
		store, err := transaction.Call("objectStore", table)
		if err != nil {
			return err
		}
		return do(ctx, transaction, store)
	}()
	switch {
	case err == nil || parent.Err() != nil:
		return errors.Join(err, parent.Err())
	case ctx.Err() != nil:
		// No answer is no proof that anything is wrong: the page may have been frozen meanwhile.
		return fmt.Errorf("IndexedDB does not answer: %w", cancel.ErrTimeout)
	}
	return fmt.Errorf("%w: %w", ErrUnavailable, err)
}

func open(ctx *cancel.Context) (safejs.Value, error) {
	factory, err := jsvalue.Object(safejs.Global(), "indexedDB")
	if err != nil {
		return factory, err
	}
	request, err := factory.Call("open", database, version)
	if err != nil {
		return request, err
	}
	upgrade, err := safejs.FuncOf(func(safejs.Value, []safejs.Value) any {
		// A failure here makes the request fail, which is where it is reported.
		if db, err := jsvalue.Object(request, "result"); err == nil {
			_, _ = db.Call("createObjectStore", table)
		}
		return nil
	})
	if err != nil {
		return request, err
	}
	defer upgrade.Release()
	if err := request.Set("onupgradeneeded", upgrade); err != nil {
		return request, err
	}
	return result(ctx, request)
}

// result waits for a request of IndexedDB.
func result(ctx *cancel.Context, request safejs.Value) (safejs.Value, error) {
	_, err := jsvalue.Settle(ctx, func(resolve, reject safejs.Func) error {
		return errors.Join(request.Set("onsuccess", resolve), request.Set("onerror", reject))
	})
	if err := because(err, request); err != nil {
		return safejs.Undefined(), err
	}
	return request.Get("result")
}

// because replaces the event that IndexedDB reports a failure with by the failure itself.
func because(err error, of safejs.Value) error {
	if _, thrown := errors.AsType[*jsvalue.Exception](err); !thrown {
		return err
	}
	if cause, failed := jsvalue.Object(of, "error"); failed == nil {
		return jsvalue.NewException(cause)
	}
	return err
}
