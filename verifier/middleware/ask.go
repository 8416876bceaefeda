package middleware

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/curfew-project/curfew/shared/wire"
)

// ask asks for a verdict on behalf of everybody who waits for it.
func (r *Remote) ask(form url.Values) (wire.Verdict, error) {
	return r.askFor(context.Background(), form)
}

func (r *Remote) askFor(ctx context.Context, form url.Values) (wire.Verdict, error) {
	ctx, cancel := context.WithTimeout(ctx, r.c.Timeout)
	defer cancel()
	var got wire.Verdict
	if err := r.post(ctx, "verdict", form, &got); err != nil {
		return wire.Verdict{}, err
	}
	// Whatever is not clearly a yes is a no, and what is neither is no answer.
	if got.Allowed != (got.Refusal == nil) || got.Allowed != (got.Session != "") || !got.Allowed && got.Status < 400 {
		return wire.Verdict{}, errors.New("the verifier's answer contradicts itself")
	}
	return got, nil
}

// post sends a form to the verifier as the service, and reads the answer, which must be a success.
func (r *Remote) post(ctx context.Context, endpoint string, form url.Values, into any) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, r.base+endpoint, strings.NewReader(form.Encode()))
	if err != nil {
		return err
	}
	request.Host = r.host // by which the verifier knows the environment
	request.SetBasicAuth(url.QueryEscape(r.c.ID), url.QueryEscape(r.c.Secret))
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	answer, err := r.c.Client.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer))
	if err != nil {
		return err
	}
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("the verifier answered %s with %d", endpoint, answer.StatusCode)
	}
	return json.Unmarshal(body, into)
}
