//go:build js && wasm

// Package webcrypto makes the session's key pair with WebCrypto, as not extractable, and keeps it in IndexedDB. The private key
// never enters WebAssembly's memory: all that passes through here are the public coordinates and signatures (B3).
package webcrypto

import (
	"encoding/base64"
	"errors"
	"fmt"

	"github.com/hack-pad/safejs"

	"github.com/curfew-project/curfew/agent"
	"github.com/curfew-project/curfew/agent/browser/jsvalue"
	"github.com/curfew-project/curfew/agent/browser/storage"
	"github.com/curfew-project/curfew/agent/cancel"
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
	inUse   string // the thumbprint of key
	key     proof.Key
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

// kept is how many keys stay: the living session's, those of sign-ins that were begun and not ended, and the last session's.
const kept = 4

// Make makes a key pair and keeps it beside the last few.
func (k *Keys) Make(ctx *cancel.Context) (proof.Key, error) {
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
	thumbprint, err := k.thumbprint(ctx, key)
	if err != nil {
		return proof.Key{}, err
	}
	record, err := safejs.ValueOf(map[string]any{"thumbprint": thumbprint, "x": key.X, "y": key.Y})
	if err != nil {
		return proof.Key{}, err
	}
	if err := record.Set("private", private); err != nil {
		return proof.Key{}, err
	}
	err = storage.Update(ctx, k.name, func(records safejs.Value) (safejs.Value, error) { return appended(records, record) })
	if err != nil {
		return proof.Key{}, err
	}
	k.use(thumbprint, key, private)
	return key, nil
}

// appended is a new array of the last of the records and one more. What is no array counts as empty.
func appended(records, record safejs.Value) (safejs.Value, error) {
	class, err := jsvalue.Object(safejs.Global(), "Array")
	if err != nil {
		return class, err
	}
	all, err := class.New()
	if err != nil {
		return all, err
	}
	n := 0
	if records.Type() == safejs.TypeObject {
		if n, err = records.Length(); err != nil {
			n = 0
		}
	}
	for i := max(n-kept+1, 0); i < n; i++ {
		one, err := records.Index(i)
		if err != nil {
			return one, err
		}
		if _, err := all.Call("push", one); err != nil {
			return all, err
		}
	}
	_, err = all.Call("push", record)
	return all, err
}

// Find finds a key that Make kept. A record that is not what Make keeps is no key.
func (k *Keys) Find(ctx *cancel.Context, thumbprint string) (proof.Key, error) {
	if key, ok := k.current(thumbprint); ok {
		return key, nil
	}
	records, err := storage.Get(ctx, k.name)
	if err != nil {
		return proof.Key{}, err
	}
	n := 0
	if records.Type() == safejs.TypeObject {
		if n, err = records.Length(); err != nil {
			return proof.Key{}, fmt.Errorf("%w: %w", agent.ErrNoKey, err)
		}
	}
	for i := range min(n, kept) {
		record, err := records.Index(i)
		if err != nil {
			return proof.Key{}, err
		}
		if name, err := jsvalue.Text(record, "thumbprint", coordinate); err != nil || name != thumbprint {
			continue
		}
		key, private, err := read(record)
		if err != nil {
			return proof.Key{}, fmt.Errorf("%w: %w", agent.ErrNoKey, err)
		}
		k.use(thumbprint, key, private)
		return key, nil
	}
	return proof.Key{}, agent.ErrNoKey
}

func read(record safejs.Value) (proof.Key, safejs.Value, error) {
	key, err := coordinates(record)
	if err != nil {
		return proof.Key{}, safejs.Value{}, err
	}
	private, err := jsvalue.Object(record, "private")
	if err != nil {
		return proof.Key{}, safejs.Value{}, err
	}
	if extractable, err := jsvalue.Bool(private, "extractable"); err != nil || extractable {
		return proof.Key{}, safejs.Value{}, errors.New("the stored key can be copied")
	}
	return key, private, nil
}

func (k *Keys) use(thumbprint string, key proof.Key, private safejs.Value) {
	k.inUse = thumbprint
	k.key = key
	k.private = private
}

func (k *Keys) current(thumbprint string) (proof.Key, bool) {
	return k.key, k.inUse != "" && k.inUse == thumbprint
}

// thumbprint is the key's SHA-256 thumbprint (RFC 7638) in base64url. The browser hashes, so that no hash is in the page.
func (k *Keys) thumbprint(ctx *cancel.Context, key proof.Key) (string, error) {
	input, err := bytesOf([]byte(proof.ThumbprintInput(key)))
	if err != nil {
		return "", err
	}
	buffer, err := k.call(ctx, "digest", "SHA-256", input)
	if err != nil {
		return "", err
	}
	view, err := newBytes(buffer)
	if err != nil {
		return "", err
	}
	var sum [32]byte
	if n, err := safejs.CopyBytesToGo(sum[:], view); err != nil || n != len(sum) {
		return "", fmt.Errorf("digest of %d bytes: %w", n, err)
	}
	return base64.RawURLEncoding.EncodeToString(sum[:]), nil
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
func (k *Keys) Sign(ctx *cancel.Context, signingInput string) ([]byte, error) {
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

func (k *Keys) call(ctx *cancel.Context, method string, args ...any) (safejs.Value, error) {
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
