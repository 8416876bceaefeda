//go:build linux

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/curfew-project/curfew/shared/proof"
	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/verifier/proofcheck/prooftest"
)

// visit is one browser with one session, and what it was told. All instants are the client's own, by its monotonic clock: nothing that the
// verifier says of the time is believed but how long is left.
type visit struct {
	t       testing.TB
	http    *http.Client
	origin  string
	subject string
	maker   prooftest.Maker

	mu      sync.Mutex
	sid     string
	cookies []shown    // the newest last
	seqs    []accepted // acknowledged heartbeats
	signed  time.Time  // the sign-in was acknowledged
	ends    time.Time  // the nearest deadline that was told; zero: none
	leaving bool       // an ending was asked for, and may have happened
	left    time.Time  // it was acknowledged
}

// shown is a cookie and when it goes stale at the latest.
type shown struct {
	value string
	stale time.Time
}

type accepted struct {
	seq uint64
	at  time.Time
}

// refused is a typed refusal as an error.
type refused struct{ wire.Refusal }

func (r *refused) Error() string {
	return string(r.Refusal.Error) + " " + string(r.Reason) + " " + r.Message
}

// over reports whether a refusal says that there is no session.
func over(err error) bool {
	var r *refused
	return errors.As(err, &r) && (r.Refusal.Error == wire.NoSession || r.Refusal.Error == wire.SessionEnded)
}

const faultPrefix = "/.curfew/"

func (v *visit) ask(method, path string, form url.Values, cookie, token string) (*http.Response, []byte, error) {
	var body io.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	r, err := http.NewRequest(method, v.origin+path, body)
	if err != nil {
		return nil, nil, err
	}
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if cookie != "" {
		r.AddCookie(&http.Cookie{Name: wire.SessionCookie, Value: cookie})
	}
	if token != "" {
		r.Header.Set(wire.HeaderProof, token)
	}
	return v.answerOf(v.http, r)
}

func (v *visit) answerOf(client *http.Client, r *http.Request) (*http.Response, []byte, error) {
	began := time.Now()
	answer, err := client.Do(r)
	if took := time.Since(began); took > 5*time.Second {
		v.t.Logf("%s %s took %s: %v", r.Method, r.URL.Path, took.Round(time.Millisecond), err)
	}
	if err != nil {
		return nil, nil, err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, 1<<20))
	return answer, text, err
}

func refusalOf(answer *http.Response, text []byte) error {
	r := &refused{}
	if json.Unmarshal(text, &r.Refusal) != nil || r.Refusal.Error == "" {
		return fmt.Errorf("%s answered %d: %.200s", answer.Request.URL, answer.StatusCode, text)
	}
	return r
}

var (
	faultNonce  = regexp.MustCompile(`data-nonce="([^"]+)"`)
	faultAction = regexp.MustCompile(`<form method="post" action="([^"]+)"`)
	faultHidden = regexp.MustCompile(`<input type="hidden" name="([^"]+)" value="([^"]*)">`)
)

// signIn goes through the whole sign-in: the key proved, the password at the provider, and back. It is acknowledged when the cookie is here.
func (v *visit) signIn(password string, renewal time.Duration) error {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return err
	}
	own := *v.http
	own.Jar = jar
	do := func(method, address string, form url.Values, token string) (*http.Response, []byte, error) {
		r, err := http.NewRequest(method, address, strings.NewReader(form.Encode()))
		if err != nil {
			return nil, nil, err
		}
		if method == http.MethodPost {
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		}
		if token != "" {
			r.Header.Set(wire.HeaderProof, token)
		}
		return v.answerOf(&own, r)
	}
	_, page, err := do("GET", v.origin+faultPrefix+"sign-in?again=1&continue=1", nil, "")
	if err != nil {
		return err
	}
	nonce := faultNonce.FindSubmatch(page)
	if nonce == nil {
		return fmt.Errorf("the sign-in page has no nonce: %.200s", page)
	}
	token := v.maker.Token(v.t, proof.Claims{JTI: "jti", HTM: "POST", HTU: v.origin + faultPrefix + "sign-in", IAT: 1, Nonce: string(nonce[1])})
	answer, text, err := do("POST", v.origin+faultPrefix+"sign-in", url.Values{wire.FieldReturnTo: {"/"}}, token)
	if err != nil {
		return err
	}
	if answer.StatusCode != http.StatusOK {
		return refusalOf(answer, text)
	}
	var to wire.Redirect
	if err := json.Unmarshal(text, &to); err != nil {
		return err
	}
	for range 10 {
		answer, text, err = do("GET", to.Location, nil, "")
		if err != nil {
			return err
		}
		if form := faultAction.FindSubmatch(text); form != nil && answer.StatusCode == http.StatusOK {
			values := url.Values{"username": {v.subject}, "password": {password}}
			for _, field := range faultHidden.FindAllSubmatch(text, -1) {
				values.Set(html.UnescapeString(string(field[1])), html.UnescapeString(string(field[2])))
			}
			at, err := answer.Request.URL.Parse(html.UnescapeString(string(form[1])))
			if err != nil {
				return err
			}
			if answer, text, err = do("POST", at.String(), values, ""); err != nil {
				return err
			}
		}
		for _, cookie := range answer.Cookies() {
			if cookie.Name == wire.SessionCookie && cookie.Value != "" {
				v.show(cookie.Value, renewal)
				v.signed = time.Now()
				return nil
			}
		}
		next, err := answer.Location()
		if err != nil {
			return fmt.Errorf("the sign-in ended at %s with %d: %.200s", answer.Request.URL, answer.StatusCode, text)
		}
		to.Location = next.String()
	}
	return errors.New("the sign-in goes round in circles")
}

func (v *visit) show(cookie string, renewal time.Duration) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.cookies = append(v.cookies, shown{cookie, time.Now().Add(renewal)})
}

func (v *visit) newest() string {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.cookies[len(v.cookies)-1].value
}

func (v *visit) session() string {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.sid
}

// nonce asks for a nonce, as a page does that was just loaded. The refusal has the last accepted sequence number.
func (v *visit) nonce() (wire.Refusal, error) {
	answer, text, err := v.ask("POST", faultPrefix+"heartbeat", nil, v.newest(), "")
	if err != nil {
		return wire.Refusal{}, err
	}
	err = refusalOf(answer, text)
	var r *refused
	if errors.As(err, &r) && r.Refusal.Error == wire.UseNonce {
		v.mu.Lock()
		v.sid = r.SID
		v.mu.Unlock()
		return r.Refusal, nil
	}
	return wire.Refusal{}, err
}

// prove sends a request with a fresh proof.
func (v *visit) prove(endpoint string, form url.Values) (*http.Response, []byte, error) {
	asked, err := v.nonce()
	if err != nil {
		return nil, nil, err
	}
	token := v.maker.Token(v.t, proof.Claims{JTI: "jti", HTM: "POST", HTU: v.origin + faultPrefix + endpoint, IAT: 1, Nonce: asked.Nonce,
		Heartbeat: &proof.Heartbeat{SID: asked.SID, Seq: asked.Seq + 1}})
	answer, text, err := v.ask("POST", faultPrefix+endpoint, form, v.newest(), token)
	if err == nil && answer.StatusCode != http.StatusOK {
		err = refusalOf(answer, text)
	}
	return answer, text, err
}

// heartbeat is acknowledged when it returns nil.
func (v *visit) heartbeat(renewal time.Duration) error {
	answer, text, err := v.prove("heartbeat", nil)
	if err != nil {
		return err
	}
	var reply wire.Reply
	if err := json.Unmarshal(text, &reply); err != nil {
		return err
	}
	now := time.Now()
	for _, cookie := range answer.Cookies() {
		if cookie.Name == wire.SessionCookie {
			v.show(cookie.Value, renewal)
		}
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.seqs = append(v.seqs, accepted{reply.Seq, now})
	for _, end := range []int64{reply.SessionEnds, reply.InactivityEnds} {
		// Deadlines do not move later in these tests, because nobody is active but at the sign-in and settings stay.
		if at := now.Add(time.Duration(end-reply.Now) * time.Millisecond); end != 0 && (v.ends.IsZero() || at.Before(v.ends)) {
			v.ends = at
		}
	}
	return nil
}

// signOut is acknowledged when it returns nil.
func (v *visit) signOut() error {
	return v.leave(func() error { _, _, err := v.prove("sign-out", url.Values{}); return err })
}

// leave asks for the end of the session.
func (v *visit) leave(ask func() error) error {
	v.mu.Lock()
	v.leaving = true
	v.mu.Unlock()
	if err := ask(); err != nil {
		return err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.left = time.Now()
	return nil
}

// check shows one of the browser's cookies. wrong says why it must not have been let through, where it was.
func (v *visit) check(which int) (through bool, wrong string, err error) {
	v.mu.Lock()
	cookie := v.cookies[(which%len(v.cookies)+len(v.cookies))%len(v.cookies)]
	left, ends := v.left, v.ends
	v.mu.Unlock()
	sent := time.Now()
	answer, text, err := v.ask("GET", faultPrefix+"check", nil, cookie.value, "")
	if err != nil {
		return false, "", err
	}
	if answer.StatusCode != http.StatusNoContent {
		return false, "", refusalOf(answer, text)
	}
	switch {
	case !left.IsZero():
		wrong = "after its acknowledged end (P4)"
	case sent.After(cookie.stale):
		wrong = fmt.Sprintf("with a cookie that is stale since %s (P1)", sent.Sub(cookie.stale))
	case !ends.IsZero() && sent.After(ends):
		wrong = fmt.Sprintf("%s after its deadline (P1)", sent.Sub(ends))
	}
	return true, wrong, nil
}
