package forwarded_test

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/curfew-project/curfew/verifier/forwarded"
)

func from(peer string, header ...string) *http.Request {
	r := httptest.NewRequest("GET", "http://records.example/", nil)
	r.RemoteAddr = peer
	for i := 0; i < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	return r
}

// A client cannot choose its address: only what trusted proxies wrote counts, from right to left.
func TestP6_TheAddressIsTheOneThatTheOutermostTrustedProxySaw(t *testing.T) {
	trusted := append(forwarded.Loopback(), netip.MustParsePrefix("10.1.0.0/16"), netip.MustParsePrefix("fd00::/8"))
	const name = "X-Forwarded-For"
	for what, test := range map[string]struct {
		request *http.Request
		want    string
	}{
		"no proxy":                         {from("203.0.113.7:4711"), "203.0.113.7"},
		"a client that lies":               {from("203.0.113.7:4711", name, "198.51.100.1"), "203.0.113.7"},
		"a proxy":                          {from("127.0.0.1:4711", name, "198.51.100.1"), "198.51.100.1"},
		"a client that lies to a proxy":    {from("127.0.0.1:4711", name, "192.0.2.9, 198.51.100.1"), "198.51.100.1"},
		"in a header of its own":           {from("127.0.0.1:4711", name, "192.0.2.9", name, "198.51.100.1"), "198.51.100.1"},
		"two proxies":                      {from("127.0.0.1:4711", name, "198.51.100.1, 10.1.2.3"), "198.51.100.1"},
		"two proxies and a lie":            {from("127.0.0.1:4711", name, "10.1.9.9,198.51.100.1,10.1.2.3"), "198.51.100.1"},
		"from within":                      {from("127.0.0.1:4711", name, "10.1.9.9, 10.1.2.3"), "10.1.9.9"},
		"a proxy that says nothing":        {from("10.1.2.3:80"), "10.1.2.3"},
		"nonsense after a lie":             {from("10.1.2.3:80", name, "192.0.2.9, unknown"), "10.1.2.3"},
		"nonsense before an entry":         {from("10.1.2.3:80", name, "unknown, 198.51.100.1"), "198.51.100.1"},
		"nonsense before a proxy":          {from("10.1.2.3:80", name, "unknown, 10.1.7.7"), "10.1.7.7"},
		"with a port":                      {from("10.1.2.3:80", name, "198.51.100.1:5566"), "198.51.100.1"},
		"IPv6":                             {from("[::1]:80", name, "2001:db8::5"), "2001:db8::5"},
		"IPv6 with brackets and a port":    {from("[fd00::1]:80", name, "[2001:db8::5]:99"), "2001:db8::5"},
		"IPv4 in IPv6 is the same machine": {from("[::ffff:127.0.0.1]:80", name, "198.51.100.1"), "198.51.100.1"},
		"endless":                          {from("127.0.0.1:80", name, "198.51.100.1"+strings.Repeat(", 10.1.2.3", 5000)), "10.1.2.3"},
	} {
		seen, _ := trusted.Client(test.request)
		if got := forwarded.Address(seen).String(); got != test.want {
			t.Errorf("%s: %s; want %s", what, got, test.want)
		}
	}
}

// What a stranger says of the request reaches no handler; what a trusted proxy says does.
func TestP6_ForwardedHeadersOfStrangersAreTakenOff(t *testing.T) {
	names := []string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Method", "X-Forwarded-Port", "X-Forwarded-Proto", "X-Forwarded-Uri", "X-Real-Ip"}
	for _, name := range names {
		request := from("203.0.113.7:4711", name, "evil.example", "Cookie", "stays=1")
		seen, told := forwarded.Loopback().Client(request)
		if !told || seen.Header.Get(name) != "" || seen.Header.Get("Cookie") != "stays=1" || seen.Host != "records.example" {
			t.Errorf("%s of a stranger: told %t, seen %v", name, told, seen.Header)
		}
		if request.Header.Get(name) == "" {
			t.Errorf("%s: the request itself was changed", name)
		}
		seen, told = forwarded.Loopback().Client(from("127.0.0.1:1", name, "198.51.100.1"))
		if told || seen.Header.Get(name) != "198.51.100.1" {
			t.Errorf("%s of a proxy: told %t, seen %v", name, told, seen.Header)
		}
	}
	if _, told := forwarded.Trusted(nil).Client(from("127.0.0.1:1", "X-Forwarded-For", "198.51.100.1")); !told {
		t.Error("without trusted proxies loopback is believed")
	}
}

// Who connects over a unix socket has no address and is a proxy: the socket's mode lets nobody else in.
func TestUnixSocketsAreOfProxies(t *testing.T) {
	request := from("@", "X-Forwarded-For", "198.51.100.1")
	request = request.WithContext(context.WithValue(t.Context(), http.LocalAddrContextKey, &net.UnixAddr{Name: "/run/x", Net: "unix"}))
	seen, told := forwarded.Trusted(nil).Client(request)
	if got := forwarded.Address(seen).String(); told || got != "198.51.100.1" {
		t.Errorf("%s, told %t", got, told)
	}
}

func FuzzXForwardedFor(f *testing.F) {
	for _, seed := range []string{"198.51.100.1", "192.0.2.9, 10.1.2.3", ",,", "[::1]:5, 10.0.0.1:70000", "unknown", " \t127.0.0.1 ,"} {
		f.Add(seed)
	}
	trusted := forwarded.Loopback()
	f.Fuzz(func(t *testing.T, text string) {
		seen, _ := trusted.Client(from("127.0.0.1:9", "X-Forwarded-For", text))
		last := strings.TrimSpace(text[strings.LastIndexByte(text, ',')+1:])
		if got := forwarded.Address(seen); !got.IsValid() {
			t.Errorf("%q makes the address %v", text, got)
		} else if want, err := netip.ParseAddr(last); err == nil && !want.IsLoopback() && got != want.Unmap().WithZone("") && !want.Unmap().IsLoopback() {
			t.Errorf("%q: %s; want the last, %s", text, got, want)
		}
	})
}
