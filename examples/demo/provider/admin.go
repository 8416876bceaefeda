package provider

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// adminView is what the admin page shows.
type adminView struct {
	Base, Now string
	Accounts  []accountView
	Outage    bool
	Done      string // the newest action, right after it
	History   []lineView
}

type accountView struct {
	Name, DisplayName, State string
	SignedIn, Disabled       bool
}

type lineView struct{ At, Clock, Text string }

var problemAdmin = problem{"This cannot be done", "The account is not known here, or the request came from another site. Open the accounts page and try again."}

// adminRoutes wants its page at the provider's own address only: a name that
// somebody else's DNS points here is another origin to the browser, but would
// pass the same-origin check.
func (p *Provider) adminRoutes(handle func(pattern, path string, h http.Handler), page func(http.HandlerFunc) http.Handler) {
	own, _ := url.Parse(p.issuer) // New has parsed it
	guard := func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Host != own.Host {
				p.showProblem(w, http.StatusMisdirectedRequest, problemAdmin)
				return
			}
			next.ServeHTTP(w, r)
		})
	}
	handle("GET", "/admin", guard(http.HandlerFunc(p.showAdmin)))
	for path, act := range map[string]func(context.Context, string) (string, bool){
		"/admin/disable":  p.disable,
		"/admin/enable":   p.enable,
		"/admin/sign-out": p.signOutEverywhere,
		"/admin/outage":   p.switchOutage,
	} {
		handle("POST", path, guard(page(func(w http.ResponseWriter, r *http.Request) {
			if err := r.ParseForm(); err != nil {
				p.showProblem(w, http.StatusBadRequest, problemRequest)
				return
			}
			text, ok := act(r.Context(), r.PostForm.Get("what"))
			if !ok {
				p.showProblem(w, http.StatusUnprocessableEntity, problemAdmin)
				return
			}
			p.history.add(instantOf(r.Context()).now, text, true)
			http.Redirect(w, r, p.base+"/admin?done=1", http.StatusSeeOther)
		})))
	}
}

// The actions return what to tell the person, or false where the request names
// nothing that exists. Each may be repeated: a reloaded form does no harm.

func (p *Provider) disable(_ context.Context, name string) (string, bool) {
	return p.displayName(name) + " is disabled: no sign-in, and a refusal to every application that asks.", p.SetDisabled(name, true)
}

func (p *Provider) enable(_ context.Context, name string) (string, bool) {
	return p.displayName(name) + " is enabled again.", p.SetDisabled(name, false)
}

func (p *Provider) signOutEverywhere(ctx context.Context, name string) (string, bool) {
	over, known := p.state.endAccount(name)
	if len(over) == 0 {
		return p.displayName(name) + " was not signed in anywhere.", known
	}
	told, missed := p.notify(ctx, over)
	text := p.displayName(name) + " was signed out everywhere. Messages to applications: " + fmt.Sprint(told) + " delivered"
	if missed > 0 {
		text += ", " + fmt.Sprint(missed) + " not"
	}
	return text + ".", known
}

func (p *Provider) switchOutage(_ context.Context, what string) (string, bool) {
	switch what {
	case "begin":
		p.SetOutage(true)
		return "The outage began.", true
	case "end":
		p.SetOutage(false)
		return "The outage is over.", true
	}
	return "", false
}

func (p *Provider) displayName(name string) string {
	for _, a := range p.users {
		if foldName(a.Name) == foldName(name) {
			return titled(a)
		}
	}
	return ""
}

func titled(u User) string {
	if u.DisplayName == "" {
		return u.Name
	}
	return u.DisplayName
}

func (p *Provider) showAdmin(w http.ResponseWriter, r *http.Request) {
	now := instantOf(r.Context()).now
	v := adminView{Base: p.base, Now: clockText(now), Outage: p.outage.Load()}
	for _, u := range p.users {
		who := p.state.accountByName(u.Name)
		count, last := p.state.browsers(who, now)
		a := accountView{Name: u.Name, DisplayName: titled(u), SignedIn: count > 0, Disabled: p.state.isDisabled(who), State: "Not signed in"}
		switch {
		case count == 1:
			a.State = "Signed in since " + clockText(last)
		case count > 1:
			a.State = fmt.Sprintf("Signed in, in %d browsers, last at %s", count, clockText(last))
		}
		v.Accounts = append(v.Accounts, a)
	}
	justDone := r.URL.Query().Get("done") != ""
	for _, line := range p.history.list() {
		text := line.Text
		if line.Done && justDone {
			v.Done, justDone = text, false
		}
		if line.Times > 1 {
			text += fmt.Sprintf(" (%d times)", line.Times)
		}
		v.History = append(v.History, lineView{At: line.At.Format(time.RFC3339), Clock: clockText(line.At), Text: text})
	}
	p.show(w, http.StatusOK, "admin.html", "", v)
}

func clockText(at time.Time) string { return at.Format("15:04:05") }

// noteRefresh tells the admin page that a client asked about one of its users.
func (p *Provider) noteRefresh(ctx context.Context, who *account, clientID string, err error) {
	c := p.clients[clientID]
	from := c.Name
	if u, err := url.Parse(c.Client.RedirectURIs[0]); err == nil { // New has checked that there is one
		from = strings.TrimPrefix(from+" at "+u.Host, " at ")
	}
	outcome := "yes"
	switch {
	case errors.Is(err, errDisabled):
		outcome = "no, the account is disabled"
	case err != nil:
		outcome = "no"
	}
	p.history.add(instantOf(ctx).now, from+" asked whether "+titled(who.User)+" is still signed in: "+outcome+".", false)
}
