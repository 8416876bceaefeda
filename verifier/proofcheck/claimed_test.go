package proofcheck_test

import (
	"strings"
	"testing"

	"github.com/curfew-project/curfew/shared/proof"
	"github.com/curfew-project/curfew/verifier/proofcheck"
	"github.com/curfew-project/curfew/verifier/proofcheck/prooftest"
)

func TestClaimedIsTheKeyThatAProofNames(t *testing.T) {
	maker := prooftest.New(t)
	token := maker.Token(t, proof.Claims{JTI: "aaaaaaaaaaaaaaaaaaaaaa", HTM: "POST", HTU: "https://records.example/.curfew/heartbeat", IAT: 1, Nonce: "n",
		Heartbeat: &proof.Heartbeat{SID: "AAAAAAAAAAAAAAAAAAAAAA", Seq: 1}})
	if got, ok := proofcheck.Claimed([]string{token}); !ok || got != maker.Thumbprint() {
		t.Errorf("%x, %t; want %x", got, ok, maker.Thumbprint())
	}
	for name, header := range map[string][]string{
		"none": nil, "two": {token, token}, "empty": {""}, "nonsense": {"a.b.c"}, "not in our form": {"e30" + token[strings.IndexByte(token, '.'):]},
		"too long": {token + strings.Repeat("A", 5000)},
	} {
		if got, ok := proofcheck.Claimed(header); ok {
			t.Errorf("%s: %x", name, got)
		}
	}
}
