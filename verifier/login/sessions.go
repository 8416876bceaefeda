package login

import (
	"errors"
	"net/http"

	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/verifier/api"
	"github.com/curfew-project/curfew/verifier/engine"
	"github.com/curfew-project/curfew/verifier/keyring"
	"github.com/curfew-project/curfew/verifier/pages"
	"github.com/curfew-project/curfew/verifier/session"
	"github.com/curfew-project/curfew/verifier/settings"
	"github.com/curfew-project/curfew/verifier/texts"
)

// Fields of the form on the page of a user's own sessions.
const (
	fieldToken = "token"
	fieldEnd   = "end"    // a session's ID
	others     = "others" // in fieldEnd: every session but this one
)

// sessionsPage shows a user their own sessions in this environment (B6).
func (l *Login) sessionsPage(w http.ResponseWriter, r *http.Request, env settings.Environment) {
	l.showSessions(w, r, env, http.StatusOK)
}

// showSessions shows them with the status of what was asked for: a refusal says that the list was out of date.
func (l *Login) showSessions(w http.ResponseWriter, r *http.Request, env settings.Environment, status int) {
	this, all, err := l.engine.OwnSessions(r.Context(), env, api.ReadSessionCookie(r, env))
	if err != nil {
		l.elsewhere(w, r, env, err)
		return
	}
	page := l.page(r, env).Saying(texts.SessionsTitle, texts.SessionsBody)
	page.Agent = &pages.Agent{Mode: pages.ModeGuard}
	page.Other = page.Action("/", texts.ButtonStart)
	list := &pages.Sessions{
		Action: l.address(api.Sessions), SignOut: l.address("sign-out?scope=" + browser), Token: l.formToken(env, this),
		More: len(all) == engine.MaxOwn, Stale: status != http.StatusOK,
	}
	for _, own := range all {
		device := own.Where.Device()
		list.All = append(list.All, pages.Session{
			ID: own.Session.ID.String(), Name: page.Device(device.Browser, device.System), Kind: string(device.Kind), This: own.Session.ID == this.ID,
			Began: pages.At(own.Session.State.Began), Active: pages.At(own.Session.State.Active), Address: own.Where.Address,
		})
	}
	page.Sessions = list
	pages.Write(w, status, page)
}

// endSessions ends what the form asks for, and shows what is left.
func (l *Login) endSessions(w http.ResponseWriter, r *http.Request, env settings.Environment) {
	if !form(w, r, wire.MaxBody) {
		return
	}
	cookie := api.ReadSessionCookie(r, env)
	this, err := l.engine.Check(r.Context(), env, cookie)
	if err != nil {
		l.elsewhere(w, r, env, err)
		return
	}
	if !l.ownForm(env, this, r.PostForm.Get(fieldToken)) {
		l.engine.RecordRefusal(env, wire.CrossOrigin, "the form is not from this session's own page")
		l.showSessions(w, r, env, api.Status(wire.CrossOrigin))
		return
	}
	ids, all, ok := asked(r.PostForm[fieldEnd])
	if !ok {
		l.engine.RecordRefusal(env, wire.BadRequest, fieldEnd+" is no session ID and not "+others)
		l.showSessions(w, r, env, api.Status(wire.BadRequest))
		return
	}
	var refused *engine.Refusal
	switch _, err = l.engine.EndOwn(r.Context(), env, cookie, ids, all); {
	case err == nil:
		seeOther(w, l.address(api.Sessions)+"#done")
	case errors.As(err, &refused) && refused.Refusal.Error == wire.BadRequest:
		l.showSessions(w, r, env, api.Status(wire.BadRequest))
	default:
		l.elsewhere(w, r, env, err)
	}
}

// asked reads what is to be ended: exactly one session, or all others.
func asked(values []string) (ids []session.ID, all, ok bool) {
	if len(values) != 1 {
		return nil, false, false
	}
	if values[0] == others {
		return nil, true, true
	}
	id, err := session.ParseID(values[0])
	return []session.ID{id}, false, err == nil
}

// elsewhere sends a person on whose cookie does not show the page: to renew it, or to sign in, and then back.
func (l *Login) elsewhere(w http.ResponseWriter, r *http.Request, env settings.Environment, err error) {
	refusal := api.AsRefusal(err)
	l.api.SayWhere(&refusal, l.address(api.Sessions))
	switch {
	case refusal.Resume != "":
		seeOther(w, refusal.Resume)
	case refusal.SignIn != "":
		seeOther(w, refusal.SignIn)
	default:
		l.unavailable(w, r, env, "/", err)
	}
}

// ownPage is what a form token says: which form it is for.
const ownPage = "sessions"

// formToken shows that a form was made for one session by the page of that session: a page of another origin cannot read it, and one
// that was made for another session is worth nothing here.
func (l *Login) formToken(env settings.Environment, s session.Session) string {
	return l.ring.Sign(keyring.FormToken, formScope(env, s), []byte(ownPage))
}

// ownForm reports whether a token is that of the session's own page, in a time that tells nothing about it.
func (l *Login) ownForm(env settings.Environment, s session.Session, token string) bool {
	said, err := l.ring.Open(keyring.FormToken, formScope(env, s), token)
	return err == nil && string(said) == ownPage
}

func formScope(env settings.Environment, s session.Session) string {
	return env.Scope() + "\x00" + s.ID.String()
}
