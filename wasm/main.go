//go:build js && wasm

// Command wasm is the agent as every page loads it: it takes the page from the loader and starts what the page is for. It decides
// nothing.
package main

import (
	"context"
	"errors"

	"github.com/curfew-project/curfew/agent"
	"github.com/curfew-project/curfew/agent/browser/dialog"
	"github.com/curfew-project/curfew/agent/browser/jsfetch"
	"github.com/curfew-project/curfew/agent/browser/page"
	"github.com/curfew-project/curfew/agent/browser/storage"
	"github.com/curfew-project/curfew/agent/browser/webcrypto"
	"github.com/curfew-project/curfew/shared/wire"
)

func main() {
	port, err := page.Take()
	if err != nil {
		panic(err) // without the port the loader can only be told by ending, which it watches for
	}
	if err := start(context.Background(), port); err != nil {
		port.Fail(code(err), err)
	}
	select {} // the loader takes the end of the program for a crash
}

func start(ctx context.Context, port *page.Port) error {
	keys, err := webcrypto.New(port.Prefix)
	if err != nil {
		return err
	}
	verifier, err := jsfetch.New(port.Prefix)
	if err != nil {
		return err
	}
	screen, err := dialog.New(port)
	if err != nil {
		return err
	}
	ports := agent.Ports{Clock: port, Page: port, Screen: screen, Keys: keys, Verifier: verifier, Wakes: port.Wakes, Gaps: port.Gaps, Choices: screen.Choices}

	switch port.Mode {
	case page.SignIn:
		return agent.SignIn(ctx, ports, port.Nonce, wire.SignIn{ReturnTo: port.ReturnTo, Stay: port.Stay})
	case page.SignOut:
		return agent.SignOut(ctx, ports)
	case page.Resume:
		return agent.Resume(ctx, ports, port.ReturnTo)
	}
	return agent.Guard(ctx, ports)
}

func code(err error) string {
	switch {
	case errors.Is(err, storage.ErrUnavailable):
		return page.FailedStorage
	case errors.Is(err, webcrypto.ErrUnavailable):
		return page.FailedCrypto
	}
	return page.FailedAgent
}
