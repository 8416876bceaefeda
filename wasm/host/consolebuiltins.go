package host

import (
	"io"
	"strings"
)

// defineConsole defines console. Each call gives one event: see Hooks.Console.
func (r *Realm) defineConsole() {
	console := r.namespace("console")
	for _, level := range []string{"log", "info", "debug", "warn", "error", "trace"} {
		console.DefineFunc(level, func(c Call) (Value, error) {
			parts := make([]string, len(c.Args))
			for i := range c.Args {
				parts[i] = Describe(c.Arg(i))
			}
			r.console(level, strings.Join(parts, " "))
			return Undefined, nil
		})
	}
}

func (r *Realm) console(level, text string) {
	if r.config.Hooks.Console != nil {
		r.config.Hooks.Console(level, text)
		return
	}
	w := r.config.Stdout
	if level == "error" || level == "warn" || level == "trace" {
		w = r.config.Stderr
	}
	// As with all output, a failing writer must not change how the guest behaves.
	_, _ = io.WriteString(w, text+"\n")
}
