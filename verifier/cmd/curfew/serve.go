package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/curfew-project/curfew/verifier/admin/adminapi"
	"github.com/curfew-project/curfew/verifier/config"
	"github.com/curfew-project/curfew/verifier/server"
	"github.com/curfew-project/curfew/wasm/dist"
)

func serveCommand() *cobra.Command {
	var path string
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run the verifier",
		Long: `Run the verifier: the addresses for browsers and reverse proxies on "listen", and healthz, readyz, metrics, the
administrators' console and API on "operator_listen". The other commands reach it through a socket in its data directory.

A changed configuration file, or a file with a secret that it names, is taken within seconds, or at once on SIGHUP; one with
mistakes is refused, and the old one stays in force.

On SIGINT or SIGTERM readyz says so at once, no connection is taken any more, event streams end, and what is under way has
"stop_timeout" to finish; a second signal does not wait for it. Exit status 0 means that everything was finished, 1 that
something was cut off or failed; what was acknowledged is kept either way. A third signal kills.

It tells systemd when it is ready, reloads and stops, and keeps its watchdog (sd_notify).`,
		Example: `  curfew serve --config /etc/curfew/curfew.yaml
  CURFEW_LISTEN=0.0.0.0:8480 curfew serve`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			source := configSource(cmd, path)
			c, err := source.Load()
			if err != nil {
				return err
			}
			agent, err := dist.Load()
			if err != nil {
				return err
			}
			log := slog.New(slog.NewJSONHandler(cmd.ErrOrStderr(), nil))
			return serve(cmd.Context(), source, c, server.Options{Now: time.Now, Elapsed: sinceStart(), Random: rand.Reader, Log: log, Agent: agent, Stdout: cmd.OutOrStdout()})
		},
	}
	configFlag(cmd, &path)
	return cmd
}

// sinceStart measures by the monotonic clock.
func sinceStart() func() time.Duration {
	start := time.Now()
	return func() time.Duration { return time.Since(start) }
}

func serve(ctx context.Context, source config.Source, c config.Config, o server.Options) (err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	verifier, err := server.New(ctx, c, o)
	if err != nil {
		return err
	}
	defer func() {
		if closeErr := verifier.Close(); err == nil {
			err = closeErr
		}
	}()
	public, err := server.Listen(c.Listen, int(c.MaxConnections))
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	defer public.Close()
	operator, err := server.Listen(c.OperatorListen, operatorConnections)
	if err != nil {
		return fmt.Errorf("operator_listen: %w", err)
	}
	defer operator.Close()
	var relay net.Listener
	if c.Relay != nil {
		if relay, err = server.Listen(c.Relay.Listen, int(c.MaxConnections)); err != nil {
			return fmt.Errorf("relay.listen: %w", err)
		}
		defer relay.Close()
	}
	var local net.Listener
	if c.Admin.Socket != "" {
		if local, err = adminapi.ListenSocket(c.Admin.Socket); err != nil {
			return fmt.Errorf("admin.socket: %w", err)
		}
		defer local.Close()
	}

	// Operators see it finish what is under way, so their listeners end last, and the work in the background too.
	after, finished := context.WithCancel(context.WithoutCancel(ctx))
	defer finished()
	within := time.Duration(c.StopTimeout)
	first, last := server.Stop{Begin: ctx, AtOnce: atOnce(ctx), Within: within}, server.Stop{Begin: after, AtOnce: atOnce(ctx), Within: operatorTime}
	done := make(chan error, 4)
	left := 2
	served := make(chan struct{})
	go func() {
		defer close(served)
		done <- verifier.ServePublic(first, public)
	}()
	go func() { done <- verifier.ServeOperator(last, operator) }()
	if relay != nil {
		left++
		go func() { done <- server.Serve(ctx, relay, verifier.Relay(), o.Log) }() // sockets that are open then are closed by Close
	}
	if local != nil {
		left++
		go func() { done <- verifier.ServeLocal(last, local) }()
	}
	go verifier.Run(after) // Close waits for it
	boss := supervisor{o.Log}
	var besides sync.WaitGroup
	besides.Go(func() { watch(ctx, source, c, verifier, boss) })
	besides.Go(func() { boss.watchdog(after, verifier.Alive) })
	o.Log.Info("serving", "listen", public.Addr().String(), "operator_listen", operator.Addr().String(), "prefix", c.Prefix)
	boss.ready("serving on " + public.Addr().String())

	select {
	case <-ctx.Done():
		verifier.Stopping()
		boss.stopping()
		o.Log.Info("stopping", "within", within.String())
		<-served
	case err = <-done: // a listener has failed
		left--
		cancel()
		<-served
	}
	finished()
	for range left {
		if next := <-done; err == nil {
			err = next
		}
	}
	besides.Wait()
	o.Log.Info("stopped")
	return err
}

const (
	// operatorConnections bounds those of operators, probes and the console.
	operatorConnections = 1000
	// operatorTime is how long an operator's request has to finish.
	operatorTime = 10 * time.Second
)

// lookEvery is how often the configuration is looked at.
const lookEvery = 2 * time.Second

// watch puts every changed configuration in force that is correct, until ctx ends.
func watch(ctx context.Context, source config.Source, c config.Config, verifier *server.Server, boss supervisor) {
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	defer signal.Stop(hangup)
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	changed := func(next config.Config) {
		defer boss.reloading()()
		_ = verifier.Reload(ctx, next) // it has told already
	}
	refused := func(err error) {
		defer boss.reloading()()
		verifier.RefuseConfig(err)
	}
	config.NewWatcher(source, c, changed, refused).Run(ctx, ticker.C, hangup)
}
