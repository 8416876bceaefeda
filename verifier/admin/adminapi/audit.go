package adminapi

import (
	"context"
	"errors"
	"strings"

	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/verifier/admin"
	"github.com/curfew-project/curfew/verifier/audit"
)

// Entries is the answer to GET audit.
type Entries struct {
	Entries []audit.Entry `json:"entries"`
}

// VerifyLine is one line of the answer to POST audit/verify: how far it is, or as the last one what was found.
type VerifyLine struct {
	Done     int64           `json:"done,omitempty"`
	All      int64           `json:"all,omitempty"`
	Verified *audit.Verified `json:"verified,omitempty"`
	Broken   *BrokenAt       `json:"broken,omitempty"`
	Refused  *admin.Error    `json:"refused,omitempty"` // it could not be verified
}

// BrokenAt is an audit.Broken: the first entry that does not fit.
type BrokenAt struct {
	Seq int64  `json:"seq"`
	Why string `json:"why"`
}

func auditNames() []string {
	return []string{"from", "to", "environment", "subject", "session", "actor", "kind", "reason", "code", "after", "before"}
}

// auditQuery reads what entries are wanted.
func (c *call) auditQuery(more ...string) (audit.Query, error) {
	q, err := c.query(append(auditNames(), more...)...)
	if err != nil {
		return audit.Query{}, err
	}
	wanted := audit.Query{
		Environment: q.text("environment"), Subject: q.text("subject"), Session: q.text("session"), Actor: q.text("actor"),
		Reason: wire.Reason(q.text("reason")), Code: wire.Code(q.text("code")),
		After: q.number("after", 0), Before: q.number("before", 0), Ascending: q.flag("ascending"), Limit: q.small("limit"),
	}
	if kinds := q.text("kind"); kinds != "" {
		for _, kind := range strings.Split(kinds, ",") {
			wanted.Kinds = append(wanted.Kinds, audit.Kind(kind))
		}
	}
	for _, at := range []struct {
		name string
		into *int64
	}{{"from", &wanted.From}, {"to", &wanted.To}} {
		if text := q.text(at.name); text != "" {
			if *at.into, err = ParseInstant(text, c.now()); err != nil {
				q.bad.Add(at.name, "%v", err)
			}
		}
	}
	if wanted.From != 0 && wanted.To != 0 && wanted.From >= wanted.To {
		q.bad.Add("from", "is %q, and to is %q; allowed: an instant before to", clip(q.text("from")), clip(q.text("to")))
	} else if err := wanted.Validate(); err != nil {
		text := strings.TrimPrefix(err.Error(), audit.ErrQuery.Error()+": ")
		field, rest, _ := strings.Cut(text, " ")
		q.bad.Add(field, "%s", rest)
	}
	return wanted, q.err()
}

func searchAudit(c *call) error {
	wanted, err := c.auditQuery("ascending", "limit")
	if err != nil {
		return err
	}
	found, err := c.admin.Audit(c.r.Context(), c.actor, wanted)
	return c.answer(Entries{list(found)}, err)
}

// chunk is about how much of an export is written at once, in bytes.
const chunk = 64 << 10

// exportAudit streams all entries that fit, the oldest first, as lines of JSON. An answer that breaks off is no whole chunked body, so
// that nobody takes a part for all.
func exportAudit(c *call) error {
	wanted, err := c.auditQuery()
	if err != nil {
		return err
	}
	wanted.Ascending, wanted.Limit = true, audit.MaxLimit
	out := c.stream("application/x-ndjson")
	defer out.end()
	var text []byte
	for first := true; ; first = false {
		found, err := c.admin.Audit(c.r.Context(), c.actor, wanted)
		switch {
		case err != nil && first:
			return err
		case err != nil:
			out.failed = err
			return nil
		}
		text = text[:0]
		for _, e := range found {
			if text = audit.AppendLine(text, e); len(text) > chunk {
				out.write(text)
				text = text[:0]
			}
		}
		if out.write(text); out.failed != nil || len(found) < wanted.Limit {
			return nil
		}
		wanted.After = found[len(found)-1].Seq
	}
}

// verifyAudit verifies the chain and says meanwhile how far it is.
func verifyAudit(c *call) error {
	if _, err := c.query(); err != nil {
		return err
	}
	out := c.stream("application/x-ndjson")
	defer out.end()
	ctx, cancel := context.WithCancel(c.r.Context())
	defer cancel()
	percent := int64(0)
	found, err := c.admin.VerifyAudit(ctx, c.actor, func(done, all int64) {
		if now := done * 100 / max(all, 1); now > percent {
			percent = now
			if out.line(VerifyLine{Done: done, All: all}); out.failed != nil {
				cancel() // nobody reads on
			}
		}
	})
	var broken *audit.Broken
	switch {
	case err == nil:
		out.line(VerifyLine{Verified: &found})
	case errors.As(err, &broken):
		out.line(VerifyLine{Broken: &BrokenAt{broken.Seq, broken.Why}})
	case !out.begun:
		return err
	default:
		out.line(VerifyLine{Refused: asRefusal(err)})
	}
	return nil
}
