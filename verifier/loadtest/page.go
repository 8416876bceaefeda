// Package loadtest is the pages of many sessions, as a verifier sees them: each heartbeat is signed with the session's own key, and carries the
// nonce and the number that it must. It measures; it judges nothing. Only benchmarks use it.
package loadtest

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/curfew-project/curfew/shared/proof"
	"github.com/curfew-project/curfew/shared/wire"
)

// Key is the key of a page.
type Key struct {
	private *ecdsa.PrivateKey
	public  proof.Key
}

// NewKey makes a key.
func NewKey() (Key, error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return Key{}, err
	}
	raw, err := private.PublicKey.Bytes()
	if err != nil {
		return Key{}, err
	}
	encode := base64.RawURLEncoding.EncodeToString
	return Key{private, proof.Key{X: encode(raw[1:33]), Y: encode(raw[33:])}}, nil
}

// Thumbprint is what a session is bound to (RFC 7638).
func (k Key) Thumbprint() [sha256.Size]byte {
	return sha256.Sum256([]byte(proof.ThumbprintInput(k.public)))
}

func (k Key) token(claims proof.Claims) (string, error) {
	input, err := proof.SigningInput(k.public, claims)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256([]byte(input))
	r, s, err := ecdsa.Sign(rand.Reader, k.private, sum[:])
	if err != nil {
		return "", err
	}
	return proof.Join(input, append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...))
}

// Page is one session's page. It is safe for concurrent use, one request after the other, as in a browser.
type Page struct {
	Key    Key
	SID    string
	Cookie string // its name and value

	mu      sync.Mutex
	nonce   string
	nonceAt time.Time
	seq     uint64

	up, down int64 // bytes of the last heartbeat and its answer
}

// Sizes are the bytes of the last heartbeat and of its answer, as HTTP/1.1.
func (p *Page) Sizes() (up, down int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.up, p.down
}

// Target is the verifiers that pages talk to.
type Target struct {
	Client *http.Client
	Origin string   // of the environment, such as https://records.example
	Bases  []string // where the verifiers are, such as http://127.0.0.1:4100; pages go to one after the other
}

// Refused is an answer other than the one that was wanted.
type Refused struct {
	Status  int
	Refusal wire.Refusal
}

func (r *Refused) Error() string {
	return fmt.Sprintf("status %d, %s", r.Status, r.Refusal.Error)
}

const prefix = "/.curfew/"

// Beat sends a heartbeat to the nth verifier, first asking for a nonce where the page has none.
func (p *Page) Beat(ctx context.Context, to *Target, n int) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.nonce == "" {
		refused, err := p.post(ctx, to, n, "", nil)
		if err != nil {
			return err
		}
		if refused == nil || refused.Refusal.Error != wire.UseNonce {
			return fmt.Errorf("a heartbeat without a proof: %v", refused)
		}
	}
	p.seq++
	token, err := p.Key.token(proof.Claims{
		JTI: rand.Text(), HTM: http.MethodPost, HTU: to.Origin + prefix + "heartbeat", IAT: time.Now().Unix(), Nonce: p.nonce,
		Heartbeat: &proof.Heartbeat{SID: p.SID, Seq: p.seq, Idle: 100, Age: time.Since(p.nonceAt).Milliseconds()},
	})
	if err != nil {
		return err
	}
	var reply wire.Reply
	refused, err := p.post(ctx, to, n, token, &reply)
	if err != nil {
		return err
	}
	if refused != nil {
		return refused
	}
	if reply.Seq != p.seq {
		return fmt.Errorf("heartbeat %d was answered as %d", p.seq, reply.Seq)
	}
	return nil
}

func (p *Page) post(ctx context.Context, to *Target, n int, token string, reply *wire.Reply) (*Refused, error) {
	r, err := p.request(ctx, to, n, http.MethodPost, "heartbeat")
	if err != nil {
		return nil, err
	}
	r.Header.Set("Origin", to.Origin)
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	if token != "" {
		r.Header.Set(wire.HeaderProof, token)
	}
	answer, err := to.Client.Do(r)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK || reply == nil {
		refused := &Refused{Status: answer.StatusCode}
		if err := json.NewDecoder(answer.Body).Decode(&refused.Refusal); err != nil {
			return nil, fmt.Errorf("status %d: %w", answer.StatusCode, err)
		}
		if refused.Refusal.Nonce != "" {
			p.nonce, p.nonceAt, p.seq = refused.Refusal.Nonce, time.Now(), max(p.seq, refused.Refusal.Seq)
		}
		return refused, nil
	}
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(body, reply); err != nil {
		return nil, err
	}
	p.up, p.down = sizeOf(r.Header)+int64(len(r.Method+r.URL.Path+r.Host)), sizeOf(answer.Header)+int64(len(body))
	p.nonce, p.nonceAt = reply.Nonce, time.Now()
	if fresh := answer.Cookies(); len(fresh) == 1 {
		p.Cookie = fresh[0].Name + "=" + fresh[0].Value
	}
	return nil, nil
}

// sizeOf is the bytes of header fields.
func sizeOf(h http.Header) (n int64) {
	for name, values := range h {
		for _, value := range values {
			n += int64(len(name) + len(": ") + len(value) + len("\r\n"))
		}
	}
	return n
}

// Check asks the nth verifier for its verdict on a request of the page.
func (p *Page) Check(ctx context.Context, to *Target, n int) error {
	p.mu.Lock()
	r, err := p.request(ctx, to, n, http.MethodGet, "check")
	p.mu.Unlock()
	if err != nil {
		return err
	}
	answer, err := to.Client.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode == http.StatusNoContent {
		return nil
	}
	refused := &Refused{Status: answer.StatusCode}
	if err := json.NewDecoder(answer.Body).Decode(&refused.Refusal); err != nil {
		return fmt.Errorf("status %d: %w", answer.StatusCode, err)
	}
	return refused
}

func (p *Page) request(ctx context.Context, to *Target, n int, method, endpoint string) (*http.Request, error) {
	r, err := http.NewRequestWithContext(ctx, method, to.Bases[n%len(to.Bases)]+prefix+endpoint, nil)
	if err != nil {
		return nil, err
	}
	r.Host = r.URL.Host
	if host, ok := hostOf(to.Origin); ok {
		r.Host = host
	}
	r.Header.Set("Cookie", p.Cookie)
	return r, nil
}
