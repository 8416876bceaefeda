//go:build js && wasm

// Command wasm is the agent as every page loads it: it takes the page from the loader and starts what the page is for. It decides
// nothing.
package main

import (
	"errors"
	"time"

	"github.com/curfew-project/curfew/agent"
	"github.com/curfew-project/curfew/agent/browser/dialog"
	"github.com/curfew-project/curfew/agent/browser/frames"
	"github.com/curfew-project/curfew/agent/browser/jsfetch"
	"github.com/curfew-project/curfew/agent/browser/page"
	"github.com/curfew-project/curfew/agent/browser/siblings"
	"github.com/curfew-project/curfew/agent/browser/storage"
	"github.com/curfew-project/curfew/agent/browser/webcrypto"
	"github.com/curfew-project/curfew/agent/cancel"
	"github.com/curfew-project/curfew/agent/tabs"
	"github.com/curfew-project/curfew/shared/wire"
)

func main() {
	port, err := page.Take()
	if err != nil {
		panic(err) // without the port the loader can only be told by ending, which it watches for
	}
	if err := start(nil, port); err != nil {
		port.Fail(code(err), err)
	}
	select {} // the loader takes the end of the program for a crash
}

func start(ctx *cancel.Context, port *page.Port) error {
	if port.Mode == page.Frame {
		return frames.Report(ctx, port)
	}
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
	others, err := siblings.New(port)
	if err != nil {
		return err
	}
	port.OnChoose(screen.Choose)
	ports := agent.Ports{
		Clock: port, Page: port, Screen: screen, Keys: keys, Verifier: verifier, Tabs: others,
		Wakes: port.Wakes, Seen: port.Seen, Gaps: port.Gaps, Doubts: others.Doubts, Changes: others.Changes, Led: others.Led, Heard: others.Heard, Choices: screen.Choices,
	}

	switch port.Mode {
	case page.SignedIn:
		others.Post(tabs.Message{Kind: tabs.Renewed, Wall: port.Now().Wall})
		time.AfterFunc(300*time.Millisecond, port.Close) // a window that closes at once may take what it said with it
		return nil
	case page.SignIn:
		return agent.SignIn(ctx, ports, port.Nonce, wire.SignIn{ReturnTo: port.ReturnTo, Stay: port.Stay})
	case page.SignOut:
		return agent.SignOut(ctx, ports)
	case page.Resume:
		return agent.Resume(ctx, ports, port.ReturnTo)
	}
	if ports, err = frames.Join(port, ports, others.Heard); err != nil {
		return err
	}
	port.OnRefused(others.Ask)
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
