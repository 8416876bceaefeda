package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"net"
	"time"

	"github.com/spf13/cobra"

	"github.com/curfew-project/curfew/verifier/config"
	"github.com/curfew-project/curfew/verifier/server"
	"github.com/curfew-project/curfew/wasm/dist"
)

func serveCommand() *cobra.Command {
	var path string
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run the verifier",
		Long: `Run the verifier: the addresses for browsers and reverse proxies on "listen", and healthz, readyz
and metrics on "operator_listen". It stops on SIGINT and SIGTERM after finishing what is under way.`,
		Example: `  curfew serve --config /etc/curfew/curfew.yaml`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := config.Load(path)
			if err != nil {
				return err
			}
			agent, err := dist.Load()
			if err != nil {
				return err
			}
			log := slog.New(slog.NewJSONHandler(cmd.ErrOrStderr(), nil))
			return serve(cmd.Context(), c, server.Options{Now: time.Now, Random: rand.Reader, Log: log, Agent: agent})
		},
	}
	cmd.Flags().StringVarP(&path, "config", "c", "curfew.yaml", "the configuration file")
	return cmd
}

func serve(ctx context.Context, c config.Config, o server.Options) (err error) {
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
	o.Log.Info("serving", "listen", public.Addr().String(), "operator_listen", operator.Addr().String(), "prefix", c.Prefix)

	done := make(chan error, 2)
	go func() { done <- server.Serve(ctx, public, verifier.Public()) }()
	go func() { done <- server.Serve(ctx, operator, verifier.Operator()) }()
	go verifier.Run(ctx) // Close waits for it
	err = <-done
	cancel()
	if second := <-done; err == nil {
		err = second
	}
	o.Log.Info("stopped")
	return err
}
