package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/curfew-project/curfew/verifier/admin"
	"github.com/curfew-project/curfew/verifier/admin/adminapi"
)

func endMany(r *reach, cmd *cobra.Command, environment, user string, yes bool) error {
	client, err := r.dial(cmd)
	if err != nil {
		return err
	}
	whose := "everybody in environment " + environment
	if user != "" {
		whose = "user " + user + " in environment " + environment
	}
	if err := there(cmd.Context(), client, environment); err != nil {
		return err
	}
	ended := func(n int) error {
		if n == 0 && user != "" {
			return &admin.Error{Code: admin.NotFound, Message: fmt.Sprintf("no living session of subject %s in %s; curfew session list shows subjects", user, environment)}
		}
		return r.answer(cmd, adminapi.EndedCount{Ended: n}, func(p *page) { p.say("%s of %s ended", count(n, "session", "sessions"), whose) })
	}
	if !yes {
		n, err := livingOf(cmd.Context(), client, environment, user)
		if err != nil {
			return err
		}
		if n == 0 { // nothing to ask, and nobody has agreed to end those that begin now
			return ended(0)
		}
		if err := confirm(cmd, false, fmt.Sprintf("End %s of %s?", count(n, "living session", "living sessions"), whose)); err != nil {
			return err
		}
	}
	var n int
	if user != "" {
		n, err = client.EndUser(cmd.Context(), environment, user)
	} else {
		n, err = client.EndEnvironment(cmd.Context(), environment)
	}
	if err != nil {
		return err
	}
	return ended(n)
}

// livingOf counts the living sessions of exactly one user, or of everybody in an environment. A search finds more than one user.
func livingOf(ctx context.Context, client *adminapi.Client, environment, user string) (int, error) {
	q := admin.SessionQuery{Environment: environment, User: user, Limit: admin.MaxSessions}
	for n := 0; ; q.Offset += admin.MaxSessions {
		found, err := client.Sessions(ctx, q)
		if err != nil || user == "" {
			return found.Total, err
		}
		for _, s := range found.Sessions {
			if s.Subject == user {
				n++
			}
		}
		if len(found.Sessions) < admin.MaxSessions {
			return n, nil
		}
	}
}
