package login

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"net/http"
	"strings"

	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/verifier/api"
	"github.com/curfew-project/curfew/verifier/engine"
	"github.com/curfew-project/curfew/verifier/provider"
	"github.com/curfew-project/curfew/verifier/settings"
)

// Fields of the form with which an application's back end hands a sign-in in (A6). Each stands in it once.
const (
	fieldIDToken = "id_token" // from the application's own sign-in, with curfew_nonce as its nonce
	fieldState   = "state"    // curfew_state
	fieldCookies = "cookies"  // the Cookie header of the browser's request, as it is

	// Optional, of the browser's request too: its User-Agent header, by which clients are recognised (A9) and which must be there and
	// the same while WSFedNonceCookieEnabled is on, and its network address, for the user to recognise the session by (B6).
	fieldUserAgent = "user_agent"
	fieldAddress   = "address"
)

const maxHandIn = provider.MaxIDToken + wire.MaxHeader + wire.MaxBody // bytes

// handedIn answers a hand-in: what the application does next.
type handedIn struct {
	Session  string `json:"session"`   // the session's ID
	Cookie   string `json:"cookie"`    // a Set-Cookie header for the answer to the browser
	ReturnTo string `json:"return_to"` // where the person wanted to go
}

// askAgain refuses a hand-in that lacks credentials (B1), and says how to get them: the application gives the browser the cookie
// and sends it to SignIn, where curfew_prompt is login.
type askAgain struct {
	wire.Refusal
	Cookie string `json:"cookie"`
}

// handIn turns a sign-in by the application into a session: an ID token in, a bound session out. The nonce ties the token to the
// browser that made its key here (B3); the cookies say which browser that is and whether it had a session before (B1, B2).
func (l *Login) handIn(w http.ResponseWriter, r *http.Request, env settings.Environment) {
	application := l.options(env).Application
	if application == nil {
		http.NotFound(w, r)
		return
	}
	if !application.knows(r) {
		l.engine.RecordRefusal(env, wire.SignInFailed, "hand-in: the secret is wrong or missing")
		w.Header()["Www-Authenticate"] = []string{`Basic realm="curfew"`, `Bearer realm="curfew"`}
		api.WriteJSON(w, http.StatusUnauthorized, wire.Refusal{Error: wire.SignInFailed, Message: "the secret is wrong or missing"})
		return
	}
	if !form(w, r, maxHandIn) {
		return
	}
	for _, field := range []string{fieldIDToken, fieldState, fieldCookies} {
		if len(r.PostForm[field]) != 1 {
			api.WriteRefusal(w, wire.Refusal{Error: wire.BadRequest, Message: "the form must have " + field + " once"})
			return
		}
	}
	l.complete(w, r, env, &http.Request{Header: http.Header{"Cookie": r.PostForm[fieldCookies]}})
}

// knows reports whether a request shows the application's secret, as a bearer token or as the password of HTTP Basic.
func (a *Application) knows(r *http.Request) bool {
	_, secret, ok := r.BasicAuth()
	if !ok {
		scheme, token, found := strings.Cut(r.Header.Get("Authorization"), " ")
		if !found || !strings.EqualFold(scheme, "Bearer") {
			return false
		}
		secret = token
	}
	digest := sha256.Sum256([]byte(secret))
	return len(r.Header["Authorization"]) == 1 && subtle.ConstantTimeCompare(digest[:], a.SecretHash[:]) == 1
}

// complete begins the session of a hand-in for the browser with the given cookies.
func (l *Login) complete(w http.ResponseWriter, r *http.Request, env settings.Environment, cookies *http.Request) {
	refuse := func(code wire.Code, message string) {
		api.WriteRefusal(w, wire.Refusal{Error: code, Message: message})
	}
	state := r.PostForm.Get(fieldState)
	a, err := unseal(l.ring, env, api.ReadCookie(cookies, env, attemptCookie(state)), state, l.engine.Now().UnixMilli())
	if err == nil && !a.HandIn {
		err = errAttempt
	}
	browser := engine.Where{UserAgent: r.PostForm.Get(fieldUserAgent), Address: r.PostForm.Get(fieldAddress)}
	if err == nil {
		err = a.inBrowser(browser.UserAgent)
	}
	if err != nil {
		l.engine.RecordRefusal(env, wire.SignInFailed, "hand-in: "+err.Error())
		refuse(wire.SignInFailed, err.Error())
		return
	}
	at, ok := l.provider(env)
	if !ok {
		refuse(wire.SignInFailed, "this environment has no provider")
		return
	}
	who, err := at.HandedIn(r.Context(), r.PostForm.Get(fieldIDToken), a.nonce())
	if err != nil {
		l.logFault("hand_in_failed", env, err)
		code := of(err).code
		l.engine.RecordRefusal(env, code, "hand-in: "+err.Error())
		refuse(code, err.Error())
		return
	}
	switch err := l.engine.Use(r.Context(), env, a.mark(env), a.ends()); {
	case errors.Is(err, engine.ErrUsed):
		refuse(wire.SignInFailed, err.Error())
		return
	case err != nil:
		l.log.Error("store_unavailable", "environment", env.ID, "error", err)
		api.WriteRefusal(w, api.AsRefusal(err))
		return
	}
	s, cookie, err := l.engine.Begin(r.Context(), env, engine.SignIn{
		Who: who, Key: a.Key, Replaced: api.ReadSessionCookie(cookies, env), HandedIn: true,
		ClientID: l.options(env).Application.ClientID, Where: browser,
	})
	switch {
	case errors.Is(err, engine.ErrCredentials) && a.Credentials:
		message := "the authorization request must have prompt=login and max_age=0, and auth_time must be later than the last session's end"
		if who.AuthTime == 0 {
			message = noAuthTimeFix
			l.engine.RecordRefusal(env, wire.SignInFailed, "hand-in: "+noAuthTimeFix)
		}
		refuse(wire.SignInFailed, message)
	case errors.Is(err, engine.ErrCredentials):
		l.askApplication(w, r, env, a)
	case err != nil:
		l.log.Error("store_unavailable", "environment", env.ID, "error", err)
		api.WriteRefusal(w, api.AsRefusal(err))
	default:
		api.WriteJSON(w, http.StatusOK, handedIn{
			Session: s.ID.String(), ReturnTo: a.ReturnTo,
			Cookie: setCookie(func(w http.ResponseWriter) { api.SetSessionCookie(w, env, cookie) }),
		})
	}
}

// askApplication has the application ask for credentials: it turned out only now, when the user is known, that a session of theirs
// has ended (B1).
func (l *Login) askApplication(w http.ResponseWriter, r *http.Request, env settings.Environment, a attempt) {
	header := http.Header{}
	to, err := l.start(r.Context(), headers(header), env, a.again(r.PostForm.Get(fieldUserAgent)))
	if err != nil {
		l.logFault("sign_in_not_begun", env, err)
		api.WriteRefusal(w, wire.Refusal{Error: wire.Unavailable})
		return
	}
	api.WriteJSON(w, api.Status(wire.SignInFailed), askAgain{
		Refusal: wire.Refusal{Error: wire.SignInFailed, SignIn: to,
			Message: "credentials are needed: give the browser the cookie, send it to sign_in, and ask the provider with prompt=login and max_age=0"},
		Cookie: header.Get("Set-Cookie"),
	})
}

// headers is a response of which only the header is wanted.
type headers http.Header

func (h headers) Header() http.Header         { return http.Header(h) }
func (h headers) Write(p []byte) (int, error) { return len(p), nil }
func (h headers) WriteHeader(int)             {}

// setCookie is the text of the Set-Cookie header that set makes.
func setCookie(set func(http.ResponseWriter)) string {
	header := http.Header{}
	set(headers(header))
	return header.Get("Set-Cookie")
}
