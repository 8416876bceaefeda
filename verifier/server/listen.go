package server

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	stdlog "log"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"

	"golang.org/x/net/netutil"

	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/verifier/admin/adminapi"
	"github.com/curfew-project/curfew/verifier/config"
)

// Listen listens on an address of the configuration: host:port, or unix: and a path, which its owner and group may write. most bounds the
// connections that are open at once; others wait. 0: no bound.
func Listen(address string, most int) (listener net.Listener, err error) {
	if path, ok := strings.CutPrefix(address, config.UnixSocket); ok {
		listener, err = adminapi.ListenUnix(path, 0o660)
	} else {
		listener, err = net.Listen("tcp", address)
	}
	if err == nil && most > 0 {
		listener = netutil.LimitListener(listener, most)
	}
	return listener, err
}

// Stop says how a server that answers stops.
type Stop struct {
	// Begin ends when no more is to be taken on. What is under way is finished, but event streams are ended: they are under way for as long
	// as a page is open, and browsers open them again by themselves, at another replica.
	Begin context.Context
	// AtOnce ends when nothing is to be waited for any more; nil: never.
	AtOnce context.Context
	// Within bounds how long what is under way has.
	Within time.Duration
}

// ErrCutOff is in the tree of Serve's error when requests were cut off because the time was over, or because of AtOnce.
var ErrCutOff = errors.New("requests under way were cut off")

// Serve answers on a listener until ctx ends, then finishes what is under way, for ten seconds at most.
func Serve(ctx context.Context, listener net.Listener, handler http.Handler, log *slog.Logger) error {
	return serveWith(Stop{Begin: ctx, Within: 10 * time.Second}, listener, handler, log, nil)
}

// ServePublic answers browsers and reverse proxies on listen, with TLS where the configuration says so.
func (s *Server) ServePublic(stop Stop, listener net.Listener) error {
	return serveWith(stop, s.tls.over(publicListener, listener), s.Public(), s.o.Log, nil)
}

// ServeOperator answers on operator_listen, with TLS where the configuration says so.
func (s *Server) ServeOperator(stop Stop, listener net.Listener) error {
	return serveWith(stop, s.tls.over(operatorListener, listener), s.Operator(), s.o.Log, nil)
}

// ServeLocal answers on the local socket.
func (s *Server) ServeLocal(stop Stop, listener net.Listener) error {
	return serveWith(stop, listener, s.Local(), s.o.Log, adminapi.ConnContext)
}

// complaints takes what net/http has to say, such as a handler that panicked, into the log as events.
type complaints struct{ log *slog.Logger }

func (c complaints) Write(text []byte) (int, error) {
	if bytes.Contains(text, []byte("TLS handshake error")) { // anybody can make as many of these as they like
		c.log.Debug("tls_handshake_failed", "error", string(bytes.TrimSpace(text)))
		return len(text), nil
	}
	c.log.Error("http_server_error", "error", string(bytes.TrimSpace(text)))
	return len(text), nil
}

func serveWith(stop Stop, listener net.Listener, handler http.Handler, log *slog.Logger, connContext func(context.Context, net.Conn) context.Context) error {
	server := &http.Server{
		ErrorLog:          stdlog.New(complaints{log}, "", 0),
		ConnContext:       connContext,
		Handler:           endStreams(stop.Begin, handler),
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       30 * time.Second,
		WriteTimeout:      2 * time.Minute, // the agent is half a megabyte, and some networks are slow
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    wire.MaxHeader,
		HTTP2:             &http.HTTP2Config{MaxConcurrentStreams: 100},
	}
	atOnce := stop.AtOnce
	if atOnce == nil {
		atOnce = context.Background()
	}
	stopped := make(chan error, 1)
	go func() {
		<-stop.Begin.Done()
		finish, cancel := context.WithTimeout(context.WithoutCancel(stop.Begin), stop.Within)
		defer cancel()
		defer context.AfterFunc(atOnce, cancel)()
		err := server.Shutdown(finish)
		if finish.Err() != nil && err != nil {
			server.Close() // whoever is left has had their time
			err = fmt.Errorf("%w on %s after %s at most", ErrCutOff, listener.Addr(), stop.Within)
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
