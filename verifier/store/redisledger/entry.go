package redisledger

import (
	"encoding/binary"
	"errors"
	"strings"

	"github.com/curfew-project/curfew/verifier/audit"
)

// entryVersion begins every entry in the stream. Behind it come the instant, each text with its length before it, and the hash.
const entryVersion = 1

// encode is an entry as the stream has it. Its number is the stream's.
func encode(e audit.Entry) string {
	text := make([]byte, 0, 256)
	text = append(text, entryVersion)
	text = binary.AppendUvarint(text, uint64(e.At))
	for _, field := range [...]string{string(e.Kind), e.Environment, e.Session, e.Subject, e.Client, string(e.Reason), string(e.Code), e.Actor, e.Digest, e.Detail} {
		text = binary.AppendUvarint(text, uint64(len(field)))
		text = append(text, field...)
	}
	return string(append(text, e.Hash[:]...))
}

var (
	errVersion = errors.New("it is of another version")
	errCut     = errors.New("it is cut off, or goes on behind its end")
)

// decode reads what encode wrote.
func decode(seq int64, text string) (e audit.Entry, err error) {
	if text == "" || text[0] != entryVersion {
		return audit.Entry{}, errVersion
	}
	text = text[1:]
	number := func() (n uint64) {
		for shift := 0; ; shift += 7 {
			if text == "" || shift > 63 {
				err = errCut
				return 0
			}
			b := text[0]
			text = text[1:]
			n |= uint64(b&0x7f) << shift
			if b < 0x80 {
				if b == 0 && shift > 0 || b > 1 && shift == 63 {
					err = errCut // there is a shorter form, or it has no room
				}
				return n
			}
		}
	}
	e.Seq, e.At = seq, int64(number())
	for _, field := range [...]*string{(*string)(&e.Kind), &e.Environment, &e.Session, &e.Subject, &e.Client, (*string)(&e.Reason), (*string)(&e.Code), &e.Actor, &e.Digest, &e.Detail} {
		length := number()
		if err != nil || length > uint64(len(text)) {
			return audit.Entry{}, errCut
		}
		*field = strings.Clone(text[:length])
		text = text[length:]
	}
	if len(text) != len(e.Hash) {
		return audit.Entry{}, errCut
	}
	copy(e.Hash[:], text)
	return e, e.Validate()
}
