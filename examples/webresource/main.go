// Command webresource shows which frames of a page Curfew watches and protects, in one process: an application page with web
// resources that include the script, one that does not, and a frame of another origin that takes part. Nothing else needs to be
// installed.
package main

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

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "webresource:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	flags := flag.NewFlagSet("webresource", flag.ContinueOnError)
	port := flags.Int("port", 8410, "the port of the application; the identity provider has the next one")
	if err := flags.Parse(os.Args[1:]); err != nil {
		return err
	}
	data, err := os.MkdirTemp("", "curfew-webresource-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(data)
	app, err := listen(*port)
	if err != nil {
		return err
	}
	defer app.Close()
	login, err := listen(*port + 1)
	if err != nil {
		return err
	}
	defer login.Close()
	e, err := newExample(ctx, options{AppPort: portOf(app), LoginPort: portOf(login), Data: data, Now: time.Now, Random: rand.Reader, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	defer e.Close()

	fmt.Printf("Open %s and sign in as %s with the password %s.\nPress Ctrl+C to stop.\n", e.own, user.Name, user.Password)

	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	done := make(chan error, 2)
	go func() { done <- server.Serve(ctx, app, e.App) }()
	go func() { done <- server.Serve(ctx, login, e.Login) }()
	go e.verifier.Run(ctx)
	err = <-done
	cancel()
	return errors.Join(err, <-done)
}

func listen(port int) (net.Listener, error) {
	return net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
}

func portOf(l net.Listener) int { return l.Addr().(*net.TCPAddr).Port }
