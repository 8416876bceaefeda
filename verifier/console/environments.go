package console

import (
	"net/http"
	"strings"

	"github.com/curfew-project/curfew/verifier/admin"
	"github.com/curfew-project/curfew/verifier/settings"
)

type createData struct {
	Form      *form
	Kinds     []settings.Kind
	Providers []string
}

func createDraft(providers []string) draft {
	d := draft{"id": "", "name": "", "kind": string(settings.App), "origins": "", "provider": ""}
	if len(providers) == 1 {
		d["provider"] = providers[0]
	}
	return d
}

// createForm asks what a new environment is to be (C1).
func (v *visit) createForm() {
	view, err := v.Admin.Deployment(v.r.Context(), v.actor)
	if err != nil {
		v.fail(err)
		return
	}
	v.showCreate(view, http.StatusOK, v.fresh("/create", 0, createDraft(view.Providers)), nil)
}

func (v *visit) create() {
	view, err := v.Admin.Deployment(v.r.Context(), v.actor)
	if err != nil {
		v.fail(err)
		return
	}
	f := v.form("/create", createDraft(nil))
	env, err := v.Admin.Create(v.r.Context(), v.actor, admin.NewEnvironment{ID: f.Values["id"], Name: f.Values["name"], Kind: settings.Kind(f.Values["kind"]),
		Origins: strings.Fields(f.Values["origins"]), Provider: f.Values["provider"]})
	if err != nil {
		status, problems := v.refusal(err)
		v.showCreate(view, status, f, problems)
		return
	}
	v.redirect(addressOf(env, ""), "created", 0)
}

func (v *visit) showCreate(view admin.DeploymentView, status int, f *form, problems settings.Problems) {
	summary := f.refuse(problems, nil)
	if len(view.Providers) == 0 {
		for i := range summary {
			summary[i].Anchor = "" // there is no form
		}
	}
	v.show(status, "create", page{Title: "New environment", Section: "overview", Problems: summary,
		Lead: "One application, at one or more origins, with times of its own.", Data: createData{f, settings.Kinds(), view.Providers}})
}

type removeData struct {
	Form    *form
	Env     admin.Environment
	Effects admin.Effects
	Living  string
	Sooner  []affected
}

// removeForm says what would end with an environment.
func (v *visit) removeForm() {
	env, ok := v.environment()
	if !ok {
		return
	}
	v.showRemove(env, http.StatusOK, v.fresh(addressOf(env, "remove"), env.Version, draft{"confirm": ""}), nil)
}

func (v *visit) showRemove(env admin.Environment, status int, f *form, problems settings.Problems) {
	out, err := v.Admin.Remove(v.r.Context(), v.actor, env.ID, env.Version, true)
	if err != nil {
		v.fail(err)
		return
	}
	summary := f.refuse(problems, nil)
	data := removeData{Form: f, Env: env, Effects: out.Effects, Living: count(out.Effects.Living, "living session"), Sooner: v.affected(out.Effects.Sooner)}
	v.show(status, "remove", page{Title: "Remove " + labelOf(env), Section: "overview", Place: placeOf(env), Tab: "settings", Problems: summary, Data: data})
}

// remove removes an environment whose ID somebody has typed.
func (v *visit) remove() {
	env, ok := v.environment()
	if !ok {
		return
	}
	f := v.form(addressOf(env, "remove"), draft{"confirm": ""})
	if f.Values["confirm"] != env.ID {
		v.showRemove(env, http.StatusUnprocessableEntity, f, settings.Problems{{Field: "confirm", Message: "What was typed is not the environment’s ID, which is " + env.ID + "."}})
		return
	}
	out, err := v.Admin.Remove(v.r.Context(), v.actor, env.ID, f.Version, false)
	if err != nil {
		status, problems := v.refusal(err)
		// Who sees what has changed meanwhile may confirm again.
		f.Version = env.Version
		v.showRemove(env, status, f, problems)
		return
	}
	v.redirect("/", "removed:"+env.ID, out.Effects.Living)
}
