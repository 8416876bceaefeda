package embedded

import (
	"testing"
	"unsafe"
)

// A session must stay below 400 bytes with everything around it; one size class more would be 16 bytes.
func TestRecordFitsItsSizeClass(t *testing.T) {
	if size := unsafe.Sizeof(record{}); size > 208 {
		t.Errorf("a record has %d bytes; at most 208", size)
	}
}
