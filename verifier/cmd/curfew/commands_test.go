package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"github.com/curfew-project/curfew/shared/policy"
	"github.com/curfew-project/curfew/verifier/admin"
	"github.com/curfew-project/curfew/verifier/settings"
)

// leaves visits every command that does something.
func leaves(cmd *cobra.Command, visit func(*cobra.Command)) {
	if !cmd.HasSubCommands() {
		visit(cmd)
	}
	for _, below := range cmd.Commands() {
		leaves(below, visit)
	}
}

// C6: every command explains itself with an example, and a script specifies it.
func TestC6_EveryCommandHasAnExampleAndAScript(t *testing.T) {
	files, err := filepath.Glob("testdata/script/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	var scripts strings.Builder
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		scripts.Write(text)
	}
	seen := 0
	leaves(root(), func(cmd *cobra.Command) {
		seen++
		path := cmd.CommandPath()
		if cmd.Short == "" || !strings.Contains(cmd.Example, path) {
			t.Errorf("%s: short %q, example %q", path, cmd.Short, cmd.Example)
		}
		for _, line := range strings.Split(cmd.Example, "\n") {
			if !strings.Contains(line, " curfew ") {
				t.Errorf("%s: the example %q is no command", path, line)
			}
		}
		_, arguments, _ := strings.Cut(path, " ")
		if !strings.Contains(scripts.String(), "curfew "+arguments) && !strings.Contains(scripts.String(), "curfew-until-ready "+arguments) && arguments != "storybook" {
			t.Errorf("no script runs %s", path)
		}
	})
	if seen < 25 {
		t.Errorf("only %d commands", seen)
	}
}

// Every administrative command can answer as JSON.
func TestC6_EveryCommandHasJSON(t *testing.T) {
	plain := map[string]bool{"serve": true, "texts": true, "storybook": true, "check-config": true}
	leaves(root(), func(cmd *cobra.Command) {
		if cmd.InheritedFlags().Lookup("json") == nil && cmd.Flags().Lookup("json") == nil && !plain[cmd.Name()] {
			t.Errorf("%s has no --json", cmd.CommandPath())
		}
	})
}

func TestProgressComesAfterAWhileAndGoesAway(t *testing.T) {
	var out strings.Builder
	now := time.UnixMilli(0)
	p := &progress{to: &out, unit: "entries", now: func() time.Time { return now }, begun: now}
	p.at(10, 100)
	now = now.Add(progressAfter - 1)
	p.at(20, 100)
	if p.end(); out.Len() > 0 {
		t.Errorf("too early: %q", out.String())
	}
	now = now.Add(1)
	p.at(50, 100)
	p.at(51, 100) // too soon after
	if want := "\r[###############...............] 50 of 100 entries"; out.String() != want {
		t.Errorf("%q, want %q", out.String(), want)
	}
	out.Reset()
	now = now.Add(redraw)
	p.at(200, 100)
	now = now.Add(redraw)
	p.at(7, 0)
	if want := "\r[##############################] 200 of 100 entries\r7 entries"; out.String() != want {
		t.Errorf("%q, want %q", out.String(), want)
	}
	out.Reset()
	if p.end(); strings.Trim(out.String(), "\r ") != "" || out.Len() == 0 {
		t.Errorf("what stays: %q", out.String())
	}
	nobody := &progress{now: func() time.Time { return now }}
	nobody.at(1, 2)
	nobody.end()
}

// What people have put into names cannot command a terminal.
func TestPrintable(t *testing.T) {
	p := &page{}
	p.table("", []string{"USER", "AGENT"}, []string{"ana\x1b[2J", "a\u009b31m\tb\nc\u202e"})
	p.facts("user agent", "\x07beep")
	p.say("%s", "bell\x07")
	for _, bad := range []string{"\x1b", "\u009b", "\x07", "\u202e", "b\nc"} {
		if strings.Contains(p.text.String(), bad) {
			t.Errorf("%q is in %q", bad, p.text.String())
		}
	}
	if !strings.Contains(p.text.String(), "ana") || !strings.Contains(printable("Zoë Ærø 李"), "Zoë Ærø 李") {
		t.Error("a name was lost")
	}
}

func TestConfirm(t *testing.T) {
	cmd := &cobra.Command{}
	cmd.SetErr(io.Discard)
	cmd.SetIn(strings.NewReader("y\n"))
	if err := confirm(cmd, false, "?"); !errors.Is(err, errNobody) {
		t.Errorf("a pipe says yes: %v", err)
	}
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	cmd.SetIn(null)
	if err := confirm(cmd, false, "?"); !errors.Is(err, errNobody) {
		t.Errorf("nothing says yes: %v", err)
	}
	if err := confirm(cmd, true, "?"); err != nil {
		t.Errorf("--yes: %v", err)
	}
}

// Each switch that is missing is named once.
func TestExplainNamesTheFix(t *testing.T) {
	var problems settings.Problems
	problems.Join("", policy.Settings{SessionTimeout: time.Hour, SessionWarning: time.Minute, InactivityWarning: 2 * time.Minute}.Gate(policy.Switches{}))
	refused := fmt.Errorf("x: %w", &admin.Error{Code: admin.Invalid, Problems: problems})
	text := explain(&unchanged{"records", admin.Edit{}, refused})
	if len(problems) != 2 || strings.Count(text, "\nTo allow it: curfew switch on AllowCustomSessionDuration --env records") != 1 {
		t.Errorf("%s", text)
	}
	off := admin.Edit{Switches: map[string]string{"AllowCustomSessionDuration": "off"}}
	if text := explain(&unchanged{settings.Deployment, off, refused}); strings.Contains(text, "To allow it") {
		t.Errorf("who switches it off is told to switch it on: %s", text)
	}
}
