package agent

import (
	"errors"
	"time"

	"github.com/curfew-project/curfew/agent/cancel"
	"github.com/curfew-project/curfew/agent/warning"
	"github.com/curfew-project/curfew/shared/proof"
	"github.com/curfew-project/curfew/shared/wire"
)

// requestTimeout bounds one request, so that a connection that hangs counts as unreachable.
const requestTimeout = 15 * time.Second

// answer is what came back for a request: exactly one field is set.
type answer struct {
	reply   *wire.Reply
	left    *wire.Redirect
	refused *Refused
	err     error // no sound answer
	keys    error // the keys failed; ErrNoKey when there is none
}

// errand is what the agent runs for on a page.
type errand struct {
	guards  bool                          // the page is one of the application's
	shared  bool                          // the page is one of several, of which one talks to the verifier
	first   func(*Machine, Moment) Orders // the machine's first input
	back    func() string                 // where to go after signing in
	arrived func(*Machine) string         // where to go next, or empty to stay
}

func staying(*Machine) string { return "" }

// Guard watches over the page until ctx ends. A browser without the session's key is covered. It returns the error of ctx or
// of the keys; the caller must then cover the page (D5).
func Guard(ctx *cancel.Context, ports Ports) error {
	return run(ctx, ports, errand{guards: true, shared: ports.Tabs != nil && ports.Tabs.Shared(), first: (*Machine).Wake, back: ports.Page.Here, arrived: staying})
}

// SignOut signs out, covering the page meanwhile, and goes where the verifier says (B4). It returns as Guard does.
func SignOut(ctx *cancel.Context, ports Ports) error {
	return run(ctx, ports, errand{
		first:   func(m *Machine, at Moment) Orders { return m.Choose(at, warning.SignOut) },
		back:    func() string { return "/" },
		arrived: staying,
	})
}

// Resume proves the key, so that the browser gets a fresh cookie, and goes back to returnTo (D4). A session that cannot be
// proved or has ended leads to the sign-in. It returns as Guard does.
func Resume(ctx *cancel.Context, ports Ports, returnTo string) error {
	return run(ctx, ports, errand{
		first: (*Machine).Wake,
		back:  func() string { return returnTo },
		arrived: func(m *Machine) string {
			switch {
			case m.Over():
				return ports.Page.SignInAddress(returnTo, true)
			case m.Proved():
				return returnTo
			}
			return ""
		},
	})
}

// run gives the machine its inputs and carries out its orders. It goes on after it told the page to leave, because the page
// may stay all the same.
func run(ctx *cancel.Context, ports Ports, task errand) error {
	var machine Machine
	if task.shared {
		machine.Join()
	}
	answers := make(chan answer, 1)
	saved := make(chan struct{}, 1)
	blocked := make(chan struct{}, 1)
	woken := make(chan struct{}, 1)
	timer := time.AfterFunc(0, func() {
		select {
		case woken <- struct{}{}:
		default:
		}
	})
	defer timer.Stop()

	remember := func() {
		if !machine.Proved() { // not at the start: the page's own load comes first
			machine.Remember(ports.Page.Kept())
		}
	}
	look := func() Moment {
		return Moment{Now: ports.Clock.Now(), Activity: ports.Page.LastActivity(), Hidden: ports.Page.Hidden(), Unsaved: ports.Page.Unsaved(), Framed: ports.Page.Framed()}
	}
	abort := func() {}
	first := task.first
	if task.guards {
		select {
		case <-ports.Gaps: // the page came back from where it did not run before the agent was there
			first = (*Machine).Gap
		default:
		}
	}
	for orders := first(&machine, look()); ; {
		carryOut(ports, orders)
		for _, event := range orders.Tell {
			if done := ports.Page.Tell(event); event.Type == Ending && event.Reason == wire.SignedOut {
				go wait(ctx, done, saved)
			}
		}
		switch next := task.arrived(&machine); {
		case next != "":
			ports.Page.Leave(next)
		case orders.Clear:
			ports.Page.Clear()
		case orders.Reload:
			ports.Page.Reload()
		case orders.SignIn && orders.Window:
			if !ports.Page.Open(ports.Page.SignInAddress(ports.Page.SignedIn(), orders.Anew)) {
				select {
				case blocked <- struct{}{}:
				default:
				}
			}
		case orders.SignIn:
			ports.Page.Leave(ports.Page.SignInAddress(task.back(), orders.Anew))
		case orders.Leave != "" && ports.Page.Framed():
			ports.Page.Open(orders.Leave) // the provider's page lets nobody frame it; where it is blocked, the session is over all the same
		case orders.Leave != "":
			ports.Page.Leave(orders.Leave)
		}
		if orders.Abort {
			abort()
		}
		if orders.Send != nil {
			var within *cancel.Context
			within, abort = cancel.Within(ctx, requestTimeout)
			go func(request Request, end func()) {
				defer end()
				answers <- send(within, ports, request)
			}(*orders.Send, abort)
		}
		timer.Reset(length(orders.Wake))

		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-woken:
			orders = machine.Wake(look())
		case <-ports.Wakes:
			orders = machine.Wake(look())
		case <-ports.Seen:
			orders = machine.Seen(look())
		case <-ports.Gaps:
			orders = machine.Gap(look())
		case <-ports.Doubts:
			orders = machine.Doubted(look())
		case <-ports.Changes:
			orders = machine.Changed(look())
		case leads := <-ports.Led:
			orders = machine.Led(look(), leads)
		case message := <-ports.Heard:
			remember()
			orders = machine.Heard(look(), message)
		case <-saved:
			orders = machine.Saved(look())
		case <-blocked:
			orders = machine.Blocked(look())
		case choice := <-ports.Choices:
			orders = machine.Choose(look(), choice)
		case a := <-answers:
			if a.keys != nil && !errors.Is(a.keys, ErrNoKey) {
				return a.keys
			}
			remember()
			orders = machine.take(look(), a)
		}
	}
}

func carryOut(ports Ports, orders Orders) {
	if orders.Cover != nil {
		ports.Screen.Cover(*orders.Cover)
	}
	if orders.Show != nil {
		ports.Screen.Show(*orders.Show)
	} else {
		ports.Screen.Hide()
	}
	if orders.Cover == nil {
		ports.Screen.Uncover()
	}
	if orders.Keep != "" {
		ports.Page.Keep(orders.Keep)
	}
	if ports.Tabs != nil {
		for _, message := range orders.Post {
			ports.Tabs.Post(message)
		}
		ports.Tabs.Want(orders.Want)
	}
	ports.Page.Expect(orders.Wake, orders.Ends)
}

// wait waits until a page has saved its work, for as long as it may take.
func wait(ctx *cancel.Context, done <-chan struct{}, saved chan<- struct{}) {
	if done != nil {
		ctx, end := cancel.Within(ctx, length(saving))
		defer end()
		select {
		case <-done:
		case <-ctx.Done():
		}
	}
	select {
	case saved <- struct{}{}:
	default: // one is enough
	}
}

func (m *Machine) take(at Moment, a answer) Orders {
	switch {
	case a.reply != nil:
		return m.Answered(at, *a.reply)
	case a.left != nil:
		return m.SignedOut(at, a.left.Location)
	case a.refused != nil:
		return m.Refused(at, a.refused.Refusal)
	case a.keys != nil:
		return m.NoKey(at)
	}
	return m.Unreachable(at)
}

// send carries out one request. A request without a nonce carries no proof: the verifier refuses it with the nonce, the
// session and its sequence number (RFC 9449 section 9).
func send(ctx *cancel.Context, ports Ports, request Request) answer {
	endpoint := EndpointHeartbeat
	if request.SignOut {
		endpoint = EndpointSignOut
	}
	token := ""
	if request.Nonce != "" {
		key, err := ports.Keys.Find(ctx, request.Key)
		switch {
		case err != nil && (ctx.Err() != nil || errors.Is(err, cancel.ErrTimeout)):
			return answer{err: err} // it took too long, as when the page was frozen meanwhile: nothing is wrong with the keys
		case err != nil:
			return answer{keys: err}
		}
		if token, err = makeProof(ctx, ports, key, endpoint, request.Nonce, &request.Beat); err != nil {
			return answer{err: err}
		}
	}
	if request.SignOut {
		left, err := ports.Verifier.SignOut(ctx, token)
		return answered(answer{left: &left}, err)
	}
	reply, err := ports.Verifier.Heartbeat(ctx, token)
	return answered(answer{reply: &reply}, err)
}

func answered(good answer, err error) answer {
	if refused, ok := errors.AsType[*Refused](err); ok {
		return answer{refused: refused}
	}
	if err != nil {
		return answer{err: err}
	}
	return good
}

func makeProof(ctx *cancel.Context, ports Ports, key proof.Key, endpoint, nonce string, beat *proof.Heartbeat) (string, error) {
	input, err := proof.SigningInput(key, proof.Claims{
		JTI: ports.Keys.ID(), HTM: "POST", HTU: ports.Verifier.URL(endpoint),
		IAT: ports.Clock.Now().Wall / 1000, Nonce: nonce, Heartbeat: beat,
	})
	if err != nil {
		return "", err
	}
	signature, err := ports.Keys.Sign(ctx, input)
	if err != nil {
		return "", err
	}
	return proof.Join(input, signature)
}
