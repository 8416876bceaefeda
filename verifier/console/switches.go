package console

import (
	"net/http"

	"github.com/curfew-project/curfew/verifier/admin"
	"github.com/curfew-project/curfew/verifier/settings"
)

type switchesData struct {
	Form     *form
	View     admin.DeploymentView
	Changed  *instant
	Switches []switchRow
	History  historyData
}

func deploymentDraft(view admin.DeploymentView) draft {
	d := draft{}
	if view.InFile {
		return d
	}
	for _, s := range view.Switches {
		d[keySwitch+string(s.Name)] = settings.OnOff(s.On)
	}
	return d
}

// switchesForm shows the switches that hold wherever an environment has none of its own (C2).
func (v *visit) switchesForm() {
	view, err := v.Admin.Deployment(v.r.Context(), v.actor)
	if err != nil {
		v.fail(err)
		return
	}
	v.showSwitches(view, http.StatusOK, v.fresh("/switches", view.Version, deploymentDraft(view)), "", nil)
}

func (v *visit) changeSwitches() {
	view, err := v.Admin.Deployment(v.r.Context(), v.actor)
	if err != nil {
		v.fail(err)
		return
	}
	f := v.form("/switches", deploymentDraft(view))
	v.run(flow{
		environment: settings.Deployment, title: "the deployment’s switches", section: "switches", form: f, edit: f.Values.edit(f.Base, nil), done: f.Action,
		now: func() (draft, int64, error) { return deploymentDraft(view), view.Version, nil },
		show: func(status int, f *form, notice string, problems settings.Problems) {
			v.showSwitches(view, status, f, notice, problems)
		},
	})
}

func (v *visit) showSwitches(view admin.DeploymentView, status int, f *form, notice string, problems settings.Problems) {
	history, err := v.historyOf(settings.Deployment, "/switches")
	if err != nil {
		v.fail(err)
		return
	}
	summary := f.refuse(problems, anchors{"switch": "switches"}.withSwitches())
	data := switchesData{Form: f, View: view, Changed: v.at(view.ChangedAt), History: history}
	for _, s := range view.Switches {
		data.Switches = append(data.Switches, switchRow{Name: string(s.Name), Says: switchWords[s.Name], Key: keySwitch + string(s.Name), On: s.On, Wrong: f.Wrong(string(s.Name))})
	}
	v.show(status, "switches", page{Title: "Switches", Section: "switches", Notice: notice, Problems: summary,
		Lead: "Off when shipped. They hold for every application that has no value of its own; a portal has only its own.", Data: data})
}
