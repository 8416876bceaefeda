package host

// job is one microtask: a reaction of a promise, or a callback of queueMicrotask.
type job struct {
	realm *Realm
	run   func() error
}

// jobQueue is a first-in, first-out queue that reuses its memory.
type jobQueue struct {
	list []job
	head int
}

func (q *jobQueue) len() int   { return len(q.list) - q.head }
func (q *jobQueue) push(j job) { q.list = append(q.list, j) }

func (q *jobQueue) pop() job {
	j := q.list[q.head]
	q.list[q.head] = job{}
	q.head++
	if q.head == len(q.list) {
		q.list, q.head = q.list[:0], 0
	}
	return j
}

// queueJob queues a microtask for the end of the task that runs, or for the next [Loop.Run].
func (r *Realm) queueJob(run func() error) { r.loop.jobs.push(job{r, run}) }

// drain runs microtasks, also those that they queue, until none is left; then it reports the promises that were rejected
// meanwhile and have nobody to hear of it. Reports may queue more.
func (l *Loop) drain() {
	for {
		for l.jobs.len() > 0 {
			j := l.jobs.pop()
			switch {
			case j.realm.killed:
			case j.realm.frozen:
				j.realm.heldJobs = append(j.realm.heldJobs, j)
			case !j.realm.charge("microtask"):
			default:
				if err := j.run(); err != nil {
					j.realm.report(err)
				}
			}
		}
		if len(l.rejected) == 0 {
			return
		}
		rejected := l.rejected
		l.rejected = nil
		for _, p := range rejected {
			if r := p.object.realm; !p.handled && !r.killed && r.config.Hooks.Rejection != nil {
				r.config.Hooks.Rejection(Rejection{Promise: p.object, Reason: p.value})
			}
		}
	}
}
