package main

import (
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/curfew-project/curfew/shared/proof"
	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/verifier/api/apitest"
)

func TestHeartbeatAndCheckOverHTTP(t *testing.T) {
	r := start(t)
	v := r.visitor(t)
	v.signIn()
	old := v.Cookie("curfew")
	r.clock.stop()
	r.clock.advance(time.Second)
	answer := v.Post("/.curfew/heartbeat", nil)
	asked := v.Refusal(answer)
	if asked.Error != wire.UseNonce || answer.StatusCode != http.StatusUnauthorized || answer.Header.Get(wire.HeaderNonce) != asked.Nonce {
		t.Fatalf("a heartbeat without a proof: %d %+v", answer.StatusCode, asked)
	}
	answer = v.Post("/.curfew/heartbeat", nil, v.Token(t, proof.Claims{JTI: "j", HTM: "POST", HTU: v.At("heartbeat"), IAT: 1, Nonce: asked.Nonce,
		Heartbeat: &proof.Heartbeat{SID: asked.SID, Seq: asked.Seq + 1}}))
	var reply wire.Reply
	v.Decode(answer, &reply)
	if answer.StatusCode != http.StatusOK || reply.Phase != wire.Active || reply.Nonce == "" || reply.Interval < 4000 || reply.Interval > 5000 {
		t.Fatalf("%d %s", answer.StatusCode, answer.Body)
	}
	if answer.Header.Get("Cache-Control") != "no-store" {
		t.Error("a heartbeat's answer can be cached")
	}
	if v.Cookie("curfew") == old {
		t.Error("D4: the heartbeat did not renew the cookie")
	}
	check := v.Get("/.curfew/check")
	if check.StatusCode != http.StatusNoContent || check.Header.Get("Curfew-User") == "" || check.Header.Get("Curfew-Name") != url.PathEscape(users[0].DisplayName) {
		t.Errorf("check: %d %v", check.StatusCode, check.Header)
	}

	// D4: a navigation with a stale cookie but a living session goes to resume, and back after the proof.
	r.clock.advance(21 * time.Second)
	if answer := v.Get("/patients?q=x"); answer.Header.Get("Location") != "/.curfew/resume?return_to=%2Fpatients%3Fq%3Dx" {
		t.Errorf("a stale cookie: %d to %q", answer.StatusCode, answer.Header.Get("Location"))
	}
	if answer := v.Get("/.curfew/sign-in?return_to=/patients"); answer.Header.Get("Location") != "/.curfew/resume?return_to=%2Fpatients" {
		t.Errorf("a sign-in with a living session: %d to %q", answer.StatusCode, answer.Header.Get("Location"))
	}
	if _, refusal := v.Heartbeat(); refusal.Error != "" {
		t.Fatalf("a heartbeat with a stale cookie: %+v", refusal)
	}
	if answer := v.Get("/patients"); answer.StatusCode != http.StatusOK {
		t.Errorf("after the proof: %d", answer.StatusCode)
	}

	// B4: signing out leads to the provider with the hint, and everything else of the user ends.
	second := r.visitor(t)
	second.signIn()
	r.clock.advance(time.Second)
	_, to, _ := v.SignOut(nil)
	out, err := url.Parse(to.Location)
	if err != nil || out.Query().Get("id_token_hint") == "" || out.Query().Get("post_logout_redirect_uri") != r.short+"/.curfew/signed-out" {
		t.Errorf("signing out leads to %s", to.Location)
	}
	for name, c := range map[string]struct {
		v      *visitor
		reason string
	}{"here": {v, "signed_out"}, "the other browser": {second, "signed_out_elsewhere"}} {
		if check := c.v.Get("/.curfew/check"); check.StatusCode != http.StatusUnauthorized || check.Header.Get("Curfew-Reason") != c.reason {
			t.Errorf("%s: %d %q", name, check.StatusCode, check.Header.Get("Curfew-Reason"))
		}
	}
}

func TestP8_BadRequestsAreRefusedTyped(t *testing.T) {
	r := start(t)
	v := r.visitor(t)
	v.signIn()
	request := func(method, path string, change func(*http.Request)) *http.Request {
		q, err := http.NewRequest(method, v.Origin+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if change != nil {
			change(q)
		}
		return q
	}
	heartbeat := func(change func(*http.Request)) *http.Request {
		return request(http.MethodPost, "/.curfew/heartbeat", change)
	}
	header := func(key, value string) func(*http.Request) {
		return func(q *http.Request) { q.Header.Set(key, value) }
	}
	for name, c := range map[string]struct {
		request *http.Request
		status  int
		code    wire.Code
	}{
		"unknown host":        {heartbeat(func(q *http.Request) { q.Host = "evil.example" }), 421, wire.UnknownOrigin},
		"from another origin": {heartbeat(header("Origin", "https://evil.example")), 403, wire.CrossOrigin},
		"origin null":         {heartbeat(header("Origin", "null")), 403, wire.CrossOrigin},
		"cross-site":          {heartbeat(header("Sec-Fetch-Site", "cross-site")), 403, wire.CrossOrigin},
		"same-site":           {heartbeat(header("Sec-Fetch-Site", "same-site")), 403, wire.CrossOrigin},
		"a body": {heartbeat(func(q *http.Request) {
			q.Body, q.ContentLength = io.NopCloser(strings.NewReader("x")), 1
		}), 400, wire.BadRequest},
		"an oversized proof":  {heartbeat(header(wire.HeaderProof, strings.Repeat("A", wire.MaxProof+1))), 431, wire.TooLarge},
		"a malformed proof":   {heartbeat(header(wire.HeaderProof, "a.b.c")), 401, wire.InvalidProof},
		"a forged cookie":     {request(http.MethodGet, "/.curfew/check", header("Cookie", "curfew=AAAA")), 401, wire.NoSession},
		"an oversized cookie": {request(http.MethodGet, "/.curfew/check", header("Cookie", "curfew="+strings.Repeat("A", wire.MaxCookie+1))), 401, wire.NoSession},
		"two cookies":         {request(http.MethodGet, "/.curfew/check", header("Cookie", "curfew="+v.Cookie("curfew")+"; curfew="+v.Cookie("curfew"))), 401, wire.NoSession},
		"the other origin's": {request(http.MethodGet, "/.curfew/check", func(q *http.Request) {
			q.Host = strings.TrimPrefix(r.normal, "http://")
			q.Header.Set("Cookie", "curfew="+v.Cookie("curfew"))
		}), 401, wire.NoSession},
		"a sign-out by cookie": {request(http.MethodPost, "/.curfew/sign-out", nil), 401, wire.UseNonce},
	} {
		from := v.Visitor
		if c.request.Header.Get("Cookie") != "" {
			from = apitest.New(t, v.Origin) // with no other cookie than the request's
		}
		answer := from.Do(c.request)
		if refusal := v.Refusal(answer); answer.StatusCode != c.status || refusal.Error != c.code {
			t.Errorf("%s: %d %s, want %d %s", name, answer.StatusCode, refusal.Error, c.status, c.code)
		}
		if strings.Contains(string(answer.Body), "panic") || answer.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%s: %v %s", name, answer.Header, answer.Body)
		}
	}
	if check := v.Get("/.curfew/check"); check.StatusCode != http.StatusNoContent {
		t.Errorf("after all that the session answers %d", check.StatusCode)
	}
	for path, want := range map[string]int{
		"/.curfew/":             404,
		"/.curfew/nothing":      404,
		"/.curfew/agent.js":     200,
		"/.curfew/agent.x.wasm": 404,
		"/WebResources/a/ClientGlobalContext.js.aspx": 200,
		"/.curfew/page.css":                           200,
	} {
		if got := v.Get(path).StatusCode; got != want {
			t.Errorf("%s: %d, want %d", path, got, want)
		}
	}
}

// The guard in the application's own process sends whoever has no session to the sign-in, and back after it.
func TestGuardedApplication(t *testing.T) {
	r := start(t)
	v := r.visitor(t)
	if answer := v.Get("/patients?q=a"); answer.StatusCode != http.StatusSeeOther ||
		answer.Header.Get("Location") != "/.curfew/sign-in?again=1&return_to=%2Fpatients%3Fq%3Da" {
		t.Fatalf("without a session: %d to %q", answer.StatusCode, answer.Header.Get("Location"))
	}
	v.signIn()
	if answer := v.Get("/patients"); answer.StatusCode != http.StatusOK || !strings.Contains(string(answer.Body), users[0].DisplayName) {
		t.Errorf("signed in: %d", answer.StatusCode)
	}
}

func TestB3_SignInWantsAProofOfTheKey(t *testing.T) {
	r := start(t)
	v := r.visitor(t)
	nonce := v.Nonce()
	claims := proof.Claims{JTI: "j", HTM: "POST", HTU: v.At("sign-in"), IAT: 1, Nonce: nonce}
	stale := claims
	stale.Nonce = "made-up"
	elsewhere := claims
	elsewhere.HTU = v.At("heartbeat")
	for name, c := range map[string]struct {
		proofs []string
		code   wire.Code
	}{
		"none":            {nil, wire.InvalidProof},
		"two":             {[]string{v.Token(t, claims), v.Token(t, claims)}, wire.InvalidProof},
		"no JWT":          {[]string{"x"}, wire.InvalidProof},
		"another address": {[]string{v.Token(t, elsewhere)}, wire.InvalidProof},
		"made-up nonce":   {[]string{v.Token(t, stale)}, wire.UseNonce},
		"oversized":       {[]string{v.Token(t, claims) + strings.Repeat("A", wire.MaxProof)}, wire.TooLarge},
	} {
		answer := v.Post("/.curfew/sign-in", url.Values{"return_to": {"/"}}, c.proofs...)
		if got := v.Refusal(answer); got.Error != c.code {
			t.Errorf("%s: %d %s, want %s", name, answer.StatusCode, got.Error, c.code)
		}
		if names := v.Cookies("curfew-signin-"); len(names) != 0 {
			t.Errorf("%s: got a sign-in cookie", name)
		}
	}
}
