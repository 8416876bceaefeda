package audit

import "fmt"

// End is what a store notes of its chain apart from the entries, and seals with the verifier's key: the place before the oldest entry,
// that of the newest, and the first entry that is in doubt because a note was not sealed by this verifier, or entries stood behind the
// noted end; 0 when none is.
type End struct {
	First, Last Link
	Doubt       int64
}

// Text is what is sealed.
func (n End) Text() string {
	return fmt.Sprintf("curfew ledger 1: audit after %d %s to %d %s, in doubt from %d", n.First.Seq, n.First.Hash, n.Last.Seq, n.Last.Hash, n.Doubt)
}

// Resume is the note to go on from for who will write it anew. It must not make good what was tampered with by sealing it: from there on
// the chain is in doubt, which found says when it is not known already. sealed is whether the note's seal is this verifier's, and there
// the newest entry that is there, or the zero Link.
func (n End) Resume(sealed bool, there Link) (next End, found bool) {
	before := n.Doubt
	switch {
	case !sealed:
		n.Doubt = max(1, min(n.Last.Seq, there.Seq)+1)
		n.Last = there
		if there.Seq == 0 {
			n.First = Link{}
		}
	case there.Seq > n.Last.Seq:
		if behind := n.Last.Seq + 1; n.Doubt == 0 || behind < n.Doubt {
			n.Doubt = behind
		}
		n.Last = there
	}
	return n, n.Doubt != before
}

// Dropped is the note when the entries up to a place are dropped, which takes the doubt about them along.
func (n End) Dropped(upTo Link) End {
	n.First = upTo
	if n.Doubt <= upTo.Seq {
		n.Doubt = 0
	}
	return n
}

// Broken is what the note says against the chain, or nil. Its arguments are those of Resume.
func (n End) Broken(sealed bool, there Link) error {
	switch {
	case n.Doubt != 0 && sealed:
		return &Broken{Seq: n.Doubt, Why: "when the verifier came to write it, where the chain ended had been tampered with"}
	case !sealed:
		return &Broken{Seq: n.Last.Seq + 1, Why: "it may be missing: what is noted of where the chain begins and ends was not sealed by this verifier"}
	case there.Seq > n.Last.Seq:
		return &Broken{Seq: n.Last.Seq + 1, Why: fmt.Sprintf("it was added from outside: entries up to %d stand behind the noted end", there.Seq)}
	}
	return nil
}
