package server

import (
	"bytes"
	"context"
	"errors"
	stdlog "log"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/curfew-project/curfew/shared/wire"
)

// Serve answers on a listener until ctx ends, then finishes what is under way. Event streams are under way for as long as a page is
// open, so they are ended; browsers open them again by themselves, at another replica.
func Serve(ctx context.Context, listener net.Listener, handler http.Handler, log *slog.Logger) error {
	return serveWith(ctx, listener, handler, log, nil)
}

// complaints takes what net/http has to say, such as a handler that panicked, into the log as events.
type complaints struct{ log *slog.Logger }

func (c complaints) Write(text []byte) (int, error) {
	c.log.Error("http_server_error", "error", string(bytes.TrimSpace(text)))
	return len(text), nil
}

func serveWith(ctx context.Context, listener net.Listener, handler http.Handler, log *slog.Logger, connContext func(context.Context, net.Conn) context.Context) error {
	server := &http.Server{
		ErrorLog:          stdlog.New(complaints{log}, "", 0),
		ConnContext:       connContext,
		Handler:           endStreams(ctx, handler),
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
		err := server.Shutdown(finish)
		if err != nil {
			server.Close() // whoever is left has had their time
		}
		stopped <- err
	}()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return <-stopped
}

// eventStream is what EventSource accepts, always and alone (HTML section 9.2).
const eventStream = "text/event-stream"

// endStreams ends the requests for event streams when ctx ends. Others must not notice: their work is finished.
func endStreams(ctx context.Context, handler http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Accept") == eventStream {
			own, cancel := context.WithCancel(r.Context())
			defer cancel()
			defer context.AfterFunc(ctx, cancel)()
			r = r.WithContext(own)
		}
		handler.ServeHTTP(w, r)
	})
}
