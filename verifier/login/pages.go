package login

import (
	"net/http"
	"net/url"

	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/verifier/api"
	"github.com/curfew-project/curfew/verifier/pages"
	"github.com/curfew-project/curfew/verifier/settings"
)

// signInPage makes the browser make its key. A browser that has a living session resumes it instead, unless a new one is
// asked for with again=1. Where people are asked whether to stay signed in, that comes first.
func (l *Login) signInPage(w http.ResponseWriter, r *http.Request, env settings.Environment) {
	query := r.URL.Query()
	returnTo, ok := l.returnTo(w, env, query.Get("return_to"))
	if !ok {
		return
	}
	// Another site's link must not be able to ask for a new session in place of a living one, nor to answer for the person.
	here := api.FromHere(r)
	again := query.Get("again") == "1" && here
	if !again {
		living, err := l.engine.Living(r.Context(), env, api.ReadSessionCookie(r, env))
		if err != nil {
			l.unavailable(w, env, returnTo, err)
			return
		}
		if living {
			seeOther(w, l.resume(returnTo))
			return
		}
	}
	ask := l.asksStay(env)
	if ask && !(query.Get("continue") == "1" && here) {
		pages.Write(w, http.StatusOK, pages.Page{
			Prefix: l.site.Prefix(), Title: "Sign in",
			Paragraphs: []string{"You will be asked who you are in a moment."},
			AskStay:    &pages.AskStay{ReturnTo: returnTo, Again: again},
		})
		return
	}
	pages.Write(w, http.StatusOK, pages.Page{
		Prefix: l.site.Prefix(), Title: "Signing you in…", Paragraphs: []string{"You will be asked who you are in a moment."},
		Agent: &pages.Agent{Mode: "sign-in", Nonce: l.engine.SignInNonce(env), ReturnTo: returnTo, Stay: ask && query.Get("stay") == "1"},
	})
}

// asksStay reports whether people are asked to stay signed in: where no policy check is ever made, it would mean nothing.
func (l *Login) asksStay(env settings.Environment) bool {
	options := l.options[env.ID]
	return options.AskStay && !options.Application.signsIn() && !env.Check.Bypass
}

func (l *Login) resumePage(w http.ResponseWriter, r *http.Request, env settings.Environment) {
	returnTo, ok := l.returnTo(w, env, r.URL.Query().Get("return_to"))
	if !ok {
		return
	}
	pages.Write(w, http.StatusOK, pages.Page{
		Prefix: l.site.Prefix(), Title: "One moment…", Paragraphs: []string{"We are checking that your session is still open."},
		Agent: &pages.Agent{Mode: "resume", ReturnTo: returnTo},
	})
}

func (l *Login) resume(returnTo string) string {
	return l.address("resume?return_to=") + url.QueryEscape(returnTo)
}

func (l *Login) signInAgain(returnTo string) string {
	return l.address("sign-in?again=1&return_to=") + url.QueryEscape(returnTo)
}

func (l *Login) returnTo(w http.ResponseWriter, env settings.Environment, text string) (string, bool) {
	back, ok := l.site.ReturnTo(text)
	if !ok {
		l.engine.RecordRefusal(env, wire.BadReturnTo, "")
		pages.Write(w, api.Status(wire.BadReturnTo), pages.Page{
			Prefix: l.site.Prefix(), Title: "This link does not work here",
			Paragraphs: []string{"The link that brought you here would lead away from this site after you sign in, so we stopped. Go to the page that you want and sign in from there."},
			Buttons:    []pages.Action{{Link: "/", Text: "Go to the start page"}},
		})
	}
	return back, ok
}

// seeOther redirects to an address as it is; http.Redirect would clean its path and fragment.
func seeOther(w http.ResponseWriter, location string) {
	w.Header().Set("Location", location)
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusSeeOther)
}
