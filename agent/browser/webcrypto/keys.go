//go:build js && wasm

// Package webcrypto makes the session's key pair with WebCrypto, as not extractable, and keeps it in IndexedDB. The private key
// never enters WebAssembly's memory: all that passes through here are the public coordinates and signatures (B3).
package webcrypto

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"

	"github.com/hack-pad/safejs"

	"github.com/curfew-project/curfew/agent"
	"github.com/curfew-project/curfew/agent/browser/jsvalue"
	"github.com/curfew-project/curfew/agent/browser/storage"
	"github.com/curfew-project/curfew/shared/proof"
)

// ErrUnavailable says that this page has no WebCrypto: the browser is too old, or the page did not come over https or from
// localhost.
var ErrUnavailable = errors.New("WebCrypto is not available")

// Keys implements agent.Keys. It is not safe for concurrent use, except that Sign and ID may run beside each other.
type Keys struct {
	name    string
	crypto  safejs.Value
	subtle  safejs.Value
	private safejs.Value
}

// New returns the keys of the Curfew under this prefix of the origin: several can live on one origin. It fails with
// ErrUnavailable.
func New(prefix string) (*Keys, error) {
	crypto, err := jsvalue.Object(safejs.Global(), "crypto")
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	subtle, err := jsvalue.Object(crypto, "subtle")
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return &Keys{name: prefix, crypto: crypto, subtle: subtle}, nil
}

// coordinate is the length of a P-256 coordinate in unpadded base64url (RFC 7518 section 6.2.1.2).
const coordinate = 43

// Make makes a key pair and keeps it in place of the last one.
func (k *Keys) Make(ctx context.Context) (proof.Key, error) {
	pair, err := k.call(ctx, "generateKey", map[string]any{"name": "ECDSA", "namedCurve": "P-256"}, false, []any{"sign"})
	if err != nil {
		return proof.Key{}, err
	}
	private, err := jsvalue.Object(pair, "privateKey")
	if err != nil {
		return proof.Key{}, err
	}
	public, err := jsvalue.Object(pair, "publicKey")
	if err != nil {
		return proof.Key{}, err
	}
	jwk, err := k.call(ctx, "exportKey", "jwk", public)
	if err != nil {
		return proof.Key{}, err
	}
	key, err := coordinates(jwk)
	if err != nil {
		return proof.Key{}, err
	}
	record, err := safejs.ValueOf(map[string]any{"x": key.X, "y": key.Y})
	if err != nil {
		return proof.Key{}, err
	}
	if err := record.Set("private", private); err != nil {
		return proof.Key{}, err
	}
	if err := storage.Put(ctx, k.name, record); err != nil {
		return proof.Key{}, err
	}
	k.private = private
	return key, nil
}

// Load finds the key that Make kept. A record that is not what Make keeps is no key.
func (k *Keys) Load(ctx context.Context) (proof.Key, error) {
	record, err := storage.Get(ctx, k.name)
	if err != nil {
		return proof.Key{}, err
	}
	if record.Type() != safejs.TypeObject {
		return proof.Key{}, agent.ErrNoKey
	}
	key, err := coordinates(record)
	if err != nil {
		return proof.Key{}, fmt.Errorf("%w: %w", agent.ErrNoKey, err)
	}
	private, err := jsvalue.Object(record, "private")
	if err != nil {
		return proof.Key{}, fmt.Errorf("%w: %w", agent.ErrNoKey, err)
	}
	if extractable, err := jsvalue.Bool(private, "extractable"); err != nil || extractable {
		return proof.Key{}, fmt.Errorf("%w: the stored one can be copied", agent.ErrNoKey)
	}
	k.private = private
	return key, nil
}

func coordinates(from safejs.Value) (proof.Key, error) {
	x, err := jsvalue.Text(from, "x", coordinate)
	if err != nil {
		return proof.Key{}, err
	}
	y, err := jsvalue.Text(from, "y", coordinate)
	if err != nil {
		return proof.Key{}, err
	}
	if len(x) != coordinate || len(y) != coordinate {
		return proof.Key{}, errors.New("a coordinate is not 32 bytes long")
	}
	return proof.Key{X: x, Y: y}, nil
}

// Sign signs with ECDSA and SHA-256; the signature is r and s of 32 bytes each (RFC 7518 section 3.4).
func (k *Keys) Sign(ctx context.Context, signingInput string) ([]byte, error) {
	if k.private.Type() != safejs.TypeObject {
		return nil, agent.ErrNoKey
	}
	input, err := bytesOf([]byte(signingInput))
	if err != nil {
		return nil, err
	}
	buffer, err := k.call(ctx, "sign", map[string]any{"name": "ECDSA", "hash": "SHA-256"}, k.private, input)
	if err != nil {
		return nil, err
	}
	view, err := newBytes(buffer)
	if err != nil {
		return nil, err
	}
	signature := make([]byte, proof.SignatureSize+1)
	n, err := safejs.CopyBytesToGo(signature, view)
	if err != nil {
		return nil, err
	}
	if n != proof.SignatureSize {
		return nil, fmt.Errorf("signature has %d bytes, want %d", n, proof.SignatureSize)
	}
	return signature[:n], nil
}

// ID is 16 random bytes in base64url.
func (k *Keys) ID() string {
	var random [16]byte
	view, err := newBytes(len(random))
	if err == nil {
		_, err = k.crypto.Call("getRandomValues", view)
	}
	if err == nil {
		_, err = safejs.CopyBytesToGo(random[:], view)
	}
	if err != nil {
		// An empty jti cannot stand in a proof: the request fails instead of carrying a guessable one.
		return ""
	}
	return base64.RawURLEncoding.EncodeToString(random[:])
}

func (k *Keys) call(ctx context.Context, method string, args ...any) (safejs.Value, error) {
	promise, err := k.subtle.Call(method, args...)
	if err != nil {
		return promise, fmt.Errorf("%s: %w", method, err)
	}
	value, err := jsvalue.Await(ctx, promise)
	if err != nil {
		return value, fmt.Errorf("%s: %w", method, err)
	}
	return value, nil
}

func bytesOf(data []byte) (safejs.Value, error) {
	view, err := newBytes(len(data))
	if err != nil {
		return view, err
	}
	_, err = safejs.CopyBytesToJS(view, data)
	return view, err
}

// newBytes makes a Uint8Array of a length or over an ArrayBuffer.
func newBytes(of any) (safejs.Value, error) {
	class, err := jsvalue.Object(safejs.Global(), "Uint8Array")
	if err != nil {
		return class, err
	}
	return class.New(of)
}
