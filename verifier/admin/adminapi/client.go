package adminapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/curfew-project/curfew/verifier/admin"
)

// Client administers a verifier from another process. Its methods are those of admin.Admin; what the verifier refuses is an *admin.Error
// here too. It is safe for concurrent use.
type Client struct {
	http  *http.Client
	base  string // with Prefix
	token string
	where string // for people
}

// Patience is how long an answer may take to begin. A change may ask every identity provider first.
const Patience = 2 * time.Minute

// DialSocket is a Client of the verifier with a socket at path. It connects with the first request.
func DialSocket(path string) *Client {
	var dialer net.Dialer
	transport := &http.Transport{ResponseHeaderTimeout: Patience, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return dialer.DialContext(ctx, "unix", path)
	}}
	return &Client{http: &http.Client{Transport: transport}, base: "http://localhost" + Prefix, where: "socket " + path}
}

// ErrAddress is in the tree of the error for an address that a token must not be sent to.
var ErrAddress = errors.New("allowed: https://host or https://host:port, or http:// on this machine")

// Dial is a Client of the verifier with its operator's listener at an address. The token goes over TLS only, or stays on this machine.
// Redirects are not followed, because they could take the token elsewhere.
func Dial(address, token string, transport http.RoundTripper) (*Client, error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" {
		return nil, fmt.Errorf("address is %q; %w", address, ErrAddress)
	}
	if local := net.ParseIP(u.Hostname()); u.Scheme != "https" && (u.Scheme != "http" || u.Hostname() != "localhost" && !local.IsLoopback()) {
		return nil, fmt.Errorf("address is %q; %w", address, ErrAddress)
	}
	client := &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return &Client{http: client, base: u.Scheme + "://" + u.Host + Prefix, token: token, where: u.Scheme + "://" + u.Host}, nil
}

// Unreachable is the error when the verifier does not answer, or something else does in its place.
type Unreachable struct {
	Where string // its socket or address
	Err   error
}

func (u *Unreachable) Error() string {
	return fmt.Sprintf("the verifier does not answer at %s: %v", u.Where, u.Err)
}
func (u *Unreachable) Unwrap() error { return u.Err }

// maxAnswer bounds an answer that is no stream, in bytes: a thousand of the longest entries fit.
const maxAnswer = 256 << 20

// call makes a request and reads the answer into a value; nil: there is none.
func (c *Client) call(ctx context.Context, method, path string, parameters url.Values, body, into any) error {
	answer, err := c.send(ctx, method, path, parameters, body)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if into == nil {
		return nil
	}
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer))
	if err == nil {
		err = json.Unmarshal(text, into)
	}
	if err != nil {
		return &Unreachable{c.where, err}
	}
	return nil
}

// send makes a request; an answer that is no success becomes an error.
func (c *Client) send(ctx context.Context, method, path string, parameters url.Values, body any) (*http.Response, error) {
	var text io.Reader
	if body != nil {
		encoded, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		text = bytes.NewReader(encoded)
	}
	address := c.base + path
	if len(parameters) > 0 {
		address += "?" + parameters.Encode()
	}
	r, err := http.NewRequestWithContext(ctx, method, address, text)
	if err != nil {
		return nil, err
	}
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if c.token != "" {
		r.Header.Set("Authorization", "Bearer "+c.token)
	}
	answer, err := c.http.Do(r)
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		var failed *url.Error
		if errors.As(err, &failed) {
			err = failed.Err // the address is told already
		}
		return nil, &Unreachable{c.where, err}
	}
	if answer.StatusCode/100 == 2 {
		return answer, nil
	}
	defer answer.Body.Close()
	return nil, c.refused(answer)
}

// refused is what the verifier refused, or that it was no verifier.
func (c *Client) refused(answer *http.Response) error {
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer))
	if err != nil {
		return &Unreachable{c.where, err}
	}
	var refused admin.Error
	if json.Unmarshal(text, &refused) != nil {
		return c.noVerifier(answer)
	}
	if status, ok := statusOf(refused.Code); !ok || status != answer.StatusCode {
		return c.noVerifier(answer)
	}
	return &refused
}

func (c *Client) noVerifier(answer *http.Response) error {
	return &Unreachable{c.where, fmt.Errorf("something answers %s that is no verifier's administration", answer.Status)}
}

// numbers are parameters that are left out when they are 0.
func numbers(into url.Values, name string, n int64) {
	if n != 0 {
		into.Set(name, strconv.FormatInt(n, 10))
	}
}

// texts are parameters that are left out when they are empty.
func texts(into url.Values, name, text string) {
	if text != "" {
		into.Set(name, text)
	}
}
