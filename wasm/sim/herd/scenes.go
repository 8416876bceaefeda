package main

import "math"

// scene is something that happens to a population.
type scene struct {
	name   string
	what   string
	length int64   // milliseconds
	from   int64   // the arrivals count from here
	share  float64 // capacity, as a part of what the population needs at one heartbeat a minute; 0: no bound
	begin  func(w *world)
}

// spread lets the pages come within a time.
func spread(over int64) func(*world) {
	return func(w *world) {
		for i := range w.pages {
			w.open(&w.pages[i], w.start+w.dice.Int64N(over))
		}
	}
}

const happens = 6 * minute // when it happens, after everybody has come

var scenes = []scene{
	{name: "outage", what: "nothing answers for 10 minutes; a tenth of the pages are opened meanwhile", length: 30 * minute, from: happens + 10*minute,
		begin: func(w *world) {
			for i := range w.pages {
				at := w.start + w.dice.Int64N(minute)
				if i%10 == 0 {
					at = w.start + happens + w.dice.Int64N(10*minute)
				}
				w.open(&w.pages[i], at)
			}
			w.at(w.start+happens, func() { w.replicas.down = true; w.cut() })
			w.at(w.start+happens+10*minute, func() { w.replicas.down = false })
		}},
	{name: "deploy", what: "every verifier is replaced at once: all event streams close", length: 16 * minute, from: happens,
		begin: func(w *world) {
			spread(minute)(w)
			w.at(w.start+happens, w.cut)
		}},
	{name: "nine o'clock", what: "everybody opens a page around nine, two thirds within 20 seconds of it", length: 16 * minute, from: 3 * minute,
		begin: func(w *world) {
			for i := range w.pages {
				at := 90 + 10*w.dice.NormFloat64()
				w.open(&w.pages[i], w.start+int64(1000*math.Max(at, 0)))
			}
		}},
	{name: "settings", what: "an administrator changes a setting: every page asks for it", length: 16 * minute, from: happens,
		begin: func(w *world) {
			spread(minute)(w)
			w.at(w.start+happens, w.tell)
		}},
	{name: "shortage", what: "two thirds of the verifiers are gone for 30 minutes: half of what one heartbeat a minute takes is left", length: 46 * minute, from: happens,
		share: 1.5, begin: func(w *world) {
			spread(2 * minute)(w)
			full := w.replicas.capacity
			w.at(w.start+happens, func() { w.replicas.work(w.now); w.replicas.capacity = full / 3 })
			w.at(w.start+happens+30*minute, func() { w.replicas.work(w.now); w.replicas.capacity = full })
		}},
}

// outcome is what came of a scene.
type outcome struct {
	peak, mean         float64 // arrivals a second from when they count
	at                 int64   // when the peak was, in seconds from the start
	curve              []float64
	turned, lost       float64 // of the population
	signedOut, covered float64
}

func (s scene) play(of setup) outcome {
	of.length = s.length
	of.capacity = s.share * float64(of.population) / 60
	w := newWorld(of)
	s.begin(w)
	w.run()
	o := outcome{curve: w.curve}
	counted := w.curve[s.from/second:]
	for i, n := range counted {
		o.mean += n / float64(len(counted))
		if n > o.peak {
			o.peak, o.at = n, s.from/second+int64(i)
		}
	}
	for to, n := range map[*float64]int{&o.turned: w.turned, &o.lost: w.lost, &o.signedOut: w.signedOut(), &o.covered: w.covered()} {
		*to = float64(n) * w.replicas.weight
	}
	return o
}
