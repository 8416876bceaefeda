package host

import (
	"container/heap"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"time"
)

// Config says what a realm is like. The zero value works: no output is kept, randomness is seeded with zeros.
type Config struct {
	// Name marks the realm in traces.
	Name string
	// Random is the source of crypto.getRandomValues, Math.random and of the guest's own seeds, by default
	// SeededRandom(0). Give each realm its own, or equal ones draw equal keys.
	Random io.Reader
	// Stdout and Stderr take what the guest writes to files 1 and 2, by default nowhere. What the console prints goes to
	// Hooks.Console instead, and without that to these.
	Stdout, Stderr io.Writer
	// Zone is the local time zone of Date, by default UTC.
	Zone *time.Location

	Hooks  Hooks
	Limits Limits
}

// Limits bound what one task of a guest may do. Zero means the default.
type Limits struct {
	// CallsPerTask bounds host calls and microtasks of one task, by default 1,000,000.
	CallsPerTask int
	// Depth bounds how deep calls may nest from JavaScript into the guest, by default 200. Beyond it a RangeError is
	// thrown, as for a JavaScript stack overflow.
	Depth int
}

// Hooks tell an embedder what happens in a realm. Any may be nil. They must not step the loop.
type Hooks struct {
	// Console receives one line for each call of console's methods; level is the method's name.
	Console func(level, text string)
	// Exception receives exceptions that nobody caught, in timers, posted tasks and microtasks. When nil they are written
	// to Stderr.
	Exception func(*Throw)
	// Rejection receives promises that were rejected with no handler by the end of the task.
	Rejection func(Rejection)
	// Exit is called once for each guest after it ended. The error is [Guest.Err]: nil for exit code 0.
	Exit func(g *Guest, err error)
	// Trace receives a line for each call between guest and host. Two runs with the same inputs give the same lines.
	Trace func(event string)
}

// Rejection is an unhandled rejection of a promise.
type Rejection struct {
	Promise *Object
	Reason  Value
}

// Realm is one JavaScript world: a global object with the built-ins, and the guests that run in it. One tab's page is a realm.
type Realm struct {
	config Config
	loop   *Loop
	global *Object
	protos prototypes
	errors map[string]*Object // prototypes of Error and its kinds

	origin   Clock // the time when the realm was made
	guests   []*Guest
	queued   map[*Timer]struct{} // everything queued, also while frozen
	timeouts map[int]*Timer
	timeout  int // last id given
	throttle func(due int64) int64
	frozen   bool
	killed   bool
	heldJobs []job

	calls     int    // host calls made in task callsTask
	callsTask uint64 // see charge
}

// SeededRandom returns an endless, deterministic source of bytes (ChaCha8).
func SeededRandom(seed uint64) io.Reader {
	var key [32]byte
	for i := range 8 {
		key[i] = byte(seed >> (8 * i))
	}
	return rand.NewChaCha8(key)
}

// NewRealm makes a realm with JavaScript's built-ins on its global object, on the loop.
func NewRealm(l *Loop, config Config) *Realm {
	if config.Random == nil {
		config.Random = SeededRandom(0)
	}
	if config.Stdout == nil {
		config.Stdout = io.Discard
	}
	if config.Stderr == nil {
		config.Stderr = io.Discard
	}
	if config.Zone == nil {
		config.Zone = time.UTC
	}
	if config.Limits.CallsPerTask == 0 {
		config.Limits.CallsPerTask = 1_000_000
	}
	if config.Limits.Depth == 0 {
		config.Limits.Depth = 200
	}
	r := &Realm{config: config, loop: l, origin: *l.clock, queued: map[*Timer]struct{}{}, timeouts: map[int]*Timer{}}
	r.defineBuiltins()
	return r
}

// Global returns the global object: window, where an embedder makes it one.
func (r *Realm) Global() *Object { return r.global }

// Loop returns the loop that the realm runs on.
func (r *Realm) Loop() *Loop { return r.loop }

// Name returns Config.Name.
func (r *Realm) Name() string { return r.config.Name }

// Run runs f now as a task of the realm, or as part of the task that is running: the way for an embedder to call into a guest.
// Microtasks follow it. Its error is returned, not reported. A frozen realm is run too: the embedder decides.
func (r *Realm) Run(ctx context.Context, f func() error) error {
	if r.killed {
		return ErrKilled
	}
	return r.loop.perform(ctx, f)
}

// Post queues f as a task: an event to dispatch, an answer that has come. It runs after the tasks that are already due, not
// before the realm is thawed, and never once it is killed. Its error goes to Hooks.Exception.
func (r *Realm) Post(f func() error) *Timer { return r.post(r.loop.clock.Mono, false, f) }

func (r *Realm) post(due int64, throttled bool, f func() error) *Timer {
	t := &Timer{loop: r.loop, realm: r, due: due, run: f, throttled: throttled}
	if !r.killed {
		r.loop.push(t)
	}
	return t
}

// SetTimeout queues f as a timer of the realm, d from now rounded up to a whole millisecond and at least one, with all that
// throttling and freezing do to timers.
func (r *Realm) SetTimeout(d time.Duration, f func() error) *Timer {
	d = max(d, time.Millisecond)
	return r.post(ceilMilli(r.loop.clock.Mono+int64(d)), true, f)
}

// Throttle delays the realm's timers: one that is due at a monotonic time runs at the time that gate returns for it, if that
// is later. It applies to timers already waiting too. nil ends throttling. Posted tasks are not delayed. See [AlignTo].
func (r *Realm) Throttle(gate func(due int64) int64) {
	r.throttle = gate
	r.requeue()
}

// Freeze stops the realm's timers, posted tasks and microtasks until [Realm.Thaw], as browsers do to tabs in the background.
func (r *Realm) Freeze() {
	r.frozen = true
	r.requeue()
}

// Thaw lets a frozen realm go on. What became due meanwhile runs next, in order.
func (r *Realm) Thaw() {
	r.frozen = false
	r.requeue()
	for _, j := range r.heldJobs {
		r.loop.jobs.push(j)
	}
	r.heldJobs = nil
}

// Frozen reports whether the realm is frozen.
func (r *Realm) Frozen() bool { return r.frozen }

// requeue places all the realm's timers anew. Their order in the queue does not depend on the order of this.
func (r *Realm) requeue() {
	for t := range r.queued {
		if t.position > 0 {
			heap.Remove(&r.loop.queue, t.position-1)
		}
		t.enqueue()
	}
}

// Kill ends the realm and its guests with [ErrKilled], with no more code run, as closing or crashing a tab does. A guest that
// is on the stack ends when control would return to it.
func (r *Realm) Kill() {
	if r.killed {
		return
	}
	r.killed = true
	for t := range r.queued {
		t.Stop()
	}
	clear(r.timeouts)
	r.heldJobs = nil
	for _, g := range r.guests {
		g.end(ErrKilled)
	}
}

// Killed reports whether the realm was killed.
func (r *Realm) Killed() bool { return r.killed }

// Guests returns the guests that were started in the realm, ended ones included.
func (r *Realm) Guests() []*Guest { return r.guests }

// charge counts one host call against the task's budget and reports whether it was within.
func (r *Realm) charge(call string) bool {
	if r.callsTask != r.loop.task {
		r.callsTask, r.calls = r.loop.task, 0
	}
	r.calls++
	if r.calls <= r.config.Limits.CallsPerTask {
		return true
	}
	for _, g := range r.guests {
		g.end(&BudgetError{Limit: r.config.Limits.CallsPerTask, Call: call})
	}
	return false
}

// report passes an exception that nobody caught to the embedder.
func (r *Realm) report(err error) {
	if r.killed {
		return
	}
	if r.isEnding(err) {
		return
	}
	t := r.Throw(err)
	if r.config.Hooks.Exception != nil {
		r.config.Hooks.Exception(t)
		return
	}
	// Nobody can be told that the writer of last resort failed.
	_, _ = io.WriteString(r.config.Stderr, t.Error()+"\n")
}

// isEnding reports whether err is the end of a guest on its way down the stack, of which Hooks.Exit tells, and no exception.
func (r *Realm) isEnding(err error) bool {
	for _, g := range r.guests {
		if g.ended != nil && errors.Is(err, g.ended) {
			return true
		}
	}
	return false
}

// Throw turns any error into the exception that script would catch: see [Func].
func (r *Realm) Throw(err error) *Throw {
	var t *Throw
	if errors.As(err, &t) {
		return t
	}
	var n *NamedError
	if errors.As(err, &n) {
		return &Throw{Value: r.NewError(n.Name, n.Message)}
	}
	return &Throw{Value: r.NewError("Error", err.Error())}
}
