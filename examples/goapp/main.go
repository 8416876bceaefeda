// Command goapp shows a Go application that guards itself with Curfew's middleware while the verifier runs in another process, with an
// API that the page's scripts call by requests signed with the session's key. It starts everything: an identity provider and a verifier
// in this process, and the application in a second one.
package main

import (
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/curfew-project/curfew/examples/inprocess"
	"github.com/curfew-project/curfew/verifier/server"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	what := everything
	if len(os.Args) > 1 && os.Args[1] == "app" {
		what = application
	}
	if err := what(ctx); err != nil && !errors.Is(err, flag.ErrHelp) && ctx.Err() == nil {
		fmt.Fprintln(os.Stderr, "goapp:", err)
		os.Exit(1)
	}
}

// everything starts the provider and the verifier here and the application as another process.
func everything(ctx context.Context) error {
	flags := flag.NewFlagSet("goapp", flag.ContinueOnError)
	port := flags.Int("port", 8420, "the port of the application; the identity provider and the verifier have the next two")
	if err := flags.Parse(os.Args[1:]); err != nil {
		return err
	}
	data, err := os.MkdirTemp("", "curfew-goapp-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(data)
	var open [3]net.Listener
	for i := range open {
		if open[i], err = inprocess.Listen(*port + i); err != nil {
			return fmt.Errorf("%w (it takes three ports; choose others with -port)", err)
		}
		defer open[i].Close()
	}
	log := slog.New(slog.DiscardHandler)
	b, err := newBack(ctx, open[0], open[1], inprocess.Options{Data: data, Now: time.Now, Random: rand.Reader, Log: log})
	if err != nil {
		return err
	}
	defer b.verifier.Close()
	child, err := b.application(ctx, open[0], open[2].Addr().String(), os.Stderr)
	if err != nil {
		return err
	}
	fmt.Printf("Open %s and sign in as %s with the password %s.\nPress Ctrl+C to stop.\n", b.origin, user.Name, user.Password)

	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	done := make(chan error, 3)
	go func() { done <- server.Serve(ctx, open[1], b.login, log) }()
	go func() { done <- server.Serve(ctx, open[2], b.verifier.Public(), log) }()
	go func() { done <- child.Wait() }()
	go b.verifier.Run(ctx)
	err = <-done
	cancel()
	return errors.Join(err, <-done, <-done)
}

// application runs the application's process. It gets the listener that its parent has opened, so that it needs no port of its own.
func application(ctx context.Context) error {
	flags := flag.NewFlagSet("goapp app", flag.ContinueOnError)
	verifier := flags.String("verifier", "", "where the verifier answers")
	origin := flags.String("origin", "", "what browsers call the application")
	secret := flags.String("secret-file", "", "file with the secret for the verifier")
	if err := flags.Parse(os.Args[2:]); err != nil {
		return err
	}
	text, err := os.ReadFile(*secret)
	if err != nil {
		return err
	}
	listener, err := net.FileListener(os.NewFile(3, "listener"))
	if err != nil {
		return err
	}
	handler, err := newApp(ctx, *verifier, *origin, string(text))
	if err != nil {
		return err
	}
	s := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	defer context.AfterFunc(ctx, func() { s.Close() })()
	return s.Serve(listener)
}

// application starts the application's process from this very program.
func (b *back) application(ctx context.Context, listener net.Listener, verifier string, complaints io.Writer) (*exec.Cmd, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	file, err := listener.(*net.TCPListener).File()
	if err != nil {
		return nil, err
	}
	defer file.Close()
	child := exec.CommandContext(ctx, self, "app", "-verifier", "http://"+verifier, "-origin", b.origin, "-secret-file", filepath.Join(b.data, secretFile))
	child.ExtraFiles, child.Stderr, child.Env = []*os.File{file}, complaints, append(os.Environ(), asApplication+"=1")
	child.Cancel = func() error { return child.Process.Signal(os.Interrupt) }
	child.WaitDelay = 5 * time.Second
	return child, child.Start()
}

// asApplication is in the environment of the application's process.
const asApplication = "CURFEW_GOAPP_APPLICATION"
