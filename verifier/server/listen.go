package server

import (
	"context"
	"errors"
	"net"
	"net/http"
	"time"

	"github.com/curfew-project/curfew/shared/wire"
)

// Serve answers on a listener until ctx ends, then finishes what is under way.
func Serve(ctx context.Context, listener net.Listener, handler http.Handler) error {
	server := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       30 * time.Second,
		WriteTimeout:      2 * time.Minute, // the agent is half a megabyte, and some networks are slow
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    wire.MaxHeader,
	}
	stopped := make(chan error, 1)
	go func() {
		<-ctx.Done()
		finish, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		stopped <- server.Shutdown(finish)
	}()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return <-stopped
}
