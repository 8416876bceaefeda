package main

import (
	"bytes"
	"slices"
	"strings"
	"testing"
)

var few = setup{pages: 600, population: 1_000_000, replicas: 20, seed: 1}

// P1 P2: whatever happens to a million pages, they do not arrive together, nobody who is there is signed out or left behind a cover, and no
// answer comes too late. Without steering the same pages arrive together, and a shortage signs everybody out: so the scenes would show it.
func TestP2_AMillionPagesDoNotComeTogether(t *testing.T) {
	for _, c := range []struct {
		scene   string
		most    float64 // steered, times the mean
		better  float64 // times the steered peak, at least
		signOff bool    // without steering people are signed out
	}{
		// A tenth of the people wait before a covered page, and their pages ask every few seconds while nothing answers.
		{scene: "outage", most: 7},
		{scene: "deploy", most: 5, better: 3},
		{scene: "nine o'clock", most: 5, better: 1.5},
		{scene: "settings", most: 5, better: 5},
		{scene: "shortage", most: 5, signOff: true},
	} {
		t.Run(c.scene, func(t *testing.T) {
			t.Parallel()
			s := scenes[slices.IndexFunc(scenes, func(s scene) bool { return s.name == c.scene })]
			of := few
			before := s.play(of)
			of.steered = true
			steered := s.play(of)
			if steered.peak > c.most*steered.mean {
				t.Errorf("%.0f a second arrive at %d s, which is %.1f times the mean", steered.peak, steered.at, steered.peak/steered.mean)
			}
			if steered.signedOut+steered.covered+steered.lost > 0 {
				t.Errorf("%.0f people are signed out, %.0f pages are covered, %.0f answers came too late", steered.signedOut, steered.covered, steered.lost)
			}
			if before.peak < c.better*steered.peak {
				t.Errorf("without steering no more than %.0f a second arrive, with it %.0f: the scene shows nothing", before.peak, steered.peak)
			}
			if c.signOff && before.signedOut < 100_000 {
				t.Errorf("without steering only %.0f people are signed out: the scene shows nothing", before.signedOut)
			}
			if c.signOff && steered.turned == 0 {
				t.Error("nobody was turned away: there is no shortage")
			}
		})
	}
}

// D3: a seed replays.
func TestD3_TheSameSeedIsTheSameHerd(t *testing.T) {
	t.Parallel()
	of := few
	of.steered = true
	first, again := scenes[1].play(of), scenes[1].play(of)
	of.seed++
	other := scenes[1].play(of)
	if !slices.Equal(first.curve, again.curve) || slices.Equal(first.curve, other.curve) {
		t.Error("the curve does not follow from the seed")
	}
}

func TestTheChartShowsBoth(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	show(&out, scenes[1], few)
	for _, want := range []string{"deploy: ", "before ", "steered ", "█", "peak "} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the chart lacks %q:\n%s", want, out.String())
		}
	}
	if got := line([]float64{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 80}, 80); got != " ▁█" {
		t.Errorf("the line is %q", got)
	}
}
