package main

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// gap is how many zero bytes end a segment of the initial memory. Go's linker cuts at eight, into some fifty thousand segments,
// each with an address that no compressor can guess. With fewer cuts the module is larger raw, a tenth smaller compressed, and
// quicker to instantiate.
const gap = 64

var errModule = errors.New("not a module as Go writes it")

const (
	sectionData = 11
	// maxMemory bounds the image that is put together, so that a damaged module is an error and not an exhausted machine.
	maxMemory = 64 << 20
)

// joinSegments writes the same module with its memory in fewer segments.
func joinSegments(module []byte) ([]byte, error) {
	return changeMemory(module, func([]byte) error { return nil })
}

// changeMemory changes the initial memory in place, and writes it in fewer segments. Every other section stays as it is.
func changeMemory(module []byte, change func(memory []byte) error) ([]byte, error) {
	const header = 8
	if len(module) < header || string(module[:4]) != "\x00asm" {
		return nil, errModule
	}
	out := append([]byte(nil), module[:header]...)
	for rest := module[header:]; len(rest) > 0; {
		id := rest[0]
		body, n, err := sized(rest[1:])
		if err != nil {
			return nil, err
		}
		section := rest[:1+n]
		rest = rest[1+n:]
		if id != sectionData {
			out = append(out, section...)
			continue
		}
		memory, err := readMemory(body)
		if err != nil {
			return nil, err
		}
		if err := change(memory); err != nil {
			return nil, err
		}
		joined := writeMemory(memory)
		out = append(out, sectionData)
		out = binary.AppendUvarint(out, uint64(len(joined)))
		out = append(out, joined...)
	}
	return out, nil
}

// readMemory puts the segments of a data section into one image of the memory, which is zero in between.
func readMemory(body []byte) ([]byte, error) {
	count, n := binary.Uvarint(body)
	if n <= 0 {
		return nil, errModule
	}
	body = body[n:]
	var memory []byte
	for range count {
		// An active segment of memory 0 at a constant address: 0, i32.const, the address, end.
		if len(body) < 4 || body[0] != 0 || body[1] != 0x41 {
			return nil, fmt.Errorf("%w: a segment of another kind", errModule)
		}
		address, n, err := signed(body[2:])
		if err != nil {
			return nil, err
		}
		body = body[2+n:]
		if len(body) == 0 || body[0] != 0x0b {
			return nil, errModule
		}
		data, n, err := sized(body[1:])
		if err != nil {
			return nil, err
		}
		body = body[1+n:]
		end := address + int64(len(data))
		if end > maxMemory {
			return nil, fmt.Errorf("%w: a segment at %d", errModule, address)
		}
		// They come in no order. A later one would overwrite an earlier one, as copying does.
		memory = append(memory, make([]byte, max(end-int64(len(memory)), 0))...)
		copy(memory[address:], data)
	}
	if len(body) > 0 {
		return nil, errModule
	}
	return memory, nil
}

func writeMemory(memory []byte) []byte {
	var segments [][2]int
	for start := 0; ; {
		for start < len(memory) && memory[start] == 0 {
			start++
		}
		if start == len(memory) {
			break
		}
		end := start // one after the last byte that is not zero
		for at := start; at < len(memory) && at-end < gap; at++ {
			if memory[at] != 0 {
				end = at + 1
			}
		}
		segments = append(segments, [2]int{start, end})
		start = end
	}
	out := binary.AppendUvarint(nil, uint64(len(segments)))
	for _, s := range segments {
		out = append(out, 0, 0x41)
		out = appendSigned(out, int64(s[0]))
		out = append(out, 0x0b)
		out = binary.AppendUvarint(out, uint64(s[1]-s[0]))
		out = append(out, memory[s[0]:s[1]]...)
	}
	return out
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
