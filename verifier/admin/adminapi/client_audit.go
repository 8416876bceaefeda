package adminapi

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/url"
	"strings"

	"github.com/curfew-project/curfew/verifier/audit"
)

// Audit searches the audit.
func (c *Client) Audit(ctx context.Context, q audit.Query) ([]audit.Entry, error) {
	parameters := auditParameters(q)
	if q.Ascending {
		parameters.Set("ascending", "1")
	}
	numbers(parameters, "limit", int64(q.Limit))
	var found Entries
	err := c.call(ctx, "GET", "audit", parameters, nil, &found)
	return found.Entries, err
}

// ExportAudit writes all entries that fit as lines of JSON, the oldest first, and says how many. progress, which may be nil, is told after
// each entry how many were written, and which number the last one has. The query's order and limit do not matter.
func (c *Client) ExportAudit(ctx context.Context, q audit.Query, to io.Writer, progress func(written, seq int64)) (int64, error) {
	written := int64(0)
	err := c.lines(ctx, "GET", "audit/export", auditParameters(q), func(line []byte) error {
		entry, err := audit.ReadLine(line)
		if err != nil {
			return &Unreachable{c.where, err}
		}
		if _, err := to.Write(line); err != nil {
			return err
		}
		if written++; progress != nil {
			progress(written, entry.Seq)
		}
		return nil
	})
	return written, err
}

// VerifyAudit lets the verifier go through the whole chain.
func (c *Client) VerifyAudit(ctx context.Context, progress func(done, all int64)) (audit.Verified, error) {
	var found audit.Verified
	var result error = &Unreachable{c.where, io.ErrUnexpectedEOF}
	err := c.lines(ctx, "POST", "audit/verify", nil, func(text []byte) error {
		var line VerifyLine
		if err := json.Unmarshal(text, &line); err != nil {
			return &Unreachable{c.where, err}
		}
		switch {
		case line.Verified != nil:
			found, result = *line.Verified, nil
		case line.Broken != nil:
			result = &audit.Broken{Seq: line.Broken.Seq, Why: line.Broken.Why}
		case line.Refused != nil:
			result = line.Refused
		case progress != nil:
			progress(line.Done, line.All)
		}
		return nil
	})
	if err != nil {
		return audit.Verified{}, err
	}
	return found, result
}

// lines visits each line of a stream.
func (c *Client) lines(ctx context.Context, method, path string, parameters url.Values, visit func(line []byte) error) error {
	answer, err := c.send(ctx, method, path, parameters, nil)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	lines := bufio.NewReaderSize(answer.Body, audit.MaxLine)
	for {
		line, err := lines.ReadSlice('\n')
		switch {
		case err == io.EOF && len(line) == 0:
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, io.EOF): // the last line always has its end
			return &Unreachable{c.where, io.ErrUnexpectedEOF}
		case err != nil:
			return &Unreachable{c.where, err}
		}
		if err := visit(line); err != nil {
			return err
		}
	}
}

func auditParameters(q audit.Query) url.Values {
	parameters := url.Values{}
	numbers(parameters, "after", q.After)
	numbers(parameters, "before", q.Before)
	for name, text := range map[string]string{
		"environment": q.Environment, "subject": q.Subject, "session": q.Session, "actor": q.Actor, "reason": string(q.Reason),
		"code": string(q.Code), "from": FormatInstant(q.From), "to": FormatInstant(q.To),
	} {
		texts(parameters, name, text)
	}
	var kinds []string
	for _, kind := range q.Kinds {
		kinds = append(kinds, string(kind))
	}
	texts(parameters, "kind", strings.Join(kinds, ","))
	return parameters
}
