// Command curfew ends web sessions on time and proves that it did.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := untilSignals(context.Background())
	defer stop()
	if cmd, err := root().ExecuteContextC(ctx); err != nil {
		os.Exit(report(os.Stderr, cmd, err))
	}
}

type atOnceKey struct{}

// atOnce ends at the second signal: nothing is to be waited for any more.
func atOnce(ctx context.Context) context.Context {
	if found, ok := ctx.Value(atOnceKey{}).(context.Context); ok {
		return found
	}
	return context.Background()
}

// untilSignals ends at SIGINT or SIGTERM, and what atOnce finds in it at the second of these. The third one kills, as any would without.
func untilSignals(parent context.Context) (ctx context.Context, stop func()) {
	now, endNow := context.WithCancel(parent)
	ctx, end := context.WithCancel(context.WithValue(parent, atOnceKey{}, now))
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		for _, next := range []context.CancelFunc{end, endNow} {
			select {
			case <-signals:
				next()
			case <-parent.Done():
			}
		}
		signal.Stop(signals)
	}()
	return ctx, func() {
		signal.Stop(signals)
		end()
		endNow()
	}
}
