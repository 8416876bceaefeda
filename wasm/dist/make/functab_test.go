package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"testing"
)

// What a real runtime has in memory when the program begins is the same to the byte.
func TestCountedTableIsTheSame(t *testing.T) {
	compiled := guest(t)
	counted, err := countAtStart(compiled)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(memoryOf(t, counted), memoryOf(t, compiled)) {
		t.Error("the memory differs")
	}
	joined, err := joinSegments(compiled)
	if err != nil || len(counted) > len(joined)*4/5 {
		t.Errorf("%d bytes instead of %d: %v", len(counted), len(joined), err)
	}
	if _, err := countAtStart(counted); !errors.Is(err, errFunctab) {
		t.Errorf("a second time: %v", err)
	}
}

// Every bucket must be as it will be counted. What is not stays in the data.
func TestFindFunctab(t *testing.T) {
	memory := make([]byte, 40_000)
	for i := range 1700 {
		binary.LittleEndian.PutUint32(memory[1000+i*bucketSize:], uint32(i/bucketsEach+1))
	}
	want := func(at, buckets int) {
		t.Helper()
		if gotAt, got := findFunctab(memory); gotAt != at || got != buckets {
			t.Errorf("%d buckets at %d, want %d at %d", got, gotAt, buckets, at)
		}
	}
	want(1000, 1700)
	memory[1000+1690*bucketSize+4] = 1 // a difference
	want(1000, 1690)
	memory[1000+1685*bucketSize]++ // a number
	want(1000, 1685)
	memory[996+1]++ // in front of it
	want(1000, 1685)
	clear(memory)
	want(0, 0)
}

// A module that is damaged, or not as Go writes it, is an error and no crash.
func TestCountAtStartRefusesWhatItDoesNotKnow(t *testing.T) {
	if _, err := countAtStart(module(10, "ab", 2000, "cd")); !errors.Is(err, errFunctab) {
		t.Errorf("a module without the table: %v", err)
	}
	compiled, err := joinSegments(guest(t))
	if err != nil {
		t.Fatal(err)
	}
	for n := 0; n < len(compiled); n += len(compiled) / 97 {
		if _, err := countAtStart(compiled[:n]); err == nil {
			t.Errorf("a module cut off after %d of %d bytes was accepted", n, len(compiled))
		}
	}
	without := func(id byte) sections {
		all, err := split(compiled)
		if err != nil {
			t.Fatal(err)
		}
		for i, s := range all {
			if s.id == id {
				return append(all[:i:i], all[i+1:]...)
			}
		}
		t.Fatalf("there is no section %d", id)
		return nil
	}
	for _, id := range []byte{sectionType, sectionImport, sectionFunc, sectionCode, sectionData} {
		if _, err := countAtStart(without(id).join()); !errors.Is(err, errModule) {
			t.Errorf("without section %d: %v", id, err)
		}
	}
	all, err := split(compiled)
	if err != nil {
		t.Fatal(err)
	}
	if all, err = all.startWith(counter(0, 16)); err != nil {
		t.Fatal(err)
	}
	if _, err := countAtStart(all.join()); !errors.Is(err, errModule) {
		t.Errorf("with a start function: %v", err)
	}
}
