package agent

import (
	"context"
	"errors"
	"time"

	"github.com/curfew-project/curfew/agent/warning"
	"github.com/curfew-project/curfew/shared/proof"
	"github.com/curfew-project/curfew/shared/wire"
)

// requestTimeout bounds one request, so that a connection that hangs counts as unreachable.
const requestTimeout = 15 * time.Second

// answer is what came back for a request: exactly one field besides asked is set.
type answer struct {
	reply   *wire.Reply
	left    *wire.Redirect
	refused *Refused
	err     error
}

// Guard watches over the page until ctx ends or the page is left. It returns nil when it ordered the page to leave; a browser
// without a key is covered. It returns the error of ctx or of the keys otherwise; the caller must then cover the page (D5).
func Guard(ctx context.Context, ports Ports) error {
	return run(ctx, ports, ports.Page.Here, (*Machine).Wake)
}

// run gives the machine its inputs and carries out its orders. back is where to go after signing in again, first the first input.
func run(ctx context.Context, ports Ports, back func() string, first func(*Machine, Moment) Orders) error {
	var machine Machine
	key, err := ports.Keys.Load(ctx)
	answers := make(chan answer, 1)
	timer := time.NewTimer(0)
	defer timer.Stop()

	look := func() Moment {
		return Moment{Now: ports.Clock.Now(), Activity: ports.Page.LastActivity()}
	}
	var orders Orders
	switch {
	case errors.Is(err, ErrNoKey):
		orders = machine.NoKey(look())
	case err != nil:
		return err
	default:
		orders = first(&machine, look())
	}
	for {
		carryOut(ports, orders)
		switch {
		case orders.SignIn:
			ports.Page.Leave(ports.Page.SignInAddress(back()))
			return nil
		case orders.Leave != "":
			ports.Page.Leave(orders.Leave)
			return nil
		}
		if orders.Send != nil {
			go func(request Request) { answers <- send(ctx, ports, key, request) }(*orders.Send)
		}
		timer.Reset(time.Duration(orders.Wake) * time.Millisecond)

		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-timer.C:
			orders = machine.Wake(look())
		case <-ports.Wakes:
			orders = machine.Wake(look())
		case choice := <-ports.Choices:
			orders = machine.Choose(look(), choice)
		case a := <-answers:
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
	ports.Page.Expect(orders.Wake, orders.Ends)
}

func (m *Machine) take(at Moment, a answer) Orders {
	switch {
	case a.reply != nil:
		return m.Answered(at, *a.reply)
	case a.left != nil:
		return m.SignedOut(at, a.left.Location)
	case a.refused != nil:
		return m.Refused(at, a.refused.Refusal)
	}
	return m.Unreachable(at)
}

// send carries out one request. A request without a nonce carries no proof: the verifier refuses it with the nonce, the
// session and its sequence number (RFC 9449 section 9).
func send(ctx context.Context, ports Ports, key proof.Key, request Request) answer {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	endpoint := EndpointHeartbeat
	if request.SignOut {
		endpoint = EndpointSignOut
	}
	token := ""
	if request.Nonce != "" {
		var err error
		token, err = makeProof(ctx, ports, key, endpoint, request.Nonce, &request.Beat)
		if err != nil {
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
	var refused *Refused
	switch {
	case errors.As(err, &refused):
		return answer{refused: refused}
	case err != nil:
		return answer{err: err}
	}
	return good
}

func makeProof(ctx context.Context, ports Ports, key proof.Key, endpoint, nonce string, beat *proof.Heartbeat) (string, error) {
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

// SignIn makes a new key, proves it to the verifier and goes on to the identity provider (B3). It returns nil when it ordered
// the page to leave.
func SignIn(ctx context.Context, ports Ports, nonce, returnTo string) error {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	key, err := ports.Keys.Make(ctx)
	if err != nil {
		return err
	}
	for range maxRetries {
		token, err := makeProof(ctx, ports, key, EndpointSignIn, nonce, nil)
		if err != nil {
			return err
		}
		to, err := ports.Verifier.SignIn(ctx, token, returnTo)
		var refused *Refused
		if errors.As(err, &refused) && refused.Refusal.Error == wire.UseNonce && refused.Nonce != "" {
			nonce = refused.Nonce
			continue
		}
		if err != nil {
			return err
		}
		ports.Page.Leave(to.Location)
		return nil
	}
	return errors.New("the verifier kept asking for another nonce")
}

// Resume proves the key once, so that the browser gets a fresh cookie, and goes back to returnTo (D4). A session that
// cannot be proved or has ended leads to the sign-in. An error means that the verifier could not be asked.
func Resume(ctx context.Context, ports Ports, returnTo string) error {
	key, err := ports.Keys.Load(ctx)
	if err != nil && !errors.Is(err, ErrNoKey) {
		return err
	}
	var machine Machine
	look := func() Moment { return Moment{Now: ports.Clock.Now()} }
	for orders := machine.Wake(look()); err == nil && orders.Send != nil; {
		a := send(ctx, ports, key, *orders.Send)
		if a.err != nil {
			return a.err
		}
		orders = machine.take(look(), a)
		if a.reply != nil && a.reply.Phase != wire.Ended {
			ports.Page.Leave(returnTo)
			return nil
		}
	}
	ports.Page.Leave(ports.Page.SignInAddress(returnTo))
	return nil
}

// SignOut signs out, covering the page meanwhile, and goes where the verifier says (B4). Its results are those of Guard.
func SignOut(ctx context.Context, ports Ports) error {
	start := func() string { return "/" }
	return run(ctx, ports, start, func(m *Machine, at Moment) Orders { return m.Choose(at, warning.SignOut) })
}
