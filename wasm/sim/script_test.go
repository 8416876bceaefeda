package sim

import (
	"bufio"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/curfew-project/curfew/shared/policy"
	"github.com/curfew-project/curfew/verifier/audit"
)

// A script is a course of events that runs the same way in the simulated browser and in a real one. One line each:
//
//	settings session=60m session_warning=20m inactivity=5m inactivity_warning=1m
//	at 1m30s act                       a person moves the mouse
//	at 2m fake                         a script of the page dispatches every event that there is
//	at 2m click Stay signed in         a person clicks the button
//	at 2m fakeclick Stay signed in     a script clicks it
//	at 2m press Escape                 a person presses the key
//	at 2m offline                      the network goes
//	at 3m online                       and comes back
//	at 4m expect warning: inactivity   what is on the screen, give or take a second
//	end 5m
//
// Times count from half a minute after the sign-in. Lines are in order of time; # begins a comment.
type script struct {
	settings policy.Settings
	steps    []step
	end      time.Duration
}

type step struct {
	line     int
	at       time.Duration
	verb     string
	argument string
}

// player carries a script out: simulated or real.
type player interface {
	act()
	fake()
	click(label string)
	fakeClick(label string)
	press(key string)
	online(online bool)
	screen() string
	pass(d time.Duration)
}

// sight is what was on the screen from a time on.
type sight struct {
	from   time.Duration
	screen string
}

func (s sight) String() string { return s.from.String() + " " + s.screen }

const (
	sampled   = 250 * time.Millisecond
	tolerance = time.Second
)

func readScript(t *testing.T, path string) script {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	var s script
	lines := bufio.NewScanner(file)
	for number := 1; lines.Scan(); number++ {
		text, _, _ := strings.Cut(lines.Text(), "#")
		words := strings.Fields(text)
		if len(words) == 0 {
			continue
		}
		err := fmt.Errorf("what does it mean?")
		switch {
		case words[0] == "settings":
			s.settings, err = readSettings(words[1:])
		case words[0] == "end" && len(words) == 2:
			s.end, err = time.ParseDuration(words[1])
		case words[0] == "at" && len(words) >= 3:
			next := step{line: number, verb: words[2], argument: strings.Join(words[3:], " ")}
			next.at, err = time.ParseDuration(words[1])
			if len(s.steps) > 0 && next.at < s.steps[len(s.steps)-1].at {
				err = fmt.Errorf("it is earlier than the line before")
			}
			s.steps = append(s.steps, next)
		}
		if err != nil {
			t.Fatalf("%s:%d: %s: %v", path, number, strings.TrimSpace(text), err)
		}
	}
	if lines.Err() != nil || s.end == 0 || s.settings == (policy.Settings{}) {
		t.Fatalf("%s: no end or no settings (%v)", path, lines.Err())
	}
	return s
}

func readSettings(words []string) (policy.Settings, error) {
	var s policy.Settings
	for _, word := range words {
		name, value, _ := strings.Cut(word, "=")
		length, err := time.ParseDuration(value)
		if value == "off" {
			length, err = 0, nil
		}
		if err != nil {
			return s, err
		}
		switch name {
		case "session":
			s.SessionTimeout = length
		case "session_warning":
			s.SessionWarning = length
		case "inactivity":
			s.InactivityTimeout = length
		case "inactivity_warning":
			s.InactivityWarning = length
		default:
			return s, fmt.Errorf("no setting %s", name)
		}
	}
	return s, nil
}

// settled is how old a session is when its script begins: more than signing in ever takes. A real browser signs in in real time, and how
// long that takes must not show in what the script sees.
const settled = 30 * time.Second

func (s script) settle(t *testing.T, site *site, in player) {
	t.Helper()
	age := site.now().Sub(time.UnixMilli(site.events(audit.SignIn)[0].At))
	if age > settled {
		t.Fatalf("signing in took %s; a script begins after %s", age, settled)
	}
	// In short steps: what a browser does outside its virtual time, such as signing, would take the whole of a long one.
	for left := settled - age; left > 0; left -= sampled {
		in.pass(min(left, sampled))
	}
}

// play carries the script out, checks what it expects, and returns what was seen. What was seen for less than the tolerance is left
// out: a sample may miss it.
func (s script) play(t *testing.T, in player) []sight {
	t.Helper()
	var seen []sight
	next := 0
	for now := time.Duration(0); now <= s.end; now += sampled {
		for ; next < len(s.steps) && s.steps[next].at <= now; next++ {
			switch do := s.steps[next]; do.verb {
			case "act":
				in.act()
			case "fake":
				in.fake()
			case "click":
				in.click(do.argument)
			case "fakeclick":
				in.fakeClick(do.argument)
			case "press":
				in.press(do.argument)
			case "offline", "online":
				in.online(do.verb == "online")
			case "expect":
			default:
				t.Fatalf("line %d: %s?", do.line, do.verb)
			}
		}
		if screen := in.screen(); len(seen) == 0 || seen[len(seen)-1].screen != screen {
			seen = append(seen, sight{now, screen})
		}
		in.pass(sampled)
	}
	seen = s.lasting(seen)
	for _, do := range s.steps {
		if do.verb == "expect" && !sees(seen, do.argument, do.at) {
			t.Errorf("line %d: %s after the start there is no %q to be seen; seen: %v", do.line, do.at, do.argument, seen)
		}
	}
	return seen
}

func (s script) lasting(seen []sight) []sight {
	var long []sight
	for i, one := range seen {
		until := s.end
		if i+1 < len(seen) {
			until = seen[i+1].from
		}
		if until-one.from < tolerance || len(long) > 0 && long[len(long)-1].screen == one.screen {
			continue
		}
		long = append(long, one)
	}
	return long
}

// sees reports whether a screen was to be seen within the tolerance around a time.
func sees(seen []sight, screen string, at time.Duration) bool {
	for i, one := range seen {
		if one.screen == screen && one.from <= at+tolerance && (i+1 == len(seen) || seen[i+1].from >= at-tolerance) {
			return true
		}
	}
	return false
}

// agree wants two runs to have seen the same at the same times.
func agree(t *testing.T, one, other []sight) {
	t.Helper()
	if len(one) != len(other) {
		t.Fatalf("simulated: %v\nreal: %v", one, other)
	}
	for i := range one {
		if off := one[i].from - other[i].from; one[i].screen != other[i].screen || off > tolerance || off < -tolerance {
			t.Errorf("simulated: %s from %s on; real: %s from %s on", one[i].screen, one[i].from, other[i].screen, other[i].from)
		}
	}
}
