package inprocess

import (
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/curfew-project/curfew/verifier/server"
)

// Main is an example's command: it runs the example until it is interrupted. The application gets a port, and the identity provider
// the next one.
func Main(name string, port int, start func(context.Context, Options) (Example, error)) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, name, port, start); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, name+":", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, name string, port int, start func(context.Context, Options) (Example, error)) error {
	flags := flag.NewFlagSet(name, flag.ContinueOnError)
	flags.IntVar(&port, "port", port, "the port of the application; the identity provider has the next one")
	verbose := flags.Bool("verbose", false, "log every event of the verifier as JSON")
	if err := flags.Parse(os.Args[1:]); err != nil {
		return err
	}
	log := slog.New(slog.DiscardHandler)
	if *verbose {
		log = slog.New(slog.NewJSONHandler(os.Stderr, nil))
	}
	data, err := os.MkdirTemp("", "curfew-"+name+"-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(data)
	app, login, err := listen(port, port+1)
	if err != nil {
		return err
	}
	defer app.Close()
	defer login.Close()
	e, err := start(ctx, Options{AppPort: PortOf(app), LoginPort: PortOf(login), Data: data, Now: time.Now, Random: rand.Reader, Log: log})
	if err != nil {
		return err
	}
	defer e.Verifier.Close()
	fmt.Printf("%s\nPress Ctrl+C to stop.\n", e.Welcome)

	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	done := make(chan error, 2)
	go func() { done <- server.Serve(ctx, app, e.App, log) }()
	go func() { done <- server.Serve(ctx, login, e.Login, log) }()
	go e.Verifier.Run(ctx)
	err = <-done
	cancel()
	return errors.Join(err, <-done)
}

func listen(first, second int) (app, login net.Listener, err error) {
	if app, err = Listen(first); err == nil {
		if login, err = Listen(second); err != nil {
			app.Close()
		}
	}
	if err != nil {
		err = fmt.Errorf("%w (it takes this port and the next one; choose others with -port, or with PORT= behind make run)", err)
	}
	return app, login, err
}

// Listen opens a port of this machine for this machine; 0: any that is free.
func Listen(port int) (net.Listener, error) {
	return net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
}

// PortOf is the port that a listener has got.
func PortOf(l net.Listener) int { return l.Addr().(*net.TCPAddr).Port }
