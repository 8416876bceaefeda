// Command demo shows Curfew in one process: a patient-record application, the verifier in front of it, and an identity provider
// with a password form. Nothing else needs to be installed.
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
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	flags := flag.NewFlagSet("demo", flag.ContinueOnError)
	port := flags.Int("port", 8400, "the port of the application; the identity provider has the next one")
	verbose := flags.Bool("verbose", false, "log every event of the verifier as JSON")
	if err := flags.Parse(os.Args[1:]); err != nil {
		return err
	}
	data, err := os.MkdirTemp("", "curfew-demo-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(data)

	log := slog.New(slog.DiscardHandler)
	if *verbose {
		log = slog.New(slog.NewJSONHandler(os.Stderr, nil))
	}
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
	d, err := newDemo(ctx, options{AppPort: portOf(app), LoginPort: portOf(login), Data: data, Now: time.Now, Random: rand.Reader, Log: log})
	if err != nil {
		return err
	}
	defer d.Close()

	fmt.Printf(`Curfew's demo is running. Open one of:

  %s    short times: see everything in two minutes
  %s    normal times

Sign in with one of the two accounts:

`, d.short, d.normal)
	for _, user := range users {
		fmt.Printf("  user name %-8s password %s\n", user.Name, user.Password)
	}
	fmt.Printf(`
Accounts: %s
  Disable an account and see its session end at the next check, after about half a minute at the short times.
  Or sign it out everywhere, or simulate an outage.

Press Ctrl+C to stop.
`, d.accounts)

	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	done := make(chan error, 2)
	go func() { done <- server.Serve(ctx, app, d.App) }()
	go func() { done <- server.Serve(ctx, login, d.Login) }()
	go d.verifier.Run(ctx)
	err = <-done
	cancel()
	return errors.Join(err, <-done)
}

func listen(port int) (net.Listener, error) {
	l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		err = fmt.Errorf("%w (the demo takes two ports; choose others with make run PORT=9000)", err)
	}
	return l, err
}

func portOf(l net.Listener) int { return l.Addr().(*net.TCPAddr).Port }
