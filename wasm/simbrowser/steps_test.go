package simbrowser

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// pages are pages of one origin in one browser, which can be told what to do and say what happened to them. The same
// steps are run here and in Chromium (chromium_test.go), so that the model is not invented.
type pages interface {
	// do tells a page, by its name, to do something: a page of a new name is opened first.
	do(page, verb string, args []string)
	// settle waits until nothing more happens, and takes what the pages that can be asked have said since the last time, in the
	// order of their names.
	settle() []string
}

// The verbs of the steps, each of them a line of "page verb arguments":
//
//	open                     opens the page
//	lock NAME ID             requests a lock with a signal, and says "ID has NAME", "ID done" or "ID AbortError"
//	steal NAME ID            the same with steal
//	both NAME ID             the same with a signal and steal
//	release ID, fail ID      settles what the callback of a lock returned
//	abort ID                 aborts the request's signal
//	listen ID NAME           opens a channel, and says "ID: " and what is posted there
//	post ID TEXT, close ID   uses a channel
//	store NAME VALUE         localStorage.setItem
//	read NAME                localStorage.getItem, and says it
//	drop NAME                localStorage.removeItem
//	title TEXT               sets the title, and says it with the language and the visibility
//	stream ID PATH, shut ID  uses an EventSource, and says what comes, with its readyState
//	later MS TEXT            says a text by a timer
//	freeze, thaw, hide, show, close-tab, crash, away, back
//
// Steps of the page "server" are the site's: status CODE is how it answers requests for streams from now on; event KIND ID TEXT, parts
// (a message in two pieces) and end are for all open streams.
//
// What happens to a page is said as the event's name, "persisted" where it is, and the visibility.
//
// testdata/semantics.txt has the steps and, indented, what Chromium's pages said after each of them.
type steps struct {
	name       string
	transcript string
}

const semanticsFile = "testdata/semantics.txt"

func semantics(t *testing.T) []steps {
	t.Helper()
	text, err := os.ReadFile(semanticsFile)
	if err != nil {
		t.Fatal(err)
	}
	var all []steps
	for section := range strings.SplitSeq("\n"+string(text), "\n== ") {
		if name, transcript, ok := strings.Cut(section, "\n"); ok && name != "" {
			all = append(all, steps{name, strings.TrimSpace(transcript) + "\n"})
		}
	}
	if len(all) < 15 {
		t.Fatalf("only %d sections in %s", len(all), semanticsFile)
	}
	return all
}

// play does the steps of a transcript and returns the transcript that comes of it.
func play(p pages, transcript string) string {
	var out strings.Builder
	for line := range strings.Lines(transcript) {
		words := strings.Fields(line)
		if len(words) == 0 || line[0] == ' ' {
			continue
		}
		p.do(words[0], words[1], words[2:])
		fmt.Fprintln(&out, strings.Join(words, " "))
		for _, said := range p.settle() {
			fmt.Fprintln(&out, "    "+said)
		}
	}
	return out.String()
}

func compare(t *testing.T, where, got, want string) {
	t.Helper()
	a, b := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range max(len(a), len(b)) {
		if i >= len(a) || i >= len(b) || a[i] != b[i] {
			t.Errorf("%s: other than expected from line %d on:\n%s\nwant\n%s", where, i+1, got, want)
			return
		}
	}
}

func said(page string, lines []string) []string {
	if len(lines) == 0 {
		return nil
	}
	return []string{page + ": " + strings.Join(lines, ", ")}
}
