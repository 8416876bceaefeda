// Command curfew ends web sessions on time and proves that it did.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if cmd, err := root().ExecuteContextC(ctx); err != nil {
		os.Exit(report(os.Stderr, cmd, err))
	}
}
