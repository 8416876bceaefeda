package agent

import (
	"errors"

	"github.com/curfew-project/curfew/agent/cancel"
	"github.com/curfew-project/curfew/agent/warning"
	"github.com/curfew-project/curfew/shared/proof"
	"github.com/curfew-project/curfew/shared/wire"
)

// SignIn makes a new key, proves it to the verifier and goes on to the identity provider (B3). While the verifier or the provider
// cannot be reached it says so and lets the person try again. It returns nil when it ordered the page to leave, and otherwise
// what the caller must cover the page for.
func SignIn(ctx *cancel.Context, ports Ports, nonce string, with wire.SignIn) error {
	key, err := ports.Keys.Make(ctx)
	if err != nil {
		return err
	}
	for {
		to, err := proveKey(ctx, ports, key, nonce, with)
		if err == nil {
			ports.Page.Leave(to.Location)
			return nil
		}
		refused, ok := errors.AsType[*Refused](err)
		if ok && refused.Refusal.Error != wire.ProviderFailed && refused.Refusal.Error != wire.Unavailable {
			return err
		}
		ports.Screen.Cover(warning.SignInUnavailable())
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ports.Choices:
			ports.Screen.Cover(warning.SigningIn())
		}
	}
}

// proveKey sends the proof of a key, with another nonce as often as the verifier asks for one.
func proveKey(ctx *cancel.Context, ports Ports, key proof.Key, nonce string, with wire.SignIn) (wire.Redirect, error) {
	ctx, end := cancel.Within(ctx, requestTimeout)
	defer end()
	for tries := 0; ; tries++ {
		token, err := makeProof(ctx, ports, key, EndpointSignIn, nonce, nil)
		if err != nil {
			return wire.Redirect{}, err
		}
		to, err := ports.Verifier.SignIn(ctx, token, with)
		refused, ok := errors.AsType[*Refused](err)
		if ok && tries < maxRetries && refused.Refusal.Error == wire.UseNonce && refused.Nonce != "" {
			nonce = refused.Nonce
			continue
		}
		return to, err
	}
}
