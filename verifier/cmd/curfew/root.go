package main

import (
	"runtime/debug"

	"github.com/spf13/cobra"
)

// version is what the build knows of itself.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	return info.Main.Version + " " + info.GoVersion
}

func root() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "curfew",
		Short: "End web sessions on time and prove it",
		Long: `Curfew ends web sessions on time and proves that it did. A small agent in the page watches for human activity,
warns before the session ends and sends signed heartbeats; this program, the verifier, checks them against the key
that the session is bound to and against deadlines that only it can move.

Exit status: 0 when it worked, 1 when it was refused or failed, 2 when the command line cannot be meant.`,
		Version:       version(),
		SilenceUsage:  true,
		SilenceErrors: true, // main tells them
	}
	cmd.AddCommand(serveCommand(), checkConfigCommand(), envCommand(), settingsCommand(), switchCommand(), presetCommand(), clientCommand(),
		sessionCommand(), auditCommand(), keysCommand(), backupCommand(), restoreCommand(), textsCommand(), storybookCommand())
	watchUsage(cmd)
	return cmd
}
