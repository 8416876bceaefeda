package metrics

import (
	"slices"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/verifier/audit"
	"github.com/curfew-project/curfew/verifier/policycheck"
)

// SetEnvironments says which environments there are, by their IDs (C1): those have series of their own, which begin at zero. Series of
// the others are dropped. What still happens to an environment that is gone counts as of none.
func (m *Metrics) SetEnvironments(ids []string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for id := range m.environments {
		if !slices.Contains(ids, id) {
			delete(m.environments, id)
			of := prometheus.Labels{"environment": id}
			m.events.DeletePartialMatch(of)
			m.checks.DeletePartialMatch(of)
		}
	}
	for _, id := range ids {
		if !m.environments[id] {
			m.environments[id] = true
			m.beginAtZero(id)
		}
	}
}

// beginAtZero makes the series of an environment, or with an empty one of the deployment.
func (m *Metrics) beginAtZero(environment string) {
	for _, kind := range audit.Kinds() {
		switch kind {
		case audit.Ended:
			for _, reason := range wire.Reasons() {
				m.events.WithLabelValues(environment, string(kind), string(reason), "")
			}
		case audit.Refused:
			for _, code := range wire.Codes() {
				m.events.WithLabelValues(environment, string(kind), "", string(code))
			}
		default:
			m.events.WithLabelValues(environment, string(kind), "", "")
		}
	}
	if environment == "" {
		return
	}
	for _, outcome := range policycheck.Outcomes() {
		m.checks.WithLabelValues(environment, string(outcome))
	}
}

// known is the environment, or nothing for one that has no series: a label must not grow by what somebody made up. The caller holds mu.
func (m *Metrics) known(environment string) string {
	if m.environments[environment] {
		return environment
	}
	return ""
}
