package login

import (
	"errors"
	"net/http"

	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/verifier/api"
	"github.com/curfew-project/curfew/verifier/engine"
	"github.com/curfew-project/curfew/verifier/pages"
	"github.com/curfew-project/curfew/verifier/provider"
	"github.com/curfew-project/curfew/verifier/settings"
)

// problem is what a person is told when a sign-in fails: what happened and what they can do.
type problem struct {
	code  wire.Code
	title string
	says  []string
	try   string // what the button says that signs in again
}

const notSignedIn = "You are not signed in"

var (
	notBegun = problem{wire.SignInFailed, notSignedIn, []string{"This sign-in was not begun in this browser, was completed already, or took longer than ten minutes."}, "Sign in again"}
	usedUp   = problem{wire.SignInFailed, "This sign-in was completed already", []string{"A sign-in works once. If you went back to get here, just go on."}, ""}
	stillIn  = problem{wire.SignInFailed, "Just go on", []string{"This page belongs to a sign-in that is over, or was not begun in this browser. You are still signed in."}, ""}
	refused  = problem{wire.SignInFailed, notSignedIn, []string{
		"The sign-in was cancelled, or your organisation’s sign-in service did not let you in here.",
		"If you did not cancel it, ask the people who run this service whether your account may use it."}, "Try again"}
	moreNeeded = problem{wire.SignInFailed, notSignedIn, []string{
		"Your organisation’s sign-in service needs something more from you, such as your consent, and could not ask for it.",
		"Try again. If that does not help, ask the people who run this service."}, "Try again"}
	unsure = problem{wire.SignInFailed, notSignedIn, []string{
		"The answer of your organisation’s sign-in service did not fit this sign-in, so we stopped. That can happen when a page is old or opened twice.",
		"Try again. If it happens every time, ask the people who run this service."}, "Sign in again"}
	unreachable = problem{wire.ProviderFailed, "Your organisation’s sign-in service cannot be reached", []string{
		"You are not signed in. Nothing is wrong with your account; please try again in a few minutes."}, "Try again"}
	misconfigured = problem{wire.ProviderFailed, "Signing in does not work at the moment", []string{
		"Your organisation’s sign-in service and this service do not fit together. Trying again will not help: ask the people who run this service to look at it."}, "Try again"}
	notAsked = problem{wire.SignInFailed, notSignedIn, []string{
		"Your last session here has ended, so you have to enter your password or other credentials again, and your organisation’s sign-in service did not ask for them.",
		"Try again. If it happens every time, ask the people who run this service."}, "Try again"}
	noAuthTime = problem{wire.SignInFailed, notSignedIn, []string{
		"Your last session here has ended, so you have to enter your password or other credentials again. Your organisation’s sign-in service did not say whether you did.",
		"You cannot mend this: ask the people who run this service to have the sign-in service say when people signed in."}, "Try again"}
	cannot = problem{wire.Unavailable, "We cannot sign you in or out right now", []string{"The service has a problem. Please try again in a few minutes."}, "Sign in again"}
)

// noAuthTimeFix is what the operator has to do about noAuthTime.
const noAuthTimeFix = "the ID token has no auth_time although max_age was sent: have the provider send it " +
	"(OpenID Connect Core section 3.1.2.1, or require_auth_time in the client's registration)"

// of finds what to tell a person about an error of the provider.
func of(err error) problem {
	var fault *provider.Fault
	if !errors.As(err, &fault) {
		return unsure
	}
	switch fault.Cause {
	case provider.CauseAccessDenied:
		return refused
	case provider.CauseLoginRequired, provider.CauseInteractionRequired, provider.CauseConsentRequired, provider.CauseAccountSelectionRequired:
		return moreNeeded
	case provider.CauseToken: // whatever it means for a policy check, the provider did answer
		return unsure
	}
	switch fault.Kind {
	case provider.Unreachable:
		return unreachable
	case provider.Misconfigured:
		return misconfigured
	}
	return unsure
}

// fail tells the person that a sign-in failed, and the operator why.
func (l *Login) fail(w http.ResponseWriter, env settings.Environment, returnTo string, p problem, err error) {
	l.logFault("sign_in_failed", env, err)
	if !errors.Is(err, engine.ErrCredentials) && !errors.Is(err, engine.ErrUsed) { // the engine has recorded those
		l.engine.RecordRefusal(env, p.code, err.Error())
	}
	l.show(w, returnTo, p)
}

func (l *Login) show(w http.ResponseWriter, returnTo string, p problem) {
	button := pages.Action{Link: l.signInAgain(returnTo), Text: p.try}
	if p.try == "" {
		button = pages.Action{Link: l.resume(returnTo), Text: "Go on"}
	}
	pages.Write(w, api.Status(p.code), pages.Page{
		Prefix: l.site.Prefix(), Title: p.title, Paragraphs: p.says, Buttons: []pages.Action{button},
	})
}

// unavailable tells the person that the store cannot answer.
func (l *Login) unavailable(w http.ResponseWriter, env settings.Environment, returnTo string, err error) {
	l.log.Error("store_unavailable", "environment", env.ID, "error", err)
	l.show(w, returnTo, cannot)
}

// logFault tells the operator of what failed, loudly where they have to do something.
func (l *Login) logFault(what string, env settings.Environment, err error) {
	attrs := []any{"environment", env.ID, "error", err}
	log := l.log.Warn
	var fault *provider.Fault
	if errors.As(err, &fault) {
		attrs = append(attrs, "kind", string(fault.Kind), "cause", string(fault.Cause))
		if fault.Kind == provider.Misconfigured || fault.Kind == provider.Unreachable {
			log = l.log.Error
		}
	}
	log(what, attrs...)
}
