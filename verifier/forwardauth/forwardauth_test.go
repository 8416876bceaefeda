package forwardauth_test

import (
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/curfew-project/curfew/shared/wire"
)

// asked is what a client asked a proxy for.
type asked struct {
	method, host, uri string
	header            http.Header
}

// proxy is how one reverse proxy asks check about a request, in the form that its manual states.
type proxy struct {
	name    string
	allowed int
	coded   bool
	ask     func(asked) (method, target, host string, header http.Header)
}

func with(header http.Header, values ...string) http.Header {
	all := maps.Clone(header)
	for i := 0; i < len(values); i += 2 {
		all[values[i]] = []string{values[i+1]}
	}
	return all
}

var proxies = []proxy{
	// nginx.org/en/docs/http/ngx_http_auth_request_module.html: a GET without the body, with the client's headers, and those that the
	// configuration sets (examples/nginx).
	{"nginx", 204, true, func(a asked) (string, string, string, http.Header) {
		return "GET", "/.curfew/check/nginx", a.host, with(a.header, "X-Original-Uri", a.uri, "X-Original-Method", a.method)
	}},
	// caddyserver.com/docs/caddyfile/directives/forward_auth, "Expanded form": method GET, rewritten address, X-Forwarded-Method and -Uri.
	{"caddy", 204, false, func(a asked) (string, string, string, http.Header) {
		return "GET", "/.curfew/check/caddy", a.host, with(a.header, "X-Forwarded-Method", a.method, "X-Forwarded-Uri", a.uri,
			"X-Forwarded-Host", a.host, "X-Forwarded-Proto", "https", "X-Forwarded-For", "192.0.2.7")
	}},
	// doc.traefik.io/traefik/middlewares/http/forwardauth, "Forward-Request Headers"; the Host is that of address.
	{"traefik", 204, false, func(a asked) (string, string, string, http.Header) {
		return "GET", "/.curfew/check/traefik", "curfew:8480", with(a.header, "X-Forwarded-Method", a.method, "X-Forwarded-Uri", a.uri,
			"X-Forwarded-Host", a.host, "X-Forwarded-Proto", "https", "X-Forwarded-For", "192.0.2.7")
	}},
	{"haproxy", 204, false, func(a asked) (string, string, string, http.Header) {
		return "GET", "/.curfew/check/haproxy", a.host, with(a.header, "X-Original-Uri", a.uri, "X-Original-Method", a.method)
	}},
	// envoyproxy.io, HttpService and AuthorizationRequest: the client's method, path_prefix before its path, its Host, no body, and of
	// its headers only those that allowed_headers names.
	{"envoy", 200, false, func(a asked) (string, string, string, http.Header) {
		header := http.Header{"Content-Length": {"0"}}
		for _, name := range []string{"Cookie", "Accept", "Sec-Fetch-Mode", "Referer"} {
			if values := a.header[name]; values != nil {
				header[name] = values
			}
		}
		return a.method, "/.curfew/check/envoy" + a.uri, a.host, header
	}},
}

func (w *world) through(p proxy, a asked) (*http.Response, string) {
	w.Helper()
	answer := w.ask(p.ask(a))
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		w.Fatal(err)
	}
	return answer, string(body)
}

func eachProxy(t *testing.T, test func(w *world, p proxy)) {
	for _, p := range proxies {
		t.Run(p.name, func(t *testing.T) { test(newWorld(t), p) })
	}
}

var navigate = http.Header{"Sec-Fetch-Mode": {"navigate"}, "Accept": {"text/html"}}

// D4 P1: the cookie of a living session lets through with who it is, and no request with a body, method or address of any kind changes that.
func TestD4_EachProxyLetsThroughWithIdentity(t *testing.T) {
	eachProxy(t, func(w *world, p proxy) {
		cookie := w.cookie(records)
		for _, a := range []asked{{"GET", "records.example", "/", nil}, {"POST", "records.example", "/a//b/../c?x=%2F;y", nil},
			{"DELETE", "RECORDS.example", "/.curfew/sign-out", nil}, {"GET", "records.example", "//evil.example/", nil}} {
			a.header = http.Header{"Cookie": {cookie}, "Origin": {"https://elsewhere.example"}, "Sec-Fetch-Site": {"cross-site"}}
			answer, body := w.through(p, a)
			h := answer.Header
			if answer.StatusCode != p.allowed || body != "" || h.Get("Curfew-User") != "amara" || h.Get("Curfew-Name") != "Dr%20%C3%85mara" ||
				len(h.Get("Curfew-Session")) != 22 || h.Get("Curfew-Session-Ends") != "1800003600000" || h.Get("Cache-Control") != "no-store" {
				t.Errorf("%+v: %d %v", a, answer.StatusCode, h)
			}
		}
	})
}

// D4: a navigation without a session goes to the sign-in, one with a stale cookie to resume, and each back to where it was.
func TestD4_EachProxySendsNavigationsOn(t *testing.T) {
	eachProxy(t, func(w *world, p proxy) {
		cookie := w.cookie(records)
		w.now.Add((6 * time.Minute).Milliseconds())
		for name, c := range map[string]struct {
			cookie, method, uri, referer, want string
		}{
			"nobody":                 {"", "GET", "/patients?q=a&b=%20", "", "sign-in?again=1&return_to=%2Fpatients%3Fq%3Da%26b%3D%2520"},
			"stale":                  {cookie, "GET", "/patients?q=a", "", "resume?return_to=%2Fpatients%3Fq%3Da"},
			"stale, asked by HEAD":   {cookie, "HEAD", "/patients", "", "resume?return_to=%2Fpatients"},
			"a form":                 {cookie, "POST", "/patients/7/notes", records.Origin + "/patients/7?tab=notes", "resume?return_to=%2Fpatients%2F7%3Ftab%3Dnotes"},
			"a form of elsewhere":    {cookie, "POST", "/patients/7/notes", "https://records.example.evil.example/x", "resume"},
			"a form of its own page": {cookie, "POST", "/patients/7/notes", records.Origin + "/.curfew/sign-out", "resume"},
			"a form of nowhere":      {cookie, "POST", "/patients/7/notes", "", "resume"},
			"another host":           {"", "GET", "//evil.example/x", "", "sign-in?again=1"},
			"our own":                {"", "GET", "/x/../.curfew/sign-out", "", "sign-in?again=1"},
			"forged":                 {"__Host-curfew=AAAA", "GET", "/", "", "sign-in?again=1&return_to=%2F"},
			"twice":                  {cookie + "; " + cookie, "GET", "/", "", "sign-in?again=1&return_to=%2F"},
		} {
			header := maps.Clone(navigate)
			for key, value := range map[string]string{"Cookie": c.cookie, "Referer": c.referer} {
				if value != "" {
					header.Set(key, value)
				}
			}
			answer, _ := w.through(p, asked{c.method, "records.example", c.uri, header})
			status := http.StatusSeeOther
			if p.coded {
				status = http.StatusUnauthorized // nginx's own is to redirect; it has nothing else to go by than Location
			}
			// Traefik resolves Location against the address that it asked at, so only a whole one leads to the right place.
			if want := records.Origin + "/.curfew/" + c.want; answer.StatusCode != status || answer.Header.Get("Location") != want {
				t.Errorf("%s: %d to %q, want %q", name, answer.StatusCode, answer.Header.Get("Location"), want)
			}
		}
	})
}

// P8: whatever is no navigation is refused typed, and nobody is redirected.
func TestP8_EachProxyRefusesTyped(t *testing.T) {
	eachProxy(t, func(w *world, p proxy) {
		cookie, other := w.cookie(records), w.cookie(bank)
		for name, c := range map[string]struct {
			pass   time.Duration
			host   string
			cookie string
			mode   string
			status int
			code   wire.Code
		}{
			"nobody":                  {0, "records.example", "", "cors", 401, wire.NoSession},
			"a socket of nobody":      {0, "records.example", "", "websocket", 401, wire.NoSession},
			"a picture":               {0, "records.example", "", "no-cors", 401, wire.NoSession},
			"another environment's":   {0, "records.example", other, "cors", 401, wire.NoSession},
			"in another environment":  {0, "bank.example:8443", cookie, "cors", 401, wire.NoSession},
			"another port":            {0, "records.example:444", cookie, "cors", 421, wire.UnknownOrigin},
			"unknown host":            {0, "evil.example", cookie, "cors", 421, wire.UnknownOrigin},
			"unknown host, navigated": {0, "evil.example", cookie, "navigate", 421, wire.UnknownOrigin},
			"stale":                   {6 * time.Minute, "records.example", cookie, "cors", 401, wire.StaleCookie},
			"ended":                   {time.Hour, "records.example", cookie, "cors", 401, wire.SessionEnded},
		} {
			w.now.Store(start + c.pass.Milliseconds())
			header := http.Header{"Sec-Fetch-Mode": {c.mode}}
			if c.cookie != "" {
				header.Set("Cookie", c.cookie)
			}
			answer, body := w.through(p, asked{"GET", c.host, "/api", header})
			status := c.status
			if p.coded && status == 421 {
				status = 403 // nginx would make a 500 of it
			}
			var refusal wire.Refusal
			if answer.StatusCode != status || json.Unmarshal([]byte(body), &refusal) != nil || refusal.Error != c.code || answer.Header.Get("Location") != "" {
				t.Errorf("%s: %d %v %s", name, answer.StatusCode, answer.Header, body)
			}
			if challenge := answer.Header.Get("WWW-Authenticate"); (status == 401) != strings.HasPrefix(challenge, "DPoP ") {
				t.Errorf("%s: challenged with %q", name, challenge)
			}
			if reason := answer.Header.Get("Curfew-Reason"); reason != string(c.code) && reason != string(refusal.Reason) {
				t.Errorf("%s: reason %q", name, reason)
			}
			if text := answer.Header.Get("Curfew-Refusal"); p.coded && text != strings.TrimSpace(body) || !p.coded && text != "" {
				t.Errorf("%s: the refusal in the header is %q, in the body %q", name, text, body)
			}
			for _, leaked := range []string{"Curfew-User", "Curfew-Name", "Curfew-Session"} {
				if answer.Header.Get(leaked) != "" {
					t.Errorf("%s: refused with %s", name, leaked)
				}
			}
		}
	})
}

// P1: while the store cannot answer, nothing is let through, and people get a page where the proxy passes one on.
func TestP1_EachProxyFailsClosed(t *testing.T) {
	eachProxy(t, func(w *world, p proxy) {
		cookie := w.cookie(records)
		w.down.Store(true)
		for mode, header := range map[string]http.Header{"navigate": navigate, "cors": {"Sec-Fetch-Mode": {"cors"}}} {
			header = maps.Clone(header)
			header.Set("Cookie", cookie)
			answer, body := w.through(p, asked{"GET", "records.example", "/patients?q=a", header})
			if answer.StatusCode != http.StatusServiceUnavailable || answer.Header.Get("Location") != "" {
				t.Errorf("%s: %d %v", mode, answer.StatusCode, answer.Header)
			}
			if page := body == "page for people, back to /patients?q=a"; page != (mode == "navigate" && !p.coded) {
				t.Errorf("%s: %s", mode, body)
			}
		}
	})
}

// P6: which environment judges is never a client's to say: not by the headers of another proxy's form, and not by a second one beside the
// proxy's own.
func TestP6_HeadersOfClientsDecideNothing(t *testing.T) {
	w := newWorld(t)
	forged := http.Header{"Cookie": {w.cookie(bank)}, "X-Forwarded-Host": {"bank.example:8443"}, "X-Original-Host": {"bank.example:8443"},
		"Forwarded": {"host=bank.example:8443"}, "X-Forwarded-Method": {"GET"}, "X-Original-Method": {"GET"}, "Curfew-User": {"ines"}}
	for _, p := range proxies {
		answer, body := w.through(p, asked{"GET", "records.example", "/", forged})
		if answer.StatusCode != http.StatusUnauthorized || !strings.Contains(body, `"no_session"`) {
			t.Errorf("%s: the cookie of another environment: %d %s", p.name, answer.StatusCode, body)
		}
	}
	for name, hosts := range map[string][]string{"two": {"records.example", "bank.example:8443"}, "a list": {"records.example, bank.example:8443"}, "none": nil} {
		header := http.Header{"Cookie": forged["Cookie"]}
		if hosts != nil {
			header["X-Forwarded-Host"] = hosts
		}
		if answer := w.ask("GET", "/.curfew/check/traefik", "bank.example:8443", header); answer.StatusCode != http.StatusMisdirectedRequest {
			t.Errorf("%s: %d", name, answer.StatusCode)
		}
	}
	// An address to come back to that is told twice is none.
	header := with(navigate)
	header["X-Forwarded-Uri"], header["X-Forwarded-Method"] = []string{"/a", "/b"}, []string{"GET"}
	if to := w.ask("GET", "/.curfew/check/caddy", "records.example", header).Header.Get("Location"); to != records.Origin+"/.curfew/sign-in?again=1" {
		t.Errorf("two addresses: to %s", to)
	}
}

// P8: only the forms' own addresses answer, and only Envoy asks with other methods than GET.
func TestP8_NoOtherAddressAnswers(t *testing.T) {
	w := newWorld(t)
	header := http.Header{"Cookie": {w.cookie(records)}}
	for target, want := range map[string]int{"/.curfew/check/nginx": 405, "/.curfew/check/caddy": 405, "/.curfew/check/envoy": 404, "/.curfew/check/envoyx": 404,
		"/.curfew/check/apache": 404, "/x/.curfew/check/envoy/": 404} {
		if got := w.ask("POST", target, "records.example", header).StatusCode; got != want {
			t.Errorf("POST %s: %d, want %d", target, got, want)
		}
	}
}

// P8: whatever a proxy passes on, nobody is sent to another origin, and no answer has a line break in a header.
func FuzzBack(f *testing.F) {
	for _, seed := range []string{"/", "/a?b#c", "//evil.example", `/\evil.example`, "/%0d%0aSet-Cookie:x=y", "/.curfew/sign-out", "/a\r\nX: y", "http://evil.example/"} {
		f.Add(seed, seed, "GET")
		f.Add("/form", records.Origin+seed, "POST")
	}
	w := newWorld(f)
	f.Fuzz(func(t *testing.T, uri, referer, method string) {
		for _, form := range []string{"nginx", "caddy", "traefik", "haproxy"} {
			header := with(navigate, "X-Original-Uri", uri, "X-Forwarded-Uri", uri, "X-Original-Method", method, "X-Forwarded-Method", method,
				"Referer", referer, "X-Forwarded-Host", "records.example")
			to := w.ask("GET", "/.curfew/check/"+form, "records.example", header).Header.Get("Location")
			rest, here := strings.CutPrefix(to, records.Origin+"/.curfew/sign-in?again=1")
			if !here || strings.ContainsAny(to, "\r\n ") {
				t.Fatalf("%q from %q: to %q", uri, referer, to)
			}
			if rest == "" {
				continue
			}
			query, err := url.ParseQuery(rest[1:])
			back := query.Get("return_to")
			if err != nil || len(query) != 1 || back != uri && records.Origin+back != referer {
				t.Fatalf("%q from %q: back to %q, %v", uri, referer, back, err)
			}
			if _, ok := site.ReturnTo(back); !ok {
				t.Fatalf("%q from %q: back to %q", uri, referer, back)
			}
		}
	})
}
