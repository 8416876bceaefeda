package texts

// Key names one text. The agent's keys are defined in agent/warning; those of the verifier's own pages begin with page. and are below.
type Key string

// Signing in.
const (
	SignInTitle    Key = "page.sign_in.title"
	SignInBody     Key = "page.sign_in.body"
	SigningInTitle Key = "page.signing_in.title"
	StayLabel      Key = "page.stay.label"
	StayHint       Key = "page.stay.hint"
	NoScript       Key = "page.no_script"
	CheckingTitle  Key = "page.checking.title"
	CheckingBody   Key = "page.checking.body"
	BadLinkTitle   Key = "page.bad_link.title"
	BadLinkBody    Key = "page.bad_link.body"

	SignedInTitle    Key = "page.signed_in.title" // in a window that was opened only to sign in
	SignedInBody     Key = "page.signed_in.body"
	NotSignedInTitle Key = "page.not_signed_in.title"
	NotSignedInBody  Key = "page.not_signed_in.body"
)

// Signing out.
const (
	SigningOutTitle     Key = "page.signing_out.title"
	AskSignOutTitle     Key = "page.ask_sign_out.title"
	AskSignOutBody      Key = "page.ask_sign_out.body"
	AskSignOutLinked    Key = "page.ask_sign_out.linked" // a link on another site led here
	HasSessionTitle     Key = "page.has_session.title"
	HasSessionBody      Key = "page.has_session.body"
	SignedOutTitle      Key = "page.signed_out.title"
	SignedOutHere       Key = "page.signed_out.here"
	SignedOutEverywhere Key = "page.signed_out.everywhere"
	SignedOutTold       Key = "page.signed_out.told" // the provider was
	SignedOutNotTold    Key = "page.signed_out.not_told"
	SignedOutClose      Key = "page.signed_out.close"
)

// A person's own sessions.
const (
	SessionsTitle   Key = "page.sessions.title"
	SessionsBody    Key = "page.sessions.body"
	SessionsThis    Key = "page.sessions.this.label"
	SessionsOn      Key = "page.sessions.on.label"
	SessionsBrowser Key = "page.sessions.browser.label" // one that is not known
	SessionsBegan   Key = "page.sessions.began.label"
	SessionsActive  Key = "page.sessions.active.label"
	SessionsAddress Key = "page.sessions.address.label"
	SessionsUnknown Key = "page.sessions.unknown.label"
	SessionsMore    Key = "page.sessions.more"
	SessionsOnly    Key = "page.sessions.only"
	SessionsDone    Key = "page.sessions.done"
	SessionsStale   Key = "page.sessions.stale"
)

// Buttons and links.
const (
	ButtonContinue          Key = "page.button.continue"
	ButtonGoOn              Key = "page.button.go_on"
	ButtonStart             Key = "page.button.start"
	ButtonSignIn            Key = "page.button.sign_in"
	ButtonSignInAgain       Key = "page.button.sign_in_again"
	ButtonTryAgain          Key = "page.button.try_again"
	ButtonSignOut           Key = "page.button.sign_out"
	ButtonSignOutEverywhere Key = "page.button.sign_out_everywhere"
	ButtonSignOutHere       Key = "page.button.sign_out_here"
	ButtonSignOutThere      Key = "page.button.sign_out_there"
	ButtonSignOutOthers     Key = "page.button.sign_out_others"
	ButtonStay              Key = "page.button.stay"
)

// What is said when a sign-in fails.
const (
	NotBegun           Key = "page.problem.not_begun"
	UsedUpTitle        Key = "page.problem.used_up.title"
	UsedUpBody         Key = "page.problem.used_up.body"
	StillInTitle       Key = "page.problem.still_in.title"
	StillInBody        Key = "page.problem.still_in.body"
	RefusedBody        Key = "page.problem.refused.body"
	RefusedNext        Key = "page.problem.refused.next"
	MoreNeededBody     Key = "page.problem.more_needed.body"
	MoreNeededNext     Key = "page.problem.more_needed.next"
	UnsureBody         Key = "page.problem.unsure.body"
	EveryTime          Key = "page.problem.every_time"
	UnreachableTitle   Key = "page.problem.unreachable.title"
	UnreachableBody    Key = "page.problem.unreachable.body"
	MisconfiguredTitle Key = "page.problem.misconfigured.title"
	MisconfiguredBody  Key = "page.problem.misconfigured.body"
	NotAskedBody       Key = "page.problem.not_asked.body"
	NoAuthTimeBody     Key = "page.problem.no_auth_time.body"
	NoAuthTimeNext     Key = "page.problem.no_auth_time.next"
	CannotTitle        Key = "page.problem.cannot.title"
	CannotBody         Key = "page.problem.cannot.body"
)

// pagePrefix begins the keys that the agent and the loader have no use for.
const pagePrefix = "page."
