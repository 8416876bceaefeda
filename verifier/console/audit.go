package console

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/verifier/audit"
	"github.com/curfew-project/curfew/verifier/settings"
)

// Values of the parameter since: how far a search goes back. Without one it has the two ends that are given.
const (
	sinceHour    = "1h"
	sinceDay     = "24h"
	sinceWeek    = "168h"
	sinceMonth   = "720h"
	sinceAny     = "any"
	sinceBetween = "between"
)

var sinceWords = []option{{sinceHour, "the last hour", false}, {sinceDay, "the last day", false}, {sinceWeek, "the last 7 days", false},
	{sinceMonth, "the last 30 days", false}, {sinceAny, "any time", false}, {sinceBetween, "between two times", false}}

// entryRow is an entry of the audit, for people.
type entryRow struct {
	audit.Entry
	When       *instant
	What       string
	Why        string
	ClientName string
	Session    string // where it is, or empty
	SessionID  string
}

type kindGroup struct {
	Name  string
	Kinds []option
}

type auditData struct {
	Since, Environments, Reasons        []option
	From, To, Subject, Session, ByActor string
	Groups                              []kindGroup
	KindsSay                            string
	More                                bool // a field is used that is shown on demand
	Rows                                []entryRow
	Older, Newer, Newest                string // pages, or empty
	Export                              string
	FromWrong, ToWrong                  []string
	Narrow                              bool // only what belongs to environments is there
}

// auditQuery is the search that the address asks for, and what is wrong with it.
func (v *visit) auditQuery() (audit.Query, settings.Problems) {
	in := v.r.URL.Query()
	text := func(key string) string { return strings.TrimSpace(in.Get(key)) }
	q := audit.Query{Environment: text("environment"), Subject: text("user"), Session: text("session"), Actor: text("actor"), Reason: wire.Reason(text("reason"))}
	var wrong settings.Problems
	for _, kind := range in["kind"] {
		if kind == "" || slices.Contains(q.Kinds, audit.Kind(kind)) {
			continue
		}
		if !audit.Kind(kind).Valid() {
			wrong = append(wrong, settings.Problem{Field: "kinds", Message: "The address asks for a kind of entry that there is not."})
			continue
		}
		q.Kinds = append(q.Kinds, audit.Kind(kind))
	}
	if q.Reason != "" && !q.Reason.Valid() {
		wrong = append(wrong, settings.Problem{Field: "reason", Message: "The address asks for a reason that there is not."})
		q.Reason = ""
	}
	switch since := v.since(); since {
	case sinceAny:
	case sinceBetween:
		for _, end := range []struct {
			key, says string
			into      *int64
		}{{"from", "From", &q.From}, {"to", "To", &q.To}} {
			given := text(end.key)
			if given == "" {
				continue
			}
			at, ok := v.readTime(given)
			if !ok {
				wrong = append(wrong, settings.Problem{Field: end.key, Message: end.says + " is no time; allowed: such as 2026-01-31T09:30"})
				continue
			}
			*end.into = at
		}
		if q.To != 0 && q.From >= q.To {
			wrong = append(wrong, settings.Problem{Field: "to", Message: "To is not after From; allowed: a later time"})
			q.To = 0
		}
	default:
		back, _ := time.ParseDuration(since)
		q.From = max(0, v.now-back.Milliseconds())
	}
	if q.Environment == "" && !v.actor.All && len(v.actor.Environments) > 0 {
		q.Environment = slices.Sorted(slices.Values(v.actor.Environments))[0]
	}
	return q, wrong
}

// since is one of the values of that parameter.
func (v *visit) since() string {
	given := v.r.URL.Query().Get("since")
	if slices.ContainsFunc(sinceWords, func(o option) bool { return o.Value == given }) {
		return given
	}
	return sinceDay
}

// audit finds entries (C5).
func (v *visit) audit() {
	q, wrong := v.auditQuery()
	in := v.r.URL.Query()
	q.Limit = audit.DefaultLimit
	after, before := v.number("after"), v.number("before")
	if after > 0 {
		q.After, q.Ascending = after, true
	} else {
		q.Before = before
	}
	data := auditData{From: in.Get("from"), To: in.Get("to"), Subject: q.Subject, Session: q.Session, ByActor: q.Actor,
		More: q.Session != "" || q.Actor != "" || q.Reason != "", Narrow: !v.actor.All}
	if err := v.auditChoices(&data, q); err != nil {
		v.fail(err)
		return
	}
	p := page{Title: "Audit", Section: "audit"}
	status := http.StatusOK
	var entries []audit.Entry
	if len(wrong) == 0 {
		var err error
		if entries, err = v.Admin.Audit(v.r.Context(), v.actor, q); err != nil {
			if status, wrong = v.refusal(err); status >= http.StatusInternalServerError {
				v.fail(err)
				return
			}
		}
	} else {
		status = http.StatusUnprocessableEntity
	}
	for _, one := range wrong {
		anchor := ""
		switch one.Field {
		case "from":
			anchor, data.FromWrong = "from", append(data.FromWrong, one.Message)
		case "to":
			anchor, data.ToWrong = "to", append(data.ToWrong, one.Message)
		}
		p.Problems = append(p.Problems, problem{anchor, one.Message})
	}
	full := len(entries) == audit.DefaultLimit
	if q.Ascending {
		slices.Reverse(entries)
	}
	for _, e := range entries {
		data.Rows = append(data.Rows, v.entryRow(e))
	}
	v.auditPages(&data, entries, q, full)
	p.Data = data
	v.show(status, "audit", p)
}

// auditPages are the addresses of the pages around this one, and of the export.
func (v *visit) auditPages(data *auditData, entries []audit.Entry, q audit.Query, full bool) {
	at := func(path, key string, seq int64) string {
		in := v.r.URL.Query()
		in.Del("after")
		in.Del("before")
		in.Del(doneKey)
		if key != "" {
			in.Set(key, strconv.FormatInt(seq, 10))
		}
		return path + "?" + in.Encode()
	}
	data.Export = at("/audit/export", "", 0)
	if q.After > 0 || q.Before > 0 {
		data.Newest = at("/audit", "", 0)
	}
	if len(entries) == 0 {
		return
	}
	if first := entries[0].Seq; q.Before > 0 || q.Ascending && full {
		data.Newer = at("/audit", "after", first)
	}
	if last := entries[len(entries)-1].Seq; q.Ascending || full {
		data.Older = at("/audit", "before", last)
	}
}

func (v *visit) auditChoices(data *auditData, q audit.Query) error {
	for _, one := range sinceWords {
		one.Chosen = one.Value == v.since()
		data.Since = append(data.Since, one)
	}
	anyText := "All"
	if !v.actor.All {
		anyText = ""
	}
	var err error
	if data.Environments, err = v.environmentOptions(q.Environment, anyText); err != nil {
		return err
	}
	data.Reasons = []option{{"", "Any", q.Reason == ""}}
	for _, reason := range wire.Reasons() {
		data.Reasons = append(data.Reasons, option{string(reason), reasonName(reason), q.Reason == reason})
	}
	for _, group := range kindGroups {
		of := kindGroup{Name: group.Name}
		for _, kind := range group.Kinds {
			of.Kinds = append(of.Kinds, option{string(kind), kindName(kind), slices.Contains(q.Kinds, kind)})
		}
		data.Groups = append(data.Groups, of)
	}
	switch data.KindsSay = count(len(q.Kinds), "kind"); len(q.Kinds) {
	case 0:
		data.KindsSay = "Kinds: all"
	case 1:
		data.KindsSay = "Kind: " + kindName(q.Kinds[0])
	}
	return nil
}

func (v *visit) entryRow(e audit.Entry) entryRow {
	row := entryRow{Entry: e, When: v.at(e.At), What: kindName(e.Kind), SessionID: shortID(e.Session), ClientName: clientText(e.Client)}
	if e.Client == "" {
		row.ClientName = ""
	}
	switch {
	case e.Reason != "":
		row.Why = reasonName(e.Reason)
	case e.Code != "":
		row.Why = string(e.Code)
	}
	if e.Session != "" {
		row.Session = "/sessions/" + url.PathEscape(e.Session)
	}
	return row
}

// shortID is as much of a session's ID as tells it from others on a page.
func shortID(id string) string {
	const enough = 8
	if len(id) <= enough {
		return id
	}
	return id[:enough] + "…"
}

// export sends what the search finds as JSON lines, the oldest first. When it fails on the way, the connection breaks, so that nobody
// takes a part for the whole.
func (v *visit) export() {
	q, wrong := v.auditQuery()
	if len(wrong) > 0 {
		v.message(http.StatusUnprocessableEntity, "Not exported", wrong.Error())
		return
	}
	q.Ascending, q.Limit = true, audit.MaxLimit
	sent := false
	for {
		entries, err := v.Admin.Audit(v.r.Context(), v.actor, q)
		if err != nil {
			if !sent {
				v.fail(err)
				return
			}
			v.refusal(err) // for the log
			panic(http.ErrAbortHandler)
		}
		if !sent {
			h := v.w.Header()
			// A large audit takes longer than any other answer may. Only administrators can ask for one.
			_ = http.NewResponseController(v.w).SetWriteDeadline(time.Time{})
			h.Set("Content-Type", "application/jsonl; charset=utf-8")
			h.Set("Content-Disposition", `attachment; filename="curfew-audit-`+time.UnixMilli(v.now).In(v.Location).Format("20060102-150405")+`.jsonl"`)
			sent = true
		}
		if v.r.Method == http.MethodHead {
			return
		}
		var lines []byte
		for _, e := range entries {
			lines = audit.AppendLine(lines, e)
		}
		if _, err := v.w.Write(lines); err != nil {
			return // nobody listens any more
		}
		if len(entries) < q.Limit {
			return
		}
		q.After = entries[len(entries)-1].Seq
	}
}

type verifyData struct {
	Form     *form
	Verified *audit.Verified
	Entries  string
	Broken   *audit.Broken
	Hash     string
}

// verifyForm offers to verify the chain.
func (v *visit) verifyForm() { v.showVerify(verifyData{}, http.StatusOK) }

func (v *visit) showVerify(data verifyData, status int) {
	data.Form = v.fresh("/audit/verify", 0, nil)
	v.show(status, "verify", page{Title: "Verify the audit", Section: "audit", Data: data,
		Lead: "Every entry is chained to the one before it. An entry that was altered, removed or moved shows."})
}

// verify goes through the whole chain.
func (v *visit) verify() {
	found, err := v.Admin.VerifyAudit(v.r.Context(), v.actor, nil)
	var broken *audit.Broken
	switch {
	case errors.As(err, &broken):
		v.showVerify(verifyData{Broken: broken}, http.StatusOK)
	case err != nil:
		v.fail(err)
	default:
		v.showVerify(verifyData{Verified: &found, Entries: count(found.Entries, "entry"), Hash: found.Last.Hash.String()}, http.StatusOK)
	}
}
