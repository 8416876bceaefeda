package provider

import (
	"context"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"slices"

	jose "github.com/go-jose/go-jose/v4"
)

const (
	maxKeys     = 64   // of a set; more are ignored, so that no token costs more verifications
	minRSABytes = 256  // RFC 7518 sections 3.3 and 3.5
	maxRSABytes = 1024 // a larger key only costs time
)

// keySet are a provider's signing keys (RFC 7517).
type keySet struct{ keys []jose.JSONWebKey }

// errUnsigned is the outcome of a token that no key of the provider verifies.
var errUnsigned = errors.New("no key of the provider verifies the signature")

func (p *Provider) readKeys(ctx context.Context, address string) (*keySet, error) {
	const what = "key set"
	body, err := p.fetch(ctx, what, address, CauseKeys)
	if err != nil {
		return nil, err
	}
	set := parseKeys(body)
	if len(set.keys) == 0 {
		return nil, fault(CauseKeys, errors.New(what+": it has no key that a token can be verified with"))
	}
	return set, nil
}

// parseKeys keeps the keys that can be used, and ignores others, as RFC 7517 section 5 asks.
func parseKeys(body []byte) *keySet {
	var raw struct {
		Keys []json.RawMessage `json:"keys"`
	}
	set := &keySet{}
	if json.Unmarshal(body, &raw) != nil {
		return set
	}
	for _, text := range raw.Keys {
		var key jose.JSONWebKey
		if len(set.keys) < maxKeys && key.UnmarshalJSON(text) == nil && usable(key) {
			set.keys = append(set.keys, key)
		}
	}
	return set
}

func usable(key jose.JSONWebKey) bool {
	if !key.Valid() || !key.IsPublic() || key.Use != "" && key.Use != "sig" {
		return false
	}
	if public, ok := key.Key.(*rsa.PublicKey); ok && (public.Size() < minRSABytes || public.Size() > maxRSABytes) {
		return false
	}
	return key.Algorithm == "" || slices.Contains(asymmetric[:], jose.SignatureAlgorithm(key.Algorithm))
}

// verify verifies a signature with the keys that fit the token's header.
func (s *keySet) verify(token *jose.JSONWebSignature) bool {
	header := token.Signatures[0].Protected
	for _, key := range s.keys {
		if header.KeyID != "" && key.KeyID != header.KeyID || key.Algorithm != "" && key.Algorithm != header.Algorithm {
			continue
		}
		if _, err := token.Verify(key.Key); err == nil {
			return true
		}
	}
	return false
}

// verify verifies a token's signature. When no key does, the keys are fetched again once: the provider may have new ones. The error
// is errUnsigned, a Fault, or that of ctx.
func (d *document) verify(ctx context.Context, token *jose.JSONWebSignature, by asker) error {
	set, err := d.keys.get(ctx)
	if err != nil {
		return err
	}
	if set.verify(token) {
		return nil
	}
	set, ok, err := d.keys.other(ctx, set, by)
	if err != nil {
		return err
	}
	if !ok || !set.verify(token) {
		return errUnsigned
	}
	return nil
}
