package metrics

import (
	"context"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/curfew-project/curfew/verifier/policycheck"
	"github.com/curfew-project/curfew/verifier/provider"
)

// Sources are asked at every scrape; those that are nil are left out. All must be safe for concurrent use.
type Sources struct {
	Providers func() map[string]provider.State // by environment ID
	Queues    func() []policycheck.Queue
	// Living are how many sessions live, by environment ID. It may take its time: it is asked again only after fifty times as long as it
	// took.
	Living   func(context.Context) (map[string]int, error)
	Settings func() map[string]int64                // the version in force, by environment ID
	Stores   func(context.Context) map[string]error // why each cannot keep what it acknowledges, or nil, by "sessions" and "ledger"
	Pending  func() int                             // events that wait to be written into the audit
	Streams  func() int                             // pages that are told of the end of their session
}

// Observe adds what is asked and not counted. Call it once.
func (m *Metrics) Observe(s Sources) { m.registry.MustRegister(&observed{Sources: s, m: m}) }

var (
	providerUp = prometheus.NewDesc("curfew_provider_up",
		"1 while the identity provider of an environment answers as it should, 0 while not; missing until it was first asked.", []string{"environment"}, nil)
	queueLength = prometheus.NewDesc("curfew_policy_check_queue",
		"Sessions whose policy check is due and not begun.", []string{"issuer"}, nil)
	lateness = prometheus.NewDesc("curfew_policy_check_lateness_seconds",
		"How long the first session in the queue has been waiting.", []string{"issuer"}, nil)
	sessions = prometheus.NewDesc("curfew_sessions",
		"Living sessions. Those of an environment that is gone have none.", []string{"environment"}, nil)
	settingsVersion = prometheus.NewDesc("curfew_settings_version",
		"The version of the settings in force.", []string{"environment"}, nil)
	storeUp = prometheus.NewDesc("curfew_store_up",
		"1 while a store can keep what it acknowledges, 0 while not.", []string{"store"}, nil)
	auditPending = prometheus.NewDesc("curfew_audit_pending",
		"Events that wait to be written into the audit.", nil, nil)
	eventStreams = prometheus.NewDesc("curfew_event_streams",
		"Pages that are told at once when their session ends.", nil, nil)
)

// askTime bounds how long a scrape waits for the stores.
const askTime = 5 * time.Second

// observed is a prometheus.Collector over Sources.
type observed struct {
	Sources
	m *Metrics

	mu    sync.Mutex
	last  map[string]int // the last count of sessions
	until time.Time      // from when they are counted again
}

func (o *observed) Describe(to chan<- *prometheus.Desc) {
	for _, desc := range []*prometheus.Desc{providerUp, queueLength, lateness, sessions, settingsVersion, storeUp, auditPending, eventStreams} {
		to <- desc
	}
}

func (o *observed) Collect(to chan<- prometheus.Metric) {
	gauge := func(desc *prometheus.Desc, value float64, labels ...string) {
		to <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value, labels...)
	}
	if o.Providers != nil {
		for environment, state := range o.Providers() {
			if state.Since != 0 {
				gauge(providerUp, oneIf(state.Up), environment)
			}
		}
	}
	if o.Queues != nil {
		for _, queue := range o.Queues() {
			gauge(queueLength, float64(queue.Waiting), queue.Issuer)
			gauge(lateness, queue.Oldest.Seconds(), queue.Issuer)
		}
	}
	if o.Settings != nil {
		for environment, version := range o.Settings() {
			gauge(settingsVersion, float64(version), environment)
		}
	}
	if o.Pending != nil {
		gauge(auditPending, float64(o.Pending()))
	}
	if o.Streams != nil {
		gauge(eventStreams, float64(o.Streams()))
	}
	ctx, cancel := context.WithTimeout(context.Background(), askTime)
	defer cancel()
	if o.Stores != nil {
		for store, err := range o.Stores(ctx) {
			gauge(storeUp, oneIf(err == nil), store)
		}
	}
	if o.Living != nil {
		found, err := o.count(ctx)
		if err != nil {
			to <- prometheus.NewInvalidMetric(sessions, err)
		}
		for environment, n := range found {
			gauge(sessions, float64(n), environment)
		}
	}
}

// rest is how many times as long as a count of the sessions took the next one is put off: counting a million takes a good part of a second.
const rest = 50

// count gives the living sessions of every environment that there is, and those of others together.
func (o *observed) count(ctx context.Context) (map[string]int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	var began time.Time
	if o.m.now != nil {
		began = o.m.now()
	}
	if o.last == nil || !began.Before(o.until) {
		found, err := o.Living(ctx)
		if err != nil {
			return nil, err
		}
		o.last = found
		if o.m.now != nil {
			ended := o.m.now()
			o.until = ended.Add(rest * ended.Sub(began))
		}
	}
	o.m.mu.RLock()
	defer o.m.mu.RUnlock()
	counts := make(map[string]int, len(o.last))
	for environment := range o.m.environments {
		counts[environment] = 0
	}
	for environment, n := range o.last {
		counts[o.m.known(environment)] += n
	}
	return counts, nil
}

func oneIf(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}
