package console

import (
	"crypto/subtle"
	"errors"
	"net/http"
	"strings"

	"github.com/curfew-project/curfew/verifier/admin"
)

// route is an address and what it does. Everything that is posted is posted to an address that can be looked at too, because who has
// to sign in again is led back to it.
type route struct {
	pattern string
	all     bool // only for who may administer everything
	get     func(*visit)
	post    func(*visit) // nil: it is only looked at
}

// routes are all addresses but that of the style sheet.
func routes() []route {
	return []route{
		{pattern: "/{$}", get: (*visit).overview},
		{pattern: "/create", all: true, get: (*visit).createForm, post: (*visit).create},
		{pattern: "/environments/{id}", get: (*visit).settingsForm, post: (*visit).changeSettings},
		{pattern: "/environments/{id}/presets", get: (*visit).presetsForm, post: (*visit).changePreset},
		{pattern: "/environments/{id}/clients", get: (*visit).clientsForm, post: (*visit).changeClients},
		{pattern: "/environments/{id}/history", get: (*visit).history},
		{pattern: "/environments/{id}/pages", get: (*visit).reported},
		{pattern: "/environments/{id}/remove", all: true, get: (*visit).removeForm, post: (*visit).remove},
		{pattern: "/environments/{id}/end", get: (*visit).endEnvironmentForm, post: (*visit).endEnvironment},
		{pattern: "/environments/{id}/end-user", get: (*visit).endUserForm, post: (*visit).endUser},
		{pattern: "/switches", all: true, get: (*visit).switchesForm, post: (*visit).changeSwitches},
		{pattern: "/sessions", get: (*visit).sessions},
		{pattern: "/sessions/{id}", get: (*visit).session},
		{pattern: "/sessions/{id}/end", get: (*visit).endSessionForm, post: (*visit).endSession},
		{pattern: "/audit", get: (*visit).audit},
		{pattern: "/audit/export", get: (*visit).export},
		{pattern: "/audit/verify", all: true, get: (*visit).verifyForm, post: (*visit).verify},
	}
}

// visit is one request by somebody who may administer something.
type visit struct {
	*console
	w      http.ResponseWriter
	r      *http.Request
	actor  admin.Actor
	person string
	now    int64 // milliseconds since the epoch
}

// maxBody bounds a form, in bytes: the longest list of matchers fits twice, however its letters are written.
const maxBody = 512 << 10

// serve lets somebody through to an address who may be there, and a form that they sent themselves.
func (c *console) serve(to route) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		actor, person, ok := c.Actor(r)
		v := &visit{console: c, w: w, r: r, actor: actor, person: person, now: c.Now().UnixMilli()}
		if !ok || !actor.Administers() {
			v.denied("the console was asked for by somebody without a role for it")
			v.actor = admin.Actor{}
			v.outside()
			return
		}
		if to.all && !actor.All {
			v.denied("a page of the console was asked for that is for administrators of everything: " + r.URL.Path)
			v.message(http.StatusForbidden, "Not for you", "Only somebody who may administer all environments can do this.")
			return
		}
		switch {
		case r.Method == http.MethodGet, r.Method == http.MethodHead:
			to.get(v)
		case r.Method == http.MethodPost && to.post != nil:
			if v.posted() {
				to.post(v)
			}
		default:
			allowed := []string{http.MethodGet, http.MethodHead}
			if to.post != nil {
				allowed = append(allowed, http.MethodPost)
			}
			w.Header().Set("Allow", strings.Join(allowed, ", "))
			v.message(http.StatusMethodNotAllowed, "Not possible here", "This page cannot be asked for in that way.")
		}
	}
}

// posted reads a form, if it came from a page of this console that this session was shown. Otherwise it has answered.
func (v *visit) posted() bool {
	if err := v.origins.Check(v.r); err != nil {
		v.denied("a form for the console came from another site")
		v.message(http.StatusForbidden, "Not sent from here", "The form came from another site. Nothing was changed.")
		return false
	}
	v.r.Body = http.MaxBytesReader(v.w, v.r.Body, maxBody)
	if err := v.r.ParseForm(); err != nil {
		var long *http.MaxBytesError
		if errors.As(err, &long) {
			v.message(http.StatusRequestEntityTooLarge, "Too much", "The form is larger than this page takes. Nothing was changed.")
			return false
		}
		v.message(http.StatusBadRequest, "Not readable", "The form cannot be read. Nothing was changed.")
		return false
	}
	want := v.Token(v.r)
	if want == "" || subtle.ConstantTimeCompare([]byte(v.r.PostForm.Get("token")), []byte(want)) != 1 {
		v.denied("a form for the console was not of the session that sent it")
		v.message(http.StatusForbidden, "The form is of another session", "You have signed in again since you opened it. Open the page once more; nothing was changed.")
		return false
	}
	return true
}

// denied records what was not let do.
func (v *visit) denied(detail string) {
	if v.Refused != nil {
		v.Refused(v.actor, detail)
	}
}

// outside answers somebody who may administer nothing, and tells nothing else.
func (v *visit) outside() {
	v.show(http.StatusForbidden, "outside", page{Title: "You may not administer here", Data: v.Role})
}

// nowhere answers at an address that there is not.
func (v *visit) nowhere() {
	v.message(http.StatusNotFound, "There is nothing here", "The address is wrong, or what was there is gone.")
}
