package provider

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"
)

const (
	maxAnswer    = 1 << 20 // bytes of a body
	maxHeaders   = 64 << 10
	maxRedirects = 5
)

var (
	errTooLarge  = errors.New("the answer is larger than 1 MiB")
	errHandshake = errors.New("TLS handshake")
)

// bounded reads whole answers, up to maxAnswer bytes, before anybody else sees them: a failure on the way is then one of the
// round trip, with its own type, and no reader has to bound anything.
type bounded struct{ base http.RoundTripper }

func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	var handshake atomic.Bool // failed; crypto/tls has no type that all its errors share
	ctx := httptrace.WithClientTrace(r.Context(), &httptrace.ClientTrace{
		TLSHandshakeDone: func(_ tls.ConnectionState, err error) { handshake.Store(err != nil) },
	})
	answer, err := b.base.RoundTrip(r.WithContext(ctx))
	if err != nil {
		if handshake.Load() {
			err = errors.Join(errHandshake, err)
		}
		return nil, err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer+1))
	if err != nil {
		return nil, err
	}
	if len(body) > maxAnswer {
		return nil, errTooLarge
	}
	answer.Body = io.NopCloser(bytes.NewReader(body))
	return answer, nil
}

// clients makes the client that reads documents and the one that asks for tokens. A redirect of the latter is not followed: it
// would carry the code or the refresh token, and perhaps the secret, to another address.
func clients(given *http.Client) (reading, asking *http.Client) {
	if given == nil {
		given = &http.Client{Transport: ownTransport()}
	}
	base := given.Transport
	if base == nil {
		base = http.DefaultTransport
	}
	first, second := *given, *given
	if given.Timeout == 0 {
		first.Timeout, second.Timeout = patience, patience
	}
	first.Transport, second.Transport = bounded{base}, bounded{base}
	first.CheckRedirect = func(next *http.Request, via []*http.Request) error {
		if len(via) > maxRedirects || via[0].URL.Scheme == "https" && next.URL.Scheme != "https" {
			return http.ErrUseLastResponse
		}
		return nil
	}
	second.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &first, &second
}

func ownTransport() http.RoundTripper {
	if standard, ok := http.DefaultTransport.(*http.Transport); ok {
		own := standard.Clone()
		own.MaxResponseHeaderBytes = maxHeaders
		return own
	}
	return http.DefaultTransport
}

// fetch reads a JSON document of the provider; broken is the cause when it answers with something else. The error is a Fault.
func (p *Provider) fetch(ctx context.Context, what, address string, broken Cause) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, fault(broken, err)
	}
	request.Header.Set("Accept", "application/json")
	answer, err := p.reading.Do(request)
	if err != nil {
		return nil, unanswered(what, err, broken)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return nil, p.status(what, answer, broken)
	}
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return nil, fault(broken, err)
	}
	return body, nil
}
