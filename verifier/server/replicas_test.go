package server

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/curfew-project/curfew/shared/policy"
	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/verifier/admin"
	"github.com/curfew-project/curfew/verifier/api/apitest"
	"github.com/curfew-project/curfew/verifier/audit"
	"github.com/curfew-project/curfew/verifier/config"
	"github.com/curfew-project/curfew/verifier/engine"
	"github.com/curfew-project/curfew/verifier/login/oidctest"
	"github.com/curfew-project/curfew/verifier/session"
	"github.com/curfew-project/curfew/verifier/store/redisconn"
	"github.com/curfew-project/curfew/verifier/store/redispresence"
	"github.com/curfew-project/curfew/verifier/store/redistest"
	"github.com/curfew-project/curfew/wasm/needs"
)

// fleet is several verifiers on one Redis, behind one address, with a real provider.
type fleet struct {
	*testing.T
	redis     *redistest.Server
	provider  *oidctest.Provider
	front     *httptest.Server
	verifiers []*Server
	logs      []*log
	to        atomic.Int64 // the verifier that the next request goes to; below 0: one after the other
	round     atomic.Int64
	keys      string
	people    []oidctest.User // each signs in once: after an end credentials must be later than it, in whole seconds
}

const clinic = "clinic"

var everything = admin.Actor{Name: "root", All: true}

func newFleet(t *testing.T, verifiers int) *fleet {
	t.Helper()
	f := &fleet{T: t, redis: redistest.Start(t), keys: filepath.Join(t.TempDir(), "keys")}
	f.to.Store(-1)
	f.front = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		to := f.to.Load()
		if to < 0 {
			to = f.round.Add(1) % int64(len(f.verifiers))
		}
		f.verifiers[to].Public().ServeHTTP(w, r)
	}))
	t.Cleanup(f.front.Close)
	for n := range 20 {
		name := fmt.Sprint("person", n)
		f.people = append(f.people, oidctest.User{Sub: "sub-" + name, Username: name, Password: "password of " + name, Name: name})
	}
	f.provider = oidctest.Start(t, oidctest.Options{Users: f.people, Clients: []oidctest.Client{{ID: "c", RedirectURIs: []string{f.front.URL + "/.curfew/callback"},
		PostLogoutRedirectURIs: []string{f.front.URL + "/.curfew/signed-out"}}}})
	for range verifiers {
		s, lines, err := f.start(f.keys)
		if err != nil {
			t.Fatal(err)
		}
		f.verifiers, f.logs = append(f.verifiers, s), append(f.logs, lines)
	}
	return f
}

// start starts one more verifier, with a data directory of its own. more is added to what the file says of Redis.
func (f *fleet) start(keys string, more ...string) (*Server, *log, error) {
	f.Helper()
	c, err := config.Parse(fmt.Appendf(nil, `
data: %q
keys: %q
store: {redis: {addresses: [%q]%s}}
environments:
  - {id: clinic, origin: %q, provider: {issuer: %q, client_id: c}}
`, filepath.Join(f.TempDir(), "data"), keys, f.redis.Address, strings.Join(more, ""), f.front.URL, f.provider.Issuer))
	if err != nil {
		f.Fatal(err)
	}
	lines := &log{}
	s, err := New(f.Context(), c, Options{Now: time.Now, Random: rand.Reader, Log: slog.New(slog.NewTextHandler(lines, nil))})
	if err != nil {
		return nil, lines, err
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.Run(ctx)
	}()
	f.Cleanup(func() {
		stop()
		<-done
		s.Close()
		if f.Failed() {
			f.Logf("a verifier's log:\n%.20000s", lines.text.String())
		}
	})
	return s, lines, nil
}

// signIn is a new browser that has signed in, every request at another verifier.
func (f *fleet) signIn() *apitest.Visitor {
	f.Helper()
	user := f.people[0]
	f.people = f.people[1:]
	f.to.Store(-1)
	v, browser := apitest.New(f, f.front.URL), oidctest.NewBrowser()
	location := v.Authorization("/")
	for range 2 {
		callback, _ := oidctest.Authorize(f, browser, location, user.Username, user.Password)
		answer := v.Get(callback)
		if location = answer.Header.Get("Location"); location == "/" && v.Cookie("curfew") != "" {
			return v
		}
	}
	f.Fatalf("nobody is signed in; the last address is %q", location)
	return nil
}

// checks fails unless every verifier lets a browser through, or with a reason refuses it.
func (f *fleet) checks(v *apitest.Visitor, reason wire.Reason) {
	f.Helper()
	defer f.to.Store(-1)
	for i := range f.verifiers {
		f.to.Store(int64(i))
		if _, refusal := v.Check(); refusal.Reason != reason || (reason == "") != (refusal.Error == "") {
			f.Errorf("verifier %d says %+v; want %q", i, refusal, reason)
		}
	}
}

// beat sends a heartbeat to one verifier, or with one below 0 to the next.
func (f *fleet) beat(v *apitest.Visitor, to int64) wire.Reply {
	f.Helper()
	defer f.to.Store(-1)
	f.to.Store(to)
	reply, refusal := v.Heartbeat()
	if refusal.Error != "" {
		f.Errorf("a heartbeat at verifier %d: %+v", to, refusal)
	}
	return reply
}

// stream opens a page's event stream at one verifier. What it says comes from the channel.
func (f *fleet) stream(v *apitest.Visitor, to int64) <-chan string {
	f.Helper()
	request, err := http.NewRequestWithContext(f.Context(), http.MethodGet, v.At("events"), nil)
	if err != nil {
		f.Fatal(err)
	}
	request.Header.Set("Accept", "text/event-stream")
	f.to.Store(to)
	answer, err := v.Client.Do(request)
	f.to.Store(-1)
	if err != nil || answer.StatusCode != http.StatusOK {
		f.Fatalf("an event stream: %v, %v", answer, err)
	}
	said := make(chan string, 100)
	go func() {
		defer close(said)
		defer answer.Body.Close()
		for lines := bufio.NewScanner(answer.Body); lines.Scan(); {
			said <- lines.Text()
		}
	}()
	for line := range said { // it has begun to wait when this has come
		if strings.HasPrefix(line, "retry:") {
			return said
		}
	}
	f.Fatal("the event stream ended at once")
	return nil
}

func says(t *testing.T, said <-chan string, want string) {
	t.Helper()
	late := time.After(needs.Patience)
	for {
		select {
		case line, more := <-said:
			if line == want {
				return
			} else if !more {
				t.Fatalf("the event stream ended without %q", want)
			}
		case <-late:
			t.Fatalf("the event stream did not say %q", want)
		}
	}
}

func (f *fleet) entries(q audit.Query) []audit.Entry {
	f.Helper()
	for _, verifier := range f.verifiers {
		if err := verifier.journal.Flush(f.Context()); err != nil {
			f.Fatal(err)
		}
	}
	found, err := f.verifiers[0].admin.Audit(f.Context(), everything, q)
	if err != nil {
		f.Fatal(err)
	}
	return found
}

func (f *fleet) session(v *apitest.Visitor) session.Session {
	f.Helper()
	id, err := session.ParseID(v.Session())
	if err != nil {
		f.Fatal(err)
	}
	s, ok, err := f.verifiers[0].store.Get(f.Context(), id, time.Now().UnixMilli())
	if err != nil || !ok {
		f.Fatal(ok, err)
	}
	return s
}

func TestP1_SeveralVerifiersAreOne(t *testing.T) {
	t.Parallel()
	f := newFleet(t, 3)

	t.Run("the same file makes one version", func(t *testing.T) {
		found, err := f.verifiers[2].admin.History(t.Context(), everything, clinic, 0, 10)
		if err != nil || len(found) != 1 {
			t.Errorf("%d versions after three verifiers have loaded one file, %v", len(found), err)
		}
	})

	t.Run("nobody keeps verdicts that another verifier could end", func(t *testing.T) {
		for i, verifier := range f.verifiers {
			if keep := verifier.engine.FeedLease(); keep != 0 {
				t.Errorf("verifier %d lets others keep verdicts for %s", i, keep)
			}
		}
	})

	t.Run("no request has to come to the same verifier", func(t *testing.T) {
		v := f.signIn()
		for range 2 * len(f.verifiers) {
			f.beat(v, -1)
		}
		f.checks(v, "")
		if found := f.entries(audit.Query{Session: v.Session(), Kinds: []audit.Kind{audit.SignIn}}); len(found) != 1 {
			t.Errorf("%d entries of the sign-in", len(found))
		}
	})

	t.Run("a sign-out at one is in force at all", func(t *testing.T) {
		v := f.signIn()
		f.beat(v, 0)
		f.checks(v, "") // and every verifier has the session in memory
		page := f.stream(v, 2)
		f.to.Store(0)
		_, _, refusal := v.SignOut(url.Values{})
		f.to.Store(-1)
		if refusal.Error != "" {
			t.Fatalf("sign-out: %+v", refusal)
		}
		f.checks(v, wire.SignedOut)
		says(t, page, "event: "+wire.EventEnded)
		says(t, page, "data: "+string(wire.SignedOut))
		if _, refusal := v.Heartbeat(); refusal.Error != wire.SessionEnded {
			t.Errorf("a heartbeat afterwards: %+v", refusal)
		}
	})

	t.Run("an administrator at another", func(t *testing.T) {
		v := f.signIn()
		f.beat(v, 1)
		f.checks(v, "")
		page := f.stream(v, 2)
		if err := f.verifiers[1].admin.EndSession(t.Context(), everything, v.Session()); err != nil {
			t.Fatal(err)
		}
		f.checks(v, wire.EndedByAdmin)
		says(t, page, "data: "+string(wire.EndedByAdmin))
	})

	t.Run("changed settings reach all", func(t *testing.T) {
		v := f.signIn()
		before := f.beat(v, 0)
		page := f.stream(v, 1)
		limit := "2h"
		edit := admin.Edit{SessionTimeout: &limit, Switches: map[string]string{string(policy.AllowCustomSessionDuration): "on"}}
		if _, err := f.verifiers[2].admin.Change(t.Context(), everything, clinic, f.version(2), edit, false); err != nil {
			t.Fatal(err)
		}
		needs.Until(t, "the settings of another verifier to be in force", func() bool {
			env, ok := f.verifiers[0].live.ByID(clinic)
			return ok && env.Settings.SessionTimeout == 2*time.Hour
		})
		if after := f.beat(v, 0); after.Settings.SessionTimeout != (2*time.Hour).Milliseconds() || after.Settings == before.Settings {
			t.Errorf("the heartbeat is answered with %+v", after.Settings)
		}
		says(t, page, "event: "+wire.EventSettings)
		// Both would change the same version: one is told so.
		name, other := "North", "South"
		version := f.version(0)
		_, first := f.verifiers[0].admin.Change(t.Context(), everything, clinic, version, admin.Edit{Name: &name}, false)
		_, second := f.verifiers[1].admin.Change(t.Context(), everything, clinic, version, admin.Edit{Name: &other}, false)
		var conflict *admin.Error
		if first != nil || !errors.As(second, &conflict) || conflict.Code != admin.Conflict {
			t.Errorf("two changes of one version: %v, %v", first, second)
		}
	})

	t.Run("a policy check is one verifier's", func(t *testing.T) {
		v := f.signIn()
		f.beat(v, 0)
		s := f.session(v)
		for range 3 {
			f.due(s.ID)
			before := f.provider.Count(t, oidctest.Token)
			var all sync.WaitGroup
			for _, verifier := range f.verifiers {
				env, _ := verifier.live.ByID(clinic)
				all.Go(func() { <-verifier.checker.Ask(env, s.ID, 0) })
			}
			all.Wait()
			if asked := f.provider.Count(t, oidctest.Token) - before; asked != 1 {
				t.Errorf("the provider was asked %d times", asked)
			}
		}
		if found := f.entries(audit.Query{Session: v.Session(), Kinds: []audit.Kind{audit.Checked}}); len(found) != 3 {
			t.Errorf("%d checks are recorded; want 3", len(found))
		}
		// One that dies with its claim: nobody else takes it while it is good, and then somebody does.
		f.due(s.ID)
		env, _ := f.verifiers[0].live.ByID(clinic)
		if _, ok, err := f.verifiers[0].engine.ClaimCheck(t.Context(), env, s.ID); !ok || err != nil {
			t.Fatal(ok, err)
		}
		before := f.provider.Count(t, oidctest.Token)
		<-f.verifiers[1].checker.Ask(env, s.ID, 0)
		if asked := f.provider.Count(t, oidctest.Token) - before; asked != 0 {
			t.Errorf("a check that another verifier has was made: %d", asked)
		}
		if next := f.session(v).Check.Next - time.Now().UnixMilli(); next <= 0 || next > time.Minute.Milliseconds()+1000 {
			t.Errorf("the claim of a verifier that died is good for %d more milliseconds", next)
		}
		f.due(s.ID) // as when the minute is over
		<-f.verifiers[1].checker.Ask(env, s.ID, 0)
		if asked := f.provider.Count(t, oidctest.Token) - before; asked != 1 {
			t.Errorf("the check of a verifier that died was made %d times by others", asked)
		}
		f.checks(v, "")
	})

	t.Run("the audit of one that died is completed once", func(t *testing.T) {
		dead, now := f.verifiers[0], time.Now()
		env, _ := dead.live.ByID(clinic)
		silent, err := engine.New(engine.Config{Store: dead.store, Ring: dead.ring, Now: func() time.Time { return now.Add(-45 * time.Second) }, Random: rand.Reader, Renewal: time.Minute})
		if err != nil {
			t.Fatal(err)
		}
		who := session.Identity{Issuer: f.provider.Issuer, Subject: "wren", AuthTime: now.Unix()}
		lost, _, err := silent.Begin(t.Context(), env, engine.SignIn{Who: who})
		if err != nil {
			t.Fatal(err)
		}
		f.redis.Do("ZADD", "{curfew:verifiers}seen", fmt.Sprint(now.Add(-40*time.Second).UnixMilli()), "dead")
		var all sync.WaitGroup
		for _, verifier := range f.verifiers {
			all.Go(func() {
				if err := verifier.replicas.meet(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		needs.Until(t, "one to have finished", func() bool {
			met, err := dead.replicas.presence.Look(t.Context())
			return err == nil && len(met.Gone) == 0
		})
		found := f.entries(audit.Query{Session: lost.ID.String()})
		if len(found) != 1 || found[0].Kind != audit.SignIn || !strings.Contains(found[0].Detail, "died") {
			t.Errorf("%+v; want the sign-in, once", found)
		}
		if found := f.entries(audit.Query{Subject: "sub-person0", Kinds: []audit.Kind{audit.SignIn}}); len(found) != 1 {
			t.Errorf("%d entries of another's sign-in; want 1", len(found))
		}
	})

	t.Run("other keys are refused", func(t *testing.T) {
		_, _, err := f.start(filepath.Join(t.TempDir(), "other-keys"))
		if !errors.Is(err, redispresence.ErrKeys) {
			t.Errorf("a verifier with other keys: %v; want it refused", err)
		}
	})

	t.Run("one chain", func(t *testing.T) {
		for i, verifier := range f.verifiers {
			if found, err := verifier.admin.VerifyAudit(t.Context(), everything, nil); err != nil || found.Entries < 20 {
				t.Errorf("verifier %d: %+v, %v", i, found, err)
			}
		}
	})

	t.Run("without redis nothing is let through", func(t *testing.T) {
		v := f.signIn()
		f.beat(v, 0)
		f.checks(v, "")
		status, text := f.verifiers[1].ask(t, "/readyz")
		if status != http.StatusOK || !strings.HasPrefix(text, "ok\nverifiers: this one and 2 more\n") {
			t.Errorf("readyz: %d %s", status, text)
		}
		f.redis.Kill()
		var all sync.WaitGroup
		for i, verifier := range f.verifiers {
			all.Go(func() {
				said := func() bool {
					status, text := verifier.ask(t, "/readyz")
					return status == http.StatusServiceUnavailable && strings.Contains(text, "store: ") && strings.Contains(text, "redis does not answer")
				}
				for began := time.Now(); !said(); time.Sleep(10 * time.Millisecond) {
					if time.Since(began) > needs.Patience {
						t.Errorf("verifier %d does not say that it is not ready", i)
						return
					}
				}
				if _, text := verifier.ask(t, "/metrics"); !strings.Contains(text, `curfew_store_up{store="sessions"} 0`) {
					t.Errorf("the metrics of verifier %d do not say that the store is away", i)
				}
			})
		}
		for i := range f.verifiers {
			f.to.Store(int64(i))
			// A verifier may answer from memory for as long as its lease holds, and then no more.
			needs.Until(t, "check to be refused", func() bool { _, refusal := v.Check(); return refusal.Error == wire.Unavailable })
		}
		if _, refusal := v.Heartbeat(); refusal.Error != wire.Unavailable {
			t.Errorf("a heartbeat: %+v", refusal)
		}
		all.Wait()
		f.redis.Restart()
		for i, verifier := range f.verifiers {
			f.to.Store(int64(i))
			needs.Until(t, "verifier to come back by itself", func() bool {
				_, refusal := v.Check()
				status, _ := verifier.ask(t, "/readyz")
				return refusal.Error == "" && status == http.StatusOK
			})
			f.beat(v, int64(i))
		}
		// And they hear each other again.
		page := f.stream(v, 2)
		if err := f.verifiers[0].admin.EndSession(t.Context(), everything, v.Session()); err != nil {
			t.Fatal(err)
		}
		f.checks(v, wire.EndedByAdmin)
		says(t, page, "data: "+string(wire.EndedByAdmin))
		if found, err := f.verifiers[1].admin.VerifyAudit(t.Context(), everything, nil); err != nil {
			t.Errorf("%+v, %v", found, err)
		}
	})

	t.Run("who stops takes leave", func(t *testing.T) {
		if err := f.verifiers[2].Close(); err != nil {
			t.Fatal(err)
		}
		f.verifiers = f.verifiers[:2]
		met, err := f.verifiers[0].replicas.presence.Look(t.Context())
		if err != nil || len(met.Others) != 1 || len(met.Gone) != 0 {
			t.Errorf("after one has stopped: %+v, %v", met, err)
		}
		v := f.signIn()
		f.beat(v, -1)
		f.checks(v, "")
	})
}

// due makes a session's policy check due.
func (f *fleet) due(id session.ID) {
	f.Helper()
	now := time.Now().UnixMilli()
	_, ok, err := f.verifiers[2].store.Update(f.Context(), id, now, func(s session.Session) (session.Session, error) {
		s.Check.Next = now / 1000 * 1000
		return s, nil
	})
	if err != nil || !ok {
		f.Fatal(ok, err)
	}
}

func (f *fleet) version(at int) int64 {
	f.Helper()
	env, err := f.verifiers[at].admin.Environment(f.Context(), everything, clinic)
	if err != nil {
		f.Fatal(err)
	}
	return env.Version
}

// P7: a Redis that comes back without its data is no let-through and no end: everybody signs in again, the file's settings are in force at
// all, and the log and the audit say what was lost. One that is away lets no verifier start.
func TestP7_RedisComesBackEmpty(t *testing.T) {
	t.Parallel()
	f := newFleet(t, 2)
	v := f.signIn()
	f.beat(v, 0)
	name := "North"
	if _, err := f.verifiers[0].admin.Change(t.Context(), everything, clinic, f.version(0), admin.Edit{Name: &name}, false); err != nil {
		t.Fatal(err)
	}
	for _, verifier := range f.verifiers {
		needs.Until(t, "the change to be in force", func() bool { env, _ := verifier.live.ByID(clinic); return env.Page.Name == name })
	}
	f.redis.Kill()
	if _, _, err := f.start(f.keys); !errors.Is(err, redisconn.ErrUnreachable) {
		t.Errorf("a verifier starts without redis: %v", err)
	}
	f.redis.RestartEmpty()
	for i, verifier := range f.verifiers {
		f.to.Store(int64(i))
		needs.Until(t, "the session to be refused for good", func() bool { _, refusal := v.Check(); return refusal.Error == wire.NoSession })
		needs.Until(t, "the file's settings to be in force", func() bool { env, there := verifier.live.ByID(clinic); return there && env.Page.Name == "" })
		needs.Until(t, "readyz", func() bool {
			status, text := verifier.ask(t, "/readyz")
			return status == http.StatusOK && !strings.Contains(text, "settings:")
		})
		if !f.logs[i].has(t, "msg=settings_lost") {
			t.Errorf("verifier %d does not say that settings were lost", i)
		}
	}
	again := f.signIn()
	f.beat(again, -1)
	f.checks(again, "")
	if found := f.entries(audit.Query{Kinds: []audit.Kind{audit.Lost}}); len(found) == 0 || !strings.Contains(found[0].Detail, "redis has come back") {
		t.Errorf("the audit says of the loss: %+v", found)
	}
	for i, verifier := range f.verifiers {
		if found, err := verifier.admin.VerifyAudit(t.Context(), everything, nil); err != nil {
			t.Errorf("verifier %d: %+v, %v", i, found, err)
		}
	}
}

// P8: a verifier needs no more of Redis than the user that the README gives it.
func TestP8_TheUserOfTheReadmeIsEnough(t *testing.T) {
	t.Parallel()
	f := newFleet(t, 0)
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, line, found := strings.Cut(string(readme), "\nuser curfew ")
	line, _, _ = strings.Cut(line, "\n")
	if !found {
		t.Fatal("the README has no line for the ACL file")
	}
	if got := f.redis.Do(strings.Fields("ACL SETUSER curfew " + line)...); got != "OK" {
		t.Fatal(got)
	}
	f.redis.Do("ACL", "SETUSER", "default", "off")
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s, _, err := f.start(f.keys, ", username: curfew, password_file: "+strconv.Quote(secret))
	if err != nil {
		t.Fatal(err)
	}
	f.verifiers = append(f.verifiers, s)
	v := f.signIn()
	f.beat(v, 0)
	name := "North"
	if _, err := s.admin.Change(t.Context(), everything, clinic, f.version(0), admin.Edit{Name: &name}, false); err != nil {
		t.Error(err)
	}
	needs.Until(t, "the verifier to hear", func() bool { _, text := s.ask(t, "/readyz"); return !strings.Contains(text, "settings: ") })
	if err := s.admin.EndSession(t.Context(), everything, v.Session()); err != nil {
		t.Error(err)
	}
	f.checks(v, wire.EndedByAdmin)
	if err := s.journal.Flush(t.Context()); err != nil {
		t.Error(err)
	}
	if found, err := s.admin.VerifyAudit(t.Context(), everything, nil); err != nil || found.Entries < 5 {
		t.Errorf("%+v, %v", found, err)
	}
	now := time.Now().UnixMilli() + 1
	if dropped, err := s.ledger.Audit().Trim(t.Context(), now, now, "retention"); err != nil || dropped < 5 {
		t.Errorf("Trim: %d, %v", dropped, err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}
