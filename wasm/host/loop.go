package host

import (
	"container/heap"
	"context"
	"time"
)

// Loop runs the tasks and timers of any number of realms on one [Clock], one at a time, in an order that depends on nothing
// but their times and the order in which they were queued. It is the event loop of all tabs of one simulated machine.
//
// A loop, its realms and everything they made belong to one goroutine at a time. Loops are independent of each other.
type Loop struct {
	// TasksPerInstant bounds how many tasks may run without the monotonic clock moving, see [ErrLivelock].
	// NewLoop sets 1,000,000.
	TasksPerInstant int

	clock *Clock
	queue timerHeap
	seq   uint64

	ctx      context.Context // of the task that runs
	depth    int             // tasks running, nested ones included
	guests   int             // guests' stack frames that are active
	task     uint64          // number of the task, for budgets
	instant  int64           // the monotonic time of the last task
	executed int             // tasks at that instant

	jobs     jobQueue
	rejected []*promise
}

// NewLoop returns an empty loop on the clock.
func NewLoop(clock *Clock) *Loop { return &Loop{clock: clock, TasksPerInstant: 1_000_000} }

// Clock returns the loop's clock.
func (l *Loop) Clock() *Clock { return l.clock }

// Next returns the monotonic time, in nanoseconds, from which the next task or timer may run, and false when nothing is
// queued or everything that is queued is frozen. It may lie in the past.
func (l *Loop) Next() (mono int64, ok bool) {
	if l.jobs.len() > 0 {
		return l.clock.Mono, true
	}
	if len(l.queue) == 0 {
		return 0, false
	}
	return l.queue[0].at, true
}

// Step runs the next task or timer if it is due and reports whether one ran. Exceptions in a task go to its realm's
// [Hooks], not to the caller; the error is the context's cause, [ErrLivelock] or [ErrInsideTask].
func (l *Loop) Step(ctx context.Context) (bool, error) {
	if l.depth > 0 {
		return false, ErrInsideTask
	}
	if ctx.Err() != nil {
		return false, context.Cause(ctx)
	}
	if l.instant != l.clock.Mono {
		l.instant, l.executed = l.clock.Mono, 0
	}
	if l.jobs.len() > 0 { // queued outside of a task
		return true, l.perform(ctx, func() error { return nil })
	}
	if len(l.queue) == 0 || l.queue[0].at > l.clock.Mono {
		return false, nil
	}
	if l.executed++; l.executed > l.TasksPerInstant {
		return false, ErrLivelock
	}
	t, _ := heap.Pop(&l.queue).(*Timer)
	t.forget()
	err := l.perform(ctx, t.run)
	if err != nil && t.realm != nil {
		t.realm.report(err)
		err = nil
	}
	return true, err
}

// Run runs everything that is due at the clock's present time, until nothing more is. Time does not move.
func (l *Loop) Run(ctx context.Context) error {
	for {
		ran, err := l.Step(ctx)
		if err != nil || !ran {
			return err
		}
	}
}

// Advance moves the clock on by d, both hands, and runs everything that becomes due on the way, each at its own time.
// On an error the clock stays at the time of the failing task.
func (l *Loop) Advance(ctx context.Context, d time.Duration) error {
	return l.AdvanceTo(ctx, l.clock.Mono+int64(d))
}

// AdvanceTo is [Loop.Advance] up to a time of the monotonic clock. A time in the past only runs what is due.
func (l *Loop) AdvanceTo(ctx context.Context, mono int64) error {
	for {
		if err := l.Run(ctx); err != nil {
			return err
		}
		next, ok := l.Next()
		if !ok || next > mono {
			if mono > l.clock.Mono {
				l.clock.Advance(time.Duration(mono - l.clock.Mono))
			}
			return nil
		}
		l.clock.Advance(time.Duration(next - l.clock.Mono))
	}
}

// At queues f to run at a time of the monotonic clock (at once, but not from here, when it has passed). It belongs to no
// realm, so nothing freezes or throttles it: a server's answer on its way. To reach a tab, f posts to its realm.
func (l *Loop) At(mono int64, f func()) *Timer {
	t := &Timer{loop: l, due: mono, run: func() error { f(); return nil }}
	l.push(t)
	return t
}

// After is [Loop.At], d from now.
func (l *Loop) After(d time.Duration, f func()) *Timer { return l.At(l.clock.Mono+int64(d), f) }

func (l *Loop) push(t *Timer) {
	l.seq++
	t.seq = l.seq
	if t.realm != nil {
		t.realm.queued[t] = struct{}{}
	}
	t.enqueue()
}

// perform runs f as a task: with a context and a budget of its own, and with the jobs of promises run to the end after it.
// Inside of another task it only calls f.
func (l *Loop) perform(ctx context.Context, f func() error) error {
	if l.depth > 0 {
		return f()
	}
	l.ctx = ctx
	l.task++
	l.depth++
	defer func() { l.depth--; l.ctx = nil }()
	err := f()
	l.drain()
	return err
}

// Checkpoint runs the jobs of promises now, unless guest code is further down the stack: browsers do so after each native
// call of a listener. Tasks end with a checkpoint by themselves.
func (l *Loop) Checkpoint() {
	if l.depth > 0 && l.guests == 0 {
		l.drain()
	}
}
