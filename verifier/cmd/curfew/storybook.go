package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/curfew-project/curfew/verifier/server"
	"github.com/curfew-project/curfew/verifier/storybook"
	"github.com/curfew-project/curfew/verifier/texts"
	"github.com/curfew-project/curfew/wasm/dist"
)

func storybookCommand() *cobra.Command {
	var port uint16
	var dir string
	cmd := &cobra.Command{
		Use:   "storybook",
		Short: "Show every state of the dialog and of every page (development only)",
		Long: `Show every state of the dialog, of the cover and of the verifier's own pages on one page, in every language, theme and page
direction, and each on a page of its own. The agent is the real one; the verifier is a script that keeps every page in its state.

For development only: it guards nothing. It is reachable from this machine only, at 127.0.0.1.`,
		Example: `  curfew storybook
  curfew storybook --port 8500 --texts /etc/curfew/texts`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			catalog, err := texts.Load(dir)
			if err != nil {
				return err
			}
			agent, err := dist.Load()
			if err != nil {
				return err
			}
			book, err := storybook.New(storybook.Config{Agent: agent, Texts: catalog, Now: time.Now})
			if err != nil {
				return err
			}
			listener, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(int(port))))
			if err != nil {
				return fmt.Errorf("port: %w", err)
			}
			defer listener.Close()
			fmt.Fprintf(cmd.OutOrStdout(), "Storybook: http://localhost:%d\n", listener.Addr().(*net.TCPAddr).Port)
			return server.Serve(cmd.Context(), listener, until(cmd.Context(), book), slog.New(slog.NewJSONHandler(cmd.ErrOrStderr(), nil)))
		},
	}
	cmd.Flags().Uint16Var(&port, "port", 8500, "the port; 0: any that is free")
	cmd.Flags().StringVar(&dir, "texts", "", "a directory with languages of your own, as in the configuration")
	return cmd
}

// until ends every request when ctx ends, because some answers are kept back.
func until(ctx context.Context, handler http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		own, cancel := context.WithCancel(r.Context())
		defer cancel()
		defer context.AfterFunc(ctx, cancel)()
		handler.ServeHTTP(w, r.WithContext(own))
	})
}
