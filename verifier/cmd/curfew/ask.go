package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
)

// errNobody is the error when there is nobody to ask.
var errNobody = errors.New("nothing was changed: there is no terminal to ask at; give --yes")

// errNo is the error when somebody said no.
var errNo = errors.New("nothing was changed")

// confirm asks whether to go on, unless yes says so already.
func confirm(cmd *cobra.Command, yes bool, question string) error {
	if yes {
		return nil
	}
	if !terminal(cmd.InOrStdin()) {
		return errNobody
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "%s [y/N] ", printable(question))
	text, err := bufio.NewReader(io.LimitReader(cmd.InOrStdin(), 100)).ReadString('\n')
	if err != nil {
		fmt.Fprintln(cmd.ErrOrStderr())
		return errNobody
	}
	switch strings.ToLower(strings.TrimSpace(text)) {
	case "y", "yes":
		return nil
	}
	return errNo
}

// terminal reports whether a person is at the other end. A device such as /dev/null only looks like it, and gives no answer.
func terminal(stream any) bool {
	file, ok := stream.(*os.File)
	if !ok {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
