package provider

import (
	"context"
	"encoding/base64"
	"errors"
	"slices"
	"strings"

	jose "github.com/go-jose/go-jose/v4"
)

// check names a check that a token did not pass.
type check string

func (c check) Error() string { return "check of " + string(c) }

// open reads a signed token, in compact form only (RFC 7515 section 7.1), verifies it, and returns its claims. types are the
// values of its header's typ that are allowed besides none. The error is a check, a Fault, or that of ctx.
func (d *document) open(ctx context.Context, raw string, most int, types []string, by asker) (claims, error) {
	if len(raw) > most {
		return nil, check("form")
	}
	header, payload, ok := split(raw)
	if !ok {
		return nil, check("form")
	}
	if err := d.checkHeader(header, types); err != nil {
		return nil, err
	}
	token, err := jose.ParseSignedCompact(raw, d.algorithms)
	if err != nil || len(token.Signatures) != 1 {
		return nil, check("header")
	}
	if err := d.verify(ctx, token, by); errors.Is(err, errUnsigned) {
		return nil, check("signature")
	} else if err != nil {
		return nil, err
	}
	said, ok := parseClaims(payload)
	if !ok {
		return nil, check("claims")
	}
	return said, nil
}

// split takes a compact token apart.
func split(raw string) (header, payload []byte, ok bool) {
	parts := strings.Split(raw, ".")
	if len(parts) != 3 {
		return nil, nil, false
	}
	header, ok1 := decode(parts[0])
	payload, ok2 := decode(parts[1])
	signature, ok3 := decode(parts[2])
	return header, payload, ok1 && ok2 && ok3 && len(header) > 0 && len(payload) > 0 && len(signature) > 0
}

// decode decodes base64url without padding, and refuses the line breaks that encoding/base64 skips.
func decode(text string) ([]byte, bool) {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
	return raw, err == nil && base64.RawURLEncoding.EncodedLen(len(raw)) == len(text)
}

// checkHeader checks what must be right before a key is looked for.
func (d *document) checkHeader(raw []byte, types []string) error {
	header, ok := parseClaims(raw)
	if !ok {
		return check("header")
	}
	if header.has("typ") {
		typ, ok := header.text("typ", 64)
		typ = strings.TrimPrefix(strings.ToLower(typ), "application/") // RFC 7515 section 4.1.9
		if !ok || !slices.Contains(types, typ) {
			return check("typ")
		}
	}
	algorithm, _ := header.text("alg", 16)
	if !slices.Contains(d.algorithms, jose.SignatureAlgorithm(algorithm)) {
		return check("alg")
	}
	if header.has("crit") { // no extension is understood here (RFC 7515 section 4.1.11)
		return check("crit")
	}
	return nil
}
