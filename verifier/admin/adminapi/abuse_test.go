package adminapi_test

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"

	"github.com/curfew-project/curfew/verifier/admin"
	"github.com/curfew-project/curfew/verifier/admin/adminapi"
	"github.com/curfew-project/curfew/verifier/audit"
)

// request is a request to an address.
type request struct {
	path, body string
	everybody  bool // it answers every administrator, with what is theirs
}

// requests have one for each address: about environment clinic or the session in it.
func requests(session string) map[adminapi.Address]request {
	return map[adminapi.Address]request{
		{Method: "GET", Path: "environments"}:                   {path: "environments", everybody: true},
		{Method: "POST", Path: "environments"}:                  {path: "environments", body: `{"id":"new","origins":["https://new.example"],"provider":"main"}`},
		{Method: "GET", Path: "environments/{id}"}:              {path: "environments/clinic"},
		{Method: "PATCH", Path: "environments/{id}"}:            {path: "environments/clinic?version=1", body: `{"name":"Taken over"}`},
		{Method: "DELETE", Path: "environments/{id}"}:           {path: "environments/clinic?version=1"},
		{Method: "GET", Path: "environments/{id}/history"}:      {path: "environments/clinic/history"},
		{Method: "GET", Path: "environments/{id}/reported"}:     {path: "environments/clinic/reported"},
		{Method: "POST", Path: "environments/{id}/clients/try"}: {path: "environments/clinic/clients/try", body: `{"user_agent":"x"}`},
		{Method: "GET", Path: "deployment"}:                     {path: "deployment"},
		{Method: "PATCH", Path: "deployment"}:                   {path: "deployment?version=0", body: `{"switches":{"AllowCustomSessionDuration":"on"}}`},
		{Method: "GET", Path: "deployment/history"}:             {path: "deployment/history"},
		{Method: "GET", Path: "presets"}:                        {path: "presets", everybody: true},
		{Method: "GET", Path: "overview"}:                       {path: "overview?environment=clinic"},
		{Method: "GET", Path: "sessions"}:                       {path: "sessions?environment=clinic"},
		{Method: "DELETE", Path: "sessions"}:                    {path: "sessions?environment=clinic"},
		{Method: "GET", Path: "sessions/{id}"}:                  {path: "sessions/" + session},
		{Method: "DELETE", Path: "sessions/{id}"}:               {path: "sessions/" + session},
		{Method: "GET", Path: "keys"}:                           {path: "keys"},
		{Method: "GET", Path: "audit"}:                          {path: "audit?environment=clinic"},
		{Method: "GET", Path: "audit/export"}:                   {path: "audit/export?environment=clinic"},
		{Method: "POST", Path: "audit/verify"}:                  {path: "audit/verify"},
	}
}

// secrets are texts that only who may administer environment clinic may see.
var secrets = []string{"clinic", "zoe-4711", "Amara", "192.0.2.7", "Firefox"}

// C6: nobody, a wrong token and another environment's administrator see nothing of any address, and change nothing.
func TestC6_NobodyElseSeesOrChangesAnything(t *testing.T) {
	w := newWorld(t)
	id := w.signIn("clinic", "zoe-4711").ID.String()
	before := w.everything()
	all := requests(id)
	for _, address := range adminapi.Addresses() {
		req, ok := all[address]
		if !ok {
			t.Errorf("%v has no request in the table above", address)
			continue
		}
		delete(all, address)
		for who, headers := range map[string][]string{
			"nobody":               nil,
			"an empty token":       {"Authorization", "Bearer "},
			"a wrong token":        {"Authorization", "Bearer " + rootToken + "x"},
			"another scheme":       {"Authorization", "Basic " + rootToken},
			"a token in a cookie":  {"Cookie", "__Host-curfew=" + rootToken + "; token=" + rootToken},
			"a token in the query": {"X-Token", rootToken},
		} {
			got := w.ask(address.Method, req.path, "", req.body, headers...)
			if got.status != http.StatusUnauthorized || got.header.Get("WWW-Authenticate") != "Bearer" {
				t.Errorf("%v as %s: %d %s", address, who, got.status, got.body)
			}
			w.silentAbout(address, who, got)
		}
		other := w.ask(address.Method, req.path, bankToken, req.body)
		switch {
		case req.everybody:
			if other.status != http.StatusOK {
				t.Errorf("%v as another environment's administrator: %d %s", address, other.status, other.body)
			}
			w.silentAbout(address, "another environment's administrator", other)
		case other.status != http.StatusForbidden && other.status != http.StatusNotFound:
			t.Errorf("%v as another environment's administrator: %d %s", address, other.status, other.body)
		}
		if other.header.Get("Cache-Control") != "no-store" || other.header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%v: headers %v", address, other.header)
		}
	}
	for address := range all {
		t.Errorf("%v is no address of the API", address)
	}
	if after := w.everything(); !reflect.DeepEqual(before, after) {
		t.Errorf("something changed:\n%s\n%s", before, after)
	}
}

// The same table must succeed for who may: otherwise the refusals above prove nothing.
func TestC6_WhoMayIsAnswered(t *testing.T) {
	for _, address := range adminapi.Addresses() {
		t.Run(address.Method+" "+strings.ReplaceAll(address.Path, "/", "-"), func(t *testing.T) {
			w := newWorld(t)
			req := requests(w.signIn("clinic", "zoe-4711").ID.String())[address]
			got := w.ask(address.Method, req.path, rootToken, req.body)
			if address == (adminapi.Address{Method: "DELETE", Path: "environments/{id}"}) {
				if got.status != http.StatusConflict || !strings.Contains(got.body, `"error":"in_file"`) {
					t.Errorf("%d %s", got.status, got.body)
				}
				return
			}
			if got.status/100 != 2 {
				t.Errorf("%d %s", got.status, got.body)
			}
		})
	}
}

// everything is all that there is to see and to change.
func (w *world) everything() string {
	w.t.Helper()
	root := admin.Actor{Name: "test", All: true}
	environments, err := w.admin.Environments(w.t.Context(), root)
	if err != nil {
		w.t.Fatal(err)
	}
	deployment, err := w.admin.Deployment(w.t.Context(), root)
	if err != nil {
		w.t.Fatal(err)
	}
	sessions, err := w.admin.Sessions(w.t.Context(), root, admin.SessionQuery{State: admin.Any})
	if err != nil {
		w.t.Fatal(err)
	}
	entries, err := w.admin.Audit(w.t.Context(), root, audit.Query{Limit: audit.MaxLimit})
	if err != nil {
		w.t.Fatal(err)
	}
	kept := entries[:0]
	for _, e := range entries {
		if e.Kind != audit.AdminRefused { // that somebody tried is kept
			kept = append(kept, e)
		}
	}
	text, err := json.Marshal([]any{environments, deployment, sessions, len(kept)})
	if err != nil {
		w.t.Fatal(err)
	}
	return string(text)
}

func (w *world) silentAbout(address adminapi.Address, who string, got answer) {
	w.t.Helper()
	for _, secret := range secrets {
		if strings.Contains(got.body, secret) {
			w.t.Errorf("%v tells %s of %q: %s", address, who, secret, got.body)
		}
	}
}

// Whoever says who somebody is never sees a cookie, and asks about every request.
func TestC6_CookiesSayNothing(t *testing.T) {
	w := newWorld(t)
	asked := 0
	handler := adminapi.New(w.admin, func(r *http.Request) (admin.Actor, bool) {
		asked++
		if len(r.Cookies()) > 0 || r.Header.Get("Cookie") != "" {
			t.Errorf("%s shows cookies", r.URL)
		}
		return admin.Actor{}, false
	}, nil, slog.New(slog.DiscardHandler))
	for _, address := range append(adminapi.Addresses(), adminapi.Address{Method: "GET", Path: "nothing"}) {
		r := httptest.NewRequest(address.Method, adminapi.Prefix+address.Path, nil)
		r.Header.Set("Cookie", "session=x")
		got := httptest.NewRecorder()
		handler.ServeHTTP(got, r)
		if got.Code != http.StatusUnauthorized {
			t.Errorf("%v: %d", address, got.Code)
		}
	}
	if asked != len(adminapi.Addresses())+1 {
		t.Errorf("asked %d times", asked)
	}
}

// A page of another site cannot use the API even when the browser has a way in.
func TestC6_BrowsersOfOtherSitesAreRefused(t *testing.T) {
	w := newWorld(t)
	host := strings.TrimPrefix(w.server.URL, "http://")
	for _, try := range []struct {
		name    string
		headers []string
		status  int
	}{
		{"a program", nil, 200},
		{"the same origin", []string{"Origin", w.server.URL, "Sec-Fetch-Site", "same-origin"}, 200},
		{"typed by a person", []string{"Sec-Fetch-Site", "none"}, 200},
		{"another origin", []string{"Origin", "https://evil.example"}, 403},
		{"another port", []string{"Origin", "http://localhost:1"}, 403},
		{"an origin that hides", []string{"Origin", "null"}, 403},
		{"an empty origin", []string{"Origin", ""}, 403},
		{"another site", []string{"Sec-Fetch-Site", "cross-site"}, 403},
		{"another origin of the site", []string{"Sec-Fetch-Site", "same-site"}, 403},
		{"one that looks like it", []string{"Origin", "http://" + host + ".evil.example"}, 403},
	} {
		for _, token := range []string{rootToken, ""} {
			got := w.ask("GET", "presets", token, "", try.headers...)
			want := try.status
			if want == 200 && token == "" {
				want = 401
			}
			if got.status != want {
				t.Errorf("%s, token %q: %d %s", try.name, token, got.status, got.body)
			}
		}
	}
}
