package sim

import "time"

// simulated plays a script in the simulated browser.
type simulated struct{ *person }

func (s simulated) act() { s.must(s.tab.MoveMouse()) }

func (s simulated) fake() {
	for _, kind := range []string{"pointerdown", "pointermove", "keydown", "wheel", "touchstart", "touchmove", "scroll"} {
		s.must(s.tab.ScriptEvent(kind))
	}
	s.must(s.tab.ScriptScroll())
	s.must(s.tab.ScriptPress("Escape"))
}

func (s simulated) fakeClick(label string) { s.must(s.tab.ScriptClick(label)) }
func (s simulated) press(key string)       { s.must(s.tab.Press(key)) }
func (s simulated) online(online bool)     { s.browser.Network.Offline = !online }
func (s simulated) screen() string         { return s.tab.Screen() }
func (s simulated) pass(d time.Duration)   { s.must(s.world.Pass(d)) }
