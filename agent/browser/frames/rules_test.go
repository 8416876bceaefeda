package frames

import (
	"strings"
	"testing"

	"github.com/curfew-project/curfew/agent/activity"
	"github.com/curfew-project/curfew/agent/tabs"
	"github.com/curfew-project/curfew/shared/wire"
)

func at(millis int64) activity.Stamp {
	return activity.Stamp{Wall: 1_790_000_000_000 + millis, Mono: 5_000 + millis}
}

func TestGreeting(t *testing.T) {
	const token = "01234567-89ab-4cde-8f01-23456789abcd"
	for text, want := range map[string]string{
		"curfew:hello " + token:            hello,
		"curfew:welcome " + token:          welcome,
		"curfew:hello " + token[1:]:        "",
		"curfew:hello " + token + "0":      "",
		"curfew:hello":                     "",
		"curfew:goodbye " + token:          "",
		"":                                 "",
		strings.Repeat("curfew:hello ", 4): "",
	} {
		word, got, ok := greeting(text)
		if word != want || ok != (want != "") || ok && got != token {
			t.Errorf("%q is %q, %q, %v; want %q", text, word, got, ok, want)
		}
	}
}

// What postMessage takes for more than one origin is none.
func TestOnlyWholeOriginsAreAllowed(t *testing.T) {
	for origin, want := range map[string]bool{
		"https://labs.example": true, "http://localhost:9000": true, "*": false, "/": false, "null": false, "": false, "file://": false, "httpx://a": false,
	} {
		if got := web(origin); got != want {
			t.Errorf("%q: %v, want %v", origin, got, want)
		}
	}
}

// A flood is bounded: so many at once, and then one each second; what was not used does not add up.
func TestBudget(t *testing.T) {
	var b budget
	taken := func(mono int64) (n int) {
		for b.take(mono) {
			if n++; n > 1000 {
				t.Fatal("it never ends")
			}
		}
		return n
	}
	for _, step := range []struct {
		mono int64
		want int
	}{{5_000, 20}, {5_000, 0}, {5_999, 0}, {6_000, 1}, {6_500, 0}, {9_000, 3}, {3_600_000, 20}, {3_600_001, 0}} {
		if got := taken(step.mono); got != step.want {
			t.Fatalf("at %d: %d, want %d", step.mono, got, step.want)
		}
	}
}

// News is told once, at most each ten seconds, and at once to whoever asks; then the asking is over.
func TestNews(t *testing.T) {
	var n news
	for _, step := range []struct {
		now, acted int64
		ask, want  bool
		why        string
	}{
		{0, -1, false, true, "the first"},
		{1_000, -1, false, false, "nothing new"},
		{2_000, 1_500, false, false, "too soon"},
		{9_999, 9_000, false, false, "still too soon"},
		{10_000, 9_500, false, true, "ten seconds later"},
		{11_000, 10_500, true, true, "asked"},
		{12_000, 11_500, false, false, "the question was answered"},
		{13_000, 11_500, true, true, "asked again"},
		{14_000, 11_500, true, false, "asked, and nothing new"},
		{20_000, 19_000, false, true, "something new since the question"},
		{21_000, 19_000, true, false, "asked, and nothing new"},
		{33_000, 32_500, false, true, "ten seconds later, and long after the question"},
		{34_000, 33_500, false, false, "the question is too old"},
	} {
		if step.ask {
			n.asked = at(step.now)
		}
		if got := n.due(at(step.now), at(step.acted)); got != step.want {
			t.Fatalf("at %d, %s: %v, want %v", step.now, step.why, got, step.want)
		}
	}
	if n.due(at(90_000), activity.Stamp{}) {
		t.Error("no activity is news")
	}
	n.asked = at(50_000)
	for now, want := range map[int64]bool{50_000: true, 61_999: true, 62_000: false} {
		if got := n.attending(at(now)); got != want {
			t.Errorf("%d ms after the question: %v, want %v", now-50_000, got, want)
		}
	}
}

// A10: of all that tabs say to each other, pages of other origins may say two things, and only while they are new.
func TestUnderstand(t *testing.T) {
	now := at(0)
	say := func(m tabs.Message, ago int64) string {
		m.Wall = now.Wall - ago
		return tabs.Encode(m)
	}
	for name, c := range map[string]struct {
		text                   string
		ok, asks, stay, counts bool
	}{
		"activity":            {say(tabs.Message{Kind: tabs.Acted, Idle: 70}, 10), true, false, false, true},
		"old activity":        {say(tabs.Message{Kind: tabs.Acted, Idle: 70}, tabs.MaxAge+1), true, false, false, false},
		"the oldest":          {say(tabs.Message{Kind: tabs.Acted, Idle: 70}, tabs.MaxAge), true, false, false, true},
		"no activity":         {say(tabs.Message{Kind: tabs.Acted, Idle: wire.MaxIdle}, 0), true, false, false, false},
		"a question":          {say(tabs.Message{Kind: tabs.Ask, Idle: unknown}, 0), true, true, false, false},
		"a question and news": {say(tabs.Message{Kind: tabs.Ask, Idle: 5}, 0), true, true, false, true},
		"an old question":     {say(tabs.Message{Kind: tabs.Ask, Idle: unknown}, tabs.MaxAge+1), true, false, false, false},
		"a choice":            {say(tabs.Message{Kind: tabs.Ask, Idle: unknown, Stay: true}, 0), true, false, true, false},
		"an old choice":       {say(tabs.Message{Kind: tabs.Ask, Idle: unknown, Stay: true}, tabs.MaxAge+1), true, false, false, false},
		"a choice long ago":   {say(tabs.Message{Kind: tabs.Ask, Idle: unknown, Stay: true, Stood: tabs.MaxAge + 1}, 0), true, false, false, false},
		"an end":              {say(tabs.Message{Kind: tabs.Over, SID: "s1", Reason: wire.SignedOut}, 0), false, false, false, false},
		"a doubt":             {say(tabs.Message{Kind: tabs.Doubt}, 0), false, false, false, false},
		"a renewal":           {say(tabs.Message{Kind: tabs.Renewed}, 0), false, false, false, false},
		"a dismissal":         {say(tabs.Message{Kind: tabs.Dismissed, Ends: 1}, 0), false, false, false, false},
		"the leader":          {say(tabs.Message{Kind: tabs.Here}, 0), false, false, false, false},
		"a state":             {say(tabs.Message{Kind: tabs.State, SID: "s1", Key: "k"}, 0), false, false, false, false},
		"nothing":             {"", false, false, false, false},
		"negative":            {"acted 1 -1", false, false, false, false},
		"too much":            {"acted 1 1 1", false, false, false, false},
	} {
		h, ok := understand(c.text, now)
		if ok != c.ok || h.asks != c.asks || h.stay != c.stay || (h.acted != nil) != c.counts {
			t.Errorf("%s: %q is %+v, %v", name, c.text, h, ok)
		}
		if h.acted != nil && h.acted.Kind != tabs.Acted {
			t.Errorf("%s counts as %q", name, h.acted.Kind)
		}
	}
}

func TestMessagesAreShort(t *testing.T) {
	longest := tabs.Encode(tabs.Message{Kind: tabs.Ask, Wall: 1 << 53, Idle: unknown, Stay: true, Stood: 1 << 53})
	if len(longest) > maxText || len(welcome)+tokenLength > maxText {
		t.Errorf("%d bytes, and %d are read", len(longest), maxText)
	}
	if got := acted(at(100), at(40)); got != (tabs.Message{Kind: tabs.Acted, Wall: at(100).Wall, Idle: 60}) {
		t.Errorf("activity is told as %+v", got)
	}
}

func FuzzUnderstand(f *testing.F) {
	f.Add("acted 1790000000000 5")
	f.Add("ask 1790000000000 31622400000 1 0")
	f.Fuzz(func(t *testing.T, text string) {
		h, ok := understand(text, at(0))
		if h.acted != nil && (!ok || h.acted.Idle < 0 || h.acted.Idle >= wire.MaxIdle || h.acted.Age(at(0).Wall) > tabs.MaxAge) {
			t.Errorf("%q counts as %+v", text, h.acted)
		}
	})
}
