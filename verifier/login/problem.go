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
	"github.com/curfew-project/curfew/verifier/texts"
)

// problem is what a person is told when a sign-in fails: what happened and what they can do.
type problem struct {
	code  wire.Code
	title texts.Key
	says  []texts.Key
	try   texts.Key // what the button says that signs in again; empty: there is one that goes on
}

var (
	notBegun      = problem{wire.SignInFailed, texts.NotSignedInTitle, []texts.Key{texts.NotBegun}, texts.ButtonSignInAgain}
	usedUp        = problem{wire.SignInFailed, texts.UsedUpTitle, []texts.Key{texts.UsedUpBody}, ""}
	stillIn       = problem{wire.SignInFailed, texts.StillInTitle, []texts.Key{texts.StillInBody}, ""}
	refused       = problem{wire.SignInFailed, texts.NotSignedInTitle, []texts.Key{texts.RefusedBody, texts.RefusedNext}, texts.ButtonTryAgain}
	moreNeeded    = problem{wire.SignInFailed, texts.NotSignedInTitle, []texts.Key{texts.MoreNeededBody, texts.MoreNeededNext}, texts.ButtonTryAgain}
	unsure        = problem{wire.SignInFailed, texts.NotSignedInTitle, []texts.Key{texts.UnsureBody, texts.EveryTime}, texts.ButtonSignInAgain}
	unreachable   = problem{wire.ProviderFailed, texts.UnreachableTitle, []texts.Key{texts.UnreachableBody}, texts.ButtonTryAgain}
	misconfigured = problem{wire.ProviderFailed, texts.MisconfiguredTitle, []texts.Key{texts.MisconfiguredBody}, texts.ButtonTryAgain}
	notAsked      = problem{wire.SignInFailed, texts.NotSignedInTitle, []texts.Key{texts.NotAskedBody, texts.EveryTime}, texts.ButtonTryAgain}
	noAuthTime    = problem{wire.SignInFailed, texts.NotSignedInTitle, []texts.Key{texts.NoAuthTimeBody, texts.NoAuthTimeNext}, texts.ButtonTryAgain}
	cannot        = problem{wire.Unavailable, texts.CannotTitle, []texts.Key{texts.CannotBody}, texts.ButtonSignInAgain}
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
func (l *Login) fail(w http.ResponseWriter, r *http.Request, env settings.Environment, returnTo string, p problem, err error) {
	l.logFault("sign_in_failed", env, err)
	if !errors.Is(err, engine.ErrCredentials) && !errors.Is(err, engine.ErrUsed) { // the engine has recorded those
		l.engine.RecordRefusal(env, p.code, err.Error())
	}
	l.show(w, r, env, returnTo, p)
}

func (l *Login) show(w http.ResponseWriter, r *http.Request, env settings.Environment, returnTo string, p problem) {
	page := l.page(r, env).Saying(p.title, p.says...)
	page.Buttons = []pages.Action{page.Action(l.resume(returnTo), texts.ButtonGoOn)}
	if p.try != "" {
		page.Buttons = []pages.Action{page.Action(l.signInAgain(returnTo), p.try)}
	}
	pages.Write(w, api.Status(p.code), page)
}

// unavailable tells the person that the store cannot answer.
func (l *Login) unavailable(w http.ResponseWriter, r *http.Request, env settings.Environment, returnTo string, err error) {
	l.log.Error("store_unavailable", "environment", env.ID, "error", err)
	l.show(w, r, env, returnTo, cannot)
}

// Unavailable answers whoever is on the way to a page of the application while it cannot be said who they are.
func (l *Login) Unavailable(w http.ResponseWriter, r *http.Request, env settings.Environment, returnTo string, err error) {
	l.unavailable(w, r, env, returnTo, err)
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
