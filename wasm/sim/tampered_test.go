package sim

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/curfew-project/curfew/shared/proof"
	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/verifier/audit"
	"github.com/curfew-project/curfew/wasm/simbrowser"
)

func withCookie(cookie string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set("Cookie", cookie) }
}

// claims are a heartbeat's claims as they go over the wire.
type claims struct {
	JTI   string `json:"jti"`
	HTM   string `json:"htm"`
	HTU   string `json:"htu"`
	IAT   int64  `json:"iat"`
	Nonce string `json:"nonce"`
	SID   string `json:"sid"`
	Seq   uint64 `json:"seq"`
	Idle  int64  `json:"idle"`
	Age   int64  `json:"age"`
	Stay  bool   `json:"stay,omitempty"`
}

// tamper changes the claims of every heartbeat of a browser and signs them again with the browser's key: an agent whose code
// somebody changed can do that, nobody else can.
func (p *person) tamper(change func(c *claims)) {
	keys := p.browser.PrivateKeys()
	key := keys[len(keys)-1]
	p.browser.Wire = func(r *http.Request) {
		token := r.Header.Get(wire.HeaderProof)
		if token == "" {
			return
		}
		parts := strings.Split(token, ".")
		payload, err := base64.RawURLEncoding.DecodeString(parts[1])
		p.must(err)
		var c claims
		p.must(json.Unmarshal(payload, &c))
		change(&c)
		payload, err = json.Marshal(c)
		p.must(err)
		input := parts[0] + "." + base64.RawURLEncoding.EncodeToString(payload)
		signature, err := simbrowser.Sign(key, []byte(input))
		p.must(err)
		token, err = proof.Join(input, signature)
		p.must(err)
		r.Header.Set(wire.HeaderProof, token)
	}
}

// The way back is sound: claims that nobody changed are accepted after they were signed again.
func TestTamperingItselfIsSound(t *testing.T) {
	s := newScene(t, only(), idle)
	p := s.signIn("laptop", 0, lan)
	p.tamper(func(*claims) {})
	p.works(5 * time.Minute)
	p.sees(thePage)
	if refused := s.site.events(audit.Refused); len(refused) != 0 {
		t.Errorf("refused: %+v", refused)
	}
}

// P5, P8, D5: what a changed agent could claim is refused, each with its type, audited, and moves no deadline.
func TestP5_TamperedHeartbeatsAreRefused(t *testing.T) {
	for name, c := range map[string]struct {
		change func(c *claims)
		code   wire.Code
	}{
		"activity in the future":        {func(c *claims) { c.Idle = -60_000 }, wire.InvalidProof},
		"a nonce that comes from later": {func(c *claims) { c.Age = -1 }, wire.InvalidProof},
		"idle for a thousand years":     {func(c *claims) { c.Idle = 1 << 45 }, wire.InvalidProof},
		"age of a thousand years":       {func(c *claims) { c.Age = 1 << 45 }, wire.InvalidProof},
		"a seq that was used":           {func(c *claims) { c.Seq = 1 }, wire.Replayed},
		"another session":               {func(c *claims) { c.SID = "AAAAAAAAAAAAAAAAAAAAAA" }, wire.InvalidProof},
		"another address":               {func(c *claims) { c.HTU = "https://evil.example/.curfew/heartbeat" }, wire.InvalidProof},
		"another method":                {func(c *claims) { c.HTM = "GET" }, wire.InvalidProof},
		"a made-up nonce":               {func(c *claims) { c.Nonce = "AAAA" }, wire.UseNonce},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t, only(), idle)
			p := s.signIn("laptop", 0, lan)
			p.works(2 * time.Minute)
			before, _ := p.lastReply()
			sent := len(p.beats())
			p.tamper(c.change)
			p.works(14 * time.Minute)
			lies := p.beats()[sent:]
			if len(lies) == 0 {
				t.Fatal("no tampered heartbeat was sent")
			}
			told := 0
			for _, beat := range lies {
				var refusal wire.Refusal
				s.must(json.Unmarshal([]byte(beat.Text), &refusal))
				switch {
				case beat.Status/100 != 4:
					t.Fatalf("%s is answered %d %s", name, beat.Status, beat.Text)
				case refusal.Error == c.code:
					told++
				case refusal.Error == wire.UseNonce: // the nonce has grown old meanwhile
				case refusal.Error == wire.SessionEnded && refusal.Reason == wire.Inactivity:
				default:
					t.Fatalf("%s is answered %d %s", name, beat.Status, beat.Text)
				}
			}
			if told == 0 {
				t.Errorf("of %d heartbeats none was refused with %s", len(lies), c.code)
			}
			audited := s.site.events(audit.Refused)
			if c.code != wire.UseNonce && (len(audited) == 0 || audited[0].Code != c.code) {
				t.Errorf("the audit has the refusals %+v", audited)
			}
			// The verifier's deadline stands where it stood, and the page saw it come.
			s.until(time.UnixMilli(before.InactivityEnds))
			p.refused(string(wire.Inactivity))
			s.pass(time.Second)
			if got := p.tab.Screen(); got != signedOut {
				t.Errorf("the screen shows %q", got)
			}
		})
	}
}

// P5: a huge age is no way around the nonce: activity never counts as later than the receipt, nor as later than what age says.
func TestP5_AgeIsNoWayAroundTheNonce(t *testing.T) {
	s := newScene(t, only(), idle)
	p := s.signIn("laptop", 0, lan)
	p.works(2 * time.Minute)
	p.tamper(func(c *claims) { c.Age = wire.MaxIdle })
	p.works(3 * time.Minute)
	for _, beat := range p.beats() {
		var reply wire.Reply
		if beat.Status == http.StatusOK {
			s.must(json.Unmarshal([]byte(beat.Text), &reply))
			if reply.Active > beat.At.UnixMilli() {
				t.Errorf("activity %d ms after the receipt", reply.Active-beat.At.UnixMilli())
			}
		}
	}
}

// What no verifier can know is whether the person at the keyboard is one. An agent that always says idle=0 gains what a person
// gains who presses a key before each heartbeat, and no more: its session goes on to the session timeout, and ends there. It is
// the user's own browser and the user's own key; the session timeout (A1) is what bounds it.
func TestA1_AnAgentThatAlwaysClaimsActivityGainsWhatAPressedKeyDoes(t *testing.T) {
	ends := func(work func(p *person)) (time.Duration, wire.Reason) {
		times := hour
		times.InactivityTimeout = 15 * time.Minute
		s := newScene(t, only(), times)
		p := s.signIn("laptop", 0, lan)
		work(p)
		s.sweep()
		ended := s.site.events(audit.Ended)
		if len(ended) != 1 {
			t.Fatalf("the audit has the ends %+v", ended)
		}
		return time.UnixMilli(ended[0].At).Sub(time.UnixMilli(s.site.events(audit.SignIn)[0].At)), ended[0].Reason
	}
	presses, why := ends(func(p *person) {
		for range 75 {
			p.must(p.tab.Key())
			p.pass(time.Minute)
		}
	})
	lies, whyLies := ends(func(p *person) {
		p.tamper(func(c *claims) { c.Idle, c.Age = 0, wire.MaxIdle })
		p.pass(75 * time.Minute)
	})
	if presses != time.Hour || why != wire.SessionTimeout || lies != presses || whyLies != why {
		t.Errorf("pressing a key: ended after %s for %s; lying: after %s for %s", presses, why, lies, whyLies)
	}
}

// P5: a heartbeat that the network holds back for minutes does not pass for fresh: activity counts from when it was.
func TestP5_HeldBackHeartbeatIsNotFresh(t *testing.T) {
	seeds(t, 3, func(t *testing.T, seed uint64) {
		s := newScene(t, seed, idle)
		p := s.signIn("laptop", 17*time.Minute, lan)
		p.works(3 * time.Minute)
		p.acts()
		acted := s.world.Now()
		p.browser.Network.MinLatency, p.browser.Network.MaxLatency = 3*time.Minute, 3*time.Minute
		s.pass(70 * time.Second) // one is due each minute
		before := len(p.beats())
		s.must(s.world.Sleep(p.browser, 30*time.Minute)) // so that no later heartbeat overtakes it
		if late := p.beats()[before:]; len(late) == 0 || late[0].Status != http.StatusOK {
			t.Fatalf("seed %d: no heartbeat came late and was accepted: %v", seed, late)
		}
		s.sweep()
		ended := s.site.events(audit.Ended)
		if len(ended) != 1 || ended[0].Reason != wire.Inactivity {
			t.Fatalf("seed %d: the audit has the ends %+v", seed, ended)
		}
		within(t, "the end after the last activity", time.UnixMilli(ended[0].At).Sub(acted), 15*time.Minute, time.Second)
	})
}
