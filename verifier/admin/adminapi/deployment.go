package adminapi

import (
	"github.com/curfew-project/curfew/shared/policy"
	"github.com/curfew-project/curfew/verifier/settings"
)

// Preset is a policy.Preset as the API tells it (C4). What is empty stays as it is.
type Preset struct {
	ID                string `json:"id"`
	Name              string `json:"name"`
	Source            string `json:"source"`
	Note              string `json:"note,omitempty"`
	SessionTimeout    string `json:"session_timeout,omitempty"`
	InactivityTimeout string `json:"inactivity_timeout,omitempty"`
	Warnings          string `json:"warnings,omitempty"` // default: both are put back
	AsksInactivity    bool   `json:"asks_inactivity,omitempty"`
}

// Presets is the answer to GET presets.
type Presets struct {
	Presets []Preset `json:"presets"`
}

// AllPresets are the presets of this program.
func AllPresets() Presets {
	var all Presets
	for _, p := range policy.Presets() {
		told := Preset{ID: p.ID, Name: p.Name, Source: p.Source, Note: p.Note, AsksInactivity: p.AsksInactivity}
		if p.Session != nil {
			told.SessionTimeout = settings.FormatTimeout(*p.Session)
		}
		if p.Inactivity != nil {
			told.InactivityTimeout = settings.FormatInactivity(*p.Inactivity)
		}
		if p.Defaults {
			told.Warnings = "default"
		}
		all.Presets = append(all.Presets, told)
	}
	return all
}

func listPresets(c *call) error {
	_, err := c.query()
	return c.answer(AllPresets(), err)
}

func showDeployment(c *call) error {
	if _, err := c.query(); err != nil {
		return err
	}
	found, err := c.admin.Deployment(c.r.Context(), c.actor)
	if err != nil {
		return err
	}
	c.tag(found.Version)
	return c.answer(found, nil)
}

func changeDeployment(c *call) error { return c.change(settings.Deployment) }

func deploymentHistory(c *call) error { return c.history(settings.Deployment) }

func showOverview(c *call) error {
	q, err := c.query("environment")
	if err != nil {
		return err
	}
	found, err := c.admin.Overview(c.r.Context(), c.actor, q.text("environment"))
	return c.answer(found, err)
}
