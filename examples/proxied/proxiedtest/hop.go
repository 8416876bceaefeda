package proxiedtest

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/curfew-project/curfew/verifier/api/apitest"
)

// hop sends a request of HTTP/1.1 with headers for the next server alone (RFC 9110 section 7.6.1), by which a client could tell a proxy
// what not to pass on, and what to become.
func (s *Site) hop(t *testing.T, path, cookie string, header http.Header) apitest.Answer {
	t.Helper()
	request := s.request(t, "GET", path, "cors")
	for name, values := range header {
		request.Header[name] = values
	}
	request.Header.Set("Cookie", cookie)
	answer, err := s.http1(t).Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode == http.StatusSwitchingProtocols {
		return apitest.Answer{Response: answer}
	}
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return apitest.Answer{Response: answer, Body: body}
}

// takenAway: a client cannot have the proxy drop who it is by naming that in Connection.
func (s *Site) takenAway(t *testing.T) {
	v := s.visitor(t)
	v.signIn("/")
	const names = "Curfew-User, curfew-name, CURFEW-SESSION, Curfew-Session-Ends, Curfew-Assertion, X-Forwarded-For, X-Forwarded-Proto"
	for name, header := range map[string]http.Header{
		"one header":  {"Connection": {names}},
		"several":     {"Connection": append(strings.Split(names, ", "), "keep-alive")},
		"an upgrade":  {"Connection": {"Upgrade, " + names}, "Upgrade": {"h2c"}},
		"a WebSocket": {"Connection": {"Upgrade, " + names}, "Upgrade": {"websocket"}, "Sec-Websocket-Version": {"13"}, "Sec-Websocket-Key": {"AAECAwQFBgcICQoLDA0ODw=="}}, // which the application does not have at this address
	} {
		answer := s.hop(t, "/seen", v.cookies(), header)
		seen := strings.ToLower(string(answer.Body))
		for _, line := range []string{"curfew-user: ", "curfew-name: dr%20amara%20lindqvist\n", "curfew-session: ", "curfew-session-ends: 1", "curfew-assertion: ey", "x-forwarded-for: ", "x-forwarded-proto: http"} {
			if answer.StatusCode != http.StatusOK || strings.Count(seen, line) != 1 {
				t.Errorf("%s: %d, %q %d times:\n%s", name, answer.StatusCode, line, strings.Count(seen, line), answer.Body)
			}
		}
	}
}

// otherProtocol: nothing leads to HTTP/2 without TLS or to another protocol in which a client could say who it is, with a session or without.
func (s *Site) otherProtocol(t *testing.T) {
	v := s.visitor(t)
	v.signIn("/")
	for _, path := range []string{"/seen", "/public/seen", "/socket", "/.curfew/agent.js"} {
		for _, cookie := range []string{"", v.cookies()} {
			for _, protocols := range [][]string{{"h2c"}, {"H2C"}, {"websocket, h2c"}, {"h2c, websocket"}, {"websocket", "h2c"}, {"h2c", "websocket"}} {
				answer := s.hop(t, path, cookie, http.Header{"Connection": {"Upgrade, HTTP2-Settings"}, "Upgrade": protocols, "Http2-Settings": {"AAMAAABkAARAAAAAAAIAAAAA"}})
				if answer.StatusCode == http.StatusSwitchingProtocols || strings.Contains(strings.ToLower(string(answer.Body)), "h2c") {
					t.Errorf("%s with %q: %d %.300s", path, protocols, answer.StatusCode, answer.Body)
				}
			}
		}
	}
}
