package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/spf13/cobra"

	"github.com/curfew-project/curfew/shared/policy"
	"github.com/curfew-project/curfew/verifier/settings"
)

// clientDraft is a list of matchers as the command line has it.
type clientDraft struct {
	file           string
	match, enforce []string
	none           bool
}

func (d *clientDraft) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&d.file, "file", "", "a YAML or JSON file with matchers and enforced; - is the standard input")
	cmd.Flags().StringArrayVar(&d.match, "match", nil, "KIND:user-agent=PATTERN or KIND:client-id=ID; * stands for any text; may be given more than once, in order")
	cmd.Flags().StringArrayVar(&d.enforce, "enforce", nil, "KIND:session,inactivity: what is enforced in a kind after all; may be given more than once")
}

// read is what was given; given is false when that is nothing.
func (d *clientDraft) read() (clients settings.Clients, given bool, err error) {
	flags := len(d.match) > 0 || len(d.enforce) > 0
	switch {
	case d.none && (flags || d.file != ""), flags && d.file != "":
		return clients, false, usage("allowed: one of --file, --none, or --match with --enforce")
	case d.none:
		return clients, true, nil
	case d.file != "":
		clients, err = readClients(d.file)
		return clients, true, err
	}
	for _, text := range d.match {
		m, err := parseMatch(text)
		if err != nil {
			return clients, false, err
		}
		clients.Matchers = append(clients.Matchers, m)
	}
	for _, text := range d.enforce {
		kind, is, err := parseEnforce(text)
		if err != nil {
			return clients, false, err
		}
		if clients.Enforced == nil {
			clients.Enforced = map[policy.Client]settings.Enforced{}
		}
		clients.Enforced[kind] = is
	}
	return clients, flags, nil
}

func clientNames(more ...string) string {
	names := more
	for _, kind := range policy.Clients() {
		names = append(names, settings.ClientName(kind))
	}
	return strings.Join(names, ", ")
}

func parseMatch(text string) (settings.Matcher, error) {
	name, rule, form := strings.Cut(text, ":")
	kind, ok := settings.ParseClient(name)
	if form && !ok {
		return settings.Matcher{}, usage("--match is %q; its kind must be one of %s", text, clientNames("browser"))
	}
	by, value, _ := strings.Cut(rule, "=")
	switch {
	case by == "user-agent" && value != "":
		return settings.Matcher{Client: kind, UserAgent: value}, nil
	case by == "client-id" && value != "":
		return settings.Matcher{Client: kind, ClientID: value}, nil
	}
	return settings.Matcher{}, usage("--match is %q; allowed: KIND:user-agent=PATTERN or KIND:client-id=ID; for both at once use --file", text)
}

func parseEnforce(text string) (policy.Client, settings.Enforced, error) {
	name, what, _ := strings.Cut(text, ":")
	kind, ok := settings.ParseClient(name)
	if !ok || kind == policy.Browser {
		return "", settings.Enforced{}, usage("--enforce is %q; its kind must be one of %s; in browsers everything is enforced", text, clientNames())
	}
	var is settings.Enforced
	for _, one := range strings.Split(what, ",") {
		switch one {
		case "session":
			is.Session = true
		case "inactivity":
			is.Inactivity = true
		case "none":
		default:
			return "", is, usage("--enforce is %q; allowed: KIND:session, KIND:inactivity, KIND:session,inactivity or KIND:none", text)
		}
	}
	return kind, is, nil
}

// maxClients bounds a file with matchers.
const maxClients = 1 << 20

// fileClients is a file with matchers: as in the configuration file, where browser is a kind as well.
type fileClients struct {
	Matchers []struct {
		Client    string `json:"client"`
		ClientID  string `json:"client_id"`
		UserAgent string `json:"user_agent"`
	} `json:"matchers"`
	Enforced map[policy.Client]settings.Enforced `json:"enforced"`
}

func readClients(path string) (settings.Clients, error) {
	var clients settings.Clients
	in := io.Reader(os.Stdin)
	if path != "-" {
		file, err := os.Open(path)
		if err != nil {
			return clients, fmt.Errorf("--file: %w", err)
		}
		defer file.Close()
		in = file
	}
	text, err := io.ReadAll(io.LimitReader(in, maxClients+1))
	if err == nil && len(text) > maxClients {
		err = fmt.Errorf("it has more than %d bytes", maxClients)
	}
	if err == nil {
		text, err = toJSON(text)
	}
	var found fileClients
	if err == nil {
		decoder := json.NewDecoder(bytes.NewReader(text))
		decoder.DisallowUnknownFields()
		err = decoder.Decode(&found)
	}
	if err != nil {
		return clients, fmt.Errorf("--file %s: %s; allowed: matchers, each with client, client_id and user_agent, and enforced, with session and inactivity for each kind",
			path, strings.TrimPrefix(err.Error(), "json: "))
	}
	for _, m := range found.Matchers {
		kind, ok := settings.ParseClient(m.Client)
		if !ok {
			return clients, fmt.Errorf("--file %s: client is %q; allowed: %s", path, m.Client, clientNames("browser"))
		}
		clients.Matchers = append(clients.Matchers, settings.Matcher{Client: kind, ClientID: m.ClientID, UserAgent: m.UserAgent})
	}
	clients.Enforced = found.Enforced
	return clients, nil
}

// toJSON reads YAML, of which JSON is a part. The library panics on some malformed texts; here that is an error like any other.
func toJSON(text []byte) (out []byte, err error) {
	defer func() {
		if problem := recover(); problem != nil {
			out, err = nil, fmt.Errorf("it cannot be read as YAML: %v", problem)
		}
	}()
	if len(bytes.TrimSpace(text)) == 0 {
		return nil, errors.New("it is empty")
	}
	return yaml.YAMLToJSON(text)
}
