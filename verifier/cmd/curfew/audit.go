package main

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/verifier/admin/adminapi"
	"github.com/curfew-project/curfew/verifier/audit"
	"github.com/curfew-project/curfew/verifier/settings"
)

func auditCommand() *cobra.Command {
	r := &reach{}
	return r.flags(group(&cobra.Command{
		Use:   "audit",
		Short: "Search, export and verify the audit",
		Long: `The audit has every sign-in, warning, extension, ending, sign-out, refusal and change. Its entries are chained by hash, so that
one that is altered, removed or moved shows. With --store it is read from the data of a verifier that is stopped.`,
		Example: `  curfew audit search --from "24h ago" --kind ended
  curfew audit export > audit.jsonl
  curfew audit verify`,
	}, auditSearchCommand(r), auditExportCommand(r), auditVerifyCommand(r)))
}

// auditFlags are what a search asks for.
type auditFlags struct {
	from, to     string
	q            audit.Query
	kinds        []string
	reason, code string
}

func (f *auditFlags) flags(r *reach, cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.from, "from", "", "from this instant on: 2026-03-01T09:00:00Z, a date, or 24h ago")
	flags.StringVar(&f.to, "to", "", "before this instant")
	flags.StringVar(&f.q.Subject, "user", "", "the user's subject")
	flags.StringVar(&f.q.Session, "session", "", "the session's ID")
	flags.StringVar(&f.q.Actor, "actor", "", "the administrator who did it")
	flags.StringSliceVar(&f.kinds, "kind", nil, "kinds of entries, such as ended,refused")
	flags.StringVar(&f.reason, "reason", "", "why a session ended, such as inactivity")
	flags.StringVar(&f.code, "code", "", "why a request was refused, such as key_mismatch")
	r.environmentFlag(cmd, &f.q.Environment, "of one environment")
	must(cmd.RegisterFlagCompletionFunc("kind", cobra.FixedCompletions(words(audit.Kinds()), cobra.ShellCompDirectiveNoFileComp)))
	must(cmd.RegisterFlagCompletionFunc("reason", cobra.FixedCompletions(words(wire.Reasons()), cobra.ShellCompDirectiveNoFileComp)))
	must(cmd.RegisterFlagCompletionFunc("code", cobra.FixedCompletions(words(wire.Codes()), cobra.ShellCompDirectiveNoFileComp)))
}

func words[T ~string](all []T) []string {
	var texts []string
	for _, one := range all {
		texts = append(texts, string(one))
	}
	return texts
}

func (f *auditFlags) query(now time.Time) (audit.Query, error) {
	q := f.q
	var bad settings.Problems
	for _, at := range []struct {
		name, text string
		into       *int64
	}{{"--from", f.from, &q.From}, {"--to", f.to, &q.To}} {
		if at.text != "" {
			var err error
			if *at.into, err = adminapi.ParseInstant(at.text, now); err != nil {
				bad.Add(at.name, "%v", err)
			}
		}
	}
	for _, kind := range f.kinds {
		q.Kinds = append(q.Kinds, audit.Kind(kind))
	}
	q.Reason, q.Code = wire.Reason(f.reason), wire.Code(f.code)
	if len(bad) > 0 {
		return q, usageError{bad}
	}
	if q.From != 0 && q.To != 0 && q.From >= q.To {
		return q, usage("--from is %q, and --to is %q; allowed: an instant before --to", f.from, f.to)
	}
	if err := q.Validate(); err != nil {
		return q, usageError{err}
	}
	return q, nil
}

func auditSearchCommand(r *reach) *cobra.Command {
	var f auditFlags
	var store stored
	cmd := &cobra.Command{
		Use:   "search",
		Short: "Search the audit, the newest entries first",
		Example: `  curfew audit search --from "24h ago" --kind ended --reason inactivity
  curfew audit search --env clinic --user 8c1f3d52 --limit 1000 --json
  curfew audit search --kind settings_changed --store /var/lib/curfew`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			q, err := f.query(time.Now())
			if err != nil {
				return err
			}
			return r.records(cmd, &store, func(ctx context.Context, from records) error {
				if err := there(ctx, from, q.Environment); err != nil {
					return err
				}
				found, err := from.Audit(ctx, q)
				if err != nil {
					return err
				}
				if found == nil {
					found = []audit.Entry{}
				}
				return r.answer(cmd, adminapi.Entries{Entries: found}, func(p *page) { p.entries(q, found) })
			})
		},
	}
	f.flags(r, cmd)
	store.flags(cmd)
	cmd.Flags().IntVar(&f.q.Limit, "limit", audit.DefaultLimit, "how many entries, 1 to 1000")
	cmd.Flags().BoolVar(&f.q.Ascending, "ascending", false, "the oldest first")
	cmd.Flags().Int64Var(&f.q.Before, "before", 0, "only entries before this number")
	cmd.Flags().Int64Var(&f.q.After, "after", 0, "only entries after this number")
	return cmd
}

func (p *page) entries(q audit.Query, found []audit.Entry) {
	rows := [][]string{{"ENTRY", "AT", "KIND", "ENVIRONMENT", "USER", "WHY", "ACTOR", "SESSION", "DETAIL"}}
	for _, e := range found {
		why := strings.TrimSpace(string(e.Reason) + " " + string(e.Code))
		rows = append(rows, []string{strconv.FormatInt(e.Seq, 10), local(e.At), string(e.Kind), dash(e.Environment), dash(e.Subject), dash(why), dash(e.Actor), dash(e.Session), dash(e.Detail)})
	}
	p.table("There is no such entry.", rows...)
	if len(found) > 0 && len(found) == q.Most() {
		flag := "--before"
		if q.Ascending {
			flag = "--after"
		}
		p.say("more: %s %d", flag, found[len(found)-1].Seq)
	}
}
