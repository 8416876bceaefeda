package main

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Every Go program carries a table that leads from an instruction to its file and line (runtime.pclntab). The agent has no use
// for it: a panic still names its functions, and that is what the loader reports. stripLines sets the lines to zero, which the
// runtime takes as unknown, and compression takes what is left of them away. Stack sizes, pointer maps and names stay.
//
// The layout is in the comments of runtime/symtab.go (pcHeader, moduledata) and runtime/runtime2.go (_func) of the version below.

var errTable = errors.New("the table of lines is not as Go 1.20 to 1.26 write it")

const (
	tableMagic   = 0xfffffff1
	wordSize     = 8 // wasm's pointers, as Go has them
	headerSize   = 8 + 8*wordSize
	functionSize = 44 // of _func, without what follows it
)

type table struct {
	bytes                       []byte
	functions                   int
	units, files, values, index int // offsets in bytes
}

func stripLines(memory []byte) error {
	t, err := findTable(memory)
	if err != nil {
		return err
	}
	used, lines := map[uint32]bool{0: true}, map[uint32]bool{}
	var entries []int
	for i := range t.functions {
		at, err := t.function(i)
		if err != nil {
			return err
		}
		entries = append(entries, at)
		field := func(offset int) uint32 { return binary.LittleEndian.Uint32(t.bytes[at+offset:]) }
		used[field(16)] = true // pcsp
		lines[field(20)], lines[field(24)] = true, true
		count := int(field(28))
		if count > 16 || at+functionSize+4*count > len(t.bytes) {
			return fmt.Errorf("%w: %d value tables", errTable, count)
		}
		for j := range count {
			used[field(functionSize+4*j)] = true
		}
	}
	for offset := range lines {
		if used[offset] {
			continue // the linker shares equal tables
		}
		from := t.values + int(offset)
		length, err := valuesLength(t.bytes[min(from, t.index):t.index])
		if err != nil {
			return err
		}
		clear(t.bytes[from : from+length])
	}
	for _, at := range entries {
		clear(t.bytes[at+20 : at+28]) // pcfile and pcln
	}
	clear(t.bytes[t.units:t.values]) // which file names each unit has, and the names
	return nil
}

// findTable finds the one place in memory that reads like the table's header.
func findTable(memory []byte) (*table, error) {
	for at := 0; at+headerSize <= len(memory); at += wordSize {
		if binary.LittleEndian.Uint32(memory[at:]) != tableMagic || memory[at+4] != 0 || memory[at+5] != 0 || memory[at+6] != 1 || memory[at+7] != wordSize {
			continue
		}
		word := func(i int) int { return int(binary.LittleEndian.Uint64(memory[at+8+i*wordSize:])) }
		t := &table{bytes: memory[at:], functions: word(0), units: word(4), files: word(5), values: word(6), index: word(7)}
		names := word(3)
		if !(headerSize <= names && names < t.units && t.units <= t.files && t.files < t.values && t.values < t.index && t.index < len(t.bytes)) ||
			t.functions <= 0 || t.functions > (len(t.bytes)-t.index)/8 {
			return nil, errTable
		}
		return t, nil
	}
	return nil, errTable
}

// function is where the i-th function's entry stands.
func (t *table) function(i int) (int, error) {
	at := t.index + int(binary.LittleEndian.Uint32(t.bytes[t.index+8*i+4:]))
	if at+functionSize > len(t.bytes) {
		return 0, errTable
	}
	return at, nil
}

// valuesLength is the length of a value table: pairs of a value's difference and an address's, up to a zero difference that is
// not the first.
func valuesLength(values []byte) (int, error) {
	for at, first := 0, true; ; first = false {
		value, n := binary.Uvarint(values[at:])
		if n <= 0 {
			return 0, errTable
		}
		at += n
		if value == 0 && !first {
			return at, nil
		}
		if _, n = binary.Uvarint(values[at:]); n <= 0 {
			return 0, errTable
		}
		at += n
	}
}
