package sim

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/curfew-project/curfew/shared/policy"
	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/wasm/host"
	"github.com/curfew-project/curfew/wasm/simbrowser"
)

var replay = flag.Uint64("seed", 0, "run every simulation with this seed only")

const origin = "https://records.example"

var morning = time.Date(2027, time.March, 1, 8, 0, 0, 0, time.UTC)

// What a person sees.
const (
	thePage    = "page"
	inactivity = "warning: inactivity"
	sessionEnd = "warning: session"
	checking   = "cover: One moment…"
	signedOut  = "cover: You have been signed out"
)

// module is the shipped agent, compiled once.
var module = sync.OnceValues(func() (*host.Module, error) {
	d, err := built()
	if err != nil {
		return nil, err
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	ctx := context.Background()
	engine, err := host.NewEngine(ctx, host.EngineConfig{CacheDir: filepath.Join(cache, "curfew-sim"), MemoryPages: 1024})
	if err != nil {
		return nil, err
	}
	return engine.Compile(ctx, d.Wasm())
})

// scene is one simulation: a world with one site. Its methods fail the test when the simulation itself goes wrong.
type scene struct {
	testing.TB
	seed  uint64
	world *simbrowser.World
	site  *site
	dice  *rand.Rand // what people do
}

// seeds runs a simulation with each seed from 1 to n, or with the one that -seed asks for.
func seeds(t *testing.T, n uint64, run func(t *testing.T, seed uint64)) {
	first, last := uint64(1), n
	if *replay != 0 {
		first, last = *replay, *replay
	}
	for seed := first; seed <= last; seed++ {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) { run(t, seed) })
	}
}

// only is a simulation's seed where one is enough.
func only() uint64 { return max(*replay, 1) }

func newScene(t testing.TB, seed uint64, times policy.Settings) *scene {
	t.Helper()
	if err := times.Validate(policy.DefaultLimits()); err != nil {
		t.Fatal(err)
	}
	return newSceneOf(t, seed, times)
}

// newSceneOf takes any times: an operator may have lowered the limits. Its provider cannot be asked (A6).
func newSceneOf(t testing.TB, seed uint64, times policy.Settings) *scene {
	t.Helper()
	return newSceneWith(t, seed, times, nil)
}

// newSceneWith has a provider that answers policy checks.
func newSceneWith(t testing.TB, seed uint64, times policy.Settings, provider *provider) *scene {
	t.Helper()
	agent, err := module()
	if err != nil {
		t.Fatal(err)
	}
	s := &scene{TB: t, seed: seed, dice: rand.New(rand.NewPCG(seed, 0))}
	s.world = simbrowser.NewWorld(context.Background(), agent, seed, morning)
	s.site = newSite(t, origin, times, s.world.Now, seed, provider)
	s.world.Serve(origin, s.site.mux)
	t.Cleanup(func() {
		if t.Failed() {
			name, _, _ := strings.Cut(t.Name(), "/")
			t.Logf("replay: go test ./wasm/sim -run '^%s$' -seed %d", name, seed)
		}
	})
	return s
}

// person is somebody at a tab.
type person struct {
	*scene
	browser *simbrowser.Browser
	tab     *simbrowser.Tab
}

// signIn opens the application in a new browser, is sent to sign in, and arrives.
func (s *scene) signIn(name string, skew time.Duration, network simbrowser.Network) *person {
	s.Helper()
	b := s.world.NewBrowser(name, skew)
	b.Network = network
	p := &person{scene: s, browser: b, tab: b.Open(origin + "/patients?of=today#first")}
	s.watch(p.tab)
	p.arrives()
	return p
}

// arrives waits until the agent guards the page.
func (p *person) arrives() {
	p.Helper()
	for range 60 {
		if p.tab.State() == "armed" {
			break
		}
		p.pass(500 * time.Millisecond)
	}
	if p.tab.State() != "armed" {
		p.Fatalf("seed %d: the agent is %q at %s", p.seed, p.tab.State(), p.tab.Address())
	}
	p.sees(thePage)
}

// watch fails the test at its end when the tab had a problem that no test expects.
func (s *scene) watch(t *simbrowser.Tab) {
	s.Cleanup(func() {
		for _, problem := range t.Problems() {
			s.Errorf("seed %d: %s", s.seed, problem)
		}
		if s.Failed() && len(t.Console()) > 0 {
			s.Logf("console: %s", strings.Join(t.Console(), "\n"))
		}
	})
}

func (s *scene) must(err error) {
	s.Helper()
	if err != nil {
		s.Fatalf("seed %d, %s after the start: %v", s.seed, s.passed(), err)
	}
}

func (s *scene) pass(d time.Duration) {
	s.Helper()
	s.must(s.world.Pass(d))
}

// until passes the time up to an instant of the verifier's clock.
func (s *scene) until(at time.Time) {
	s.Helper()
	s.pass(at.Sub(s.world.Now()))
}

// sweep is what the server does now and then: it records the ends that nobody noticed.
func (s *scene) sweep() {
	s.Helper()
	s.must(s.site.engine.Sweep(context.Background(), time.Hour))
}

func (s *scene) passed() time.Duration { return s.world.Now().Sub(morning) }

func (p *person) sees(want string) {
	p.Helper()
	if got := p.tab.Screen(); got != want {
		p.Fatalf("seed %d, %s after the start: the screen shows %q, want %q\n%s", p.seed, p.passed(), got, want, strings.Join(p.tab.Texts(), "\n"))
	}
}

// acts does one of the things that count as activity.
func (p *person) acts() {
	p.Helper()
	switch p.dice.IntN(3) {
	case 0:
		p.must(p.tab.MoveMouse())
	case 1:
		p.must(p.tab.Key())
	default:
		p.must(p.tab.Scroll())
	}
}

// works acts every few seconds for a while, up to the last moment of it.
func (p *person) works(d time.Duration) {
	p.Helper()
	for end := p.world.Now().Add(d); p.world.Now().Before(end); {
		p.acts()
		pause := time.Second + time.Duration(p.dice.Int64N(int64(39*time.Second)))
		p.pass(min(pause, end.Sub(p.world.Now())))
	}
}

func (p *person) click(label string) {
	p.Helper()
	p.must(p.tab.Click(label))
}

// admitted asks the verifier whether a request with the browser's cookie is let through, and if not, why.
func (p *person) admitted() (bool, string) {
	verdict := p.site.check(p.browser.Cookies(origin), "/")
	return verdict.Code == http.StatusNoContent, verdict.Header().Get("Curfew-Reason")
}

func (p *person) refused(reason string) {
	p.Helper()
	if ok, why := p.admitted(); ok || why != reason {
		p.Fatalf("seed %d, %s after the start: check lets through: %v (%s), want a refusal because of %s", p.seed, p.passed(), ok, why, reason)
	}
}

// beats are the browser's heartbeats so far, as they arrived.
func (p *person) beats() []simbrowser.Exchange {
	var beats []simbrowser.Exchange
	for _, e := range p.world.Trace() {
		if e.Method == http.MethodPost && strings.HasSuffix(e.URL, prefix+"heartbeat") {
			beats = append(beats, e)
		}
	}
	return beats
}

// lastReply is the last heartbeat's reply that the verifier sent.
func (p *person) lastReply() (wire.Reply, bool) {
	p.Helper()
	beats := p.beats()
	for i := len(beats) - 1; i >= 0; i-- {
		if beats[i].Status == http.StatusOK {
			var reply wire.Reply
			p.must(json.Unmarshal([]byte(beats[i].Text), &reply))
			return reply, true
		}
	}
	return wire.Reply{}, false
}
