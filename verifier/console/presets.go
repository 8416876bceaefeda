package console

import (
	"net/http"

	"github.com/curfew-project/curfew/shared/policy"
	"github.com/curfew-project/curfew/verifier/admin"
	"github.com/curfew-project/curfew/verifier/settings"
)

type presetRow struct {
	policy.Preset
	Session, Inactivity string // what it sets; empty: it leaves it as it is
	Chosen              bool
}

type presetsData struct {
	Form    *form
	Env     admin.Environment
	Fixed   bool
	Presets []presetRow
}

// presetsForm shows what standards ask for (C4).
func (v *visit) presetsForm() {
	env, ok := v.environment()
	if !ok {
		return
	}
	v.showPresets(env, http.StatusOK, v.fresh(addressOf(env, "presets"), env.Version, presetDraft()), "", nil)
}

func presetDraft() draft { return draft{"preset": "", "preset_inactivity": ""} }

// changePreset takes the form. What the preset changes is shown first.
func (v *visit) changePreset() {
	env, ok := v.environment()
	if !ok {
		return
	}
	f := v.form(addressOf(env, "presets"), presetDraft())
	if f.Values["preset"] == "" && v.r.PostForm.Get("do") == doPreview {
		v.showPresets(env, http.StatusUnprocessableEntity, f, "", settings.Problems{{Field: "preset", Message: "No preset is chosen."}})
		return
	}
	v.run(flow{
		environment: env.ID, title: "the times of " + labelOf(env), place: placeOf(env), section: "overview", form: f,
		edit: admin.Edit{Preset: f.Values["preset"], PresetInactivity: f.Values["preset_inactivity"]}, done: addressOf(env, ""),
		now: func() (draft, int64, error) { return presetDraft(), env.Version, nil },
		show: func(status int, f *form, notice string, problems settings.Problems) {
			v.showPresets(env, status, f, notice, problems)
		},
	})
}

func (v *visit) showPresets(env admin.Environment, status int, f *form, notice string, problems settings.Problems) {
	summary := f.refuse(problems, anchors{"preset": "presets"})
	data := presetsData{Form: f, Env: env, Fixed: env.Owned.Settings}
	for _, p := range policy.Presets() {
		row := presetRow{Preset: p, Chosen: f.Is("preset", p.ID)}
		if p.Session != nil {
			row.Session = timeout(*p.Session)
		}
		if p.Inactivity != nil {
			row.Inactivity = inactivity(*p.Inactivity)
		}
		data.Presets = append(data.Presets, row)
	}
	v.show(status, "presets", page{Title: "Presets for " + labelOf(env), Section: "overview", Place: placeOf(env), Tab: "presets", Notice: notice,
		Problems: summary, Data: data})
}
