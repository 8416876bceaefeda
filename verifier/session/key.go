package session

import (
	"crypto/sha256"
	"encoding/binary"
)

// Key is what a store's marks are named by: a digest, so that a mark tells nothing about what was marked.
type Key [sha256.Size]byte

// NewKey makes the key of some texts. Each is hashed with its length, so that no two lists of texts share a key.
func NewKey(texts ...string) Key {
	var all []byte
	for _, text := range texts {
		all = binary.BigEndian.AppendUint64(all, uint64(len(text)))
		all = append(all, text...)
	}
	return sha256.Sum256(all)
}
