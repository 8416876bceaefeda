package console

import (
	"errors"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/curfew-project/curfew/shared/policy"
	"github.com/curfew-project/curfew/verifier/admin"
	"github.com/curfew-project/curfew/verifier/settings"
)

// What a form of a change can be sent to do.
const (
	doPreview = "preview" // say what would change
	doApply   = "apply"   // change it
	doBack    = "back"    // show the form again, with what was typed
	doAgain   = "again"   // the same after somebody else's change, with what was typed on top of it
)

// flow is a change on its way: from the form by the preview to where it is applied. Whatever goes wrong, what was typed stays.
type flow struct {
	environment string // or settings.Deployment
	title       string // what is changed, for people
	place       *place
	section     string
	form        *form
	edit        admin.Edit
	done        string // where somebody goes who has applied it
	// now is what the form would hold if it were opened now.
	now func() (draft, int64, error)
	// show shows the form.
	show func(status int, f *form, notice string, problems settings.Problems)
}

// form is the form as it was sent. fields are those that it has.
func (v *visit) form(action string, fields draft) *form {
	version, err := strconv.ParseInt(v.r.PostForm.Get("version"), 10, 64)
	if err != nil {
		version = -1 // no version: it conflicts
	}
	return &form{Action: action, Token: v.Token(v.r), Version: version, Base: decodeDraft(v.r.PostForm.Get("base")), Values: typed(fields, v.r.PostForm)}
}

// fresh is a form as nobody has typed into it.
func (v *visit) fresh(action string, version int64, fields draft) *form {
	return &form{Action: action, Token: v.Token(v.r), Version: version, Base: fields, Values: maps.Clone(fields)}
}

// run does what the form was sent to do.
func (v *visit) run(f flow) {
	switch v.r.PostForm.Get("do") {
	case doPreview:
		out, err := v.Admin.Change(v.r.Context(), v.actor, f.environment, f.form.Version, f.edit, true)
		switch {
		case err != nil:
			v.refused(f, err)
		case len(out.Changes) == 0:
			f.show(http.StatusOK, f.form, "Nothing would change: everything is as you have it.", nil)
		default:
			v.preview(f, out)
		}
	case doApply:
		out, err := v.Admin.Change(v.r.Context(), v.actor, f.environment, f.form.Version, f.edit, false)
		if err != nil {
			v.refused(f, err)
			return
		}
		code := "saved"
		if slices.ContainsFunc(out.Changes, func(c settings.Change) bool { return c.Field == keyMatchers }) {
			code = "saved_matchers"
		}
		v.redirect(f.done, code, len(out.Changes))
	case doBack, doAgain:
		f.show(http.StatusOK, f.form, "", nil)
	default:
		f.show(http.StatusBadRequest, f.form, "", settings.Problems{{Message: "The form does not say what is to be done. Nothing was changed."}})
	}
}

// refused shows the form again with what is wrong, or what somebody else changed meanwhile.
func (v *visit) refused(f flow, err error) {
	var refused *admin.Error
	if errors.As(err, &refused) && refused.Code == admin.Conflict {
		v.conflict(f)
		return
	}
	status, problems := v.refusal(err)
	f.show(status, f.form, "", problems)
}

// hidden is a field of a form that nobody sees.
type hidden struct{ Name, Value string }

func (f *form) hidden() []hidden {
	var all []hidden
	for _, key := range slices.Sorted(maps.Keys(f.Values)) {
		all = append(all, hidden{key, f.Values[key]})
	}
	return all
}

// change is one value before and after, for people.
type change struct{ Name, Old, New string }

func changesOf(all []settings.Change) []change {
	var list []change
	for _, c := range all {
		list = append(list, change{fieldName(c.Field), fieldValue(c.Field, c.Old), fieldValue(c.Field, c.New)})
	}
	return list
}

// affected is a session that would end sooner.
type affected struct {
	admin.Affected
	Before, After *instant
	Why           string
}

type previewData struct {
	Form    *form
	Hidden  []hidden
	Changes []change
	Effects admin.Effects
	Notes   []string
	// Untouched: switches change, and no deadline moves with them.
	Untouched bool
	Sooner    []affected
	Cancel    string

	Living, SoonerCount, LaterCount, EndsAtOnce string
}

// preview shows what a change would do.
func (v *visit) preview(f flow, out admin.Outcome) {
	data := previewData{Form: f.form, Hidden: f.form.hidden(), Changes: changesOf(out.Changes), Effects: out.Effects, Notes: out.Notes,
		Sooner: v.affected(out.Effects.Sooner), Cancel: f.done, Living: grouped(out.Effects.Living), SoonerCount: grouped(out.Effects.SoonerCount),
		LaterCount: grouped(out.Effects.LaterCount), EndsAtOnce: grouped(out.Effects.EndsAtOnce)}
	data.Untouched = out.Effects.SoonerCount+out.Effects.LaterCount+out.Effects.EndsAtOnce == 0 &&
		!slices.ContainsFunc(out.Changes, func(c settings.Change) bool { return !strings.HasPrefix(c.Field, "switch ") })
	v.show(http.StatusOK, "preview", page{Title: "Review the change: " + f.title, Lead: "Nothing has been changed yet.", Section: f.section,
		Place: f.place, Data: data})
}

func (v *visit) affected(all []admin.Affected) []affected {
	var list []affected
	for _, a := range all {
		list = append(list, affected{a, v.at(a.Ended), v.at(a.Ends), reasonName(a.Reason)})
	}
	return list
}

// most is how many of somebody else's versions a conflict shows.
const most = 20

type conflictData struct {
	Form     *form
	Hidden   []hidden
	Versions []version
	Rows     []conflictRow
	Both     int // how many values both changed
	Leave    string
}

// conflictRow is a value that one of the two or both changed.
type conflictRow struct {
	Name            string
	Base, Now, Mine string // Mine is empty where one's own did not change
	Both            bool
}

// conflict shows what somebody else changed since the form was opened, beside one's own values.
func (v *visit) conflict(f flow) {
	now, version, err := f.now()
	if err != nil {
		v.fail(err)
		return
	}
	history, err := v.Admin.History(v.r.Context(), v.actor, f.environment, 0, most)
	if err != nil {
		v.fail(err)
		return
	}
	history = slices.DeleteFunc(history, func(h admin.Version) bool { return h.Version <= f.form.Version || f.form.Version < 0 })
	data := conflictData{Versions: v.versions(history), Leave: f.done}
	merged, _ := f.form.Values.onto(f.form.Base, now)
	base, theirs, mine := f.form.Base.shown(), now.shown(), f.form.Values.shown()
	for _, field := range fieldOrder(theirs, mine) {
		row := conflictRow{fieldName(field), fieldValue(field, base[field]), fieldValue(field, theirs[field]), fieldValue(field, mine[field]),
			base[field] != mine[field] && base[field] != theirs[field] && mine[field] != theirs[field]}
		if row.Now == row.Base && row.Mine == row.Base {
			continue
		}
		if row.Mine == row.Base {
			row.Mine = ""
		}
		if data.Rows = append(data.Rows, row); row.Both {
			data.Both++
		}
	}
	data.Form = &form{Action: f.form.Action, Token: f.form.Token, Version: version, Base: now, Values: merged}
	data.Hidden = data.Form.hidden()
	v.show(http.StatusConflict, "conflict", page{Title: "Somebody else was faster", Section: f.section, Place: f.place,
		Lead: "They changed " + f.title + " after you had opened this page. What you typed was not applied, and it is not lost.", Data: data})
}

// fieldOrder are the fields of some values as people are shown them.
func fieldOrder(all ...map[string]string) []string {
	order := []string{"preset", "preset_inactivity", "session_timeout", "session_warning", "inactivity_timeout", "inactivity_warning", "any_activity_stays"}
	for _, name := range policy.SwitchNames() {
		order = append(order, "switch "+string(name))
	}
	for _, client := range policy.Clients() {
		order = append(order, "client "+string(client))
	}
	order = append(order, keyMatchers, "name", "origins")
	return slices.DeleteFunc(order, func(field string) bool {
		return !slices.ContainsFunc(all, func(values map[string]string) bool { _, has := values[field]; return has })
	})
}
