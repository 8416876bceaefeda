package storybook

import (
	"time"

	"github.com/curfew-project/curfew/agent/warning"
	"github.com/curfew-project/curfew/shared/deadline"
	"github.com/curfew-project/curfew/shared/policy"
	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/verifier/pages"
	"github.com/curfew-project/curfew/verifier/texts"
)

// story is one state of the dialog, of the cover or of a page, and what it takes to bring a page there and keep it there.
type story struct {
	name  string // in its address
	group string
	title string // for who looks at it
	press string // what has to be pressed to see it; empty: nothing

	// What is shown: exactly one of warns, cover, failure and page.
	warns   bool           // the warning that is due in the session
	inputs  warning.Inputs // what the warning depends on besides
	cover   warning.Cover
	failure texts.Key
	page    func(pages.Page) pages.Page

	session func(now deadline.Instant) deadline.State // as the verifier tells it; nil: there is none
	first   reaction                                  // to the first request of a page,
	later   reaction                                  // and to those after it
	mode    string                                    // of the agent; empty: it guards the page
	script  string                                    // of the page itself, an asset
	late    bool                                      // it runs after the loader, and not before it
	module  reaction                                  // what the loader gets for the agent
	policy  string                                    // of the page; empty: the strict one
	named   bool                                      // the application has a name and no logo

	console []string // errors that the browser's console must have, by a part of each
}

// reaction is what the verifier does with a request.
type reaction int

const (
	answers reaction = iota
	holds            // keeps back what it has to say
	fails            // says that it cannot answer
	drops            // closes the connection
	alters           // answers with other bytes
)

// Groups of stories, in their order.
const (
	dialogs  = "The dialog"
	covers   = "The cover"
	ended    = "The cover at the end of a session"
	failures = "The agent cannot run"
	own      = "The verifier's own pages"
)

// times are those of a session in every story.
func times() policy.Settings {
	return policy.Settings{SessionTimeout: 8 * time.Hour, SessionWarning: 20 * time.Minute, InactivityTimeout: time.Hour, InactivityWarning: 2 * time.Minute}
}

// inactive is a session that ends this soon for want of activity.
func inactive(left time.Duration) func(deadline.Instant) deadline.State {
	return func(now deadline.Instant) deadline.State {
		s := deadline.Begin(times(), now)
		s.Active = now - (s.Settings.InactivityTimeout - left).Milliseconds()
		s.Began = s.Active
		return s
	}
}

// ending is a session that ends this soon whatever anybody does.
func ending(left time.Duration) func(deadline.Instant) deadline.State {
	return func(now deadline.Instant) deadline.State {
		s := deadline.Begin(times(), now)
		s.Began = now - (s.Settings.SessionTimeout - left).Milliseconds()
		return s
	}
}

// silent is a session whose provider has not been heard of, and must be within this time.
func silent(left time.Duration) func(deadline.Instant) deadline.State {
	return func(now deadline.Instant) deadline.State {
		s := deadline.Begin(times(), now)
		s.CheckBy = now + left.Milliseconds()
		return s
	}
}

// over is a session that has ended.
func over(reason wire.Reason) func(deadline.Instant) deadline.State {
	return func(now deadline.Instant) deadline.State {
		s := inactive(-time.Minute)(now)
		s.EndedAt, s.Reason = now, reason
		return s
	}
}

const (
	unavailable = "status of 503"
	blockedHere = "Blocked opening"
)

// stories is the table of all stories.
func stories() []story {
	const soon = time.Minute + 47*time.Second
	all := []story{
		{name: "inactivity", title: "Inactivity", warns: true, session: inactive(soon)},
		{name: "inactivity-name", title: "Inactivity, and a name instead of a logo", warns: true, session: inactive(soon), named: true},
		{name: "inactivity-last", title: "Inactivity, the last 20 seconds", warns: true, session: inactive(18 * time.Second)},
		{name: "inactivity-unsaved", title: "Inactivity with unsaved work", warns: true, session: inactive(soon),
			inputs: warning.Inputs{Unsaved: true}, script: "unsaved.js", late: true},
		{name: "inactivity-offline", title: "Inactivity without a connection", warns: true, session: inactive(soon),
			inputs: warning.Inputs{Offline: true}, later: fails, console: []string{unavailable}},
		{name: "inactivity-deciding", title: "The choice to stay is on its way", press: "Stay signed in", warns: true, session: inactive(soon),
			inputs: warning.Inputs{Deciding: true}, later: holds},
		{name: "session", title: "The session ends", warns: true, session: ending(20*time.Minute - 13*time.Second)},
		{name: "session-last", title: "The session's last minute", warns: true, session: ending(47 * time.Second)},
		{name: "session-unsaved", title: "The session ends, with unsaved work", warns: true, session: ending(12 * time.Minute),
			inputs: warning.Inputs{Unsaved: true}, script: "unsaved.js", late: true},
		{name: "provider-silent", title: "The identity provider is silent", warns: true, session: silent(14 * time.Minute)},
	}
	group(all, dialogs)

	at := len(all)
	all = append(all,
		story{name: "checking", title: "The verifier is asked", cover: warning.Checking(), session: inactive(0), later: holds},
		story{name: "unreachable", title: "The verifier cannot be asked", cover: warning.Unreachable(), first: fails, later: fails, console: []string{unavailable}},
		story{name: "signing-out", title: "Signing out", cover: warning.SigningOut(), mode: pages.ModeSignOut, first: holds, later: holds,
			console: []string{"status of 409"}},
		story{name: "not-signed-out", title: "The sign-out could not be told", cover: warning.NotSignedOut(), mode: pages.ModeSignOut,
			first: fails, later: fails, console: []string{unavailable}},
		story{name: "no-session", title: "No session", cover: warning.NoSession(), console: []string{"status of 401"}},
		story{name: "sign-in-unavailable", title: "The sign-in cannot begin", cover: warning.SignInUnavailable(), mode: pages.ModeSignIn,
			first: fails, later: fails, console: []string{unavailable}},
		story{name: "signing-in", title: "The sign-in begins once more", press: "Try again", cover: warning.SigningIn(), mode: pages.ModeSignIn,
			first: fails, later: holds, console: []string{unavailable}},
		story{name: "elsewhere", title: "Continue in the other window", press: "Sign in", cover: warning.Elsewhere(), session: over(wire.Inactivity),
			script: "unsaved.js", late: true},
		story{name: "window-blocked", title: "The window was blocked", press: "Sign in", cover: warning.Blocked(), session: over(wire.Inactivity),
			script: "unsaved.js", late: true, policy: strict + "; sandbox allow-scripts allow-same-origin", console: []string{blockedHere}},
	)
	group(all[at:], covers)

	at = len(all)
	for _, reason := range wire.Reasons() {
		all = append(all, story{name: "ended-" + string(reason), title: string(reason), cover: warning.Ended(reason), session: over(reason)})
	}
	all = append(all, story{name: "ended-unsaved", title: "with unsaved work", cover: unsaved(warning.Ended(wire.Inactivity)), session: over(wire.Inactivity), script: "unsaved.js", late: true})
	group(all[at:], ended)

	at = len(all)
	for _, f := range []story{
		{name: "network", title: "The agent cannot be downloaded", failure: "failure.network", module: drops, console: []string{"ERR_EMPTY_RESPONSE"}},
		{name: "status", title: "The verifier does not have the agent", failure: "failure.general", module: fails, console: []string{"status of 404"}},
		{name: "integrity", title: "The agent's bytes were altered", failure: "failure.general", module: alters},
		{name: "policy", title: "The page's policy forbids WebAssembly", failure: "failure.general", policy: withoutWasm},
		{name: "unsupported", title: "The browser has no WebAssembly", failure: "failure.unsupported", script: "unsupported.js"},
		{name: "crypto", title: "The browser has no WebCrypto", failure: "failure.general", script: "crypto.js"},
		{name: "storage", title: "The browser stores nothing", failure: "failure.storage", script: "storage.js", mode: pages.ModeSignIn},
		{name: "crash", title: "The agent crashes", failure: "failure.general", script: "crash.js"},
	} {
		f.console = append(f.console, "Curfew covered this page ("+f.name+")")
		f.name = "failure-" + f.name
		all = append(all, f)
	}
	group(all[at:], failures)

	at = len(all)
	all = append(all, ownPages()...)
	group(all[at:], own)
	return all
}

// unsaved is a cover over a page with unsaved work.
func unsaved(c warning.Cover) warning.Cover {
	c.Unsaved = true
	return c
}

func group(all []story, name string) {
	for i := range all {
		all[i].group = name
	}
}
