package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"github.com/spf13/cobra"
)

// answer writes a result: as JSON, or as people read it.
func (r *reach) answer(cmd *cobra.Command, value any, people func(*page)) error {
	if r.json {
		return writeJSON(cmd.OutOrStdout(), value)
	}
	p := &page{}
	people(p)
	return p.write(cmd.OutOrStdout())
}

func writeJSON(to io.Writer, value any) error {
	encoder := json.NewEncoder(to)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(value)
}

// page is an answer for people, written at once.
type page struct{ text strings.Builder }

// say adds a line.
func (p *page) say(format string, args ...any) {
	p.text.WriteString(printable(fmt.Sprintf(format, args...)) + "\n")
}

// table adds rows with their columns aligned; the first row is the heading. With no more than that it says what is missing.
func (p *page) table(none string, rows ...[]string) {
	if len(rows) < 2 {
		p.say("%s", none)
		return
	}
	aligned := tabwriter.NewWriter(&p.text, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		for i, cell := range row {
			if i > 0 {
				fmt.Fprint(aligned, "\t")
			}
			fmt.Fprint(aligned, oneLine(cell))
		}
		fmt.Fprintln(aligned)
	}
	aligned.Flush()
}

// facts adds names with what is known of each.
func (p *page) facts(pairs ...string) {
	aligned := tabwriter.NewWriter(&p.text, 0, 0, 2, ' ', 0)
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			fmt.Fprintf(aligned, "%s:\t%s\n", pairs[i], oneLine(pairs[i+1]))
		}
	}
	aligned.Flush()
}

func (p *page) write(to io.Writer) error {
	_, err := io.WriteString(to, p.text.String())
	return err
}

// printable keeps a terminal from obeying what somebody has put into a name or a user agent.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if r != '\n' && r != '\t' && !unicode.IsPrint(r) {
			return unicode.ReplacementChar
		}
		return r
	}, text)
}

// oneLine is a printable text that fits into a table.
func oneLine(text string) string {
	return strings.NewReplacer("\n", " ", "\t", " ").Replace(printable(text))
}

// local writes an instant in the reader's time zone; 0 is none.
func local(at int64) string {
	if at == 0 {
		return "-"
	}
	return time.UnixMilli(at).Local().Format("2006-01-02 15:04:05 MST")
}

// dash stands for an empty text in a table.
func dash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
