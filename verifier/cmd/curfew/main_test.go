package main

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"curfew": main,
		"curfew-with-clock": func() {
			if err := serveWithClock(); err != nil {
				os.Stderr.WriteString("Error: " + err.Error() + "\n")
				os.Exit(1)
			}
		},
		"curfew-storybook": func() {
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			defer cancel()
			if err := tryStorybook(ctx); err != nil {
				os.Stderr.WriteString(err.Error() + "\n")
				os.Exit(1)
			}
		},
		// stopped runs a command and stops it as an operator does, as soon as it answers on readyz.
		"curfew-until-ready": func() {
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			defer cancel()
			if err := untilReady(ctx); err != nil {
				os.Stderr.WriteString(err.Error() + "\n")
				os.Exit(1)
			}
		},
	})
}

// TestScripts specifies the command line: one file in testdata for each command and its errors.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{Dir: "testdata/script", RequireExplicitExec: true, RequireUniqueNames: true, Cmds: scriptCommands()})
}
