package embedded

// table is a hash table of records with open addressing, linear probing and keys that stand in the records. Two of Go's maps
// take 50 to 100 bytes a session, this 20 to 40, and the difference decides whether a session costs less than 400.
type table struct {
	hash  func(*record) uint64
	slots []*record // a power of two of them
	used  int
}

// fullest is the share of used slots, in eighths, above which the table grows.
const fullest = 6

// place is the slot where the search for a hash begins. Its lowest bits are the same for all of a shard.
func (t *table) place(hash uint64) int { return int(hash>>16) & (len(t.slots) - 1) }

// find gives the slot of the record that matches, or the free slot where it would stand. The table must not be empty.
func (t *table) find(hash uint64, match func(*record) bool) int {
	at := t.place(hash)
	for t.slots[at] != nil && !match(t.slots[at]) {
		at = (at + 1) & (len(t.slots) - 1)
	}
	return at
}

// get gives the record that matches, or nil.
func (t *table) get(hash uint64, match func(*record) bool) *record {
	if t.used == 0 {
		return nil
	}
	return t.slots[t.find(hash, match)]
}

// put adds a record for which nothing matches, or replaces the one that does.
func (t *table) put(hash uint64, r *record, match func(*record) bool) {
	if (t.used+1)*8 > len(t.slots)*fullest {
		t.grow()
	}
	at := t.find(hash, match)
	if t.slots[at] == nil {
		t.used++
	}
	t.slots[at] = r
}

func (t *table) grow() {
	old := t.slots
	t.slots = make([]*record, max(8, 2*len(old)))
	for _, r := range old {
		if r != nil {
			t.slots[t.find(t.hash(r), func(*record) bool { return false })] = r
		}
	}
}

// remove drops the record that matches. It moves those behind it up, so that a search may always stop at a free slot.
func (t *table) remove(hash uint64, match func(*record) bool) {
	if t.used == 0 {
		return
	}
	mask := len(t.slots) - 1
	free := t.find(hash, match)
	if t.slots[free] == nil {
		return
	}
	t.used--
	for next := (free + 1) & mask; t.slots[next] != nil; next = (next + 1) & mask {
		// A record may move up unless that would take it before the place where its search begins.
		if begins := t.place(t.hash(t.slots[next])); (next-begins)&mask >= (next-free)&mask {
			t.slots[free] = t.slots[next]
			free = next
		}
	}
	t.slots[free] = nil
}
