package audit

import "fmt"

// queue holds events in the order in which they came, up to a number and a size. It is not safe for concurrent use.
type queue struct {
	events   []Event
	bytes    int
	taken    int // events that were taken and are not done: they count as if they were here
	takenOf  int // their bytes
	capacity int
	added    uint64 // all events that ever found room

	lost   int   // events that found no room since the last that did
	lostAt int64 // when the last of them happened
}

// perEvent is how many bytes an event may take on average before a queue counts as full.
const perEvent = 512

// put adds an event, or counts it as lost where there is no room. A gap is told in its place: before the first event after it.
func (q *queue) put(e Event) (ok bool) {
	if q.taken+len(q.events) >= q.capacity || q.takenOf+q.bytes+e.size() > q.capacity*perEvent+MaxDetail {
		q.lost++
		q.lostAt = e.At
		return false
	}
	q.tellLost()
	q.add(e)
	return true
}

func (q *queue) add(e Event) {
	q.events = append(q.events, e)
	q.bytes += e.size()
	q.added++
}

func (q *queue) tellLost() {
	if q.lost == 0 {
		return
	}
	q.add(Event{At: q.lostAt, Kind: Lost, Detail: fmt.Sprintf("%d entries could not be kept", q.lost)})
	q.lost = 0
}

// take gives the oldest events, up to a number. They keep their room until done.
func (q *queue) take(most int) []Event {
	if len(q.events) <= most {
		q.tellLost()
	}
	batch := q.events[:min(most, len(q.events))]
	q.taken, q.takenOf = len(batch), 0
	for _, e := range batch {
		q.takenOf += e.size()
	}
	q.bytes -= q.takenOf
	if q.events = q.events[len(batch):]; len(q.events) == 0 {
		q.events = nil // the batch has the memory
	}
	return batch
}

// done gives back the room of what was taken.
func (q *queue) done() { q.taken, q.takenOf = 0, 0 }

// upTo is what added will be when everything that was put so far, and the gap after it, is in the queue.
func (q *queue) upTo() uint64 {
	if q.lost > 0 {
		return q.added + 1
	}
	return q.added
}
