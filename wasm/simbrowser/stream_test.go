package simbrowser

import (
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func inBubble(t *testing.T, run func(t *testing.T, s *simulated)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := newSimulated(t, 1)
		s.browser.world.InBubble(time.Sleep, synctest.Wait)
		defer s.browser.world.Close()
		run(t, s)
	})
}

// Without a bubble there is no EventSource.
func TestStreamsNeedABubble(t *testing.T) {
	s := newSimulated(t, 1)
	s.do("a", "open", nil)
	if s.tabs["a"].page.realm.Global().Has("EventSource") {
		t.Error("EventSource is there, but no stream could be served in virtual time")
	}
	inBubble(t, func(t *testing.T, s *simulated) {
		s.browser.Lacks = []string{"EventSource"}
		s.do("a", "open", nil)
		if s.tabs["a"].page.realm.Global().Has("EventSource") {
			t.Error("EventSource is there, but this browser lacks it")
		}
	})
}

// Sleep cuts a stream, and the page connects again when the machine wakes; so it does when the network is away.
func TestStreamsAreCut(t *testing.T) {
	inBubble(t, func(t *testing.T, s *simulated) {
		s.do("a", "open", nil)
		b := s.browser
		got := play(s, `a stream s /events
a sleep 10m
server event ended 1 late
a hide
`)
		b.Network.Silent = true
		got += play(s, `server event ended 2 lost
a pass 1m
`)
		b.Network.Silent = false
		got += play(s, `server event ended 3 lost
`)
		compare(t, "simulated", got, `a stream s /events
    a: s open 1
    server: asked for text/event-stream after "", 1 open
a sleep 10m
    a: s error 0, s open 1
    server: asked for text/event-stream after ""
server event ended 1 late
    a: s ended late 1
a hide
    a: visibilitychange hidden
server event ended 2 lost
    server: 0 open
a pass 1m
server event ended 3 lost
`)
	})
	inBubble(t, func(t *testing.T, s *simulated) {
		s.do("a", "open", nil)
		b := s.browser
		got := play(s, "a stream s /events\n")
		b.Network.Offline = true
		got += play(s, "server event ended 1 lost\n")
		b.Network.Offline = false
		got += play(s, "a pass 1s\nserver event ended 2 heard\n")
		if !strings.Contains(got, "s error 0") || !strings.HasSuffix(got, "    a: s ended heard 2\n") || strings.Contains(got, "ended lost") {
			t.Errorf("offline and back:\n%s", got)
		}
	})
}

// What a handler writes by its own timers comes in the World's time, at most a second late, and what it did is in the trace. Two runs
// are the same.
func TestStreamsLiveInVirtualTime(t *testing.T) {
	run := func() (times []time.Duration, trace []string) {
		inBubble(t, func(t *testing.T, s *simulated) {
			w := s.browser.world
			s.browser.Network = Network{MinLatency: time.Millisecond, MaxLatency: 30 * time.Millisecond}
			pages := w.sites[site]
			w.Serve(site, http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
				if r.URL.Path != "/events" {
					pages.ServeHTTP(out, r)
					return
				}
				out.Header().Set("Content-Type", "text/event-stream")
				for i := range 5 {
					time.Sleep(25 * time.Second)
					_, _ = fmt.Fprintf(out, "data: %d\n\n", i)
				}
			}))
			tab := s.browser.Open(site + "/")
			s.pass(time.Second)
			s.tabs["a"], s.names = tab, []string{"a"}
			s.begin(tab.page)
			began := w.Now()
			s.do("a", "stream", []string{"s", "/events"})
			st := s.pages[tab.page]
			for range 128 * 100 {
				s.pass(10 * time.Millisecond)
				for _, said := range st.said {
					if strings.Contains(said, "message") {
						times = append(times, w.Now().Sub(began))
					}
				}
				st.said = nil
			}
			for _, e := range w.Trace() {
				trace = append(trace, e.String())
			}
		})
		return times, trace
	}
	times, trace := run()
	if len(times) != 5 {
		t.Fatalf("messages came after %v", times)
	}
	for i, at := range times {
		if late := at - time.Duration(i+1)*25*time.Second; late < 0 || late > streamStep+100*time.Millisecond {
			t.Errorf("message %d came %s late", i, late)
		}
	}
	again, sameTrace := run()
	if !slices.Equal(times, again) || !reflect.DeepEqual(trace, sameTrace) {
		t.Errorf("two runs differ: %v, %v", times, again)
	}
	if last := trace[len(trace)-1]; !strings.Contains(last, "GET "+site+"/events") || !strings.Contains(last, "Sec-Fetch-Site: same-origin") {
		t.Errorf("the trace ends with %s", last)
	}
}

func TestEventParser(t *testing.T) {
	for text, want := range map[string][]message{
		"data: a\n\n":                          {{kind: "message", data: "a", retry: -1}},
		"data:a\ndata\ndata: b\n\n":            {{kind: "message", data: "a\n\nb", retry: -1}},
		": comment\n\nevent: x\n\n":            nil,
		"event: x\r\nid: 1\r\ndata: y\r\n\r\n": {{kind: "x", data: "y", id: "1", retry: -1}},
		"id: 7\n\ndata: y\n\n":                 {{kind: "message", data: "y", id: "7", retry: -1}},
		"retry: 1500\nretry: soon\nretry:-1\n": {{retry: 1500 * time.Millisecond}},
		"data: without its end\n":              nil,
	} {
		var whole, pieces eventParser
		got := whole.take(text)
		var inPieces []message
		for i := range text {
			inPieces = append(inPieces, pieces.take(text[i:i+1])...)
		}
		if !slices.Equal(got, want) || !slices.Equal(inPieces, want) {
			t.Errorf("%q: %+v, in pieces %+v, want %+v", text, got, inPieces, want)
		}
	}
}
