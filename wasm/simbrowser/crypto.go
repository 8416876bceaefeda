package simbrowser

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/asn1"
	"encoding/base64"
	"io"
	"math/big"
	"slices"

	"github.com/curfew-project/curfew/wasm/host"
)

// cryptoKey is the state of a CryptoKey. Its bytes are out of every page's reach; it survives structured cloning as it is, which is
// how it gets into IndexedDB and back.
type cryptoKey struct {
	private     *ecdsa.PrivateKey // nil for a public key
	public      *ecdsa.PublicKey
	extractable bool
	usages      []string
}

// CloneTo implements host.Cloneable.
func (k *cryptoKey) CloneTo(r *host.Realm) (*host.Object, error) { return keyObject(r, k), nil }

func keyObject(r *host.Realm, k *cryptoKey) *host.Object {
	kind := "public"
	if k.private != nil {
		kind = "private"
	}
	return r.NewObject().SetData(k).Define("type", host.String(kind)).Define("extractable", host.Bool(k.extractable)).Freeze()
}

// subtle is the part of SubtleCrypto that the agent uses: ECDSA on P-256, and SHA-256.
func (p *page) subtle() *host.Object {
	promised := func(do func(c host.Call) (host.Value, error)) host.Func {
		return func(c host.Call) (host.Value, error) {
			v, err := do(c)
			d := p.realm.NewDeferred()
			p.realm.Post(func() error { // it is done on another thread, so the answer is a task of its own
				if err != nil {
					d.Reject(err)
				} else {
					d.Resolve(v)
				}
				return nil
			})
			return d.Promise, nil
		}
	}
	return p.realm.NewObject().
		DefineFunc("generateKey", promised(p.generateKey)).
		DefineFunc("exportKey", promised(p.exportKey)).
		DefineFunc("sign", promised(p.sign)).
		DefineFunc("digest", promised(p.digest))
}

func (p *page) digest(c host.Call) (host.Value, error) {
	if c.Arg(0) != host.String("SHA-256") {
		return nil, host.Errorf("NotSupportedError", "only SHA-256 is here")
	}
	data, err := c.Bytes(1)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(data)
	return p.realm.NewArrayBuffer(sum[:]), nil
}

func (p *page) generateKey(c host.Call) (host.Value, error) {
	if err := algorithm(c.Arg(0), "namedCurve", "P-256"); err != nil {
		return nil, err
	}
	list, err := host.Elements(c.Arg(2))
	if err != nil {
		return nil, err
	}
	var usages []string
	for _, v := range list {
		usage, err := host.ToString(v)
		if err != nil {
			return nil, err
		}
		usages = append(usages, usage)
	}
	if !slices.Contains(usages, "sign") {
		return nil, host.Errorf("SyntaxError", "Cannot create a key using the specified key usages.")
	}
	key, err := p.tab.browser.newKey()
	if err != nil {
		return nil, err
	}
	private := &cryptoKey{private: key, public: &key.PublicKey, extractable: c.Bool(1), usages: []string{"sign"}}
	public := &cryptoKey{public: &key.PublicKey, extractable: true}
	return p.realm.NewObject().
		Define("privateKey", keyObject(p.realm, private)).
		Define("publicKey", keyObject(p.realm, public)), nil
}

// newKey draws a key from the browser's seed: crypto/ecdsa's own generator takes no seed.
func (b *Browser) newKey() (*ecdsa.PrivateKey, error) {
	for {
		var raw [32]byte
		if _, err := io.ReadFull(b.random, raw[:]); err != nil {
			return nil, err
		}
		// Zero and numbers beyond the curve's order are no keys; both are all but impossible.
		if key, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), raw[:]); err == nil {
			b.private = append(b.private, key)
			return key, nil
		}
	}
}

func (p *page) exportKey(c host.Call) (host.Value, error) {
	format, err := c.String(0)
	if err != nil {
		return nil, err
	}
	key, ok := host.DataOf[*cryptoKey](c.Arg(1))
	switch {
	case !ok:
		return nil, host.TypeError("parameter 2 is not of type 'CryptoKey'")
	case !key.extractable:
		return nil, host.Errorf("InvalidAccessError", "key is not extractable")
	case format != "jwk" || key.private != nil:
		return nil, host.Errorf("NotSupportedError", "only public keys, as jwk")
	}
	point, err := key.public.Bytes()
	if err != nil {
		return nil, err
	}
	text := func(b []byte) host.Value { return host.String(base64.RawURLEncoding.EncodeToString(b)) }
	return p.realm.NewObject().Define("kty", host.String("EC")).Define("crv", host.String("P-256")).
		Define("x", text(point[1:33])).Define("y", text(point[33:])), nil
}

func (p *page) sign(c host.Call) (host.Value, error) {
	if err := algorithm(c.Arg(0), "hash", "SHA-256"); err != nil {
		return nil, err
	}
	key, ok := host.DataOf[*cryptoKey](c.Arg(1))
	if !ok {
		return nil, host.TypeError("parameter 2 is not of type 'CryptoKey'")
	}
	if key.private == nil || !slices.Contains(key.usages, "sign") {
		return nil, host.Errorf("InvalidAccessError", "key.usages does not permit this operation")
	}
	data, err := c.Bytes(2)
	if err != nil {
		return nil, err
	}
	signature, err := Sign(key.private, data)
	if err != nil {
		return nil, err
	}
	return p.realm.NewArrayBuffer(signature), nil
}

// Sign signs as WebCrypto's ECDSA with SHA-256 does, r and s of 32 bytes each, but without randomness (RFC 6979), so that two
// runs make the same signatures.
func Sign(key *ecdsa.PrivateKey, data []byte) ([]byte, error) {
	sum := sha256.Sum256(data)
	der, err := key.Sign(nil, sum[:], crypto.SHA256)
	if err != nil {
		return nil, err
	}
	var parts struct{ R, S *big.Int }
	if _, err := asn1.Unmarshal(der, &parts); err != nil {
		return nil, err
	}
	signature := make([]byte, 64)
	parts.R.FillBytes(signature[:32])
	parts.S.FillBytes(signature[32:])
	return signature, nil
}

func algorithm(v host.Value, member, want string) error {
	o, ok := v.(*host.Object)
	if !ok {
		return host.TypeError("the algorithm is not an object")
	}
	for _, check := range [...]struct{ name, want string }{{"name", "ECDSA"}, {member, want}} {
		got, err := o.Get(check.name)
		if err != nil {
			return err
		}
		if got != host.String(check.want) {
			return host.Errorf("NotSupportedError", "%s is %s; only %s is here", check.name, host.Describe(got), check.want)
		}
	}
	return nil
}
