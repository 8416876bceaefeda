package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/curfew-project/curfew/verifier/texts"
)

func textsCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "texts [language]",
		Short: "Print the texts of a language, to begin another with",
		Long: `Print all that Curfew says to people in one of its languages, or list the languages. To add a language, translate the
file, change "language" and "direction" (ltr or rtl) in it, name it after the language, such as nl.json or pt-BR.json, and put
it into the directory that "texts" in the configuration names. A file for a language that is there replaces it. check-config
says what is missing or wrong. Texts with {time} in them need it: a length of time stands there.`,
		Example: `  curfew texts
  curfew texts en > /etc/curfew/texts/nl.json`,
		Args:              arguments(0, 1, "one language"),
		ValidArgsFunction: cobra.FixedCompletions(texts.Embedded(), cobra.ShellCompDirectiveNoFileComp),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				fmt.Fprintln(cmd.OutOrStdout(), strings.Join(texts.Embedded(), "\n"))
				return nil
			}
			text, err := texts.Template(args[0])
			if err != nil {
				return fmt.Errorf("%w; there are: %s", err, strings.Join(texts.Embedded(), ", "))
			}
			_, err = cmd.OutOrStdout().Write(text)
			return err
		},
	}
}
