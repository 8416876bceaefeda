package console

import (
	"errors"
	"net/http"
	"strconv"

	"github.com/curfew-project/curfew/verifier/admin"
	"github.com/curfew-project/curfew/verifier/settings"
)

// perPage is how many versions or reported pages stand on one page.
const perPage = 50

// version is a version of a document, for people.
type version struct {
	Version int64
	At      *instant
	By      string
	Says    string // that the environment was removed, or made again; or empty
	Changes []change
}

func (v *visit) versions(all []admin.Version) []version {
	var list []version
	for _, one := range all {
		row := version{Version: one.Version, At: v.at(one.At), By: one.By}
		for _, c := range changesOf(one.Changes) {
			switch {
			case c.Name != fieldName("removed"):
				row.Changes = append(row.Changes, c)
			case c.New == fieldValue("removed", "true"):
				row.Says = "Removed"
			default:
				row.Says = "Made again"
			}
		}
		list = append(list, row)
	}
	return list
}

type historyData struct {
	Versions []version
	Older    string // where there are more, or empty
	Newest   bool   // these are the newest
	Here     string
}

// number is a whole number of the address, from 0; 0 where there is none.
func (v *visit) number(key string) int64 {
	n, err := strconv.ParseInt(v.r.FormValue(key), 10, 64)
	if err != nil || n < 0 {
		return 0
	}
	return n
}

// historyOf are the versions of a document on the page that the address asks for.
func (v *visit) historyOf(environment, here string) (historyData, error) {
	before := v.number("before")
	all, err := v.Admin.History(v.r.Context(), v.actor, environment, before, perPage+1)
	if err != nil {
		return historyData{}, err
	}
	data := historyData{Newest: before == 0, Here: here}
	if len(all) > perPage {
		all = all[:perPage]
		data.Older = here + "?before=" + strconv.FormatInt(all[perPage-1].Version, 10)
	}
	data.Versions = v.versions(all)
	return data, nil
}

// history shows who changed an environment, when, and what (C1). Of one that was removed it is all that is left, for who may administer
// everything.
func (v *visit) history() {
	env, err := v.Admin.Environment(v.r.Context(), v.actor, v.r.PathValue("id"))
	p := page{Section: "overview", Place: placeOf(env), Tab: "history"}
	var refused *admin.Error
	if id := v.r.PathValue("id"); v.actor.All && id != settings.Deployment && errors.As(err, &refused) && refused.Code == admin.NotFound {
		env, err = admin.Environment{ID: id}, nil
		p = page{Section: "overview", Lead: "This environment was removed. Its history and its audit stay."}
	}
	if err != nil {
		v.fail(err)
		return
	}
	data, err := v.historyOf(env.ID, addressOf(env, "history"))
	if err != nil {
		v.fail(err)
		return
	}
	p.Title, p.Data = "History of "+labelOf(env), data
	v.show(http.StatusOK, "history", p)
}

type reportedRow struct {
	Path        string
	First, Last *instant
	Count       string
}

// reported shows which pages have asked for the agent (A10).
func (v *visit) reported() {
	env, ok := v.environment()
	if !ok {
		return
	}
	all, err := v.Admin.Reported(v.r.Context(), v.actor, env.ID)
	if err != nil {
		v.fail(err)
		return
	}
	var rows []reportedRow
	for _, p := range all {
		rows = append(rows, reportedRow{p.Path, v.at(p.First), v.at(p.Last), grouped(p.Count)})
	}
	v.show(http.StatusOK, "reported", page{Title: "Pages of " + labelOf(env), Section: "overview", Place: placeOf(env), Tab: "pages", Data: rows})
}
