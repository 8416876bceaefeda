package host_test

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/curfew-project/curfew/wasm/host"
)

// target is the Go side of an EventTarget.
type target struct{ listeners map[string][]*host.Object }

// Example gives a program a document and a server, presses a key, and lets three minutes pass.
func Example() {
	ctx := context.Background()
	// engine.Compile(ctx, wasm), done once for all tests; the program is page in testdata/guest.
	module, err := host.ModuleForExample()
	if err != nil {
		fmt.Println(err)
		return
	}
	loop := host.NewLoop(host.NewClock(time.Date(2026, 1, 1, 9, 0, 0, 0, time.UTC)))
	realm := host.NewRealm(loop, host.Config{Stdout: os.Stdout, Stderr: os.Stdout})

	// fetch answers after 80 ms, unless the page is frozen or gone by then; the third request fails.
	requests := 0
	realm.Global().DefineFunc("fetch", func(c host.Call) (host.Value, error) {
		url, err := c.String(0)
		if err != nil {
			return nil, err
		}
		requests++
		answer := realm.NewDeferred()
		settle := func() error {
			if requests == 3 {
				answer.Reject(host.TypeError("Failed to fetch"))
				return nil
			}
			answer.Resolve(realm.NewObject().
				Define("status", host.Number(200)).
				DefineFunc("text", func(host.Call) (host.Value, error) {
					return realm.Resolved(host.String("answer to " + url)), nil
				}))
			return nil
		}
		loop.After(80*time.Millisecond, func() { realm.Post(settle) })
		return answer.Promise, nil
	})

	// EventTarget with the one method that the program needs.
	class := realm.DefineClass("EventTarget", nil, func(c host.Call) error {
		c.This.(*host.Object).SetData(&target{listeners: map[string][]*host.Object{}})
		return nil
	})
	class.Prototype.DefineFunc("addEventListener", func(c host.Call) (host.Value, error) {
		t, ok := host.DataOf[*target](c.This)
		if !ok {
			return nil, host.TypeError("Illegal invocation")
		}
		kind, err := c.String(0)
		if err != nil {
			return nil, err
		}
		listener, err := c.Func(1)
		if err != nil {
			return nil, err
		}
		t.listeners[kind] = append(t.listeners[kind], listener)
		return nil, nil
	})
	document := class.New().SetData(&target{listeners: map[string][]*host.Object{}})
	realm.Global().Define("document", document)

	// dispatch is an event as the browser sends it: a task of the page, microtasks after each listener.
	dispatch := func(kind string) {
		realm.Post(func() error {
			t, _ := host.DataOf[*target](document)
			event := realm.NewObject().Define("type", host.String(kind)).Define("isTrusted", host.Bool(true))
			for _, listener := range t.listeners[kind] {
				if _, err := listener.Call(document, event); err != nil {
					return err
				}
				loop.Checkpoint()
			}
			return nil
		})
	}

	guest, err := module.Start(ctx, realm, host.StartConfig{Args: []string{"guest", "page"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	dispatch("keydown")
	if err := loop.Advance(ctx, 3*time.Minute+time.Second); err != nil {
		fmt.Println(err)
	}
	fmt.Println("ended:", guest.Ended())
	realm.Kill()
	fmt.Println(guest.Err())
	// Output:
	// answer to /beat?keys=1 after 80ms
	// answer to /beat?keys=1 after 80ms
	// JavaScript error: Failed to fetch after 80ms
	// ended: false
	// host: realm was killed
}
