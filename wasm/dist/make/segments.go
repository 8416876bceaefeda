package main

import (
	"encoding/binary"
	"fmt"
)

// gap is how many zero bytes end a segment of the initial memory. Go's linker cuts at eight, into some fifty thousand segments,
// each with an address that no compressor can guess. With fewer cuts the module is larger raw, a tenth smaller compressed, and
// quicker to instantiate.
const gap = 64

// maxMemory bounds the image that is put together, so that a damaged module is an error and not an exhausted machine.
const maxMemory = 64 << 20

// joinSegments writes the same module with its memory in fewer segments.
func joinSegments(module []byte) ([]byte, error) {
	return changeMemory(module, func([]byte) error { return nil })
}

// changeMemory changes the initial memory in place, and writes it in fewer segments. Every other section stays as it is.
func changeMemory(module []byte, change func(memory []byte) error) ([]byte, error) {
	all, err := split(module)
	if err != nil {
		return nil, err
	}
	if err := all.changeMemory(change); err != nil {
		return nil, err
	}
	return all.join(), nil
}

func (all sections) changeMemory(change func(memory []byte) error) error {
	data, err := all.body(sectionData)
	if err != nil {
		return err
	}
	memory, err := readMemory(*data)
	if err != nil {
		return err
	}
	if err := change(memory); err != nil {
		return err
	}
	*data = writeMemory(memory)
	return nil
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
