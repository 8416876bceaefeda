package login

import (
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"

	"github.com/curfew-project/curfew/shared/policy"
	"github.com/curfew-project/curfew/verifier/engine"
	"github.com/curfew-project/curfew/verifier/settings"
)

// bind makes an attempt's nonce cookie strict where WSFedNonceCookieEnabled is on (C2): it is good in no browser of another user agent
// either, should somebody copy cookie and callback address together.
func (a *attempt) bind(env settings.Environment, userAgent string) {
	if env.Switches.On(policy.WSFedNonceCookieEnabled) {
		a.Browser = a.browser(userAgent)
	}
}

// browser is a digest of a user agent that only this attempt can make, so that the cookie does not tell it.
func (a attempt) browser(userAgent string) []byte {
	mac := hmac.New(sha256.New, a.Secret)
	mac.Write([]byte("curfew browser\x00"))
	mac.Write([]byte(userAgent))
	return mac.Sum(nil)
}

// inBrowser says what is wrong when an attempt that was bound to a user agent comes back from another one. An attempt that began while
// the switch was off is good while it lasts.
func (a attempt) inBrowser(userAgent string) error {
	if len(a.Browser) == 0 || hmac.Equal(a.Browser, a.browser(userAgent)) {
		return nil
	}
	return fmt.Errorf("%w: the user agent is not that of the browser that began it (%s)", errAttempt, policy.WSFedNonceCookieEnabled)
}

// where is where a request comes from. A reverse proxy on this machine says it in the last entry of X-Forwarded-For. It is for people to
// recognise, and nothing depends on it.
func where(r *http.Request) engine.Where {
	return engine.Where{UserAgent: r.UserAgent(), Address: address(r)}
}

func address(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return ""
	}
	peer, err := netip.ParseAddr(host)
	if err != nil {
		return ""
	}
	if peer.IsLoopback() {
		all := r.Header.Values("X-Forwarded-For")
		if len(all) > 0 {
			entries := strings.Split(all[len(all)-1], ",")
			if told, err := netip.ParseAddr(strings.TrimSpace(entries[len(entries)-1])); err == nil {
				peer = told
			}
		}
	}
	return peer.Unmap().WithZone("").String()
}
