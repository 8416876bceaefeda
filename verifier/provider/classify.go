package provider

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"golang.org/x/oauth2"
)

// gone is the error for a caller whose ctx has ended: a deadline that passed is a timeout; a caller that left gets its own error.
func gone(ctx context.Context) error {
	if err := ctx.Err(); errors.Is(err, context.DeadlineExceeded) {
		return fault(CauseTimeout, err)
	}
	return ctx.Err()
}

// unanswered is the Fault of a request that got no answer, or one that was cut off or too large.
func unanswered(what string, err error, broken Cause) *Fault {
	return fault(unansweredCause(err, broken), fmt.Errorf("%s: %w", what, err))
}

func unansweredCause(err error, broken Cause) Cause {
	var name *net.DNSError
	var network net.Error
	var request *url.Error
	if errors.As(err, &request) { // it asks only the error right below it about timeouts
		err = request.Err
	}
	switch {
	case errors.Is(err, errTooLarge):
		return broken
	case errors.As(err, &name): // a lookup that took too long too: that is where to look
		return CauseDNS
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &network) && network.Timeout():
		return CauseTimeout
	case isTLS(err):
		return CauseTLS
	}
	return CauseConnection
}

func isTLS(err error) bool {
	var op *net.OpError
	if errors.As(err, &op) {
		return op.Op == "remote error" || op.Op == "local error" // what crypto/tls calls an alert
	}
	var (
		verification *tls.CertificateVerificationError
		record       tls.RecordHeaderError
		authority    x509.UnknownAuthorityError
		hostname     x509.HostnameError
		invalid      x509.CertificateInvalidError
		roots        x509.SystemRootsError
	)
	return errors.Is(err, errHandshake) && !errors.Is(err, io.EOF) || errors.Is(err, http.ErrSchemeMismatch) || errors.As(err, &verification) ||
		errors.As(err, &record) || errors.As(err, &authority) || errors.As(err, &hostname) || errors.As(err, &invalid) || errors.As(err, &roots)
}

// status is the Fault of an answer with another status than success; other is the cause when the status says nothing more.
func (p *Provider) status(what string, answer *http.Response, other Cause) *Fault {
	cause := other
	switch code := answer.StatusCode; {
	case code == http.StatusTooManyRequests:
		cause = CauseRateLimited
	case code == http.StatusRequestTimeout:
		cause = CauseTimeout
	case code >= 500:
		cause = CauseServerError
	}
	f := fault(cause, fmt.Errorf("%s: status %d", what, answer.StatusCode))
	f.RetryAfter = p.retryAfter(answer)
	return f
}

const maxRetryAfter = time.Hour

// retryAfter reads Retry-After (RFC 9110 section 10.2.3) of an answer that says that the provider cannot serve now.
func (p *Provider) retryAfter(answer *http.Response) time.Duration {
	if answer.StatusCode != http.StatusTooManyRequests && answer.StatusCode != http.StatusServiceUnavailable {
		return 0
	}
	text := strings.TrimSpace(answer.Header.Get("Retry-After"))
	if seconds, err := strconv.ParseUint(text, 10, 63); err == nil {
		return time.Duration(min(seconds, uint64(maxRetryAfter/time.Second))) * time.Second
	} else if errors.Is(err, strconv.ErrRange) {
		return maxRetryAfter
	}
	if at, err := http.ParseTime(text); err == nil {
		return min(max(at.Sub(p.now()), 0), maxRetryAfter)
	}
	return 0
}

// isCode finds the cause that an error code of the authorization or token endpoint stands for.
func isCode(code string) (Cause, bool) {
	switch cause := Cause(code); cause {
	case CauseInvalidGrant, CauseLoginRequired, CauseInteractionRequired, CauseConsentRequired, CauseAccountSelectionRequired, CauseAccessDenied,
		CauseInvalidClient, CauseUnauthorizedClient, CauseUnsupportedGrantType, CauseInvalidScope, CauseInvalidRequest, CauseServerError:
		return cause, true
	}
	if code == "temporarily_unavailable" {
		return CauseServerError, true
	}
	return "", false
}

// tokenFault is the Fault of a token request that failed. oauth2's own errors hold the body, so none is kept.
func (p *Provider) tokenFault(err error, sent ...string) *Fault {
	const what = "token endpoint"
	var refused *oauth2.RetrieveError
	if !errors.As(err, &refused) {
		var request *url.Error
		if errors.As(err, &request) { // what the client makes of all that keeps an answer away
			f := unanswered(what, request, CauseAnswer)
			if op := (*net.OpError)(nil); f.Cause == CauseConnection && !errors.As(err, &op) { // what came instead of HTTP is in the text
				f.Err = errors.New(what + ": the connection broke, or what came is no HTTP")
			}
			return f
		}
		return fault(CauseAnswer, errors.New(what+": the answer cannot be read"))
	}
	other := CauseClientError
	if refused.Response.StatusCode < 300 {
		other = CauseAnswer
	}
	f := p.status(what, refused.Response, other)
	if f.Cause != other {
		return f
	}
	if cause, ok := isCode(refused.ErrorCode); ok {
		f.Kind, f.Cause = cause.Kind(), cause
	}
	f.Err = fmt.Errorf("%s: status %d, %s", what, refused.Response.StatusCode, said(refused.ErrorCode, refused.ErrorDescription, p.secrets(sent)))
	return f
}

// said is a provider's error code and description, made fit for a log: without what was sent, or anything else that may be a
// secret.
func said(code, description string, secrets []string) string {
	if _, known := isCode(code); !known {
		code = clean(code, 64, secrets)
	}
	text := "error " + strconv.Quote(code)
	if description != "" {
		text += ", " + strconv.Quote(clean(description, 300, secrets))
	}
	return text
}

// secretRun is the length from which a run of letters and digits is taken for a secret.
const secretRun = 20

func clean(text string, most int, secrets []string) string {
	words := strings.FieldsFunc(without(text, secrets), func(r rune) bool { return r <= ' ' || r >= 0x7f && r != '…' })
	for i, word := range words {
		if run(word) >= secretRun {
			words[i] = "…"
		}
	}
	return cut(strings.Join(words, " "), most)
}

// without replaces secrets in a text.
func without(text string, secrets []string) string {
	for _, secret := range secrets {
		text = strings.ReplaceAll(text, secret, "…")
	}
	return text
}

// secrets are what was sent, and must not be said, in the forms in which it was sent.
func (p *Provider) secrets(sent []string) []string {
	id, secret := url.QueryEscape(p.config.ClientID), url.QueryEscape(p.config.ClientSecret)
	all := []string{base64.StdEncoding.EncodeToString([]byte(id + ":" + secret))}
	for _, text := range append(sent, p.config.ClientSecret) {
		if text != "" {
			all = append(all, text, url.QueryEscape(text))
		}
	}
	return all
}

// run is the longest run of characters in a word that codes and tokens are made of.
func run(word string) int {
	longest, now := 0, 0
	for _, r := range word {
		if r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || strings.ContainsRune("-_~+=", r) {
			now++
			longest = max(longest, now)
		} else {
			now = 0
		}
	}
	return longest
}
