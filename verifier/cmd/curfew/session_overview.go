package main

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/curfew-project/curfew/shared/policy"
	"github.com/curfew-project/curfew/verifier/admin"
)

func sessionOverviewCommand(r *reach) *cobra.Command {
	var environment string
	cmd := &cobra.Command{
		Use:     "overview",
		Short:   "Count the living sessions by the time they have left, and the endings of the last day by reason",
		Example: "  curfew session overview\n  curfew session overview --env clinic --json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, err := r.dial(cmd)
			if err != nil {
				return err
			}
			o, err := client.Overview(cmd.Context(), environment)
			if err != nil {
				return err
			}
			return r.answer(cmd, o, func(p *page) { p.overview(o) })
		},
	}
	r.environmentFlag(cmd, &environment, "of one environment")
	return cmd
}

func (p *page) overview(o admin.Overview) {
	p.say("%s, %d of them warned, %d in clients that are exempt", count(o.Living, "living session", "living sessions"), o.Warned, o.Exempt)
	rows := [][]string{{"LEFT", "SESSIONS"}}
	for _, b := range o.Left {
		left := "more, or no end"
		if b.Below > 0 {
			left = "less than " + policy.Format(time.Duration(b.Below)*time.Millisecond)
		}
		rows = append(rows, []string{left, strconv.Itoa(b.Count)})
	}
	p.table("", rows...)
	rows = [][]string{{"ENVIRONMENT", "SESSIONS"}}
	for _, id := range slices.Sorted(maps.Keys(o.ByEnvID)) {
		rows = append(rows, []string{id, strconv.Itoa(o.ByEnvID[id])})
	}
	p.table("No session lives.", rows...)
	rows = [][]string{{"ENDED BY", fmt.Sprintf("SINCE %s", local(o.Since))}}
	for _, reason := range slices.Sorted(maps.Keys(o.Ends)) {
		rows = append(rows, []string{string(reason), strconv.Itoa(o.Ends[reason])})
	}
	p.table("None ended within the last day.", rows...)
}
