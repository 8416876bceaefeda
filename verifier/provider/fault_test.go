package provider

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
)

// A7: every failure has a type that says what it means. Each row is a real exchange with a real server or socket.
func TestA7_TokenEndpointAnswers(t *testing.T) {
	s := newScripted(t)
	for _, one := range []struct {
		status int
		body   string
		kind   Kind
		cause  Cause
	}{
		{400, `{"error":"invalid_grant"}`, Refused, CauseInvalidGrant},
		{400, `{"error":"login_required"}`, Refused, CauseLoginRequired},
		{400, `{"error":"interaction_required","error_description":"AADSTS50076: multi-factor authentication"}`, Refused, CauseInteractionRequired},
		{400, `{"error":"consent_required"}`, Refused, CauseConsentRequired},
		{400, `{"error":"account_selection_required"}`, Refused, CauseAccountSelectionRequired},
		{403, `{"error":"access_denied"}`, Refused, CauseAccessDenied},
		{401, `{"error":"invalid_grant"}`, Refused, CauseInvalidGrant},
		{200, `{"error":"invalid_grant"}`, Refused, CauseInvalidGrant},

		{401, `{"error":"invalid_client"}`, Misconfigured, CauseInvalidClient},
		{400, `{"error":"unauthorized_client"}`, Misconfigured, CauseUnauthorizedClient},
		{400, `{"error":"unsupported_grant_type"}`, Misconfigured, CauseUnsupportedGrantType},
		{400, `{"error":"invalid_scope"}`, Misconfigured, CauseInvalidScope},
		{400, `{"error":"invalid_request"}`, Misconfigured, CauseInvalidRequest},
		{400, `{"error":"bored"}`, Misconfigured, CauseClientError},
		{400, `{"error":"Invalid_Grant"}`, Misconfigured, CauseClientError},
		{400, `{"error":"timeout"}`, Misconfigured, CauseClientError}, // a cause of ours, but no code of theirs
		{400, ``, Misconfigured, CauseClientError},
		{401, `<html>who are you</html>`, Misconfigured, CauseClientError},
		{404, `not found`, Misconfigured, CauseClientError},
		{405, ``, Misconfigured, CauseClientError},
		{302, ``, Misconfigured, CauseClientError},
		{304, ``, Misconfigured, CauseClientError},
		{200, `{"access_token":"a","token_type":"Bearer"}`, Misconfigured, CauseNoIDToken},

		{500, ``, Unreachable, CauseServerError},
		{502, `<html>bad gateway</html>`, Unreachable, CauseServerError},
		{503, `{"error":"invalid_grant"}`, Unreachable, CauseServerError},
		{599, ``, Unreachable, CauseServerError},
		{400, `{"error":"server_error"}`, Unreachable, CauseServerError},
		{400, `{"error":"temporarily_unavailable"}`, Unreachable, CauseServerError},
		{429, ``, Unreachable, CauseRateLimited},
		{429, `{"error":"invalid_grant"}`, Unreachable, CauseRateLimited},
		{408, ``, Unreachable, CauseTimeout},
		{200, ``, Unreachable, CauseAnswer},
		{200, `<html>welcome to this hotel's network</html>`, Unreachable, CauseAnswer},
		{200, `{"error":"bored"}`, Unreachable, CauseAnswer},
		{200, `{"id_token":"x"}`, Unreachable, CauseAnswer},
		{200, `{"access_token":"a","id_token":5}`, Unreachable, CauseAnswer},
		{200, `{"access_token":"a","id_token":"x","expires_in":"soon"}`, Unreachable, CauseAnswer},
		{200, `{"access_token":"a","x":"` + strings.Repeat("x", maxAnswer) + `"}`, Unreachable, CauseAnswer},
		{200, `{"access_token":"a","id_token":""}`, Unreachable, CauseToken},
		{200, `{"access_token":"a","id_token":"x.y.z"}`, Unreachable, CauseToken},
	} {
		what := fmt.Sprintf("%d %.60s", one.status, one.body)
		s.refuse(one.status, one.body)
		p := s.provider(nil)
		_, err := p.Refresh(t.Context(), s.refresh(), dontKeep(t))
		t.Run(what, func(t *testing.T) { want(t, err, one.kind, one.cause) })
		state := p.State()
		if up := one.kind == Refused; state.Up != up || !up && (state.Kind != one.kind || state.Cause != one.cause || state.Detail == "") {
			t.Errorf("%s: state is %+v", what, state)
		}
		_, err = s.provider(nil).Redeem(t.Context(), code1)
		want(t, err, one.kind, one.cause)
	}
}

// An answer in another content type is read as what it says it is.
func TestTokenEndpointAnswersInAForm(t *testing.T) {
	s := newScripted(t)
	s.onToken(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/x-www-form-urlencoded")
		w.WriteHeader(400)
		_, _ = io.WriteString(w, "error=invalid_grant")
	})
	_, err := s.provider(nil).Refresh(t.Context(), s.refresh(), dontKeep(t))
	want(t, err, Refused, CauseInvalidGrant)
	s.onToken(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		_, _ = io.WriteString(w, "access_token=a&id_token=7")
	})
	_, err = s.provider(nil).Refresh(t.Context(), s.refresh(), dontKeep(t))
	want(t, err, Unreachable, CauseAnswer)
}

// client is an HTTP client whose dialing a test decides.
func client(dial func(ctx context.Context, network, address string) (net.Conn, error)) *http.Client {
	return &http.Client{Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true}}
}

// A7: nobody answers, in all the ways there are.
func TestA7_Unreachable(t *testing.T) {
	s := newScripted(t)
	quiet := log.New(io.Discard, "", 0)
	handler := s.Config.Handler

	untrusted := httptest.NewUnstartedServer(handler)
	untrusted.Config.ErrorLog = quiet
	untrusted.StartTLS()
	defer untrusted.Close()

	otherName := httptest.NewUnstartedServer(handler)
	otherName.Config.ErrorLog = quiet
	otherName.StartTLS()
	defer otherName.Close()
	trusting := func(change func(*tls.Config)) *http.Client {
		pool := x509.NewCertPool()
		pool.AddCert(otherName.Certificate())
		config := &tls.Config{RootCAs: pool}
		if change != nil {
			change(config)
		}
		return &http.Client{Transport: &http.Transport{TLSClientConfig: config, DisableKeepAlives: true}}
	}

	mutual := httptest.NewUnstartedServer(handler)
	mutual.Config.ErrorLog = quiet
	mutual.TLS = &tls.Config{ClientAuth: tls.RequireAndVerifyClientCert, MaxVersion: tls.VersionTLS12}
	mutual.StartTLS()
	defer mutual.Close()
	careless := func() *http.Client {
		return &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true}}
	}

	closed := httptest.NewServer(nil)
	closed.Close()

	slow := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // only then does a server see that its client has gone
		<-r.Context().Done()
	}))
	defer slow.Close()
	// It takes connections, as every listener's queue does, and never says a word: a server that speaks may be faster than a nanosecond's timer.
	mute, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = mute.Close() }()
	half := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Length", "1000")
		_, _ = io.WriteString(w, "{")
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	}))
	defer half.Close()
	// raw answers every connection with a text, or with nothing at all.
	raw := func(text string) string {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { listener.Close() })
		go func() {
			for {
				conn, err := listener.Accept()
				if err != nil {
					return
				}
				_, _ = conn.Read(make([]byte, 4096))
				_, _ = io.WriteString(conn, text)
				conn.Close()
			}
		}()
		return "http://" + listener.Addr().String()
	}
	cut := raw("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{")
	resolver := &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) { return nil, errors.New("no name server") }}

	for _, one := range []struct {
		what   string
		cause  Cause
		issuer string
		client *http.Client
	}{
		{"closed port", CauseConnection, closed.URL, nil},
		{"hangs up", CauseConnection, raw(""), nil},
		{"hangs up within the answer", CauseConnection, cut, nil},
		{"no HTTP", CauseConnection, raw("SSH-2.0-OpenSSH\r\n\r\n"), nil},
		{"unknown network", CauseConnection, "http://127.0.0.1:1", client(func(context.Context, string, string) (net.Conn, error) { return nil, net.UnknownNetworkError("x") })},
		{"no such name", CauseDNS, "http://login.example", client((&net.Dialer{Resolver: resolver}).DialContext)},
		{"name server says no", CauseDNS, "http://login.example", client(func(context.Context, string, string) (net.Conn, error) {
			return nil, &net.OpError{Op: "dial", Err: &net.DNSError{Err: "no such host", IsNotFound: true}}
		})},
		{"name server is slow", CauseDNS, "http://login.example", client(func(context.Context, string, string) (net.Conn, error) {
			return nil, &net.OpError{Op: "dial", Err: &net.DNSError{Err: "i/o timeout", IsTimeout: true}}
		})},
		{"unknown authority", CauseTLS, untrusted.URL, &http.Client{}},
		{"another name", CauseTLS, otherName.URL, trusting(func(c *tls.Config) { c.ServerName = "login.example" })},
		{"expired certificate", CauseTLS, otherName.URL, trusting(func(c *tls.Config) {
			c.Time = func() time.Time { return time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC) }
		})},
		{"no version in common", CauseTLS, otherName.URL, trusting(func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS10 })},
		{"wants our certificate", CauseTLS, mutual.URL, careless()},
		// As TLS 1.3 says that after the handshake. From a real server it would race with the end of the connection.
		{"wants our certificate later", CauseTLS, "http://127.0.0.1:1", client(func(context.Context, string, string) (net.Conn, error) {
			return nil, &net.OpError{Op: "remote error", Err: tls.AlertError(116)}
		})},
		{"hangs up in the handshake", CauseConnection, "https" + strings.TrimPrefix(raw(""), "http"), careless()},
		{"TLS that is none", CauseTLS, "https" + strings.TrimPrefix(raw("\x16\x03\x03\x00\x04\x02\x00\x00\x00"), "http"), careless()},
		{"no TLS at all", CauseTLS, "https" + strings.TrimPrefix(raw("SSH-2.0-OpenSSH\r\n\r\n"), "http"), careless()},
		{"no TLS", CauseTLS, "https" + strings.TrimPrefix(s.URL, "http"), nil},
		{"hangs", CauseTimeout, slow.URL, &http.Client{Timeout: 50 * time.Millisecond}},
		{"hangs within the answer", CauseTimeout, half.URL, &http.Client{Timeout: 50 * time.Millisecond}},
		{"hangs before its headers", CauseTimeout, slow.URL, &http.Client{Transport: &http.Transport{ResponseHeaderTimeout: 50 * time.Millisecond}}},
		{"hangs in the handshake", CauseTimeout, "https://" + mute.Addr().String(), &http.Client{Transport: &http.Transport{
			TLSHandshakeTimeout: time.Nanosecond}}},
		{"connects slowly", CauseTimeout, slow.URL, client((&net.Dialer{Timeout: time.Nanosecond}).DialContext)},
	} {
		t.Run(one.what, func(t *testing.T) {
			// The discovery document cannot be read.
			p := New(Config{Issuer: one.issuer, ClientID: "curfew"}, one.client, s.clock.now, nil)
			_, err := p.AuthURL(t.Context(), request1)
			want(t, err, Unreachable, one.cause)
			if state := p.State(); state.Up || state.Cause != one.cause {
				t.Errorf("state is %+v", state)
			}

			// Only the token endpoint does not answer.
			s := newScripted(t)
			s.set("token_endpoint", one.issuer+"/token")
			mixed := &http.Client{Transport: split2{one.issuer, one.client, s.Client()}}
			if one.client != nil {
				mixed.Timeout = one.client.Timeout
			}
			p = New(s.config(), mixed, s.clock.now, nil)
			_, err = p.Refresh(t.Context(), s.refresh(), dontKeep(t))
			want(t, err, Unreachable, one.cause)
			if state := p.State(); state.Up || state.Cause != one.cause {
				t.Errorf("state is %+v", state)
			}

			// Only the keys cannot be read.
			s.set("token_endpoint", s.URL+"/token")
			s.set("jwks_uri", one.issuer+"/keys")
			p = New(s.config(), mixed, s.clock.now, nil)
			_, err = p.Refresh(t.Context(), s.refresh(), dontKeep(t))
			want(t, err, Unreachable, one.cause)
			_, err = p.LogoutToken(t.Context(), s.logoutToken(nil))
			want(t, err, Unreachable, one.cause)
			if state := p.State(); state.Up || state.Cause != one.cause {
				t.Errorf("state is %+v", state)
			}
		})
	}
}

// The same by type alone, as a caller's own transport may give it.
func TestA7_Types(t *testing.T) {
	for _, one := range []struct {
		cause Cause
		err   error
	}{
		{CauseTLS, &tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}}},
		{CauseTLS, x509.UnknownAuthorityError{}},
		{CauseTLS, x509.HostnameError{}},
		{CauseTLS, x509.CertificateInvalidError{}},
		{CauseTLS, x509.SystemRootsError{}},
		{CauseTLS, tls.RecordHeaderError{}},
		{CauseTLS, http.ErrSchemeMismatch},
		{CauseTLS, errors.Join(errHandshake, errors.New("x"))},
		{CauseTLS, &net.OpError{Op: "remote error", Err: errors.New("x")}},
		{CauseTLS, &net.OpError{Op: "local error", Err: errors.New("x")}},
		{CauseConnection, errors.Join(errHandshake, io.EOF)},
		{CauseConnection, errors.Join(errHandshake, &net.OpError{Op: "read", Err: syscall.ECONNRESET})},
		{CauseConnection, &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}},
		{CauseConnection, syscall.EPIPE},
		{CauseConnection, io.ErrUnexpectedEOF},
		{CauseConnection, errors.New("x")},
		{CauseTimeout, context.DeadlineExceeded},
		{CauseTimeout, os.ErrDeadlineExceeded},
		{CauseTimeout, syscall.ETIMEDOUT},
		{CauseTimeout, errors.Join(errHandshake, &net.OpError{Op: "read", Err: os.ErrDeadlineExceeded})},
		{CauseDNS, &net.DNSError{IsTimeout: true}},
		{CauseKeys, errTooLarge},
	} {
		for _, err := range []error{one.err, fmt.Errorf("x: %w", one.err), &url.Error{Op: "Get", URL: "/", Err: one.err}, &url.Error{Op: "Get", URL: "/", Err: fmt.Errorf("x: %w", one.err)}} {
			if got := unansweredCause(err, CauseKeys); got != one.cause {
				t.Errorf("%T %+v: %s, want %s", one.err, one.err, got, one.cause)
			}
		}
	}
}

// split2 sends requests for one address by one client, others by another.
type split2 struct {
	address       string
	there, others *http.Client
}

func (s split2) RoundTrip(r *http.Request) (*http.Response, error) {
	client := s.others
	if strings.HasPrefix(r.URL.String(), s.address) {
		client = s.there
	}
	if client == nil || client.Transport == nil {
		return http.DefaultTransport.RoundTrip(r)
	}
	return client.Transport.RoundTrip(r)
}

// The deadline of a caller is a timeout, and leaves nobody waiting.
func TestA7_CallersDeadline(t *testing.T) {
	s := newScripted(t)
	block := make(chan struct{})
	defer close(block)
	hang := func(http.ResponseWriter, *http.Request) { <-block }
	short := func() context.Context {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		t.Cleanup(cancel)
		return ctx
	}
	p := s.provider(nil)
	if err := p.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.onToken(hang)
	_, err := p.Refresh(short(), s.refresh(), dontKeep(t))
	want(t, err, Unreachable, CauseTimeout)
	if !errors.As(err, new(*Fault)) || p.State().Cause != CauseTimeout {
		t.Errorf("state is %+v", p.State())
	}
	_, err = p.Redeem(short(), code1)
	want(t, err, Unreachable, CauseTimeout)

	s.onDocument(hang)
	_, err = s.provider(nil).AuthURL(short(), request1)
	if want(t, err, Unreachable, CauseTimeout); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error is %v", err)
	}
}

func TestA7_DiscoveryDocument(t *testing.T) {
	for _, one := range []struct {
		what   string
		cause  Cause
		change func(s *scripted)
	}{
		{"another issuer", CauseDiscovery, func(s *scripted) { s.set("issuer", s.URL+"/") }},
		{"no issuer", CauseDiscovery, func(s *scripted) { s.set("issuer", nil) }},
		{"no authorization endpoint", CauseDiscovery, func(s *scripted) { s.set("authorization_endpoint", nil) }},
		{"no token endpoint", CauseDiscovery, func(s *scripted) { s.set("token_endpoint", "") }},
		{"no keys", CauseDiscovery, func(s *scripted) { s.set("jwks_uri", nil) }},
		{"relative endpoint", CauseDiscovery, func(s *scripted) { s.set("token_endpoint", "/token") }},
		{"endpoint that is a script", CauseDiscovery, func(s *scripted) { s.set("authorization_endpoint", "javascript:alert(1)") }},
		{"endpoint that is a script with a host", CauseDiscovery, func(s *scripted) { s.set("authorization_endpoint", "javascript://host/%0Aalert(1)") }},
		{"endpoint with a password", CauseDiscovery, func(s *scripted) { s.set("token_endpoint", "http://a:b@login.example/token") }},
		{"endpoint with a fragment", CauseDiscovery, func(s *scripted) { s.set("authorization_endpoint", s.URL+"/authorize#x") }},
		{"end of session that is a script", CauseDiscovery, func(s *scripted) { s.set("end_session_endpoint", "javascript://x/") }},
		{"only shared-key algorithms", CauseDiscovery, func(s *scripted) { s.set("id_token_signing_alg_values_supported", []string{"HS256", "none"}) }},
		{"a member of another type", CauseDiscovery, func(s *scripted) { s.set("scopes_supported", "openid") }},
		{"no JSON", CauseDiscovery, func(s *scripted) {
			s.onDocument(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>") })
		}},
		{"a list", CauseDiscovery, func(s *scripted) {
			s.onDocument(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "[]") })
		}},
		{"empty", CauseDiscovery, func(s *scripted) { s.onDocument(func(http.ResponseWriter, *http.Request) {}) }},
		{"too large", CauseDiscovery, func(s *scripted) { s.set("x", strings.Repeat("x", maxAnswer)) }},
		{"404", CauseDiscovery, func(s *scripted) { s.onDocument(http.NotFound) }},
		{"204", CauseDiscovery, func(s *scripted) {
			s.onDocument(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) })
		}},
		{"endless redirects", CauseDiscovery, func(s *scripted) {
			s.onDocument(func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, r.URL.Path, http.StatusFound) })
		}},
		{"500", CauseServerError, func(s *scripted) {
			s.onDocument(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) })
		}},
		{"429", CauseRateLimited, func(s *scripted) {
			s.onDocument(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(429) })
		}},
	} {
		s := newScripted(t)
		one.change(s)
		p := s.provider(nil)
		_, err := p.AuthURL(t.Context(), request1)
		t.Run(one.what, func(t *testing.T) { want(t, err, Unreachable, one.cause) })
		if state := p.State(); state.Up || state.Cause != one.cause {
			t.Errorf("%s: state is %+v", one.what, state)
		}
		if wrong := new(*oidc.IssuerMismatchError); errors.As(err, wrong) != strings.HasSuffix(one.what, "issuer") {
			t.Errorf("%s: %v", one.what, err)
		}
	}
	_, err := New(Config{Issuer: "http://a b", ClientID: "curfew"}, nil, newClock().now, nil).AuthURL(t.Context(), request1)
	want(t, err, Unreachable, CauseDiscovery)
}

// An https issuer has all its addresses there: the token endpoint gets the client's secret.
func TestSecureIssuerHasSecureEndpoints(t *testing.T) {
	for _, one := range []struct {
		address string
		secure  bool
		ok      bool
	}{
		{"https://login.example/token", true, true}, {"http://login.example/token", true, false},
		{"http://localhost:9000/token", false, true}, {"https://login.example/token", false, true}, {"ftp://login.example/", false, false},
		{"//login.example/token", true, false}, {"https:///token", true, false}, {"https://login.example/?p=1", true, true}, {"%", true, false},
	} {
		if _, ok := endpoint(one.address, one.secure); ok != one.ok {
			t.Errorf("%s, %t: %t", one.address, one.secure, ok)
		}
	}
	s := newScripted(t)
	server := httptest.NewTLSServer(s.Config.Handler)
	defer server.Close()
	document := map[string]any{"issuer": server.URL, "authorization_endpoint": server.URL + "/authorize", "token_endpoint": s.URL + "/token", "jwks_uri": server.URL + "/keys"}
	s.onDocument(func(w http.ResponseWriter, _ *http.Request) { answerJSON(w, 200, document) })
	p := New(Config{Issuer: server.URL, ClientID: "curfew"}, server.Client(), s.clock.now, nil)
	_, err := p.AuthURL(t.Context(), request1)
	want(t, err, Unreachable, CauseDiscovery)

	// Nor may a redirect lead out of it; one that stays inside is followed.
	s.clock.pass(time.Minute)
	document["token_endpoint"] = server.URL + "/token"
	if _, err = p.AuthURL(t.Context(), request1); err != nil {
		t.Fatal(err)
	}
	for target, ok := range map[string]bool{s.URL: false, server.URL: true} {
		s.onDocument(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.RawQuery == "moved" {
				answerJSON(w, 200, document)
				return
			}
			http.Redirect(w, r, target+r.URL.Path+"?moved", http.StatusFound)
		})
		p = New(Config{Issuer: server.URL, ClientID: "curfew"}, server.Client(), s.clock.now, nil)
		if _, err = p.AuthURL(t.Context(), request1); (err == nil) != ok {
			t.Errorf("redirect to %s: %v", target, err)
		}
	}
}

func TestRetryAfter(t *testing.T) {
	s := newScripted(t)
	for _, one := range []struct {
		status int
		header string
		want   time.Duration
	}{
		{429, "7", 7 * time.Second}, {429, "0", 0}, {429, "3601", time.Hour}, {429, "99999999999999999999", time.Hour}, {429, "9223372036854775807", time.Hour},
		{429, "", 0}, {429, "soon", 0}, {429, "-5", 0}, {429, "1.5", 0},
		{429, s.clock.now().Add(90 * time.Second).UTC().Format(http.TimeFormat), 90*time.Second - 250*time.Millisecond},
		{429, s.clock.now().Add(-time.Hour).UTC().Format(http.TimeFormat), 0},
		{429, s.clock.now().Add(48 * time.Hour).UTC().Format(http.TimeFormat), time.Hour},
		{503, "7", 7 * time.Second}, {500, "7", 0}, {400, "7", 0},
	} {
		s.onToken(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", one.header)
			w.WriteHeader(one.status)
		})
		_, err := s.provider(nil).Refresh(t.Context(), s.refresh(), dontKeep(t))
		var f *Fault
		if !errors.As(err, &f) || f.RetryAfter != one.want {
			t.Errorf("%d %q: %s, want %s", one.status, one.header, f.RetryAfter, one.want)
		}
	}
	s.onDocument(func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Retry-After", "9"); w.WriteHeader(429) })
	_, err := s.provider(nil).AuthURL(t.Context(), request1)
	if f := want(t, err, Unreachable, CauseRateLimited); f.RetryAfter != 9*time.Second {
		t.Errorf("discovery: %s", f.RetryAfter)
	}
}

// No code, token or secret is in an error's text, whatever the provider repeats of them.
func TestSecretsAreNotInErrors(t *testing.T) {
	s := newScripted(t)
	in := s.refresh()
	in.Token = "1/refresh+token=of the&test"
	secret := s.config().ClientSecret
	secrets := []string{in.Token, url.QueryEscape(in.Token), secret, code1.Code, code1.Verifier, "basic-credentials", "access-token-that-nobody-needs"}
	echo := func(status int, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			_, basic, _ := strings.Cut(r.Header.Get("Authorization"), " ")
			if basic == "" {
				t.Error("no basic credentials to repeat")
			}
			secrets[5] = basic
			body := strings.ReplaceAll(body, "ECHO", toJSON(t, fmt.Sprint(r.PostForm, r.PostForm.Encode(), " ", basic, " ", secret, " access-token-that-nobody-needs")))
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
		}
	}
	for _, one := range []struct {
		status int
		body   string
	}{
		{400, `ECHO`}, {500, `ECHO`}, {400, `{"error":ECHO}`}, {400, `{"error":"invalid_grant","error_description":ECHO,"error_uri":ECHO}`},
		{200, `{"access_token":"a","expires_in":ECHO}`}, {200, `{"error":ECHO}`}, {200, `{"access_token":"a","id_token":ECHO}`}, {200, `{"access_token":ECHO}`},
		{200, `ECHO`}, {404, `ECHO`}, {200, `{"access_token":"a","refresh_token":` + toJSON(t, in.Token) + `,"id_token":"x.ECHO"}`},
	} {
		s.onToken(echo(one.status, one.body))
		p := s.provider(nil)
		_, err := p.Refresh(t.Context(), in, func(string) error { return nil })
		_, other := p.Redeem(t.Context(), code1)
		for _, text := range []string{err.Error(), other.Error(), p.State().Detail, fmt.Sprintf("%+v %#v", err, other)} {
			for _, secret := range secrets {
				if strings.Contains(text, secret) {
					t.Errorf("%d %s: %q is in %q", one.status, one.body, secret, text)
				}
			}
		}
	}

	// What is said besides stays readable.
	s.refuse(400, `{"error":"invalid_grant","error_description":"AADSTS50057: The user account is disabled. Trace 8f3c0d5e-1111-2222-3333-444455556666\r\nTimestamp 12:00"}`)
	_, err := s.provider(nil).Refresh(t.Context(), in, dontKeep(t))
	if text := err.Error(); !strings.Contains(text, "AADSTS50057: The user account is disabled. Trace … Timestamp 12:00") {
		t.Error(text)
	}
	s.refuse(400, `{"error":"`+strings.Repeat("e ", 5000)+`","error_description":"`+strings.Repeat("d ", 5000)+`"}`)
	_, err = s.provider(nil).Refresh(t.Context(), in, dontKeep(t))
	if len(err.Error()) > 500 {
		t.Errorf("the text has %d bytes", len(err.Error()))
	}

	// A server that speaks no HTTP gets into the client's own error.
	listener, failed := net.Listen("tcp", "127.0.0.1:0")
	if failed != nil {
		t.Fatal(failed)
	}
	defer listener.Close()
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			_, _ = conn.Read(make([]byte, 4096))
			_, _ = io.WriteString(conn, url.QueryEscape(in.Token)+" "+in.Token+"\r\n\r\n")
			conn.Close()
		}
	}()
	s.set("token_endpoint", "http://"+listener.Addr().String()+"/token")
	_, err = s.provider(nil).Refresh(t.Context(), in, dontKeep(t))
	want(t, err, Unreachable, CauseConnection)
	if text := err.Error(); strings.Contains(text, "refresh") {
		t.Error(text)
	}
}

func TestCausesAreClosed(t *testing.T) {
	all := Causes()
	if len(all) != 24 || len(slices.Compact(slices.Sorted(slices.Values(all)))) != len(all) {
		t.Errorf("%d causes: %v", len(all), all)
	}
	for _, cause := range all {
		if cause.Kind() == "" {
			t.Errorf("%s has no kind", cause)
		}
	}
	if kind := Cause("bored").Kind(); kind != "" {
		t.Errorf("a made-up cause is %s", kind)
	}
	inner := errors.New("inner")
	if f := fault(CauseDNS, inner); !errors.Is(f, inner) || f.Error() != "unreachable (dns): inner" {
		t.Errorf("%v", f)
	}
}
