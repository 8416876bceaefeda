package proofcheck

import (
	"crypto/sha256"

	"github.com/curfew-project/curfew/shared/proof"
	"github.com/curfew-project/curfew/shared/wire"
)

// Claimed is the thumbprint of the key that a proof says it was made with; nothing of it is verified, so it costs a hundredth of Check.
// It is good for one thing: to tell proofs that cannot be a session's from those that have to be looked at. header are the values of the
// DPoP header fields. ok is false for a proof that is not in the form of shared/proof.
func Claimed(header []string) (thumbprint [sha256.Size]byte, ok bool) {
	if len(header) != 1 || len(header[0]) > wire.MaxProof {
		return thumbprint, false
	}
	_, _, text, _, ok := split(header[0])
	if !ok {
		return thumbprint, false
	}
	from := reader{left: text}
	key := proof.Key{X: from.text(beforeX), Y: from.text(beforeY)}
	from.end("}}")
	if from.failed {
		return thumbprint, false
	}
	return sha256.Sum256([]byte(proof.ThumbprintInput(key))), true
}
