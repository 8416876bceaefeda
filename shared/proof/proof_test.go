package proof

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"strings"
	"testing"
)

// rfcKey is the key of RFC 9449's examples; section 6.1 prints its thumbprint.
var rfcKey = Key{X: "l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs", Y: "9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA"}

func TestThumbprintOfRFC9449(t *testing.T) {
	sum := sha256.Sum256([]byte(ThumbprintInput(rfcKey)))
	if got, want := base64.RawURLEncoding.EncodeToString(sum[:]), "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"; got != want {
		t.Errorf("thumbprint %s, want %s", got, want)
	}
}

func TestSigningInput(t *testing.T) {
	claims := Claims{JTI: "j", HTM: "POST", HTU: "https://a.example/.curfew/heartbeat", IAT: 5, Nonce: "n",
		Heartbeat: &Heartbeat{SID: "s", Seq: 7, Idle: 8, Age: 9, Stay: true}}
	input, err := SigningInput(rfcKey, claims)
	if err != nil {
		t.Fatal(err)
	}
	header, payload, _ := strings.Cut(input, ".")
	for got, want := range map[string]string{
		header: `{"typ":"dpop+jwt","alg":"ES256","jwk":{"crv":"P-256","kty":"EC","x":"` + rfcKey.X + `","y":"` + rfcKey.Y + `"}}`,
		payload: `{"jti":"j","htm":"POST","htu":"https://a.example/.curfew/heartbeat","iat":5,"nonce":"n",` +
			`"sid":"s","seq":7,"idle":8,"age":9,"stay":true}`,
	} {
		if raw, err := base64.RawURLEncoding.DecodeString(got); err != nil || string(raw) != want {
			t.Errorf("got  %s\nwant %s", raw, want)
		}
	}
}

func TestSigningInputRefusesWhatJSONWouldEscape(t *testing.T) {
	good := func() (Key, Claims) {
		return rfcKey, Claims{JTI: "j", HTM: "POST", HTU: "https://a.example/", IAT: 1, Nonce: "n", Heartbeat: &Heartbeat{SID: "s"}}
	}
	for name, spoil := range map[string]func(*Key, *Claims){
		"quote":        func(_ *Key, c *Claims) { c.HTU = `https://a.example/","idle":0` },
		"backslash":    func(_ *Key, c *Claims) { c.Nonce = `\u0022` },
		"control":      func(_ *Key, c *Claims) { c.JTI = "a\nb" },
		"not ASCII":    func(_ *Key, c *Claims) { c.Heartbeat.SID = "é" },
		"space":        func(_ *Key, c *Claims) { c.HTM = "PO ST" },
		"empty nonce":  func(_ *Key, c *Claims) { c.Nonce = "" },
		"empty x":      func(k *Key, _ *Claims) { k.X = "" },
		"y with quote": func(k *Key, _ *Claims) { k.Y = `"` },
		"long":         func(_ *Key, c *Claims) { c.HTU = "https://" + strings.Repeat("a", maxValue) },
		"future":       func(_ *Key, c *Claims) { c.Heartbeat.Idle = -1 },
		"age":          func(_ *Key, c *Claims) { c.Heartbeat.Age = -1 },
	} {
		key, claims := good()
		spoil(&key, &claims)
		if input, err := SigningInput(key, claims); !errors.Is(err, ErrUnsafe) || input != "" {
			t.Errorf("%s: got %q, %v", name, input, err)
		}
	}
	if _, err := SigningInput(good()); err != nil {
		t.Errorf("the unspoiled claims are refused: %v", err)
	}
}

func TestJoinWantsAWholeSignature(t *testing.T) {
	for size, ok := range map[int]bool{0: false, 63: false, 64: true, 65: false, 71: false} {
		if token, err := Join("a.b", make([]byte, size)); (err == nil) != ok || ok && strings.Count(token, ".") != 2 {
			t.Errorf("%d bytes: %q, %v", size, token, err)
		}
	}
}
