package adminapi_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/curfew-project/curfew/shared/policy"
	"github.com/curfew-project/curfew/verifier/admin"
	"github.com/curfew-project/curfew/verifier/admin/adminapi"
	"github.com/curfew-project/curfew/verifier/settings"
)

func TestEveryCodeHasAStatus(t *testing.T) {
	for _, code := range append(admin.Codes(), adminapi.Unauthorized, adminapi.CrossSite, adminapi.BadRequest, adminapi.WrongMethod, adminapi.WrongType,
		adminapi.TooLarge, adminapi.VersionNeeded, adminapi.Failed) {
		if status, ok := adminapi.Status(code); !ok || status < 400 {
			t.Errorf("%s has status %d", code, status)
		}
	}
}

// C6: what is asked wrongly is refused with the name, the value and what is allowed, and changes nothing.
func TestC6_WrongRequestsAreRefusedByName(t *testing.T) {
	w := newWorld(t)
	w.signIn("clinic", "zoe-4711")
	before := w.everything()
	for _, try := range []struct {
		name, method, path, body string
		headers                  []string
		status                   int
		says                     string
	}{
		{"no version", "PATCH", "environments/clinic", `{"name":"x"}`, nil, 428, `If-Match: \"7\"`},
		{"a weak tag", "PATCH", "environments/clinic", `{"name":"x"}`, []string{"If-Match", `W/"1"`}, 400, "allowed: a version in quotation marks"},
		{"any tag", "PATCH", "environments/clinic", `{"name":"x"}`, []string{"If-Match", `*`}, 400, "If-Match"},
		{"two versions", "PATCH", "environments/clinic?version=2", `{"name":"x"}`, []string{"If-Match", `"1"`}, 400, "differ"},
		{"an old version", "PATCH", "environments/clinic?version=0", `{"name":"x"}`, nil, 409, `"version":1`},
		{"a version that is none", "PATCH", "environments/clinic?version=-1", `{"name":"x"}`, nil, 422, `version is \"-1\"; allowed: a whole number`},
		{"an unknown key", "PATCH", "environments/clinic?version=1", `{"sesion_timeout":"1h"}`, nil, 400, `\"sesion_timeout\" is not known; allowed: preset, preset_inactivity, session_timeout`},
		{"an unknown key inside", "PATCH", "environments/clinic?version=1", `{"clients":{"matcher":[]}}`, nil, 400, `\"matcher\" is not known`},
		{"a number for a length", "PATCH", "environments/clinic?version=1", `{"session_timeout":720}`, nil, 400, "session_timeout is a JSON number; allowed: a string"},
		{"a list", "PATCH", "environments/clinic?version=1", `[]`, nil, 400, "the body is a JSON array; allowed: an object"},
		{"two values", "PATCH", "environments/clinic?version=1", `{"name":"x"}{"name":"y"}`, nil, 400, "goes on"},
		{"half a value", "PATCH", "environments/clinic?version=1", `{"name":"x"`, nil, 400, "not the JSON"},
		{"not said to be JSON", "PATCH", "environments/clinic?version=1", `{"name":"x"}`, []string{"Content-Type", "text/plain"}, 415, "allowed: application/json"},
		{"a form", "POST", "environments", `id=x`, []string{"Content-Type", "application/x-www-form-urlencoded"}, 415, "application/json"},
		{"a body too long", "PATCH", "environments/clinic?version=1", `{"name":"` + strings.Repeat("x", adminapi.MaxBody) + `"}`, nil, 413, "262144"},
		{"a long end", "PATCH", "environments/clinic?version=1", `{"name":"x"}` + strings.Repeat(" ", adminapi.MaxBody), nil, 413, "262144"},
		{"a wrong dry run", "PATCH", "environments/clinic?version=1&dry_run=yes", `{"name":"x"}`, nil, 422, `dry_run is \"yes\"; allowed: 1 or 0`},
		{"an unknown parameter", "PATCH", "environments/clinic?version=1&dryrun=1", `{"name":"x"}`, nil, 422, `\"dryrun\" is not known; allowed: version, dry_run`},
		{"a parameter twice", "PATCH", "environments/clinic?version=1&version=1", `{"name":"x"}`, nil, 422, "version is given 2 times"},
		{"parameters that cannot be read", "GET", "sessions?%zz", "", nil, 400, "cannot be read"},
		{"the deployment as an environment", "PATCH", "environments/*?version=0", `{"switches":{}}`, nil, 404, "there is no environment"},
		{"the console as an environment", "GET", "environments/console", "", nil, 404, "there is no environment"},
		{"everybody by a slip", "DELETE", "sessions?enviroment=clinic", "", nil, 422, `\"enviroment\" is not known`},
		{"everybody everywhere", "DELETE", "sessions", "", nil, 422, `environment is \"\"`},
		{"an empty user", "DELETE", "sessions?environment=clinic&user=", "", nil, 422, "user is empty"},
		{"an unknown state", "GET", "sessions?state=alive", "", nil, 422, `state is \"alive\"; allowed: living`},
		{"too many", "GET", "sessions?limit=1001", "", nil, 422, "limit is 1001; allowed: 1 to 1000"},
		{"far too many", "GET", "sessions?limit=99999999999999999999", "", nil, 422, "limit is"},
		{"an unknown kind", "GET", "audit?kind=sign_in,signin", "", nil, 422, `kind is \"signin\"; allowed: sign_in`},
		{"an instant that is none", "GET", "audit?from=yesterday", "", nil, 422, `from \"yesterday\" is no instant`},
		{"the wrong way round", "GET", "audit?from=2026-03-02&to=2026-03-01", "", nil, 422, "an instant before to"},
		{"an export with a limit", "GET", "audit/export?limit=5", "", nil, 422, `\"limit\" is not known`},
		{"a method that is none", "PUT", "environments/clinic", "", nil, 405, "the method is PUT; allowed: DELETE, GET, PATCH"},
		{"an address that is none", "GET", "environment", "", nil, 404, "no such address"},
		{"no session", "GET", "sessions/AAAAAAAAAAAAAAAAAAAAAA", "", nil, 404, "there is no session"},
	} {
		got := w.ask(try.method, try.path, rootToken, try.body, try.headers...)
		if got.status != try.status || !strings.Contains(got.body, try.says) || got.header.Get("Content-Type") != "application/json" {
			t.Errorf("%s: %d %s", try.name, got.status, got.body)
		}
	}
	if after := w.everything(); before != after {
		t.Errorf("something changed:\n%s\n%s", before, after)
	}
}

// C1 through the Client: create, show, rename, history, two administrators at once, remove.
func TestC1_EnvironmentsThroughTheClient(t *testing.T) {
	w := newWorld(t)
	amara, bela := w.client(rootToken), w.client(rootToken)
	ctx := t.Context()
	made, err := amara.Create(ctx, admin.NewEnvironment{ID: "lab", Name: "Laboratory", Origins: []string{"https://lab.example"}, Provider: "main"})
	if err != nil || made.Version != 1 || made.Kind != settings.App {
		t.Fatalf("%+v, %v", made, err)
	}
	w.signIn("lab", "zoe")
	name, other := "Lab", "Labor"
	if _, err := amara.Change(ctx, "lab", 1, admin.Edit{Name: &name}, false); err != nil {
		t.Fatal(err)
	}
	_, err = bela.Change(ctx, "lab", 1, admin.Edit{Name: &other}, false)
	var refused *admin.Error
	if !errors.As(err, &refused) || refused.Code != admin.Conflict || refused.Version != 2 {
		t.Errorf("the second administrator: %v", err)
	}
	versions, err := amara.History(ctx, "lab", 0, 0)
	if err != nil || len(versions) != 2 || versions[0].By != "root (token)" || len(versions[0].Changes) != 1 || versions[0].Changes[0].String() != "name: Laboratory -> Lab" {
		t.Errorf("%+v, %v", versions, err)
	}
	if older, err := amara.History(ctx, "lab", 2, 1); err != nil || len(older) != 1 || older[0].Version != 1 {
		t.Errorf("%+v, %v", older, err)
	}
	if out, err := amara.Remove(ctx, "lab", 2, true); err != nil || out.Applied || out.Effects.EndsAtOnce != 1 {
		t.Errorf("a dry run: %+v, %v", out, err)
	}
	if out, err := amara.Remove(ctx, "lab", 2, false); err != nil || !out.Applied {
		t.Errorf("%+v, %v", out, err)
	}
	if _, err := amara.Environment(ctx, "lab"); !errors.As(err, &refused) || refused.Code != admin.NotFound {
		t.Errorf("a removed environment: %v", err)
	}
	all, err := amara.Environments(ctx)
	if err != nil || len(all) != 2 || all[0].ID != "bank" {
		t.Errorf("%+v, %v", all, err)
	}
	if pages, err := amara.Reported(ctx, "clinic"); err != nil || len(pages) != 1 || pages[0].Path != "/records/*" {
		t.Errorf("%+v, %v", pages, err)
	}
}

// B6 through the Client: list, search, look at, and end one, a user's, an environment's.
func TestB6_SessionsThroughTheClient(t *testing.T) {
	w := newWorld(t)
	client, ctx := w.client(rootToken), t.Context()
	one := w.signIn("clinic", "zoe")
	for _, subject := range []string{"zoe", "noah", "noah"} {
		w.signIn("clinic", subject)
	}
	w.signIn("bank", "noah")
	if found, err := client.Sessions(ctx, admin.SessionQuery{Environment: "clinic", User: "ZOE"}); err != nil || found.Total != 2 || len(found.Sessions) != 2 {
		t.Errorf("%+v, %v", found, err)
	}
	if found, err := client.Sessions(ctx, admin.SessionQuery{Offset: 4, Limit: 1}); err != nil || found.Total != 5 || len(found.Sessions) != 1 {
		t.Errorf("%+v, %v", found, err)
	}
	if found, err := client.Session(ctx, one.ID.String()); err != nil || found.UserAgent != "Firefox" || found.Address != "192.0.2.7" {
		t.Errorf("%+v, %v", found, err)
	}
	for range 2 { // ending what has ended is no error
		if err := client.EndSession(ctx, one.ID.String()); err != nil {
			t.Error(err)
		}
	}
	if n, err := client.EndUser(ctx, "clinic", "noah"); err != nil || n != 2 {
		t.Errorf("%d, %v", n, err)
	}
	if n, err := client.EndEnvironment(ctx, "clinic"); err != nil || n != 1 {
		t.Errorf("%d, %v", n, err)
	}
	overview, err := client.Overview(ctx, "")
	if err != nil || overview.Living != 1 || overview.ByEnvID["bank"] != 1 || overview.Ends["ended_by_admin"] != 4 {
		t.Errorf("%+v, %v", overview, err)
	}
	if mine, err := w.client(bankToken).Sessions(ctx, admin.SessionQuery{State: admin.Any}); err != nil || mine.Total != 1 {
		t.Errorf("another environment's administrator: %+v, %v", mine, err)
	}
	for _, id := range []string{"", ".", "..", "a/b", "sessions?environment=bank", one.ID.String() + "x"} {
		var refused *admin.Error
		if err := client.EndSession(ctx, id); !errors.As(err, &refused) || refused.Code != admin.NotFound {
			t.Errorf("ending %q: %v", id, err)
		}
	}
}

// A9 through the Client.
func TestA9_ClientsThroughTheClient(t *testing.T) {
	w := newWorld(t)
	client := w.client(clinicToken)
	draft := settings.Clients{
		Matchers: []settings.Matcher{{Client: policy.Phone, UserAgent: "*iPhone*"}},
		Enforced: map[policy.Client]settings.Enforced{policy.Phone: {Session: true}},
	}
	if tried, err := client.TryClient(t.Context(), "clinic", "", "an iPhone 15", &draft); err != nil || tried.Client != "phone" || tried.Matcher != 1 || !tried.Enforced.Session || tried.Enforced.Inactivity {
		t.Errorf("%+v, %v", tried, err)
	}
	if tried, err := client.TryClient(t.Context(), "clinic", "", "an iPhone 15", nil); err != nil || tried.Client != "browser" {
		t.Errorf("%+v, %v", tried, err)
	}
	if out, err := client.Change(t.Context(), "clinic", 1, admin.Edit{Clients: &draft}, false); err != nil || !out.Applied {
		t.Errorf("%+v, %v", out, err)
	}
	if tried, err := client.TryClient(t.Context(), "clinic", "", "an iPhone 15", nil); err != nil || tried.Client != "phone" {
		t.Errorf("%+v, %v", tried, err)
	}
}

// The version travels as an entity tag too.
func TestC1_VersionsAreEntityTags(t *testing.T) {
	w := newWorld(t)
	seen := w.ask("GET", "environments/clinic", rootToken, "").header.Get("ETag")
	if seen != `"1"` {
		t.Errorf("ETag %s", seen)
	}
	if got := w.ask("PATCH", "environments/clinic", rootToken, `{"name":"Records"}`, "If-Match", seen); got.status != http.StatusOK {
		t.Errorf("%d %s", got.status, got.body)
	}
	if got := w.ask("PATCH", "environments/clinic", rootToken, `{"name":"Other"}`, "If-Match", seen); got.status != http.StatusConflict {
		t.Errorf("%d %s", got.status, got.body)
	}
}
