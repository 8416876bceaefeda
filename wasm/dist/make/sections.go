package main

import (
	"encoding/binary"
	"errors"
	"fmt"
)

var errModule = errors.New("not a module as Go writes it")

const sectionData = 11

// sections are a module's, in their order.
type sections []section

type section struct {
	id   byte
	body []byte
}

const preamble = "\x00asm\x01\x00\x00\x00"

func split(module []byte) (sections, error) {
	if len(module) < len(preamble) || string(module[:len(preamble)]) != preamble {
		return nil, errModule
	}
	var all sections
	for rest := module[len(preamble):]; len(rest) > 0; {
		body, n, err := sized(rest[1:])
		if err != nil {
			return nil, err
		}
		all = append(all, section{rest[0], body})
		rest = rest[1+n:]
	}
	return all, nil
}

func (all sections) join() []byte {
	out := []byte(preamble)
	for _, s := range all {
		out = append(out, s.id)
		out = binary.AppendUvarint(out, uint64(len(s.body)))
		out = append(out, s.body...)
	}
	return out
}

// body is the content of the one section with a number.
func (all sections) body(id byte) (*[]byte, error) {
	for i := range all {
		if all[i].id == id {
			return &all[i].body, nil
		}
	}
	return nil, fmt.Errorf("%w: no section %d", errModule, id)
}

// sized reads a length and that many bytes, and returns how long both are together.
func sized(from []byte) ([]byte, int, error) {
	length, n := binary.Uvarint(from)
	if n <= 0 || length > uint64(len(from)-n) {
		return nil, 0, errModule
	}
	return from[n : n+int(length)], n + int(length), nil
}

// signed reads a signed LEB128 number, as i32.const has it. It is not the zigzag coding of binary.Varint.
func signed(from []byte) (int64, int, error) {
	var value int64
	for i, b := range from {
		if i == 5 {
			break
		}
		value |= int64(b&0x7f) << (7 * i)
		if b < 0x80 {
			if b&0x40 != 0 {
				value -= 1 << (7 * (i + 1))
			}
			if value < 0 {
				break // no address
			}
			return value, i + 1, nil
		}
	}
	return 0, 0, errModule
}

func appendSigned(to []byte, value int64) []byte {
	for value >= 0x40 {
		to = append(to, byte(value)|0x80)
		value >>= 7
	}
	return append(to, byte(value))
}
