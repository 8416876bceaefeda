package grafana_test

import (
	"context"
	"log/slog"
	"net/http/httptest"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/curfew-project/curfew/verifier/metrics"
	"github.com/curfew-project/curfew/verifier/policycheck"
	"github.com/curfew-project/curfew/verifier/provider"
)

// exposed is what a verifier shows Prometheus: the labels of each series, by its name, and the names of the families.
type exposed struct {
	series   map[string][]map[string]string
	families map[string]bool
}

var (
	familyLine = regexp.MustCompile(`^# TYPE (\w+) \w+$`)
	seriesLine = regexp.MustCompile(`^(\w+)(?:\{(.*)\})? \S+$`)
	labelPair  = regexp.MustCompile(`(\w+)="((?:[^"\\]|\\.)*)"`)
)

// verifier scrapes metrics that have everything there is to ask.
func verifier(t *testing.T) exposed {
	t.Helper()
	sources := metrics.Sources{
		Providers: func() map[string]provider.State { return map[string]provider.State{"clinic": {Up: true, Since: 1}} },
		Queues:    func() []policycheck.Queue { return []policycheck.Queue{{Issuer: "https://login.example"}} },
		Living:    func(context.Context) (map[string]int, error) { return map[string]int{"clinic": 1}, nil },
		Settings:  func() map[string]int64 { return map[string]int64{"clinic": 1} },
		Stores:    func(context.Context) map[string]error { return map[string]error{"sessions": nil, "ledger": nil} },
		Pending:   func() int { return 0 },
		Streams:   func() int { return 0 },
	}
	for _, field := range reflect.VisibleFields(reflect.TypeFor[metrics.Sources]()) {
		if reflect.ValueOf(sources).FieldByIndex(field.Index).IsNil() {
			t.Fatalf("the test gives no %s: what it shows would not be looked at", field.Name)
		}
	}
	m := metrics.New(func() time.Time { return time.UnixMilli(1) })
	m.SetEnvironments([]string{"clinic"})
	m.Observe(sources)
	w := httptest.NewRecorder()
	m.Handler(slog.New(slog.DiscardHandler)).ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))

	found := exposed{map[string][]map[string]string{}, map[string]bool{}}
	for text := range strings.Lines(w.Body.String()) {
		text = strings.TrimSpace(text)
		if family := familyLine.FindStringSubmatch(text); family != nil {
			found.families[family[1]] = true
		} else if series := seriesLine.FindStringSubmatch(text); series != nil {
			labels := map[string]string{"job": "curfew", "instance": "verifier:8401"} // Prometheus adds them
			for _, pair := range labelPair.FindAllStringSubmatch(series[2], -1) {
				labels[pair[1]] = pair[2]
			}
			found.series[series[1]] = append(found.series[series[1]], labels)
		}
	}
	if len(found.families) < 20 || len(found.series) < len(found.families) {
		t.Fatalf("%d families and %d names of series: the scrape was not read well", len(found.families), len(found.series))
	}
	return found
}

var (
	metricName = regexp.MustCompile(`\b(?:curfew|go|process)_[a-z0-9_]+`)
	selector   = regexp.MustCompile(`\b((?:curfew|go|process)_[a-z0-9_]+)\{([^}]*)\}`)
	matcher    = regexp.MustCompile(`(\w+)\s*(=~|!~|!=|=)\s*"([^"]*)"`)
	grouping   = regexp.MustCompile(`\b(?:by|on) \(([^)]*)\)`)
)

// check says what of an expression the verifier does not expose: a name, a label, or a label's value.
func (e exposed) check(expression string) (problems []string) {
	names := metricName.FindAllString(expression, -1)
	if len(names) == 0 {
		return []string{"it has no metric"}
	}
	for _, name := range names {
		if len(e.series[name]) == 0 {
			problems = append(problems, "no verifier exposes "+name)
		}
	}
	if len(problems) > 0 {
		return problems
	}
	for _, found := range selector.FindAllStringSubmatch(expression, -1) {
		for _, match := range matcher.FindAllStringSubmatch(found[2], -1) {
			for _, value := range strings.Split(match[3], "|") {
				if !e.has(found[1], match[1], value) {
					problems = append(problems, found[1]+" has no "+match[1]+" like "+value)
				}
			}
		}
	}
	for _, found := range grouping.FindAllStringSubmatch(expression, -1) {
		for _, label := range strings.Split(found[1], ",") {
			if !e.has(names[0], strings.TrimSpace(label), ".*") {
				problems = append(problems, names[0]+" has no label "+label)
			}
		}
	}
	return problems
}

// has reports whether a series has a label with a value that matches. What the person who looks chooses matches all.
func (e exposed) has(name, label, value string) bool {
	if strings.HasPrefix(value, "$") {
		value = ".*"
	}
	like := regexp.MustCompile("^(?:" + value + ")$")
	for _, labels := range e.series[name] {
		if got, ok := labels[label]; ok && like.MatchString(got) {
			return true
		}
	}
	return false
}

// The check itself finds what it is for.
func TestC6_TheCheckFindsMistakes(t *testing.T) {
	found := verifier(t)
	for _, wrong := range []string{
		"sum(up)", "curfew_session", "curfew_request_duration_seconds", `curfew_events_total{kind="signin"}`, `curfew_events_total{kind=~"ended|endet"}`,
		`sum by (environments) (curfew_sessions)`, `curfew_sessions{environments=~"$environment"}`, `curfew_request_duration_seconds_count{status!="eror"}`,
	} {
		if len(found.check(wrong)) == 0 {
			t.Errorf("%s is taken", wrong)
		}
	}
	for _, right := range []string{
		`sum by (le) (rate(curfew_request_duration_seconds_bucket{job=~"$job", endpoint="check"}[5m]))`, `curfew_events_total{kind=~"ended|refused"}`, "go_goroutines",
	} {
		if problems := found.check(right); len(problems) > 0 {
			t.Errorf("%s: %v", right, problems)
		}
	}
}
