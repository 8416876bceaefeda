package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/curfew-project/curfew/verifier/admin/adminapi"
	"github.com/curfew-project/curfew/verifier/config"
)

const (
	defaultConfig = "curfew.yaml"
	defaultSocket = "curfew-data/curfew.sock"
)

// reach is how a command finds the verifier, and in which form it answers.
type reach struct {
	config, socket     string
	address, tokenFile string
	json               bool
}

// flags gives a command, and all below it, the flags of a reach.
func (r *reach) flags(cmd *cobra.Command) *cobra.Command {
	flags := cmd.PersistentFlags()
	flags.StringVarP(&r.config, "config", "c", defaultConfig, "the configuration file, which says where the socket is")
	flags.StringVar(&r.socket, "socket", "", "the verifier's socket, whatever the configuration file says")
	flags.StringVar(&r.address, "address", "", "the verifier's operator_listen, such as https://verifier.example:8481, instead of the socket")
	flags.StringVar(&r.tokenFile, "token-file", "", "the file with the token for --address")
	flags.BoolVar(&r.json, "json", false, "answer as JSON, with the field names of the API and instants in milliseconds since the epoch")
	return cmd
}

// dial is the running verifier.
func (r *reach) dial(cmd *cobra.Command) (*adminapi.Client, error) {
	switch {
	case r.address == "" && r.tokenFile != "":
		return nil, usage("--token-file is for --address; the socket needs no token")
	case r.address != "" && r.socket != "":
		return nil, usage("--address and --socket are given; allowed: one of them")
	case r.address != "" && r.tokenFile == "":
		return nil, usage("--address needs a token: give --token-file")
	case r.address != "":
		token, err := readToken(r.tokenFile)
		if err != nil {
			return nil, err
		}
		transport := http.DefaultTransport.(*http.Transport).Clone()
		transport.ResponseHeaderTimeout = adminapi.Patience
		client, err := adminapi.Dial(r.address, token, transport)
		if err != nil {
			return nil, usageError{err}
		}
		return client, nil
	case r.socket != "":
		return adminapi.DialSocket(r.socket), nil
	}
	path, err := r.configuredSocket(cmd.Flags().Changed("config"))
	if err != nil {
		return nil, err
	}
	return adminapi.DialSocket(path), nil
}

// configuredSocket is where the configuration file has the socket. Without a file it is where it would be by default.
func (r *reach) configuredSocket(given bool) (string, error) {
	c, err := config.Source{Path: r.config, Environ: os.Environ()}.Load()
	switch {
	case errors.Is(err, fs.ErrNotExist) && !given:
		if _, err := os.Stat(defaultSocket); errors.Is(err, fs.ErrNotExist) {
			return "", &adminapi.Unreachable{Where: "socket " + defaultSocket, Err: errNoFile}
		}
		return defaultSocket, nil
	case err != nil:
		return "", fmt.Errorf("%w\n--socket says where the verifier's socket is, whatever is in the file", err)
	case c.Admin.Socket == "":
		return "", fmt.Errorf("%s has admin.socket off; give --address and --token-file", r.config)
	}
	return nearest(c.Admin.Socket), nil
}

// nearest is a path in its shorter form, absolute or from here: a socket's path has few characters.
func nearest(path string) string {
	here, err := os.Getwd()
	if err != nil {
		return path
	}
	if relative, err := filepath.Rel(here, path); err == nil && len(relative) < len(path) {
		return relative
	}
	return path
}

// errNoFile is why a command looks for the verifier where it is by default.
var errNoFile = errors.New("there is no such file, and no " + defaultConfig + " was found here; --config or --socket says where")

// maxToken bounds a file with a token.
const maxToken = 4 << 10

func readToken(path string) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("--token-file: %w", err)
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, maxToken+1))
	if err != nil {
		return "", fmt.Errorf("--token-file: %w", err)
	}
	text = bytes.TrimSpace(text)
	if len(text) == 0 || len(text) > maxToken || bytes.ContainsAny(text, " \t\r\n") {
		return "", fmt.Errorf("--token-file %s has no token; allowed: one word of up to %d characters", path, maxToken)
	}
	return string(text), nil
}

// completing bounds how long a shell waits for completions.
const completing = time.Second

// complete asks the verifier for completions. Whatever goes wrong, there are none.
func (r *reach) complete(cmd *cobra.Command, ask func(context.Context, *adminapi.Client) ([]string, error)) ([]string, cobra.ShellCompDirective) {
	client, err := r.dial(cmd)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), completing)
	defer cancel()
	found, err := ask(ctx, client)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return found, cobra.ShellCompDirectiveNoFileComp
}

// environments completes the IDs of environments, as a flag or as the first argument.
func (r *reach) environments(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	return r.complete(cmd, func(ctx context.Context, client *adminapi.Client) ([]string, error) {
		all, err := client.Environments(ctx)
		var ids []string
		for _, env := range all {
			ids = append(ids, cobra.CompletionWithDesc(env.ID, env.Name))
		}
		return ids, err
	})
}

// firstEnvironment completes the first argument only.
func (r *reach) firstEnvironment(cmd *cobra.Command, args []string, prefix string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return r.environments(cmd, args, prefix)
}

// environmentFlag gives a command the flag --env.
func (r *reach) environmentFlag(cmd *cobra.Command, into *string, what string) {
	cmd.Flags().StringVar(into, "env", "", what)
	must(cmd.RegisterFlagCompletionFunc("env", r.environments))
}

// must is for errors that only a mistake in this program can make.
func must(err error) {
	if err != nil {
		panic(err)
	}
}
