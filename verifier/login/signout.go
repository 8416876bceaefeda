package login

import (
	"context"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/verifier/api"
	"github.com/curfew-project/curfew/verifier/keyring"
	"github.com/curfew-project/curfew/verifier/pages"
	"github.com/curfew-project/curfew/verifier/provider"
	"github.com/curfew-project/curfew/verifier/settings"
	"github.com/curfew-project/curfew/verifier/texts"
)

// What a sign-out ends, as the parameter scope says it; without it the environment's settings say (B4).
const (
	fieldScope = "scope"
	everywhere = "everywhere" // every session of the user in the environment
	browser    = "browser"    // the one in this browser
	ask        = "ask"        // only for the page: the person chooses
)

// signOutPage signs out by itself, or asks the person when a link on another site led here or scope=ask.
func (l *Login) signOutPage(w http.ResponseWriter, r *http.Request, env settings.Environment) {
	living, err := l.engine.Living(r.Context(), env, api.ReadSessionCookie(r, env))
	if err != nil {
		l.unavailable(w, r, env, "/", err)
		return
	}
	if !living {
		seeOther(w, l.address("signed-out"))
		return
	}
	// A link on another site cannot sign anybody out; the person can.
	if !api.FromHere(r) {
		l.askScope(w, r, env, texts.AskSignOutLinked)
		return
	}
	switch r.URL.Query().Get(fieldScope) {
	case "", everywhere, browser:
		// The agent posts the sign-out without knowing what it ends. The request's Referer says it: exactly for this page, and for no
		// sign-out that another tab begins meanwhile, as a cookie would.
		page := l.page(r, env).Saying(texts.SigningOutTitle)
		page.Agent = &pages.Agent{Mode: pages.ModeSignOut, Referrer: true}
		pages.Write(w, http.StatusOK, page)
	default:
		l.askScope(w, r, env, texts.AskSignOutBody)
	}
}

// askScope asks what the sign-out is to end; the environment's own choice comes first.
func (l *Login) askScope(w http.ResponseWriter, r *http.Request, env settings.Environment, why texts.Key) {
	page := l.page(r, env).Saying(texts.AskSignOutTitle, why)
	page.Buttons = []pages.Action{
		page.Action(l.address("sign-out?scope="+everywhere), texts.ButtonSignOutEverywhere),
		page.Action(l.address("sign-out?scope="+browser), texts.ButtonSignOutHere),
	}
	if env.SignOut.HereOnly {
		page.Buttons[0], page.Buttons[1] = page.Buttons[1], page.Buttons[0]
	}
	page.Other = page.Action("/", texts.ButtonStay)
	pages.Write(w, http.StatusOK, page)
}

// hereOnly is what a POST says that it ends: in its form, or by the page that it comes from. ok is false for a scope that there
// is not.
func (l *Login) hereOnly(r *http.Request, env settings.Environment) (here, ok bool) {
	scope := r.PostForm.Get(fieldScope)
	if !r.PostForm.Has(fieldScope) {
		// Another page's query is its own business.
		if query, found := strings.CutPrefix(r.Referer(), l.site.URL(env, "sign-out?")); found {
			from, err := url.ParseQuery(query)
			if err != nil {
				return false, false
			}
			scope = from.Get(fieldScope)
		}
	}
	switch scope {
	case "":
		return env.SignOut.HereOnly, true
	case browser:
		return true, true
	case everywhere:
		return false, true
	}
	return false, false
}

// signOut ends the session and answers with where to go: the provider's end-session address (OpenID Connect RP-Initiated
// Logout section 2), or the page that says that there is nothing more to do.
func (l *Login) signOut(w http.ResponseWriter, r *http.Request, env settings.Environment) {
	if !form(w, r, wire.MaxBody) {
		return
	}
	here, ok := l.hereOnly(r, env)
	if !ok {
		api.WriteRefusal(w, wire.Refusal{Error: wire.BadRequest, Message: "scope is " + everywhere + " or " + browser})
		return
	}
	hint, err := l.engine.SignOut(r.Context(), env, l.api.Proved(r, env, "sign-out"), here)
	if err != nil {
		refusal := api.AsRefusal(err)
		l.api.SayWhere(&refusal, "")
		api.WriteRefusal(w, refusal)
		return
	}
	location := l.leave(r.Context(), w, env, hint, here)
	// Only here, where the session's key has proved that the person means it: on a page that others can link to, or in the answer to
	// any other request, it would let them erase what the site keeps in the browser.
	if len(env.SignOut.Clear) > 0 {
		w.Header().Set("Clear-Site-Data", `"`+strings.Join(env.SignOut.Clear, `", "`)+`"`)
	}
	api.WriteJSON(w, http.StatusOK, wire.Redirect{Location: location})
}

// departure is what the page after a sign-out has to know. It is kept in the browser, encrypted, for as long as a person may take
// at the provider. A browser that was told to clear its cookies loses it at once (W3C Clear Site Data section 3.3: after
// Set-Cookie), and then the page says less.
type departure struct {
	State string `json:"state"` // goes to the provider and back; empty when it was not asked
	Here  bool   `json:"here"`  // only this browser was signed out
	At    int64  `json:"at"`    // milliseconds since the epoch
}

const (
	departureCookie = "curfew-signout"
	departureLife   = 10 * 60 * 1000 // milliseconds
	// maxLocation is the longest address that the agent takes.
	maxLocation = 8 << 10
	// atMost is how long a sign-out waits for the provider's document: the session has ended, and a provider that does not answer
	// must not keep the page from saying so.
	atMost = 2 * time.Second
)

// leave is where the browser goes after a sign-out.
func (l *Login) leave(ctx context.Context, w http.ResponseWriter, env settings.Environment, hint string, here bool) string {
	out := departure{Here: here, At: l.engine.Now().UnixMilli()}
	location := l.address("signed-out?provider=not-told")
	if state, address := l.endSession(ctx, env, hint); address != "" {
		out.State, location = state, address
	}
	if text, err := json.Marshal(out); err == nil {
		api.SetCookie(w, env, departureCookie, l.ring.Seal(keyring.SignOutCookie, env.Scope(), text), departureLife/1000)
	}
	return location
}

// endSession is the provider's address that ends its own session, with the state that it sends back; empty when there is none, or
// when it cannot be found out.
func (l *Login) endSession(ctx context.Context, env settings.Environment, hint string) (state, address string) {
	at, ok := l.provider(env)
	if !ok {
		return "", ""
	}
	raw := make([]byte, 16)
	if _, err := io.ReadFull(l.random, raw); err != nil {
		return "", ""
	}
	state = base64.RawURLEncoding.EncodeToString(raw)
	ctx, cancel := context.WithTimeout(ctx, atMost)
	defer cancel()
	if l.options(env).Application.signsIn() {
		hint = "" // it was issued to the application, and a hint for another client than the one that asks is refused (section 2)
	}
	request := provider.EndSession{Hint: hint, Back: l.site.URL(env, "signed-out"), State: state}
	address, _, err := at.EndSession(ctx, request)
	if err == nil && len(address) > maxLocation { // without the hint the provider asks the person
		request.Hint = ""
		address, _, err = at.EndSession(ctx, request)
	}
	if err != nil {
		l.logFault("provider_not_told", env, err)
		return "", ""
	}
	return state, address
}

func (l *Login) signedOutPage(w http.ResponseWriter, r *http.Request, env settings.Environment) {
	living, err := l.engine.Living(r.Context(), env, api.ReadSessionCookie(r, env))
	switch {
	case err != nil:
		l.unavailable(w, r, env, "/", err)
		return
	case living: // another tab signed in meanwhile, or somebody else's link led here
		page := l.page(r, env).Saying(texts.HasSessionTitle, texts.HasSessionBody)
		page.Buttons = []pages.Action{page.Action("/", texts.ButtonGoOn)}
		page.Other = page.Action(l.address("sign-out"), texts.ButtonSignOut)
		pages.Write(w, http.StatusOK, page)
		return
	}
	page := l.page(r, env).Saying(texts.SignedOutTitle, l.farewell(r, env)...)
	page.Buttons = []pages.Action{page.Action(l.address("sign-in?again=1"), texts.ButtonSignIn)}
	pages.Write(w, http.StatusOK, page)
}

// farewell says what is known of the sign-out that led to the page, and nothing else.
func (l *Login) farewell(r *http.Request, env settings.Environment) []texts.Key {
	var says []texts.Key
	query := r.URL.Query()
	out, ok := l.departed(r, env)
	told := ok && out.State != "" && subtle.ConstantTimeCompare([]byte(query.Get("state")), []byte(out.State)) == 1
	notTold := query.Get("provider") == "not-told"
	// Who comes here in another way may have signed out of something else since.
	ok = told || ok && out.State == "" && notTold
	switch {
	case ok && out.Here:
		says = append(says, texts.SignedOutHere)
	case ok:
		says = append(says, texts.SignedOutEverywhere)
	}
	switch {
	case told:
		says = append(says, texts.SignedOutTold)
	case notTold:
		says = append(says, texts.SignedOutNotTold)
	default:
		says = append(says, texts.SignedOutClose)
	}
	return says
}

// departed is what this browser knows of its last sign-out.
func (l *Login) departed(r *http.Request, env settings.Environment) (departure, bool) {
	var out departure
	text, err := l.ring.Unseal(keyring.SignOutCookie, env.Scope(), api.ReadCookie(r, env, departureCookie))
	if err != nil || json.Unmarshal(text, &out) != nil || l.engine.Now().UnixMilli() >= out.At+departureLife {
		return departure{}, false
	}
	return out, true
}
