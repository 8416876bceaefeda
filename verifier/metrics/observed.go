package metrics

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

var (
	providerUp = prometheus.NewDesc("curfew_provider_up",
		"1 while the identity provider of an environment answers as it should, 0 while not; missing until it was first asked.", []string{"environment"}, nil)
	queueLength = prometheus.NewDesc("curfew_policy_check_queue",
		"Sessions whose policy check is due and not begun.", []string{"issuer"}, nil)
	lateness = prometheus.NewDesc("curfew_policy_check_lateness_seconds",
		"How long the first session in the queue has been waiting.", []string{"issuer"}, nil)
	sessions = prometheus.NewDesc("curfew_sessions", "Living sessions.", nil, nil)
)

// countTime bounds how long a scrape waits for the store.
const countTime = 5 * time.Second

// observed is a prometheus.Collector over Sources.
type observed struct{ Sources }

func (o *observed) Describe(to chan<- *prometheus.Desc) {
	for _, desc := range []*prometheus.Desc{providerUp, queueLength, lateness, sessions} {
		to <- desc
	}
}

func (o *observed) Collect(to chan<- prometheus.Metric) {
	gauge := func(desc *prometheus.Desc, value float64, labels ...string) {
		to <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value, labels...)
	}
	for environment, state := range o.Providers() {
		switch {
		case state.Since == 0:
		case state.Up:
			gauge(providerUp, 1, environment)
		default:
			gauge(providerUp, 0, environment)
		}
	}
	for _, queue := range o.Queues() {
		gauge(queueLength, float64(queue.Waiting), queue.Issuer)
		gauge(lateness, queue.Oldest.Seconds(), queue.Issuer)
	}
	ctx, cancel := context.WithTimeout(context.Background(), countTime)
	defer cancel()
	count, err := o.Sessions(ctx)
	if err != nil {
		to <- prometheus.NewInvalidMetric(sessions, err)
		return
	}
	gauge(sessions, float64(count))
}
