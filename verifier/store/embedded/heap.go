package embedded

import "container/heap"

// dueHeap finds the record that is due first. A living session's due is a lower bound of its first deadline: activity only
// moves deadlines later, so it leaves the heap alone, and whoever finds the record on top looks again. So it is when the
// provider can be asked again (A7). A session without a deadline is due at deadline.Never.
type dueHeap []*record

func (h dueHeap) Len() int           { return len(h) }
func (h dueHeap) Less(i, j int) bool { return h[i].due < h[j].due }
func (h dueHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].place, h[j].place = int32(i), int32(j)
}

func (h *dueHeap) Push(x any) {
	r := x.(*record)
	r.place = int32(len(*h))
	*h = append(*h, r)
}

func (h *dueHeap) Pop() any {
	last := len(*h) - 1
	r := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	return r
}

func (h *dueHeap) add(r *record, due int64) {
	r.due = due
	heap.Push(h, r)
}

func (h *dueHeap) remove(r *record) { heap.Remove(h, int(r.place)) }

// move says that the record is due at another instant.
func (h *dueHeap) move(r *record, due int64) {
	r.due = due
	heap.Fix(h, int(r.place))
}

// passed counts the sessions that have ended by now. It looks only at records that may have, and their children.
func (h dueHeap) passed(now int64) int { return h.passedFrom(0, now) }

func (h dueHeap) passedFrom(i int, now int64) int {
	if i >= len(h) || h[i].due > now {
		return 0
	}
	n := h.passedFrom(2*i+1, now) + h.passedFrom(2*i+2, now)
	if ends, _ := h[i].ends(); ends <= now {
		n++
	}
	return n
}
