package api

import (
	"net/http"
	"strings"

	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/verifier/settings"
)

// Cookie base names. On https they carry the __Host- prefix, which ties them to the host and to Secure; plain http is for
// development on localhost only.
const (
	sessionCookie = wire.SessionCookie
	SignInCookie  = "curfew-signin-" // and the beginning of the sign-in's state
)

func cookieName(env settings.Environment, base string) string {
	if env.Secure() {
		return wire.SecureCookie + base
	}
	return base
}

// SetCookie sends a cookie that no script can read. A maxAge of 0 lasts until the browser closes, a negative one deletes.
func SetCookie(w http.ResponseWriter, env settings.Environment, base, value string, maxAge int) {
	http.SetCookie(w, &http.Cookie{
		Name: cookieName(env, base), Value: value, Path: "/", MaxAge: maxAge,
		HttpOnly: true, Secure: env.Secure(), SameSite: http.SameSiteLaxMode,
	})
}

// SetSessionCookie sends the session's cookie.
func SetSessionCookie(w http.ResponseWriter, env settings.Environment, value string) {
	SetCookie(w, env, sessionCookie, value, 0)
}

// ReadCookie is the value of the one cookie of that name, or empty. Two of one name are none: one of them was planted.
func ReadCookie(r *http.Request, env settings.Environment, base string) string {
	cookies := r.CookiesNamed(cookieName(env, base))
	if len(cookies) != 1 {
		return ""
	}
	return cookies[0].Value
}

// ReadSessionCookie is the session cookie's value, or empty.
func ReadSessionCookie(r *http.Request, env settings.Environment) string {
	return ReadCookie(r, env, sessionCookie)
}

// DropCookies deletes the cookies whose base name begins with prefix when there are more than most of them.
func DropCookies(w http.ResponseWriter, r *http.Request, env settings.Environment, prefix string, most int) {
	var names []string
	for _, cookie := range r.Cookies() {
		if base := strings.TrimPrefix(cookie.Name, cookieName(env, "")); strings.HasPrefix(base, prefix) {
			names = append(names, base)
		}
	}
	if len(names) <= most {
		return
	}
	for _, name := range names {
		SetCookie(w, env, name, "", -1)
	}
}
