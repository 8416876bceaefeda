package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"

	"github.com/spf13/cobra"

	"github.com/curfew-project/curfew/shared/policy"
	"github.com/curfew-project/curfew/verifier/admin"
	"github.com/curfew-project/curfew/verifier/admin/adminapi"
	"github.com/curfew-project/curfew/verifier/audit"
)

// Exit statuses of every command.
const (
	exitFailed = 1 // refused, or it did not work
	exitUsage  = 2 // the command line itself is wrong
)

// usageError is a command line that cannot be meant.
type usageError struct{ error }

func usage(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// watchUsage makes every error that comes before a command runs a usageError, in the command and all below it.
func watchUsage(cmd *cobra.Command) {
	cmd.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error { return usageError{flagError(cmd, err)} })
	if check := cmd.Args; check != nil {
		cmd.Args = func(cmd *cobra.Command, args []string) error {
			if err := check(cmd, args); err != nil {
				return usageError{err}
			}
			return nil
		}
	}
	for _, below := range cmd.Commands() {
		watchUsage(below)
	}
}

// badValue is how cobra names a flag whose value cannot be read.
var badValue = regexp.MustCompile(`for "(?:-., )?--([a-z-]+)" flag: `)

// flagError says what a flag takes, where cobra says what a function of Go did not like.
func flagError(cmd *cobra.Command, err error) error {
	var bad interface{ GetValue() string }
	named := badValue.FindStringSubmatch(err.Error())
	if !errors.As(err, &bad) || named == nil {
		return err
	}
	flag := cmd.Flags().Lookup(named[1])
	if flag == nil {
		return err
	}
	allowed, ok := map[string]string{
		"bool": "true or false", "duration": "a number with its unit, such as 90s, 20m or 24h", "int": "a whole number", "int64": "a whole number",
	}[flag.Value.Type()]
	if !ok {
		return err
	}
	return fmt.Errorf("--%s is %q; allowed: %s", flag.Name, bad.GetValue(), allowed)
}

// arguments are what a command takes, at least and at most (-1: any number), and what to say to somebody who gives other ones.
func arguments(least, most int, give string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		switch {
		case len(args) < least:
			return errors.New("give " + give)
		case most >= 0 && len(args) > most:
			return fmt.Errorf("%q is too much; give %s only", args[most], give)
		}
		return nil
	}
}

// oneEnvironment is for commands about one environment.
var oneEnvironment = arguments(1, 1, "the ID of an environment")

// unchanged is a change that was refused, with what it was for.
type unchanged struct {
	environment string
	edit        admin.Edit
	err         error
}

func (u *unchanged) Error() string { return u.err.Error() }
func (u *unchanged) Unwrap() error { return u.err }

// allow is the command that would let the change through with a switch, or empty: who switches off what a value needs has to change the
// value.
func (u *unchanged) allow(name policy.Switch) string {
	if len(u.edit.Switches) > 0 {
		return ""
	}
	return fmt.Sprintf("curfew switch on %s --env %s", name, u.environment)
}

// group is a command that only has others below it.
func group(cmd *cobra.Command, below ...*cobra.Command) *cobra.Command {
	cmd.AddCommand(below...)
	cmd.SuggestionsMinimumDistance = 2
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return nil
		}
		text := fmt.Sprintf("unknown command %q for %q", args[0], cmd.CommandPath())
		for _, close := range cmd.SuggestionsFor(args[0]) {
			text += fmt.Sprintf("; did you mean %s?", close)
		}
		return errors.New(text)
	}
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	return cmd
}

// report says what went wrong and gives the exit status.
func report(to io.Writer, cmd *cobra.Command, err error) int {
	wrong := usageError{}
	misused := errors.As(err, &wrong) || isUnknownCommand(cmd, err)
	if asked, _ := cmd.Flags().GetBool("json"); asked && !misused {
		encoder := json.NewEncoder(to)
		encoder.SetEscapeHTML(false)
		encoder.Encode(failureOf(err))
		return exitFailed
	}
	fmt.Fprintf(to, "Error: %s\n", printable(explain(err)))
	if misused {
		fmt.Fprintf(to, "Run \"%s --help\" for usage.\n", cmd.CommandPath())
		return exitUsage
	}
	return exitFailed
}

// failure is an error as JSON, where it is no admin.Error.
type failure struct {
	Error   string `json:"error"` // unreachable, broken or failed
	Message string `json:"message"`
	Seq     int64  `json:"seq,omitempty"` // with broken: the first entry that does not fit
}

func failureOf(err error) any {
	var refused *admin.Error
	var away *adminapi.Unreachable
	var broken *audit.Broken
	switch {
	case errors.As(err, &refused):
		return refused
	case errors.As(err, &away):
		return failure{Error: "unreachable", Message: err.Error()}
	case errors.As(err, &broken):
		return failure{Error: "broken", Message: err.Error(), Seq: broken.Seq}
	}
	return failure{Error: "failed", Message: err.Error()}
}

// isUnknownCommand reports whether cobra found no command at all, which it tells by text only: nothing ran then.
func isUnknownCommand(cmd *cobra.Command, err error) bool {
	return !cmd.HasParent() && cmd.RunE == nil && cmd.Run == nil && err != nil
}

// explain is an error with what to do about it.
func explain(err error) string {
	text := err.Error()
	var away *adminapi.Unreachable
	if errors.As(err, &away) {
		return text + "\nIs it running? --config, --socket and --address say where; the socket is for root and for the user that the verifier runs as."
	}
	var refused *admin.Error
	if !errors.As(err, &refused) {
		return text
	}
	var change *unchanged
	if errors.As(err, &change) {
		told := map[policy.Switch]bool{"": true}
		for _, p := range refused.Problems {
			if allow := change.allow(p.Switch); allow != "" && !told[p.Switch] {
				told[p.Switch] = true
				text += "\nTo allow it: " + allow
			}
		}
	}
	if refused.Code == adminapi.Unauthorized {
		text += "\n--token-file names the file with the token."
	}
	return text
}
