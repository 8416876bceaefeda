package audit

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
)

// Hash is a SHA-256 digest.
type Hash [sha256.Size]byte

// String is the digest in hexadecimal.
func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// MarshalText writes String.
func (h Hash) MarshalText() ([]byte, error) { return []byte(h.String()), nil }

// UnmarshalText reads what MarshalText writes.
func (h *Hash) UnmarshalText(text []byte) error {
	if len(text) != hex.EncodedLen(len(h)) {
		return fmt.Errorf("a hash has %d characters; allowed: %d", len(text), hex.EncodedLen(len(h)))
	}
	_, err := hex.Decode(h[:], text)
	return err
}

// Entry is an event in its place in the chain.
type Entry struct {
	Seq int64 `json:"seq"` // from 1, without gaps
	Event
	Hash Hash `json:"hash"` // over the hash before, Seq and the event
}

// Link is a place in the chain: the last entry up to there. The zero value is the beginning.
type Link struct {
	Seq  int64 `json:"seq"`
	Hash Hash  `json:"hash"`
}

// Next is the entry of an event that follows. Text that is no UTF-8 is replaced, and text over MaxDetail or MaxField cut: an entry
// must read back from its JSON line as it was hashed.
func (l Link) Next(e Event) Entry {
	seq := l.Seq + 1
	e = e.tidy()
	return Entry{Seq: seq, Event: e, Hash: digest(l.Hash, seq, e)}
}

// Link is the place of the entry.
func (e Entry) Link() Link { return Link{e.Seq, e.Hash} }

// digest hashes each field with its length, so that no two entries share one by shifting text between fields.
func digest(before Hash, seq int64, e Event) Hash {
	text := make([]byte, 0, 256)
	text = append(text, "curfew audit 1"...)
	text = append(text, before[:]...)
	text = binary.BigEndian.AppendUint64(text, uint64(seq))
	text = binary.BigEndian.AppendUint64(text, uint64(e.At))
	for _, field := range [...]string{string(e.Kind), e.Environment, e.Session, e.Subject, e.Client, string(e.Reason), string(e.Code), e.Actor, e.Digest, e.Detail} {
		text = binary.BigEndian.AppendUint64(text, uint64(len(field)))
		text = append(text, field...)
	}
	return sha256.Sum256(text)
}

// ErrBroken is in the tree of the error for a chain that was tampered with.
var ErrBroken = errors.New("the audit's chain is broken")

// Broken names the first entry that does not fit.
type Broken struct {
	Seq int64 // the place in the chain
	Why string
}

func (b *Broken) Error() string { return fmt.Sprintf("%v at entry %d: %s", ErrBroken, b.Seq, b.Why) }
func (b *Broken) Unwrap() error { return ErrBroken }

// Follow checks that an entry follows a place in the chain and gives its own place, or the same place again and a *Broken.
func (l Link) Follow(e Entry) (Link, error) {
	want := l.Seq + 1
	switch {
	case e.Seq > want:
		return l, &Broken{want, fmt.Sprintf("it is missing; entry %d follows", e.Seq)}
	case e.Seq < want:
		return l, &Broken{want, fmt.Sprintf("entry %d stands in its place", e.Seq)}
	case digest(l.Hash, e.Seq, e.Event) != e.Hash:
		return l, &Broken{want, "it was altered, or moved here from elsewhere"}
	}
	return e.Link(), nil
}
