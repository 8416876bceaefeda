package host

import (
	"container/heap"
	"time"
)

// Timer is a queued task that can be stopped.
type Timer struct {
	loop  *Loop
	realm *Realm // nil for the loop's own
	due   int64  // monotonic time asked for
	at    int64  // monotonic time allowed: due, later when throttled
	seq   uint64 // order among equals
	run   func() error
	// throttled timers obey the realm's throttle; posted tasks do not.
	throttled bool
	position  int // in the heap, plus one; zero when not in it
}

// Stop takes the timer out of the queue and reports whether it was still there.
func (t *Timer) Stop() bool {
	waiting := t.position > 0
	if t.realm != nil {
		_, waiting = t.realm.queued[t]
	}
	if t.position > 0 {
		heap.Remove(&t.loop.queue, t.position-1)
	}
	t.forget()
	return waiting
}

func (t *Timer) forget() {
	if t.realm != nil {
		delete(t.realm.queued, t)
	}
}

// enqueue puts the timer where its realm's state wants it: in the queue at its allowed time, or nowhere while frozen.
func (t *Timer) enqueue() {
	t.at = t.due
	if r := t.realm; r != nil {
		if r.frozen {
			return
		}
		if t.throttled && r.throttle != nil {
			t.at = max(t.at, r.throttle(t.due))
		}
	}
	heap.Push(&t.loop.queue, t)
}

// AlignTo is a throttle for [Realm.Throttle]: timers run only at multiples of d on the monotonic clock, as browsers do it to
// hidden pages with a second and later a minute.
func AlignTo(d time.Duration) func(due int64) int64 {
	return func(due int64) int64 { return -floorDiv(-due, int64(d)) * int64(d) }
}

// timerHeap orders timers by allowed time, then by the order of their making.
type timerHeap []*Timer

func (h timerHeap) Len() int { return len(h) }

func (h timerHeap) Less(i, j int) bool {
	if h[i].at != h[j].at {
		return h[i].at < h[j].at
	}
	return h[i].seq < h[j].seq
}

func (h timerHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].position, h[j].position = i+1, j+1
}

// Push implements heap.Interface.
func (h *timerHeap) Push(x any) {
	t, _ := x.(*Timer)
	*h = append(*h, t)
	t.position = len(*h)
}

// Pop implements heap.Interface.
func (h *timerHeap) Pop() any {
	last := len(*h) - 1
	t := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	t.position = 0
	return t
}
