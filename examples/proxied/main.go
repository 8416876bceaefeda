package proxied

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/curfew-project/curfew/examples/inprocess"
)

// Main is an example's command: it runs the example until it is interrupted. The proxy gets a port, and the identity provider the next one.
func Main(p Proxy) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, p); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, p.Name+":", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, p Proxy) error {
	flags := flag.NewFlagSet(p.Name, flag.ContinueOnError)
	port := flags.Int("port", p.Port, "the port of "+p.Name+"; the identity provider has the next one")
	verbose := flags.Bool("verbose", false, "log every event of the verifier as JSON")
	if err := flags.Parse(os.Args[1:]); err != nil {
		return err
	}
	log := slog.New(slog.DiscardHandler)
	if *verbose {
		log = slog.New(slog.NewJSONHandler(os.Stderr, nil))
	}
	data, err := os.MkdirTemp("", "curfew-"+p.Name+"-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(data)
	// The proxy listens itself. Where it cannot, whoever has its port would be taken for it.
	own, err := inprocess.Listen(*port)
	if err == nil {
		err = own.Close()
	}
	if err != nil {
		return fmt.Errorf("%w (it takes ports %d and %d; choose others with -port)", err, *port, *port+1)
	}
	login, err := inprocess.Listen(*port + 1)
	if err != nil {
		return fmt.Errorf("%w (it takes ports %d and %d; choose others with -port)", err, *port, *port+1)
	}
	defer login.Close()
	o := Options{Login: login, Options: inprocess.Options{AppPort: *port, Data: data, Now: time.Now, Random: rand.Reader, Log: log}}
	r, cmd, err := Start(ctx, p, o)
	if err != nil {
		return err
	}
	defer r.Close()
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	defer func() {
		// Both take this signal for: at once.
		cmd.Process.Signal(syscall.SIGTERM)
		<-ended
	}()
	if err := Answers(ctx, r.Origin, ended); err != nil {
		return err
	}
	fmt.Printf("Open %s and sign in as %s with the password %s.\nPress Ctrl+C to stop.\n", r.Origin, User.Name, User.Password)
	select {
	case <-ctx.Done():
		return nil
	case err := <-ended:
		ended <- err
		return fmt.Errorf("%s ended: %w", p.Program, errors.Join(err, errors.New("see what it wrote above")))
	case err := <-r.done:
		return err
	}
}

// Answers waits until the proxy takes connections, and has a certificate where it needs one. ended is told when it cannot any more, and is left as it was.
func Answers(ctx context.Context, origin string, ended chan error) error {
	request, err := http.NewRequest(http.MethodGet, origin, nil)
	if err != nil {
		return err
	}
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for {
		connection, err := dial(request.URL)
		if err == nil {
			return connection.Close()
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case err := <-ended:
			ended <- err
			return fmt.Errorf("the proxy did not start: %w", errors.Join(err, errors.New("see what it wrote above")))
		case <-ticker.C:
		}
	}
}

func dial(to *url.URL) (net.Conn, error) {
	if to.Scheme == "https" {
		return tls.Dial("tcp", to.Host, &tls.Config{ServerName: to.Hostname(), InsecureSkipVerify: true}) // nothing is sent
	}
	return net.Dial("tcp", to.Host)
}
