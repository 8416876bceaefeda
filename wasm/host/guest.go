package host

import (
	"context"
	"fmt"
	"slices"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
)

// Guest is one running Go program in a realm.
type Guest struct {
	realm  *Realm
	module api.Module
	memory api.Memory
	run    api.Function
	getsp  api.Function
	resume []api.Function // one per depth: a wazero function must not be entered again while it runs

	refs  refTable
	goObj *Object // the instance of class Go in Go's own JavaScript runtime
	names map[string]string

	depth   int    // calls into the guest that are on the stack
	entries uint64 // calls into the guest ever made: when it changed, SP may have moved
	ctx     guestContext
	ctxTask uint64

	timeouts   map[int32]*Timer
	nextID     int32
	stderrTail []byte
	ended      error // why it ended, an ExitError with code 0 included; nil while it lives
	closed     bool
}

// StartConfig is what a Go program gets at its start.
type StartConfig struct {
	// Args are os.Args, by default just "js".
	Args []string
	// Env are the environment variables.
	Env map[string]string
}

// guestContext carries the guest to the imports, which all instances share.
type guestContext struct {
	context.Context
	guest *Guest
}

type guestKey struct{}

// Value implements context.Context.
func (c *guestContext) Value(key any) any {
	if _, ok := key.(guestKey); ok {
		return c.guest
	}
	return c.Context.Value(key)
}

func guestOf(ctx context.Context) *Guest {
	if c, ok := ctx.(*guestContext); ok {
		return c.guest
	}
	g, _ := ctx.Value(guestKey{}).(*Guest)
	return g
}

// Start runs the program in the realm until it waits for something, as a task or as part of the one that is running. The
// error is only about starting; how the program ended, if it already has, is [Guest.Err].
func (m *Module) Start(ctx context.Context, r *Realm, config StartConfig) (*Guest, error) {
	if len(config.Args) == 0 {
		config.Args = []string{"js"}
	}
	image, argv, err := startImage(config)
	if err != nil {
		return nil, err
	}
	instance, err := m.engine.runtime.InstantiateModule(ctx, m.compiled,
		wazero.NewModuleConfig().WithName("").WithStartFunctions())
	if err != nil {
		return nil, &ModuleError{Reason: "does not instantiate", Err: err}
	}
	g := &Guest{
		realm: r, module: instance, memory: instance.ExportedMemory("mem"),
		run: instance.ExportedFunction("run"), getsp: instance.ExportedFunction("getsp"),
		names: map[string]string{}, timeouts: map[int32]*Timer{}, nextID: 1,
	}
	if !g.memory.Write(imageStart, image) {
		return nil, firstError(&ModuleError{Reason: "has too little memory for its arguments"}, instance.Close(ctx))
	}
	g.defineGoObject()
	g.refs = newRefTable(r.global, g.goObj)
	r.guests = append(r.guests, g)
	err = r.Run(ctx, func() error {
		return g.enter(g.run, uint64(len(config.Args)), uint64(argv))
	})
	if g.ended != nil {
		err = nil
	}
	return g, err
}

// The linker leaves this room for arguments (cmd/link/internal/ld, wasmMinDataAddr).
const (
	imageStart = 4096
	imageEnd   = 4096 + 8192
)

// startImage lays out arguments and environment as Go's JavaScript runtime does and returns where the vector starts.
func startImage(config StartConfig) (image []byte, argv uint32, err error) {
	var pointers []uint64
	text := func(s string) {
		pointers = append(pointers, imageStart+uint64(len(image)))
		image = append(append(image, s...), 0)
		for len(image)%8 != 0 {
			image = append(image, 0)
		}
	}
	for _, a := range config.Args {
		text(a)
	}
	pointers = append(pointers, 0)
	keys := make([]string, 0, len(config.Env))
	for k := range config.Env {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	for _, k := range keys {
		text(k + "=" + config.Env[k])
	}
	pointers = append(pointers, 0)
	argv = imageStart + uint32(len(image))
	for _, p := range pointers {
		for shift := 0; shift < 64; shift += 8 {
			image = append(image, byte(p>>shift))
		}
	}
	if len(image) > imageEnd-imageStart {
		return nil, 0, fmt.Errorf("host: arguments and environment take %d bytes, at most %d fit", len(image), imageEnd-imageStart)
	}
	return image, argv, nil
}

// Realm returns the realm that the guest runs in.
func (g *Guest) Realm() *Realm { return g.realm }

// Ended reports whether the guest has ended, in whatever way.
func (g *Guest) Ended() bool { return g.ended != nil }

// Err says how the guest ended: nil while it lives and after exit code 0, else an [*ExitError], [*BudgetError],
// [*MemoryError], [*TrapError], [*UncaughtError], [*InterruptError] or [ErrKilled].
func (g *Guest) Err() error {
	if e, ok := g.ended.(*ExitError); ok && e.Code == 0 {
		return nil
	}
	return g.ended
}

// MemorySize returns the size of the guest's memory in bytes, zero after its end.
func (g *Guest) MemorySize() uint32 {
	if g.closed {
		return 0
	}
	return g.memory.Size()
}

// end marks the guest as ended; the first reason counts. Its memory is freed when it is off the stack.
func (g *Guest) end(reason error) {
	if g.ended != nil {
		return
	}
	g.ended = reason
	for _, t := range g.timeouts {
		t.Stop()
	}
	clear(g.timeouts)
	if g.depth == 0 {
		g.bury()
	}
}

func (g *Guest) bury() {
	if g.closed {
		return
	}
	g.closed = true
	// Closing an instance only fails for files it holds open; it has none.
	_ = g.module.Close(context.Background())
	g.refs, g.resume, g.names = refTable{}, nil, nil
	if g.realm.config.Hooks.Exit != nil {
		g.realm.config.Hooks.Exit(g, g.Err())
	}
}

// enter calls an exported function of the guest and returns nil or why it ended. An exit by the program itself is no error.
func (g *Guest) enter(f api.Function, args ...uint64) error {
	l := g.realm.loop
	if l.depth == 0 {
		return ErrOutsideTask
	}
	if g.ctxTask != l.task {
		g.ctxTask, g.ctx = l.task, guestContext{l.ctx, g}
	}
	g.depth++
	g.entries++
	l.guests++
	var stack [2]uint64
	copy(stack[:], args)
	err := f.CallWithStack(&g.ctx, stack[:])
	l.guests--
	g.depth--
	if err != nil && g.ended == nil {
		g.end(trapped(l.ctx, err))
	}
	if g.ended != nil && g.depth == 0 {
		g.bury()
	}
	return g.Err()
}

func trapped(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return &InterruptError{Err: context.Cause(ctx)}
	}
	return &TrapError{Err: err}
}

// resumeGuest lets the guest handle its pending event, or look at its timers.
func (g *Guest) resumeGuest() error {
	if g.ended != nil {
		return Errorf("Error", "Go program has already exited")
	}
	if g.depth >= g.realm.config.Limits.Depth {
		return RangeError("Maximum call stack size exceeded")
	}
	for len(g.resume) <= g.depth {
		g.resume = append(g.resume, g.module.ExportedFunction("resume"))
	}
	return g.enter(g.resume[g.depth])
}

// stackPointer asks the guest for SP, after calls that may have moved it.
func (g *Guest) stackPointer() (uint32, error) {
	var stack [1]uint64
	if err := g.getsp.CallWithStack(&g.ctx, stack[:]); err != nil {
		return 0, err
	}
	return uint32(stack[0]), nil
}
