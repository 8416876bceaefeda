package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"
)

func main() {
	of := setup{population: 1_000_000, replicas: 20}
	flag.IntVar(&of.pages, "pages", 100_000, "pages that are simulated, 1000 or more")
	flag.Uint64Var(&of.seed, "seed", 1, "where chance begins")
	only := flag.String("scene", "", "the name of one scene; empty: all")
	flag.Parse()
	if of.pages < 1000 || of.pages > of.population || flag.NArg() > 0 {
		fmt.Fprintf(os.Stderr, "herd: -pages is %d; allowed: 1000 to %d\n", of.pages, of.population)
		os.Exit(2)
	}
	if *only != "" && !slices.ContainsFunc(scenes, func(s scene) bool { return s.name == *only }) {
		fmt.Fprintf(os.Stderr, "herd: there is no scene %q\n", *only)
		os.Exit(2)
	}
	fmt.Printf("%d pages, of which %d are simulated, %d verifiers, seed %d\n", of.population, of.pages, of.replicas, of.seed)
	for _, s := range scenes {
		if *only == "" || *only == s.name {
			show(os.Stdout, s, of)
		}
	}
}

// show plays a scene without and with steering.
func show(to io.Writer, s scene, of setup) {
	fmt.Fprintf(to, "\n%s: %s\n", s.name, s.what)
	began := time.Now()
	var both [2]outcome
	for i := range both {
		of.steered = i == 1
		both[i] = s.play(of)
	}
	highest := slices.Max(append(slices.Clone(both[0].curve), both[1].curve...))
	for i, o := range both {
		fmt.Fprintf(to, "  %-8s %s\n", [...]string{"before", "steered"}[i], line(o.curve, highest))
		fmt.Fprintf(to, "           peak %.0f a second at %s, mean %.0f, ratio %.1f; turned away %.0f, answered too late %.0f, signed out %.0f, covered at the end %.0f\n",
			o.peak, time.Duration(o.at)*time.Second, o.mean, o.peak/o.mean, o.turned, o.lost, o.signedOut, o.covered)
	}
	fmt.Fprintf(to, "           each mark is the busiest second of ten, the full block is %.0f a second; played in %s\n", highest, time.Since(began).Round(100*time.Millisecond))
}

// line draws a curve, one mark for each ten seconds.
func line(curve []float64, highest float64) string {
	marks := []rune(" ▁▂▃▄▅▆▇█")
	var out strings.Builder
	for part := range slices.Chunk(curve, 10) {
		n := slices.Max(part)
		mark := int(n/highest*float64(len(marks)-1) + 0.5)
		if n > 0 {
			mark = max(mark, 1)
		}
		out.WriteRune(marks[mark])
	}
	return out.String()
}
