package main

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Every Go program carries a second table, which leads from an instruction to its function (runtime.findfunctab): twenty bytes for
// each 4 KB of the program counter, a number and sixteen small differences. Under wasm every function has 64 KB of the program
// counter for itself, so the table says sixteen times one, sixteen times two and so on, and all differences are zero: a megabyte,
// a quarter of the module, that every browser would have to unpack, hash and copy. countAtStart takes it out and adds a function
// that counts it into the memory before anything else runs.
//
// The layout is in the comments of runtime/symtab.go (findfuncbucket) of the versions below.

var errFunctab = errors.New("the table of functions is not as Go 1.20 to 1.26 write it")

const (
	bucketSize    = 20  // of findfuncbucket
	bucketsEach   = 16  // that a function has
	leastFunctab  = 100 // functions; a shorter row may be something else
	sectionType   = 1
	sectionImport = 2
	sectionFunc   = 3
	sectionStart  = 8
	sectionCode   = 10
)

// countAtStart writes the same module with its table of functions counted at the start.
func countAtStart(module []byte) ([]byte, error) {
	all, err := split(module)
	if err != nil {
		return nil, err
	}
	var at, buckets int
	if err := all.changeMemory(func(memory []byte) error {
		if at, buckets = findFunctab(memory); buckets < leastFunctab*bucketsEach {
			return errFunctab
		}
		clear(memory[at : at+buckets*bucketSize])
		return nil
	}); err != nil {
		return nil, err
	}
	if all, err = all.startWith(counter(at, buckets)); err != nil {
		return nil, err
	}
	return all.join(), nil
}

// findFunctab finds the longest row of buckets in which the functions are counted from one, and says how many buckets it has.
func findFunctab(memory []byte) (at, buckets int) {
	for from := 0; from+bucketSize <= len(memory); from += 4 {
		if n := countBuckets(memory[from:]); n > buckets {
			at, buckets = from, n
		}
	}
	return at, buckets
}

func countBuckets(memory []byte) int {
	n := 0
	for ; len(memory) >= bucketSize; memory = memory[bucketSize:] {
		if binary.LittleEndian.Uint32(memory) != uint32(n/bucketsEach+1) || !zero(memory[4:bucketSize]) {
			break
		}
		n++
	}
	return n
}

func zero(bytes []byte) bool {
	for _, b := range bytes {
		if b != 0 {
			return false
		}
	}
	return true
}

// counter is the body of a function that writes that many buckets at an address.
func counter(at, buckets int) []byte {
	const (
		address, bucket = 0, 1 // locals
		void            = 0x40
		localGet        = 0x20
		localSet        = 0x21
		localTee        = 0x22
		store           = 0x36
		constant        = 0x41
		lessThan        = 0x49
		add             = 0x6a
		divide          = 0x6e
	)
	body := []byte{1, 2, 0x7f} // two locals of type i32
	body = append(body, 0x03, void)
	body = append(body, localGet, address)
	body = append(body, localGet, bucket, constant, bucketsEach, divide, constant, 1, add)
	body = append(body, store, 2)
	body = binary.AppendUvarint(body, uint64(at))
	body = append(body, localGet, address, constant, bucketSize, add, localSet, address)
	body = append(body, localGet, bucket, constant, 1, add, localTee, bucket)
	body = append(body, constant)
	body = appendSigned(body, int64(buckets))
	body = append(body, lessThan, 0x0d, 0) // once more
	return append(body, 0x0b, 0x0b)
}

// startWith adds a function without parameters and results that runs when the module is instantiated.
func (all sections) startWith(body []byte) (sections, error) {
	if _, err := all.body(sectionStart); err == nil {
		return nil, fmt.Errorf("%w: it has a start function", errModule)
	}
	count := func(id byte) (uint64, *[]byte, int, error) {
		section, err := all.body(id)
		if err != nil {
			return 0, nil, 0, err
		}
		n, size := binary.Uvarint(*section)
		if size <= 0 {
			return 0, nil, 0, errModule
		}
		return n, section, size, nil
	}
	// add appends one entry to a section and returns its number there.
	add := func(id byte, entry []byte) (uint64, error) {
		n, section, size, err := count(id)
		if err != nil {
			return 0, err
		}
		longer := binary.AppendUvarint(nil, n+1)
		*section = append(append(longer, (*section)[size:]...), entry...)
		return n, nil
	}
	imported, imports, size, err := count(sectionImport)
	if err == nil {
		err = onlyFunctions((*imports)[size:], imported)
	}
	if err != nil {
		return nil, err
	}
	kind, err := add(sectionType, []byte{0x60, 0, 0})
	if err != nil {
		return nil, err
	}
	number, err := add(sectionFunc, binary.AppendUvarint(nil, kind))
	if err != nil {
		return nil, err
	}
	if _, err := add(sectionCode, append(binary.AppendUvarint(nil, uint64(len(body))), body...)); err != nil {
		return nil, err
	}
	start := section{id: sectionStart, body: binary.AppendUvarint(nil, imported+number)}
	for i, s := range all {
		if s.id > sectionStart { // sections stand in the order of their numbers; Go writes no others before these
			return append(append(append(sections(nil), all[:i]...), start), all[i:]...), nil
		}
	}
	return nil, errModule
}

// onlyFunctions makes sure that all imports are functions, because functions are numbered from them on.
func onlyFunctions(body []byte, count uint64) error {
	for range count {
		for range 2 { // module and name
			_, n, err := sized(body)
			if err != nil {
				return err
			}
			body = body[n:]
		}
		if len(body) == 0 || body[0] != 0 {
			return fmt.Errorf("%w: an import that is no function", errModule)
		}
		_, n := binary.Uvarint(body[1:])
		if n <= 0 {
			return errModule
		}
		body = body[1+n:]
	}
	return nil
}
