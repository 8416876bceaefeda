package keyring

import (
	"bytes"
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func testRing(t testing.TB, seeds ...byte) *Ring {
	t.Helper()
	var secrets [][]byte
	for _, seed := range seeds {
		secrets = append(secrets, bytes.Repeat([]byte{seed}, SecretSize))
	}
	ring, err := New(secrets...)
	if err != nil {
		t.Fatal(err)
	}
	return ring
}

// P6: a token is worth nothing for another purpose, in another environment, or with another ring.
func TestP6_TokenIsBoundToPurposeContextAndRing(t *testing.T) {
	ring := testRing(t, 1)
	payload := []byte("payload")
	makers := map[string]struct {
		token string
		open  func(*Ring, Purpose, string, string) ([]byte, error)
	}{
		"signed": {ring.Sign(SessionCookie, "clinic", payload), (*Ring).Open},
		"sealed": {ring.Seal(SessionCookie, "clinic", payload), (*Ring).Unseal},
	}
	for name, m := range makers {
		if got, err := m.open(ring, SessionCookie, "clinic", m.token); err != nil || !bytes.Equal(got, payload) {
			t.Errorf("%s: own token gave %q, %v", name, got, err)
		}
		refused := map[string]func() ([]byte, error){
			"another purpose": func() ([]byte, error) { return m.open(ring, Nonce, "clinic", m.token) },
			"another context": func() ([]byte, error) { return m.open(ring, SessionCookie, "bank", m.token) },
			"another ring":    func() ([]byte, error) { return m.open(testRing(t, 2), SessionCookie, "clinic", m.token) },
			"empty":           func() ([]byte, error) { return m.open(ring, SessionCookie, "clinic", "") },
			"longer":          func() ([]byte, error) { return m.open(ring, SessionCookie, "clinic", m.token+"A") },
		}
		for i := range len(m.token) {
			forged := []byte(m.token)
			forged[i] ^= 1
			refused["flipped"] = func() ([]byte, error) { return m.open(ring, SessionCookie, "clinic", string(forged)) }
			if got, err := refused["flipped"](); !errors.Is(err, ErrToken) || got != nil {
				t.Errorf("%s: byte %d flipped gave %q, %v", name, i, got, err)
			}
		}
		for what, try := range refused {
			if got, err := try(); !errors.Is(err, ErrToken) || got != nil {
				t.Errorf("%s: %s gave %q, %v", name, what, got, err)
			}
		}
	}
}

func TestRotationOverlaps(t *testing.T) {
	old, both, after := testRing(t, 1), testRing(t, 2, 1), testRing(t, 2)
	token := old.Sign(Nonce, "", []byte("x"))
	if _, err := both.Open(Nonce, "", token); err != nil {
		t.Errorf("a token of the previous key is refused during the overlap: %v", err)
	}
	if _, err := after.Open(Nonce, "", token); err == nil {
		t.Error("a token of a dropped key is accepted")
	}
	if _, err := after.Open(Nonce, "", both.Sign(Nonce, "", []byte("x"))); err != nil {
		t.Errorf("the first key does not sign: %v", err)
	}
}

func TestLoadFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys")
	first, err := LoadFile(path, rand.Reader, rotated)
	if err != nil {
		t.Fatal(err)
	}
	again, err := LoadFile(path, rand.Reader, rotated)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := again.Open(Nonce, "", first.Sign(Nonce, "", nil)); err != nil {
		t.Errorf("the file was not kept: %v", err)
	}
	for name, spoil := range map[string]func(){
		"readable by others": func() { os.Chmod(path, 0o644) },
		"garbage":            func() { os.WriteFile(path, []byte("not base64!\n"), 0o600); os.Chmod(path, 0o600) },
		"no secret":          func() { os.WriteFile(path, []byte("# nothing\n"), 0o600) },
		"short secret":       func() { os.WriteFile(path, []byte("AAAA\n"), 0o600) },
	} {
		spoil()
		if _, err := LoadFile(path, rand.Reader, rotated); err == nil {
			t.Errorf("%s: accepted", name)
		} else if !bytes.Contains([]byte(err.Error()), []byte(path)) {
			t.Errorf("%s: the error does not name the file: %v", name, err)
		}
		os.Chmod(path, 0o600)
	}
}

func FuzzOpen(f *testing.F) {
	ring := testRing(f, 1)
	f.Add(ring.Sign(SessionCookie, "clinic", []byte("sixteen bytes...expiry..")))
	f.Add(ring.Seal(SessionCookie, "clinic", []byte("{}")))
	f.Fuzz(func(t *testing.T, token string) {
		if payload, err := ring.Open(SessionCookie, "clinic", token); err == nil {
			if ring.Sign(SessionCookie, "clinic", payload) != token {
				t.Errorf("accepted token %q is not canonical", token)
			}
		} else if payload != nil {
			t.Error("a refused token gave a payload")
		}
		if payload, err := ring.Unseal(SessionCookie, "clinic", token); err != nil && payload != nil {
			t.Error("a refused token gave a payload")
		}
	})
}
