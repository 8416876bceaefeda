package simbrowser

import (
	"crypto/ecdsa"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"time"

	"github.com/curfew-project/curfew/wasm/host"
)

// Browser is one browser profile on a machine of its own: its clocks, its network, its cookies, its databases, its tabs.
type Browser struct {
	// Network is how the way to the sites is. It may be changed at any time; what is on its way already keeps what it drew.
	Network Network
	// Lacks are the names of globals that pages opened from now on do not have in this browser: BroadcastChannel, EventSource,
	// navigator, localStorage. "locks" takes navigator.locks only.
	Lacks []string
	// QueuesForFrozen keeps what is posted on a BroadcastChannel from a frozen page until it thaws, as the standard has it. Chromium
	// lets the page handle it at once.
	QueuesForFrozen bool
	// Wire, when set, sees and may change every request of this browser on its way: what somebody between the agent and the
	// verifier, or a tampered agent, could do.
	Wire func(r *http.Request)

	world     *World
	name      string
	loop      *host.Loop
	clock     *host.Clock
	vault     *host.Realm // where the values of its databases live
	random    io.Reader   // keys, and what each page draws
	chance    *rand.Rand  // the network
	cookies   []cookie
	databases map[string]*database         // by origin and name
	storage   map[string]map[string]string // localStorage, by origin
	channels  []*channel
	locks     map[string][]*lockRequest // by origin and name: the holder, and who waits
	delivery  *rand.Rand                // between pages
	private   []*ecdsa.PrivateKey
	tabs      []*Tab
	opened    int // tabs ever
	asleep    bool
	flights   []*flight
	streams   []*stream
	realms    uint64
}

// NewBrowser adds a browser whose wall clock is wrong by skew. Its network is perfect at first.
func (w *World) NewBrowser(name string, skew time.Duration) *Browser {
	number := uint64(len(w.browsers) + 1)
	clock := host.NewClock(w.Now().Add(skew))
	clock.Mono = int64(number) * int64(time.Hour) // every machine was switched on at another time
	b := &Browser{
		world: w, name: name, clock: clock, loop: host.NewLoop(clock), databases: map[string]*database{},
		random: host.SeededRandom(w.seed ^ number<<32),
		chance: rand.New(rand.NewPCG(w.seed, number)), delivery: rand.New(rand.NewPCG(w.seed, number|1<<32)),
		storage: map[string]map[string]string{}, locks: map[string][]*lockRequest{},
	}
	b.vault = host.NewRealm(b.loop, host.Config{Name: name + " databases", Random: host.SeededRandom(0)})
	w.browsers = append(w.browsers, b)
	return b
}

// Now is the time by the machine's own wall clock.
func (b *Browser) Now() time.Time { return time.Unix(0, b.clock.Wall).UTC() }

// SetClock sets the machine's wall clock forward by d, or back when d is negative.
func (b *Browser) SetClock(d time.Duration) { b.clock.Sleep(d) }

// Sleep lets the world go on for d while this machine is suspended: no timer of it runs, its monotonic clock stands still, and
// what it has on the network is cut off, as Chromium does at suspend.
func (w *World) Sleep(b *Browser, d time.Duration) error {
	if b.asleep {
		return fmt.Errorf("simbrowser: %s sleeps already", b.name)
	}
	b.Suspend()
	err := w.Pass(d)
	b.Resume()
	if err != nil {
		return err
	}
	return w.Pass(0)
}

// Suspend puts the machine to sleep until Resume.
func (b *Browser) Suspend() {
	b.asleep = true
	for _, f := range b.flights {
		f.cut()
	}
	b.flights = nil
	for _, s := range slices.Clone(b.streams) {
		s.end(errSuspended)
	}
}

// Resume wakes the machine. What became due meanwhile runs with the next Pass.
func (b *Browser) Resume() { b.asleep = false }

// next is when this browser has something to do, by the true clock.
func (b *Browser) next() (int64, bool) {
	mono, ok := b.loop.Next()
	if !ok || b.asleep {
		return 0, false
	}
	return b.world.now.Load() + mono - b.clock.Mono, true
}

func (b *Browser) pass(d int64) error {
	if b.asleep {
		b.clock.Wall += d
		return nil
	}
	return b.loop.AdvanceTo(b.world.ctx, b.clock.Mono+d)
}

// PrivateKeys are the private keys that were made in this browser, the oldest first. No page can read them: they are here for
// tests that play an agent whose code was changed, which can sign whatever it likes.
func (b *Browser) PrivateKeys() []*ecdsa.PrivateKey { return b.private }

// seed draws the seed of a new page.
func (b *Browser) seed() uint64 {
	b.realms++
	var raw [8]byte
	_, _ = io.ReadFull(b.random, raw[:]) // a seeded source does not fail
	return uint64(raw[0]) | uint64(raw[1])<<8 | uint64(raw[2])<<16 | uint64(raw[3])<<24 | b.realms<<32
}
