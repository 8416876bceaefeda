// Package grafana_test keeps the dashboard and the alerts in step with what the verifier exposes.
package grafana_test

import (
	"encoding/json"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

// dashboard is what the test reads of Grafana's own format.
type dashboard struct {
	SchemaVersion int     `json:"schemaVersion"`
	Panels        []panel `json:"panels"`
	Annotations   struct {
		List []struct {
			Expr string `json:"expr"`
		} `json:"list"`
	} `json:"annotations"`
	Templating struct {
		List []struct {
			Name       string `json:"name"`
			Type       string `json:"type"`
			Definition string `json:"definition"`
		} `json:"list"`
	} `json:"templating"`
}

type panel struct {
	ID          int        `json:"id"`
	Type        string     `json:"type"`
	Title       string     `json:"title"`
	Description string     `json:"description"`
	Datasource  datasource `json:"datasource"`
	GridPos     struct{ X, Y, W, H int }
	FieldConfig struct {
		Defaults struct {
			Unit string `json:"unit"`
		} `json:"defaults"`
	} `json:"fieldConfig"`
	Targets []struct {
		RefID      string     `json:"refId"`
		Expr       string     `json:"expr"`
		Datasource datasource `json:"datasource"`
	} `json:"targets"`
}

type datasource struct {
	UID string `json:"uid"`
}

type rules struct {
	Groups []struct {
		Name  string `yaml:"name"`
		Rules []struct {
			Alert       string            `yaml:"alert"`
			Expr        string            `yaml:"expr"`
			For         string            `yaml:"for"`
			Labels      map[string]string `yaml:"labels"`
			Annotations map[string]string `yaml:"annotations"`
		} `yaml:"rules"`
	} `yaml:"groups"`
}

func readDashboard(t *testing.T) (d dashboard) {
	t.Helper()
	raw, err := os.ReadFile("curfew.json")
	if err == nil {
		err = json.Unmarshal(raw, &d)
	}
	if err != nil || len(d.Panels) < 20 {
		t.Fatalf("the dashboard has %d panels, %v", len(d.Panels), err)
	}
	return d
}

func readRules(t *testing.T) (r rules) {
	t.Helper()
	raw, err := os.ReadFile("alerts.yaml")
	if err == nil {
		err = yaml.UnmarshalWithOptions(raw, &r, yaml.Strict())
	}
	if err != nil || len(r.Groups) != 1 || len(r.Groups[0].Rules) < 5 {
		t.Fatalf("the alerts are %+v, %v", r, err)
	}
	return r
}

// expressions are all that the dashboard asks Prometheus, by where.
func (d dashboard) expressions() map[string]string {
	all := map[string]string{}
	for _, p := range d.Panels {
		for _, target := range p.Targets {
			all["panel "+p.Title+", "+target.RefID] = target.Expr
		}
	}
	for _, note := range d.Annotations.List {
		if note.Expr != "" {
			all["annotation"] = note.Expr
		}
	}
	for _, variable := range d.Templating.List {
		if variable.Type == "query" {
			all["variable "+variable.Name] = variable.Definition
		}
	}
	return all
}

func TestC6_TheDashboardShowsWhatIsExposed(t *testing.T) {
	found, shown := verifier(t), map[string]bool{}
	for where, expression := range readDashboard(t).expressions() {
		for _, problem := range found.check(expression) {
			t.Errorf("%s: %s: %s", where, expression, problem)
		}
		for _, name := range metricName.FindAllString(expression, -1) {
			for _, ending := range []string{"", "_bucket", "_count", "_sum"} {
				shown[strings.TrimSuffix(name, ending)] = true
			}
		}
	}
	for _, family := range slices.Sorted(maps.Keys(found.families)) {
		if strings.HasPrefix(family, "curfew_") && !shown[family] {
			t.Errorf("%s is not shown anywhere", family)
		}
	}
}

func TestC6_AlertsAskWhatIsExposed(t *testing.T) {
	found := verifier(t)
	for _, rule := range readRules(t).Groups[0].Rules {
		for _, problem := range found.check(rule.Expr) {
			t.Errorf("%s: %s: %s", rule.Alert, rule.Expr, problem)
		}
		if severity := rule.Labels["severity"]; severity != "critical" && severity != "warning" {
			t.Errorf("%s has the severity %q; allowed: critical, warning", rule.Alert, severity)
		}
		if rule.Annotations["summary"] == "" || rule.Annotations["description"] == "" {
			t.Errorf("%s says nothing: %v", rule.Alert, rule.Annotations)
		}
	}
}

// An alert stands where its curve is, and what the dashboard calls an alert is one.
func TestC6_TheDashboardExplainsTheAlerts(t *testing.T) {
	explained, alerts := map[string]bool{}, map[string]bool{"CurfewDown": true} // without metrics there is no curve
	for _, p := range readDashboard(t).Panels {
		for _, name := range regexp.MustCompile(`Alert (\w+):`).FindAllStringSubmatch(p.Description, -1) {
			explained[name[1]] = true
		}
	}
	explained["CurfewDown"] = true
	for _, rule := range readRules(t).Groups[0].Rules {
		alerts[rule.Alert] = true
	}
	if !maps.Equal(explained, alerts) {
		t.Errorf("the dashboard explains %v; there are %v", slices.Sorted(maps.Keys(explained)), slices.Sorted(maps.Keys(alerts)))
	}
}

// Every panel says what it shows, in a unit, from the chosen source, and none lies upon another.
func TestC6_TheDashboardIsWhole(t *testing.T) {
	d := readDashboard(t)
	if d.SchemaVersion < 39 {
		t.Errorf("its schema is version %d; want 39 or later", d.SchemaVersion)
	}
	names := map[string]bool{}
	for _, variable := range d.Templating.List {
		names[variable.Name] = true
	}
	if !names["datasource"] || !names["environment"] {
		t.Errorf("its variables are %v; want datasource and environment among them", names)
	}
	type cell struct{ x, y int }
	taken, ids := map[cell]string{}, map[int]bool{}
	for _, p := range d.Panels {
		if ids[p.ID] || p.Title == "" {
			t.Errorf("panel %d %q has no title, or its number twice", p.ID, p.Title)
		}
		ids[p.ID] = true
		at := p.GridPos
		if at.X < 0 || at.W < 1 || at.H < 1 || at.X+at.W > 24 {
			t.Errorf("%s is at %+v; the grid has 24 columns", p.Title, at)
		}
		for x := at.X; x < at.X+at.W; x++ {
			for y := at.Y; y < at.Y+at.H; y++ {
				if other := taken[cell{x, y}]; other != "" {
					t.Fatalf("%s lies upon %s", p.Title, other)
				}
				taken[cell{x, y}] = p.Title
			}
		}
		if p.Type == "row" {
			continue
		}
		if p.Description == "" || p.FieldConfig.Defaults.Unit == "" || len(p.Targets) == 0 {
			t.Errorf("%s has no description, no unit or no question", p.Title)
		}
		for _, target := range p.Targets {
			if target.Datasource.UID != "${datasource}" || p.Datasource.UID != "${datasource}" {
				t.Errorf("%s asks another source than the chosen one", p.Title)
			}
		}
	}
}
