package provider

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"time"
)

const (
	// sessionCookie carries the provider's own session (single sign-on).
	sessionCookie = "demo_id_session"
	// browserCookie tells browsers apart before anybody is signed in; sign-in
	// requests and form tokens are bound to it.
	browserCookie = "demo_id_browser"
)

func (p *Provider) setCookie(w http.ResponseWriter, name, value string, maxAge time.Duration) {
	http.SetCookie(w, &http.Cookie{
		Name: name, Value: value, Path: p.base + "/", MaxAge: int(maxAge / time.Second),
		HttpOnly: true, Secure: p.secure, SameSite: http.SameSiteLaxMode,
	})
}

func (p *Provider) clearCookie(w http.ResponseWriter, name string) {
	http.SetCookie(w, &http.Cookie{
		Name: name, Path: p.base + "/", MaxAge: -1,
		HttpOnly: true, Secure: p.secure, SameSite: http.SameSiteLaxMode,
	})
}

func cookieValue(r *http.Request, name string) string {
	c, err := r.Cookie(name)
	if err != nil {
		return ""
	}
	return c.Value
}

// browserSession returns the living provider session of the request's browser.
func (p *Provider) browserSession(r *http.Request) (session, bool) {
	return p.state.sessionByCookie(cookieValue(r, sessionCookie), instantOf(r.Context()).now)
}

// browserOf returns the browser's mark and sets one where there is none.
func (p *Provider) browserOf(w http.ResponseWriter, r *http.Request) (string, error) {
	if value := cookieValue(r, browserCookie); value != "" {
		return value, nil
	}
	value, err := p.state.secret()
	if err != nil {
		return "", err
	}
	p.setCookie(w, browserCookie, value, SessionLifetime)
	return value, nil
}

// purposeSignOut is what a sign-out form's token is for; a password form's
// token is for the ID of its sign-in request.
const purposeSignOut = "sign-out"

func (p *Provider) csrfToken(browser, purpose string) string {
	mac := hmac.New(sha256.New, p.csrfKey[:])
	mac.Write([]byte(browser + "\x00" + purpose))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

func (p *Provider) csrfValid(r *http.Request, purpose string) bool {
	browser := cookieValue(r, browserCookie)
	return browser != "" && hmac.Equal([]byte(r.PostForm.Get("csrf")), []byte(p.csrfToken(browser, purpose)))
}
