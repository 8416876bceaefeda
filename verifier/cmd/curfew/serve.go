package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
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
mistakes is refused, and the old one stays in force. It stops on SIGINT and SIGTERM after finishing what is under way.`,
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
	public, err := net.Listen("tcp", c.Listen)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	defer public.Close()
	operator, err := net.Listen("tcp", c.OperatorListen)
	if err != nil {
		return fmt.Errorf("operator_listen: %w", err)
	}
	defer operator.Close()
	var local net.Listener
	if c.Admin.Socket != "" {
		if local, err = adminapi.ListenSocket(c.Admin.Socket); err != nil {
			return fmt.Errorf("admin.socket: %w", err)
		}
		defer local.Close()
	}
	o.Log.Info("serving", "listen", public.Addr().String(), "operator_listen", operator.Addr().String(), "prefix", c.Prefix)

	done := make(chan error, 3)
	go func() { done <- server.Serve(ctx, public, verifier.Public(), o.Log) }()
	go func() { done <- server.Serve(ctx, operator, verifier.Operator(), o.Log) }()
	served := 2
	if local != nil {
		served++
		go func() { done <- server.ServeLocal(ctx, local, verifier.Local(), o.Log) }()
	}
	go verifier.Run(ctx) // Close waits for it
	watching := make(chan struct{})
	go func() {
		defer close(watching)
		watch(ctx, source, c, verifier)
	}()
	err = <-done
	cancel()
	for range served - 1 {
		if next := <-done; err == nil {
			err = next
		}
	}
	<-watching
	o.Log.Info("stopped")
	return err
}

// lookEvery is how often the configuration is looked at.
const lookEvery = 2 * time.Second

// watch puts every changed configuration in force that is correct, until ctx ends.
func watch(ctx context.Context, source config.Source, c config.Config, verifier *server.Server) {
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	defer signal.Stop(hangup)
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	changed := func(next config.Config) { _ = verifier.Reload(ctx, next) } // it has told already
	config.NewWatcher(source, c, changed, verifier.RefuseConfig).Run(ctx, ticker.C, hangup)
}
