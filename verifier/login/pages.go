package login

import (
	"net/http"
	"net/url"

	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/verifier/api"
	"github.com/curfew-project/curfew/verifier/pages"
	"github.com/curfew-project/curfew/verifier/settings"
	"github.com/curfew-project/curfew/verifier/texts"
)

// signInPage makes the browser make its key. A browser that has a living session resumes it instead, unless a new one is
// asked for with again=1. Where people are asked whether to stay signed in, that comes first.
func (l *Login) signInPage(w http.ResponseWriter, r *http.Request, env settings.Environment) {
	query := r.URL.Query()
	returnTo, ok := l.returnTo(w, r, env, query.Get("return_to"))
	if !ok {
		return
	}
	// Another site's link must not be able to ask for a new session in place of a living one, nor to answer for the person.
	here := api.FromHere(r)
	again := query.Get("again") == "1" && here
	if !again {
		living, err := l.engine.Living(r.Context(), env, api.ReadSessionCookie(r, env))
		if err != nil {
			l.unavailable(w, r, env, returnTo, err)
			return
		}
		if living {
			seeOther(w, l.resume(returnTo))
			return
		}
	}
	ask := l.asksStay(env)
	if ask && !(query.Get("continue") == "1" && here) {
		page := l.page(r, env).Saying(texts.SignInTitle, texts.SignInBody)
		page.AskStay = &pages.AskStay{ReturnTo: returnTo, Again: again}
		pages.Write(w, http.StatusOK, page)
		return
	}
	page := l.page(r, env).Saying(texts.SigningInTitle, texts.SignInBody)
	page.Agent = &pages.Agent{Mode: pages.ModeSignIn, Nonce: l.engine.SignInNonce(env), ReturnTo: returnTo, Stay: ask && query.Get("stay") == "1"}
	pages.Write(w, http.StatusOK, page)
}

// asksStay reports whether people are asked to stay signed in: where no policy check is ever made, it would mean nothing.
func (l *Login) asksStay(env settings.Environment) bool {
	options := l.options(env)
	return options.AskStay && !options.Application.signsIn() && !env.Check.Bypass
}

func (l *Login) resumePage(w http.ResponseWriter, r *http.Request, env settings.Environment) {
	returnTo, ok := l.returnTo(w, r, env, r.URL.Query().Get("return_to"))
	if !ok {
		return
	}
	page := l.page(r, env).Saying(texts.CheckingTitle, texts.CheckingBody)
	page.Agent = &pages.Agent{Mode: pages.ModeResume, ReturnTo: returnTo}
	pages.Write(w, http.StatusOK, page)
}

// signedInPage ends a sign-in in a window that was opened for nothing else (A15). Everybody may see it, because it shows nothing; who
// has no session is not told that they have.
func (l *Login) signedInPage(w http.ResponseWriter, r *http.Request, env settings.Environment) {
	living, err := l.engine.Living(r.Context(), env, api.ReadSessionCookie(r, env))
	if err != nil {
		l.unavailable(w, r, env, l.address(api.SignedIn), err)
		return
	}
	page := l.page(r, env)
	if living {
		page = page.Saying(texts.SignedInTitle, texts.SignedInBody)
		page.Agent = &pages.Agent{Mode: pages.ModeSignedIn} // tells the other tabs and closes the window
	} else {
		page = page.Saying(texts.NotSignedInTitle, texts.NotSignedInBody)
		page.Buttons = []pages.Action{page.Action(l.signInAgain(l.address(api.SignedIn)), texts.ButtonSignIn)}
	}
	pages.Write(w, http.StatusOK, page)
}

func (l *Login) resume(returnTo string) string {
	return l.address("resume?return_to=") + url.QueryEscape(returnTo)
}

func (l *Login) signInAgain(returnTo string) string {
	return l.address("sign-in?again=1&return_to=") + url.QueryEscape(returnTo)
}

func (l *Login) returnTo(w http.ResponseWriter, r *http.Request, env settings.Environment, text string) (string, bool) {
	back, ok := l.site.ReturnTo(text)
	if !ok {
		l.engine.RecordRefusal(env, wire.BadReturnTo, "")
		page := l.page(r, env).Saying(texts.BadLinkTitle, texts.BadLinkBody)
		page.Buttons = []pages.Action{page.Action("/", texts.ButtonStart)}
		pages.Write(w, api.Status(wire.BadReturnTo), page)
	}
	return back, ok
}

// seeOther redirects to an address as it is; http.Redirect would clean its path and fragment.
func seeOther(w http.ResponseWriter, location string) {
	w.Header().Set("Location", location)
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusSeeOther)
}
