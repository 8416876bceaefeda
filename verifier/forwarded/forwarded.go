// Package forwarded finds out who a request comes from where reverse proxies stand before the verifier. Only proxies that the operator
// names are believed; what anybody else says in X-Forwarded headers is taken off the request before a handler sees it.
package forwarded

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// Trusted are the addresses of reverse proxies that are believed. Whoever connects over a unix socket is believed too: the socket's mode
// says who that can be. The zero value believes no other.
type Trusted []netip.Prefix

// Loopback is this machine.
func Loopback() Trusted {
	return Trusted{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}
}

// maxHops bounds how many proxies are walked through: nobody has more, and a header with thousands of entries is none of theirs.
const maxHops = 32

// headers are those that say something of the request as it was before a proxy.
var headers = []string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Method", "X-Forwarded-Port", "X-Forwarded-Prefix",
	"X-Forwarded-Proto", "X-Forwarded-Server", "X-Forwarded-Uri", "X-Real-Ip"}

// Client returns the request as handlers shall see it: RemoteAddr is the address of the client, with the port 0 where a proxy told it, and
// the headers above are there only when a trusted proxy sent them. The request itself stays as it is. told reports whether somebody who is
// not trusted sent such a header, which mostly means that a proxy is missing from Trusted.
func (t Trusted) Client(r *http.Request) (seen *http.Request, told bool) {
	peer, local := peerOf(r)
	if !local && !t.has(peer) {
		for _, name := range headers {
			if _, there := r.Header[name]; there {
				return strip(r), true
			}
		}
		return r, false
	}
	client, ok := t.walk(r.Header["X-Forwarded-For"])
	if !ok {
		return r, false
	}
	changed := *r
	changed.RemoteAddr = netip.AddrPortFrom(client, 0).String()
	return &changed, false
}

// walk goes from the nearest proxy to the first address that is none of ours (right to left: what stands further left was written by
// whoever that is). An entry that is no address ends the walk at the proxy that wrote it.
func (t Trusted) walk(values []string) (client netip.Addr, ok bool) {
	hops := 0
	for i := len(values) - 1; i >= 0; i-- {
		for rest, more := values[i], true; more; {
			var entry string
			if comma := strings.LastIndexByte(rest, ','); comma >= 0 {
				rest, entry = rest[:comma], rest[comma+1:]
			} else {
				entry, more = rest, false
			}
			address, valid := parse(strings.TrimSpace(entry))
			if hops++; !valid || hops > maxHops {
				return client, ok
			}
			client, ok = address, true
			if !t.has(client) {
				return client, ok
			}
		}
	}
	return client, ok
}

// parse reads an address as proxies write it: some add the port, and brackets around IPv6.
func parse(text string) (netip.Addr, bool) {
	if address, err := netip.ParseAddrPort(text); err == nil {
		return tidy(address.Addr()), true
	}
	address, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(text, "["), "]"))
	return tidy(address), err == nil
}

func tidy(address netip.Addr) netip.Addr { return address.Unmap().WithZone("") }

func (t Trusted) has(address netip.Addr) bool {
	for _, one := range t {
		if one.Contains(address) {
			return true
		}
	}
	return false
}

// peerOf is who the connection comes from. local is true for a unix socket, whose peers have no address.
func peerOf(r *http.Request) (address netip.Addr, local bool) {
	if _, unix := r.Context().Value(http.LocalAddrContextKey).(*net.UnixAddr); unix {
		return netip.Addr{}, true
	}
	return Address(r), false
}

// Address is the address in a request's RemoteAddr, or the zero Addr. Of a request that Client returned it is the client's.
func Address(r *http.Request) netip.Addr {
	address, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return tidy(address.Addr())
}

func strip(r *http.Request) *http.Request {
	changed := *r
	changed.Header = r.Header.Clone()
	for _, name := range headers {
		delete(changed.Header, name)
	}
	return &changed
}
