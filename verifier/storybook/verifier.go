package storybook

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/curfew-project/curfew/shared/deadline"
	"github.com/curfew-project/curfew/shared/policy"
	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/verifier/api"
	"github.com/curfew-project/curfew/verifier/pages"
	"github.com/curfew-project/curfew/wasm/dist"
)

const (
	// hold is how long an answer is kept back: less than the agent's patience.
	hold = 12 * time.Second
	// interval is the longest time between two heartbeats.
	interval = time.Minute
	// begun is a cookie of a place that says that its page has had its first answer. It goes when the countdown must begin again.
	begun     = "begun"
	begunLife = 45 // seconds
)

// verifier answers below a place's prefix.
func (b *Book) verifier(w http.ResponseWriter, r *http.Request, p place) {
	file := r.PathValue("file")
	switch r.Method + " " + file {
	case "GET " + dist.LoaderName, "HEAD " + dist.LoaderName:
		b.loader(w, r, p)
	case "GET " + b.Agent.WasmName():
		b.module(w, r, p)
	case "GET page.css":
		sheet := shared{ResponseWriter: w}
		pages.Style(sheet, r)
		_, _ = sheet.Write([]byte(":root { color-scheme: " + scheme(p.theme) + "; }\n"))
	case "GET events":
		// A stream that ends at once: the agent tries again later, and none of the browser's few connections is in use meanwhile.
		w.Header().Set("Content-Type", "text/event-stream")
		w.Header().Set("Cache-Control", "no-store")
	case "GET sign-in":
		b.signInWindow(w, r, p)
	case "GET resume":
		http.Redirect(w, r, p.base(), http.StatusSeeOther)
	case "GET " + api.SignedIn:
		b.showPage(w, p, func(page pages.Page) pages.Page {
			page = signedIn(page)
			page.Agent = &pages.Agent{Mode: pages.ModeSignedIn}
			return page
		})
	case "POST " + api.Sessions:
		http.Redirect(w, r, p.base()+"#done", http.StatusSeeOther)
	case "POST heartbeat":
		b.answer(w, r, p, b.heartbeat)
	case "POST sign-in":
		b.answer(w, r, p, func(w http.ResponseWriter, _ place, _ deadline.Instant) {
			api.WriteRefusal(w, wire.Refusal{Error: wire.Unavailable})
		})
	case "POST sign-out":
		b.answer(w, r, p, b.signOut)
	default:
		if r.Method == http.MethodGet && strings.HasPrefix(file, "texts.") {
			b.Texts.ServeHTTP(w, r)
			return
		}
		http.NotFound(w, r)
	}
}

// loader serves agent.js: one for all places, because it takes the prefix from its own address. The verifier's own pages are shown as
// they are until it is there.
func (b *Book) loader(w http.ResponseWriter, r *http.Request, p place) {
	if p.story.page != nil {
		w.Header().Set("Content-Type", "text/javascript; charset=utf-8")
		w.Header().Set("Cache-Control", "no-store")
		return
	}
	b.Agent.ServeLoader(w, r, b.site(p))
}

// site is the application that all stories are about.
func (b *Book) site(p place) dist.Site {
	site := dist.Site{Name: name, Logo: logo, Languages: b.Texts.Names()}
	if p.story.named {
		site.Logo = ""
	}
	return site
}

func (b *Book) module(w http.ResponseWriter, r *http.Request, p place) {
	switch p.story.module {
	case fails:
		http.NotFound(w, r)
	case drops:
		panic(http.ErrAbortHandler)
	case alters:
		data := bytes.Clone(b.Agent.Wasm())
		data[len(data)-1] ^= 1
		w.Header().Set("Content-Type", "application/wasm")
		w.Header().Set("Cache-Control", "no-store")
		_, _ = w.Write(data)
	default:
		// One address for all places, so that a browser that shows many of them loads and compiles it once.
		http.Redirect(w, r, "/agent/"+b.Agent.WasmName(), http.StatusFound)
	}
}

// answer reacts to a request as the story has it, by way of what it has to say when it answers.
func (b *Book) answer(w http.ResponseWriter, r *http.Request, p place, say func(http.ResponseWriter, place, deadline.Instant)) {
	_, err := r.Cookie(begun)
	reaction := p.story.later
	if err != nil {
		reaction = p.story.first
	}
	switch reaction {
	case fails:
		if err != nil {
			b.begin(w, p, begunLife)
		}
		api.WriteRefusal(w, wire.Refusal{Error: wire.Unavailable})
		return
	case holds:
		// The server notices that the browser has gone once it has read all that came.
		_, _ = io.Copy(io.Discard, http.MaxBytesReader(w, r.Body, wire.MaxBody))
		timer := time.NewTimer(hold)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-r.Context().Done():
			return
		}
	}
	b.begin(w, p, begunLife)
	say(w, p, b.Now().UnixMilli())
}

// begin remembers in the browser that a page has had its first answer, for so many seconds; -1 forgets it.
func (b *Book) begin(w http.ResponseWriter, p place, seconds int) {
	http.SetCookie(w, &http.Cookie{Name: begun, Value: "1", Path: p.base(), MaxAge: seconds, HttpOnly: true, SameSite: http.SameSiteStrictMode})
}

func (b *Book) heartbeat(w http.ResponseWriter, p place, now deadline.Instant) {
	if p.story.session == nil {
		api.WriteRefusal(w, wire.Refusal{Error: wire.NoSession})
		return
	}
	api.WriteJSON(w, http.StatusOK, reply(p.story, now))
}

// reply is the answer to a heartbeat, by which the session is where it was at the last one. It has no nonce, so the next heartbeat
// comes without a proof again, and no key is needed.
func reply(s story, now deadline.Instant) wire.Reply {
	session := s.session(now)
	ends, _ := session.Ends()
	every := min(interval.Milliseconds(), max((ends-now)/2, 1))
	if s.later == fails {
		every = 1
	}
	answer := wire.Reply{
		Now: now, Phase: wire.Warned, Warning: session.Warning(now), Began: session.Began, Active: session.Active, CheckBy: session.CheckBy,
		Settings: settings(session.Settings), SessionEnds: session.SessionEnds(), InactivityEnds: session.InactivityEnds(),
		Seq: uint64(now), Interval: every, User: "somebody",
	}
	if session.EndedAt != 0 {
		answer.Phase, answer.Reason, answer.EndedAt = wire.Ended, session.Reason, session.EndedAt
	}
	return answer
}

func settings(s policy.Settings) wire.Settings {
	return wire.Settings{
		SessionTimeout: s.SessionTimeout.Milliseconds(), SessionWarning: s.SessionWarning.Milliseconds(),
		InactivityTimeout: s.InactivityTimeout.Milliseconds(), InactivityWarning: s.InactivityWarning.Milliseconds(),
	}
}

// signOut leads a person who presses the button back to the story. What was kept back is asked for again: another page was faster.
func (b *Book) signOut(w http.ResponseWriter, p place, now deadline.Instant) {
	if p.story.later == holds && p.story.mode == pages.ModeSignOut {
		api.WriteRefusal(w, wire.Refusal{Error: wire.Replayed, Seq: uint64(now)})
		return
	}
	api.WriteJSON(w, http.StatusOK, wire.Redirect{Location: p.base()})
}

// signInWindow is where the buttons lead that sign in. In a window of its own there is a sign-in that does nothing.
func (b *Book) signInWindow(w http.ResponseWriter, r *http.Request, p place) {
	switch {
	case r.FormValue("return_to") != p.base()+prefix+api.SignedIn:
		http.Redirect(w, r, p.base(), http.StatusSeeOther)
	case r.FormValue("continue") != "":
		http.Redirect(w, r, p.base()+prefix+api.SignedIn, http.StatusSeeOther)
	default:
		b.showPage(w, p, func(page pages.Page) pages.Page {
			page = askStay(page)
			page.AskStay.ReturnTo = p.base() + prefix + api.SignedIn
			return page
		})
	}
}
