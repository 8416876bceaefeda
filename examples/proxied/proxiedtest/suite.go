package proxiedtest

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/curfew-project/curfew/examples/proxied/orders"
	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/verifier/api/apitest"
	"github.com/curfew-project/curfew/wasm/needs"
)

// Suite is what each proxy must do, whatever speaks to it.
func Suite(t *testing.T, s *Site) {
	t.Run("D4_Navigation", s.navigation)
	t.Run("D4_RefusedTyped", s.refusedTyped)
	t.Run("P6_IdentityCannotBeForged", s.forgery)
	t.Run("P6_IdentityCannotBeTakenAway", s.takenAway)
	t.Run("P6_NoOtherProtocol", s.otherProtocol)
	t.Run("P1_NoWayAround", s.wayAround)
	t.Run("D4_Download", s.download)
	t.Run("D4_Upload", s.upload)
	t.Run("P1_WebSocket", s.socket)
	t.Run("D4_StaleCookie", s.stale)
	t.Run("P1_Ended", s.ended)
	t.Run("P1_VerifierDown", s.verifierDown)
}

const script = `<script src="/.curfew/agent.js" async></script>`

// navigation: to the sign-in and back to the address with its query, and the page has the script, once, and stays out of caches.
func (s *Site) navigation(t *testing.T) {
	v := s.visitor(t)
	const page = "/orders/1042?tab=notes&q=a%20b"
	answer := v.ask("GET", page, "navigate")
	if secure := strings.HasPrefix(s.Origin, "https:"); secure != (answer.ProtoMajor == 2) {
		t.Errorf("%s answers with %s", s.Origin, answer.Proto)
	}
	want := s.Origin + "/.curfew/sign-in?again=1&return_to=" + url.QueryEscape(page)
	if answer.StatusCode != http.StatusSeeOther || answer.Header.Get("Location") != want {
		t.Fatalf("without a session: %d to %q, want %q", answer.StatusCode, answer.Header.Get("Location"), want)
	}
	if to := v.signIn(page); to != page {
		t.Fatalf("the sign-in led to %q, want %q", to, page)
	}
	for _, encoding := range []string{"", "gzip, br"} {
		request := s.request(t, "GET", page, "navigate")
		request.Header.Set("Accept-Encoding", encoding)
		answer := v.Do(request)
		body := string(plain(t, answer))
		if answer.StatusCode != http.StatusOK || !strings.Contains(body, "Dr Amara Lindqvist") || strings.Count(body, script) != 1 {
			t.Errorf("the page: %d %s", answer.StatusCode, body)
		}
	}
	if got := v.ask("GET", page, "navigate").Header.Values("Cache-Control"); len(got) != 1 || got[0] != "no-store" {
		t.Errorf("the page can be cached: %v", got)
	}
	for path, kind := range map[string]string{"/.curfew/agent.js": "text/javascript", "/deep/down/ClientGlobalContext.js.aspx": "text/javascript", "/public/orders.css": "text/css"} {
		if answer := s.visitor(t).ask("GET", path, "no-cors"); answer.StatusCode != http.StatusOK || !strings.HasPrefix(answer.Header.Get("Content-Type"), kind) {
			t.Errorf("%s: %d %s", path, answer.StatusCode, answer.Header.Get("Content-Type"))
		}
	}
}

// plain is an answer's body, as a browser reads it.
func plain(t *testing.T, answer apitest.Answer) []byte {
	t.Helper()
	if answer.Header.Get("Content-Encoding") != "gzip" {
		return answer.Body
	}
	compressed, err := gzip.NewReader(bytes.NewReader(answer.Body))
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(compressed)
	if err != nil {
		t.Fatal(err)
	}
	return body
}

// refusedTyped: a script's request gets 401 with the refusal as JSON, how to prove, and no redirect.
func (s *Site) refusedTyped(t *testing.T) {
	for name, c := range map[string]struct{ method, path, mode, cookie string }{
		"fetch":           {"GET", "/api/orders", "cors", ""},
		"same origin":     {"POST", "/api/orders", "same-origin", ""},
		"picture":         {"GET", "/logo.png", "no-cors", ""},
		"forged cookie":   {"GET", "/api/orders", "cors", "curfew=AAAA; __Host-curfew=AAAA"},
		"a program":       {"DELETE", "/api/orders", "", ""},
		"another's check": {"GET", "/curfew-check", "cors", ""},
	} {
		v := s.visitor(t)
		request := s.request(t, c.method, c.path, c.mode)
		if c.cookie != "" {
			request.Header.Set("Cookie", c.cookie)
		}
		answer := v.Do(request)
		if c.path == "/curfew-check" && answer.StatusCode == http.StatusNotFound {
			continue // nginx has one, for itself alone
		}
		var refusal wire.Refusal
		if answer.StatusCode != http.StatusUnauthorized || json.Unmarshal(answer.Body, &refusal) != nil || refusal.Error != wire.NoSession || !strings.HasPrefix(refusal.SignIn, "/.curfew/sign-in") {
			t.Errorf("%s: %d %s", name, answer.StatusCode, answer.Body)
		}
		h := answer.Header
		if !strings.HasPrefix(h.Get("Content-Type"), "application/json") || !strings.HasPrefix(h.Get("WWW-Authenticate"), "DPoP ") ||
			h.Get("Cache-Control") != "no-store" || h.Get("Location") != "" || len(h.Values("WWW-Authenticate")) != 1 {
			t.Errorf("%s: %v", name, h)
		}
	}
}

// forged are headers that nobody but the proxy may send, in spellings that applications take for the same.
var forged = http.Header{
	"Curfew-User": {"ines", "root"}, "CURFEW-USER": {"ines"}, "curfew_user": {"ines"}, "Curfew_User": {"ines"}, "CURFEW_USER": {"ines"}, "curfew-name": {"ines"},
	"Curfew_Name": {"ines"}, "Curfew-Session": {"ines"}, "curfew_session": {"ines"}, "Curfew-Session-Ends": {"ines"}, "Curfew_Session-Ends": {"ines"},
	"Curfew-Assertion": {"ines"}, "Curfew_Assertion": {"ines"},
}

// forgery: the application hears who the user is from the proxy alone, on pages that everybody may see, too.
func (s *Site) forgery(t *testing.T) {
	v := s.visitor(t)
	v.signIn("/")
	for path, users := range map[string]int{"/seen": 1, "/public/seen": 0} {
		request := s.request(t, "GET", path, "cors")
		for name, values := range forged {
			request.Header[name] = values
		}
		answer := v.Do(request)
		seen := strings.ToLower(string(answer.Body))
		if answer.StatusCode != http.StatusOK || strings.Contains(seen, "ines") || strings.Contains(seen, "root") || strings.Contains(seen, "curfew_") {
			t.Errorf("%s: %d, the application saw\n%s", path, answer.StatusCode, answer.Body)
		}
		for _, line := range []string{"curfew-user: ", "curfew-name: dr%20amara%20lindqvist\n", "curfew-session: ", "curfew-session-ends: 1", "curfew-assertion: ey"} {
			if strings.Count(seen, line) != users {
				t.Errorf("%s: %q %d times, want %d:\n%s", path, line, strings.Count(seen, line), users, answer.Body)
			}
		}
	}
}

// wayAround: no spelling of a path, no header and no other host leads to what is guarded.
func (s *Site) wayAround(t *testing.T) {
	for _, path := range []string{"/public/../seen", "//seen", "/public/%2e%2e/seen", "/public/..%2fseen", "/.curfew/../seen", "/.curfew/%2e%2e/seen", "/.curfew/..%2fseen",
		"/socket/../seen", "/./seen", "/%73een", "/seen/", "/x/ClientGlobalContext.js.aspx/../../seen", "/seen?x=/public/", "/seen;/public/", "/public/..;/seen",
		"/public/%2e%2e;/seen", "/public/..%3b/seen", "/public/;x/../seen", `/public/..\seen`, `/public/x\..\..\seen`, "/public/..%5cseen", "/public/%2E%2E%5Cseen", "/PUBLIC/seen", "/Public/seen"} {
		for _, header := range []http.Header{nil, {"X-Forwarded-Uri": {"/public/seen"}, "X-Original-URI": {"/public/seen"}, "X-Forwarded-Method": {"OPTIONS"},
			"X-Forwarded-Host": {"other.example"}, "X-Original-Method": {"OPTIONS"}, "Curfew-User": {"ines"}}} {
			request := s.request(t, "GET", "/", "cors")
			request.URL.Opaque = path // as it is written
			if strings.HasPrefix(path, "//") {
				request.URL.Opaque = "//" + request.URL.Host + path
			}
			for name, values := range header {
				request.Header[name] = values
			}
			answer, err := s.Client.Do(request)
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(answer.Body)
			answer.Body.Close()
			// Not even to an answer of the application's that is no 200: another would take the path for what is guarded.
			if err != nil || answer.StatusCode == http.StatusOK || answer.Header.Get("X-Powered-By") != "" {
				t.Errorf("%s with %v: %d %v %.200s, %v", path, header, answer.StatusCode, answer.Header, body, err)
			}
		}
	}
	v := s.visitor(t)
	v.signIn("/")
	request := s.request(t, "GET", "/seen", "cors")
	request.Host, request.Header["Cookie"] = "unknown.example", []string{v.cookies()}
	answer, err := s.Client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if body, _ := io.ReadAll(answer.Body); answer.StatusCode == http.StatusOK && len(body) > 0 || bytes.Contains(body, []byte("ser-")) {
		t.Errorf("an unknown host: %d %.200s", answer.StatusCode, body)
	}
}

// download: a large file whole and in parts, and nothing of it without a session.
func (s *Site) download(t *testing.T) {
	v := s.visitor(t)
	v.signIn("/")
	answer, err := v.Client.Do(s.request(t, "GET", "/export", "navigate"))
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	first := make([]byte, 1000)
	if _, err := io.ReadFull(answer.Body, first); err != nil {
		t.Fatal(err)
	}
	n, err := io.Copy(io.Discard, answer.Body)
	if err != nil || n+1000 != orders.ExportSize || answer.ContentLength != orders.ExportSize || !sound(first, 0) {
		t.Errorf("the whole file: %d bytes after the first 1000, Content-Length %d, %v", n, answer.ContentLength, err)
	}
	part := func() *http.Request {
		request := s.request(t, "GET", "/export", "cors")
		request.Header.Set("Range", "bytes=33554432-33555431")
		return request
	}
	got := v.Do(part())
	if got.StatusCode != http.StatusPartialContent || len(got.Body) != 1000 || !sound(got.Body, 33554432) || got.Header.Get("Content-Range") != "bytes 33554432-33555431/67108864" {
		t.Errorf("a part: %d, %d bytes, %v", got.StatusCode, len(got.Body), got.Header)
	}
	if refused := s.visitor(t).Do(part()); refused.StatusCode != http.StatusUnauthorized {
		t.Errorf("a part without a session: %d", refused.StatusCode)
	}
}

func sound(body []byte, from int64) bool {
	for i, c := range body {
		if c != orders.Line(from+int64(i)) {
			return false
		}
	}
	return true
}

// endless is a file of n bytes, and counts how many were taken.
type endless struct{ left, taken int64 }

func (e *endless) Read(p []byte) (int, error) {
	if e.left == 0 {
		return 0, io.EOF
	}
	n := min(int64(len(p)), e.left)
	e.left -= n
	e.taken += n
	return int(n), nil
}

// upload: more than 100 MB go through as they come; without a session they are refused before anything is sent.
func (s *Site) upload(t *testing.T) {
	const size = 101 << 20
	v := s.visitor(t)
	v.signIn("/")
	for name, length := range map[string]int64{"of a known length": size, "in chunks": -1} {
		request := s.request(t, "POST", "/import", "cors")
		request.Body, request.ContentLength = io.NopCloser(&endless{left: size}), length
		answer := v.Do(request)
		var got struct {
			Received int64
			User     string
		}
		if json.Unmarshal(answer.Body, &got) != nil || got.Received != size || got.User == "" {
			t.Errorf("%s: %d %s", name, answer.StatusCode, answer.Body)
		}
	}
	body, writer := io.Pipe() // nobody ever writes
	defer writer.Close()
	patient, cancel := context.WithTimeout(t.Context(), needs.Patience)
	defer cancel()
	request := s.request(t, "POST", "/import", "cors").WithContext(patient)
	request.Body, request.ContentLength = body, size
	answer, err := s.Client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if answer.StatusCode != http.StatusUnauthorized {
		t.Errorf("without a session: %d", answer.StatusCode)
	}
}

// stale: a cookie that is too old, of a session that lives, is answered with resume, which leads back to the page, and the proof renews it.
func (s *Site) stale(t *testing.T) {
	v := s.visitor(t)
	v.signIn("/")
	s.pass(21 * time.Second)
	if answer := v.ask("GET", "/orders/1042?tab=notes", "navigate"); answer.StatusCode != http.StatusSeeOther ||
		answer.Header.Get("Location") != s.Origin+"/.curfew/resume?return_to=%2Forders%2F1042%3Ftab%3Dnotes" {
		t.Errorf("a navigation: %d to %q", answer.StatusCode, answer.Header.Get("Location"))
	}
	form := s.request(t, "POST", "/orders/1042", "navigate")
	form.Header.Set("Referer", s.Origin+"/orders/1042?tab=notes")
	if answer := v.Do(form); answer.StatusCode != http.StatusSeeOther || answer.Header.Get("Location") != s.Origin+"/.curfew/resume?return_to=%2Forders%2F1042%3Ftab%3Dnotes" {
		t.Errorf("a form: %d to %q", answer.StatusCode, answer.Header.Get("Location"))
	}
	for _, method := range []string{"GET", "POST"} {
		answer := v.ask(method, "/api/orders", "cors")
		if refusal := v.Refusal(answer); answer.StatusCode != http.StatusUnauthorized || refusal.Error != wire.StaleCookie || refusal.Resume == "" {
			t.Errorf("a script's %s: %d %+v", method, answer.StatusCode, refusal)
		}
	}
	if _, refusal := v.Heartbeat(); refusal.Error != "" {
		t.Fatalf("the proof: %+v", refusal)
	}
	if answer := v.ask("GET", "/api/orders", "cors"); answer.StatusCode != http.StatusOK {
		t.Errorf("after the proof: %d", answer.StatusCode)
	}
}

// ended: after the end nothing is let through, and everybody is told why.
func (s *Site) ended(t *testing.T) {
	v := s.visitor(t)
	v.signIn("/")
	v.signOut()
	answer := v.ask("GET", "/api/orders", "cors")
	if refusal := v.Refusal(answer); answer.StatusCode != http.StatusUnauthorized || refusal.Error != wire.SessionEnded && refusal.Error != wire.NoSession {
		t.Errorf("a script: %d %+v", answer.StatusCode, refusal)
	}
	if to := v.ask("GET", "/", "navigate").Header.Get("Location"); to != s.Origin+"/.curfew/sign-in?again=1&return_to=%2F" {
		t.Errorf("a navigation: to %q", to)
	}
}

// verifierDown: while nobody can say who somebody is, nothing is let through, and people are told to wait; what everybody may see goes on.
func (s *Site) verifierDown(t *testing.T) {
	v := s.visitor(t)
	v.signIn("/")
	s.down.Store(true)
	defer s.down.Store(false)
	for _, mode := range []string{"navigate", "cors"} {
		answer := v.ask("GET", "/seen", mode)
		if answer.StatusCode != http.StatusServiceUnavailable || !strings.Contains(string(answer.Body), "Try again in a moment.") || answer.Header.Get("Retry-After") != "10" {
			t.Errorf("%s: %d %v %s", mode, answer.StatusCode, answer.Header, answer.Body)
		}
	}
	if answer := v.ask("GET", "/public/orders.css", "no-cors"); answer.StatusCode != http.StatusOK {
		t.Errorf("what everybody may see: %d", answer.StatusCode)
	}
	s.down.Store(false)
	if answer := v.ask("GET", "/seen", "cors"); answer.StatusCode != http.StatusOK {
		t.Errorf("afterwards: %d", answer.StatusCode)
	}
}
