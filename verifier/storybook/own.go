package storybook

import (
	"strconv"
	"time"

	"github.com/curfew-project/curfew/verifier/api"
	"github.com/curfew-project/curfew/verifier/pages"
	"github.com/curfew-project/curfew/verifier/texts"
)

// ownPages are the pages that package login shows. Their buttons lead back to the story.
func ownPages() []story {
	all := []story{
		{name: "sign-in", title: "Whether to stay signed in", page: askStay},
		{name: "begin", title: "The sign-in begins", page: func(p pages.Page) pages.Page {
			p = p.Saying(texts.SigningInTitle, texts.SignInBody)
			p.Agent = &pages.Agent{Mode: pages.ModeSignIn}
			return p
		}},
		{name: "resume", title: "The session is looked for", page: func(p pages.Page) pages.Page {
			p = p.Saying(texts.CheckingTitle, texts.CheckingBody)
			p.Agent = &pages.Agent{Mode: pages.ModeResume}
			return p
		}},
		{name: "bad-link", title: "A link to elsewhere", page: says(texts.ButtonStart, texts.BadLinkTitle, texts.BadLinkBody)},
		{name: "signed-in", title: "Signed in, in a window of its own", page: signedIn},
		{name: "not-signed-in", title: "Not signed in", page: says(texts.ButtonSignIn, texts.NotSignedInTitle, texts.NotSignedInBody)},
		{name: "ask", title: "What to sign out of", page: ask(texts.AskSignOutBody)},
		{name: "linked", title: "A link signs out", page: ask(texts.AskSignOutLinked)},
		{name: "sign-out", title: "The sign-out begins", page: func(p pages.Page) pages.Page {
			p = p.Saying(texts.SigningOutTitle)
			p.Agent = &pages.Agent{Mode: pages.ModeSignOut}
			return p
		}},
		{name: "has-session", title: "There is a session", page: func(p pages.Page) pages.Page {
			p = p.Saying(texts.HasSessionTitle, texts.HasSessionBody)
			p.Buttons = []pages.Action{p.Action(here, texts.ButtonGoOn)}
			p.Other = p.Action(here, texts.ButtonSignOut)
			return p
		}},
		{name: "signed-out", title: "Signed out", page: says(texts.ButtonSignIn, texts.SignedOutTitle, texts.SignedOutClose)},
		{name: "signed-out-here", title: "Signed out here", page: says(texts.ButtonSignIn, texts.SignedOutTitle, texts.SignedOutHere, texts.SignedOutTold)},
		{name: "signed-out-everywhere", title: "Signed out everywhere", page: says(texts.ButtonSignIn, texts.SignedOutTitle, texts.SignedOutEverywhere, texts.SignedOutTold)},
		{name: "sessions", title: "One's own sessions", page: sessions(pages.Sessions{}, ownSessions()...)},
		{name: "sessions-one", title: "One's only session", page: sessions(pages.Sessions{}, ownSessions()[0])},
		{name: "sessions-stale", title: "More sessions than are listed, and a list that was out of date", page: sessions(pages.Sessions{More: true, Stale: true}, ownSessions()...)},
		{name: "signed-out-not-told", title: "The provider was not told", page: says(texts.ButtonSignIn, texts.SignedOutTitle, texts.SignedOutEverywhere, texts.SignedOutNotTold)},
	}
	for _, problem := range []struct {
		name, title string
		button      texts.Key
		says        []texts.Key // the title first
	}{
		{"not-begun", "The sign-in began elsewhere", texts.ButtonSignInAgain, []texts.Key{texts.NotSignedInTitle, texts.NotBegun}},
		{"used-up", "The sign-in is used up", texts.ButtonGoOn, []texts.Key{texts.UsedUpTitle, texts.UsedUpBody}},
		{"still-in", "Still signed in", texts.ButtonGoOn, []texts.Key{texts.StillInTitle, texts.StillInBody}},
		{"refused", "The provider refused", texts.ButtonTryAgain, []texts.Key{texts.NotSignedInTitle, texts.RefusedBody, texts.RefusedNext}},
		{"more-needed", "The provider needs more", texts.ButtonTryAgain, []texts.Key{texts.NotSignedInTitle, texts.MoreNeededBody, texts.MoreNeededNext}},
		{"unsure", "The provider's answer is not sound", texts.ButtonSignInAgain, []texts.Key{texts.NotSignedInTitle, texts.UnsureBody, texts.EveryTime}},
		{"unreachable", "The provider cannot be reached", texts.ButtonTryAgain, []texts.Key{texts.UnreachableTitle, texts.UnreachableBody}},
		{"misconfigured", "The provider is misconfigured", texts.ButtonTryAgain, []texts.Key{texts.MisconfiguredTitle, texts.MisconfiguredBody}},
		{"not-asked", "No credentials were asked for", texts.ButtonTryAgain, []texts.Key{texts.NotSignedInTitle, texts.NotAskedBody, texts.EveryTime}},
		{"no-auth-time", "No time of the credentials", texts.ButtonTryAgain, []texts.Key{texts.NotSignedInTitle, texts.NoAuthTimeBody, texts.NoAuthTimeNext}},
		{"cannot", "The store cannot answer", texts.ButtonSignInAgain, []texts.Key{texts.CannotTitle, texts.CannotBody}},
	} {
		all = append(all, story{name: "problem-" + problem.name, title: problem.title, page: says(problem.button, problem.says[0], problem.says[1:]...)})
	}
	for i := range all {
		all[i].name = "page-" + all[i].name
	}
	return all
}

// here is where the buttons lead: back to the page that they are on.
const here = "?"

// says makes a page with one button.
func says(button, title texts.Key, paragraphs ...texts.Key) func(pages.Page) pages.Page {
	return func(p pages.Page) pages.Page {
		p = p.Saying(title, paragraphs...)
		p.Buttons = []pages.Action{p.Action(here, button)}
		return p
	}
}

func askStay(p pages.Page) pages.Page {
	p = p.Saying(texts.SignInTitle, texts.SignInBody)
	p.AskStay = &pages.AskStay{}
	return p
}

func signedIn(p pages.Page) pages.Page { return p.Saying(texts.SignedInTitle, texts.SignedInBody) }

// ownSession is one of a person's own sessions before it is put into words.
type ownSession struct {
	browser, system, kind string
	began, active         int // minutes before the first of December
	address               string
}

// ownSessions are those of somebody who has been around.
func ownSessions() []ownSession {
	return []ownSession{
		{"Firefox", "Windows", "computer", 95, 2, "203.0.113.9"},
		{"Safari", "iPhone", "phone", 1500, 41, "2001:db8:85a3:8d3:1319:8a2e:370:7348"},
		{"Samsung Internet", "Android", "tablet", 2000, 700, "198.51.100.23"},
		{"", "", "", 2900, 2800, ""},
	}
}

// sessions makes the page of a person's own sessions, of which the first is the one that shows it.
func sessions(list pages.Sessions, all ...ownSession) func(pages.Page) pages.Page {
	end := time.Date(2026, time.December, 1, 0, 0, 0, 0, time.UTC)
	before := func(minutes int) pages.Instant {
		return pages.At(end.Add(-time.Duration(minutes) * time.Minute).UnixMilli())
	}
	return func(p pages.Page) pages.Page {
		p = p.Saying(texts.SessionsTitle, texts.SessionsBody)
		p.Other = p.Action(here, texts.ButtonStart)
		list := list
		list.Action, list.SignOut = p.Prefix+api.Sessions, here
		for i, s := range all {
			list.All = append(list.All, pages.Session{ID: strconv.Itoa(i), Name: p.Device(s.browser, s.system), Kind: s.kind, This: i == 0,
				Began: before(s.began), Active: before(s.active), Address: s.address})
		}
		p.Sessions = &list
		return p
	}
}

func ask(why texts.Key) func(pages.Page) pages.Page {
	return func(p pages.Page) pages.Page {
		p = p.Saying(texts.AskSignOutTitle, why)
		p.Buttons = []pages.Action{p.Action(here, texts.ButtonSignOutEverywhere), p.Action(here, texts.ButtonSignOutHere)}
		p.Other = p.Action(here, texts.ButtonStay)
		return p
	}
}
