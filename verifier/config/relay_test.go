package config

import (
	"strings"
	"testing"
)

const relayed = `
environments:
  - {id: clinic, origin: "https://clinic.example", provider: {issuer: "https://login.example", client_id: clinic}}
`

// P1: what a relay passes on is said strictly, and nothing is relayed when nothing is said.
func TestP1_Relay(t *testing.T) {
	c, err := Parse([]byte(relayed + "relay: {upstreams: {clinic: \"http://127.0.0.1:3000\", made-later: \"https://app.internal\"}}\n"))
	if err != nil {
		t.Fatal(err)
	}
	if urls := c.Relay.URLs(); c.Relay.Listen != "127.0.0.1:8482" || len(urls) != 2 || urls["clinic"].Host != "127.0.0.1:3000" || urls["made-later"].Scheme != "https" {
		t.Errorf("%+v, %v", c.Relay, urls)
	}
	none, err := Parse([]byte(relayed))
	if err != nil || none.Relay != nil {
		t.Errorf("%+v, %v", none.Relay, err)
	}
	if got := NeedsRestart(none, c); len(got) != 1 || got[0] != "relay" {
		t.Errorf("a new relay needs a restart of %v", got)
	}
	for text, want := range map[string]string{
		"relay: {}": "relay: upstreams is empty; allowed: the application of one environment or more",
		`relay: {upstreams: {Clinic: "http://127.0.0.1:3000"}}`:                           `relay: upstreams.Clinic is for "Clinic"`,
		`relay: {upstreams: {clinic: "127.0.0.1:3000"}}`:                                  `relay: upstreams.clinic is "127.0.0.1:3000"; allowed: http://host[:port] or https://host[:port]`,
		`relay: {upstreams: {clinic: "http://127.0.0.1:3000/app"}}`:                       "relay: upstreams.clinic is",
		`relay: {upstreams: {clinic: "http://me:pw@127.0.0.1:3000"}}`:                     "relay: upstreams.clinic is",
		`relay: {upstreams: {clinic: ""}}`:                                                "relay: upstreams.clinic is",
		`relay: {listen: "127.0.0.1:8480", upstreams: {clinic: "http://127.0.0.1:3000"}}`: `relay: listen is "127.0.0.1:8480" like another listener`,
		`relay: {listen: "x", upstreams: {clinic: "http://127.0.0.1:3000"}}`:              `relay: listen is "x"`,
		`relay: {to: x}`: "to",
	} {
		if _, err := Parse([]byte(relayed + text + "\n")); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
}
