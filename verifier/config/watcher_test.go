package config

import (
	"context"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// watched is a configuration in a folder, and what its watcher has told.
type watched struct {
	t    *testing.T
	dir  string
	w    *Watcher
	mu   sync.Mutex
	told []string // "changed <cookie_renewal>" or "refused <reason>"
}

func (w *watched) tell(what string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.told = append(w.told, what)
}

const watchedFile = `
cookie_renewal: 5m
environments:
  - id: a
    origin: https://a.example
    provider: {issuer: "https://l.example", client_id: c, client_secret_file: secret}
`

func watch(t *testing.T, link bool) *watched {
	t.Helper()
	w := &watched{t: t, dir: t.TempDir()}
	w.write("secret", "first")
	w.write("curfew.yaml", watchedFile)
	path := filepath.Join(w.dir, "curfew.yaml")
	if link { // as Kubernetes mounts a ConfigMap
		if err := os.Mkdir(filepath.Join(w.dir, "one"), 0o700); err != nil {
			t.Fatal(err)
		}
		w.write("one/curfew.yaml", strings.Replace(watchedFile, "secret_file: secret", "secret_file: "+filepath.Join(w.dir, "secret"), 1))
		w.link("one")
		path = filepath.Join(w.dir, "now", "curfew.yaml")
	}
	source := Source{Path: path}
	c, err := source.Load()
	if err != nil {
		t.Fatal(err)
	}
	w.w = NewWatcher(source, c, func(c Config) { w.tell("changed " + time.Duration(c.CookieRenewal).String()) },
		func(err error) { w.tell("refused " + err.Error()) })
	return w
}

func (w *watched) write(name, text string) {
	w.t.Helper()
	if err := os.WriteFile(filepath.Join(w.dir, name), []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

// link swaps a folder for another in one step.
func (w *watched) link(to string) {
	w.t.Helper()
	next := filepath.Join(w.dir, "next")
	if err := os.Symlink(to, next); err != nil {
		w.t.Fatal(err)
	}
	if err := os.Rename(next, filepath.Join(w.dir, "now")); err != nil {
		w.t.Fatal(err)
	}
}

func (w *watched) renewal(length string) {
	w.t.Helper()
	w.write("curfew.yaml", strings.Replace(watchedFile, "5m", length, 1))
}

func (w *watched) look(times int) {
	for range times {
		w.w.Look()
	}
}

// want is what has been told since it was last asked.
func (w *watched) want(what string, told ...string) {
	w.t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	ok := len(w.told) == len(told)
	for i := range told {
		ok = ok && strings.HasPrefix(w.told[i], told[i])
	}
	if !ok {
		w.t.Errorf("%s: told %q, want %q", what, w.told, told)
	}
	w.told = nil
}

// A changed file is taken, and what is broken refused once while the old stays.
func TestWatcher(t *testing.T) {
	w := watch(t, false)
	w.look(3)
	w.want("nothing changed")
	w.renewal("1m")
	w.look(1)
	w.want("it may be half written")
	w.look(3)
	w.want("it is there", "changed 1m0s")

	w.renewal("soon")
	w.look(5)
	w.want("broken", `refused `+filepath.Join(w.dir, "curfew.yaml")+`: [2:17] cookie_renewal: "soon" is not a length of time`)
	w.renewal("9m")
	w.look(5)
	w.want("broken otherwise", `refused `+filepath.Join(w.dir, "curfew.yaml")+`: [2:17] cookie_renewal is 9m; allowed: 4s to 5m`)
	if err := os.Remove(filepath.Join(w.dir, "curfew.yaml")); err != nil {
		t.Fatal(err)
	}
	w.look(5)
	w.want("gone", "refused open ")
	w.renewal("1m")
	w.look(5)
	w.want("as it was before", "changed 1m0s")

	// It is touched, not changed.
	later := time.Now().Add(time.Hour)
	if err := os.Chtimes(filepath.Join(w.dir, "curfew.yaml"), later, later); err != nil {
		t.Fatal(err)
	}
	w.look(3)
	w.want("touched")
}

// A file that is written slowly is taken when it stands still.
func TestWatcherWaitsForTheWriter(t *testing.T) {
	w := watch(t, false)
	for _, length := range []string{"1m", "2m", "3m"} {
		w.renewal(length)
		w.look(1)
	}
	w.want("it is being written")
	w.look(1)
	w.want("it stands still", "changed 3m0s")
	// What was seen before a reload counts for nothing after it.
	w.renewal("4m")
	w.look(1)
	w.renewal("1m")
	w.w.Reload()
	w.want("a signal", "changed 1m0s")
	w.renewal("4m")
	w.look(1)
	w.want("it is being written again")
}

// A secret is watched too.
func TestWatcherOfSecrets(t *testing.T) {
	w := watch(t, false)
	w.write("secret", "second")
	w.look(3)
	w.want("another secret", "changed 5m0s")
	if err := os.Remove(filepath.Join(w.dir, "secret")); err != nil {
		t.Fatal(err)
	}
	w.look(3)
	w.want("no secret", "refused "+filepath.Join(w.dir, "curfew.yaml")+": [6:79] environment a: client_secret_file: open ")
	w.write("secret", "")
	w.look(3)
	w.want("an empty secret", "refused "+filepath.Join(w.dir, "curfew.yaml")+": [6:79] environment a: client_secret_file ")
	w.write("secret", "third")
	w.look(3)
	w.want("a secret again", "changed 5m0s")
	// The file names a secret before it is there.
	w.write("curfew.yaml", strings.Replace(watchedFile, "client_secret_file: secret", "client_secret_file: later", 1))
	w.look(3)
	w.want("not there yet", "refused "+filepath.Join(w.dir, "curfew.yaml")+": [6:79] environment a: client_secret_file: open ")
	w.write("later", "x")
	w.look(3)
	w.want("there now", "changed 5m0s")
	w.write("secret", "nobody's")
	w.look(3)
	w.want("a file that nobody names any more")
}

// A signal asks in any case.
func TestWatcherReloads(t *testing.T) {
	w := watch(t, false)
	w.w.Reload()
	w.want("nothing changed", "changed 5m0s")
	w.renewal("1m")
	w.w.Reload()
	w.want("at once", "changed 1m0s")
	w.renewal("soon")
	w.w.Reload()
	w.w.Reload()
	w.want("as often as one asks", "refused", "refused")
	w.look(3)
	w.want("but not by itself")
}

// What changes between loading and watching is not missed.
func TestWatcherBeginsWithWhatWasLoaded(t *testing.T) {
	w := watch(t, false)
	c, err := w.w.source.Load()
	if err != nil {
		t.Fatal(err)
	}
	w.renewal("1m")
	w.w = NewWatcher(w.w.source, c, w.w.changed, w.w.refused)
	w.look(2)
	w.want("changed before", "changed 1m0s")
}

// A folder is swapped below the file, as Kubernetes does.
func TestWatcherOfASwappedFolder(t *testing.T) {
	w := watch(t, true)
	if err := os.Mkdir(filepath.Join(w.dir, "two"), 0o700); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(w.dir, "one", "curfew.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	w.write("two/curfew.yaml", strings.Replace(string(text), "5m", "40s", 1))
	w.look(3)
	w.want("not swapped yet")
	w.link("two")
	w.look(3)
	w.want("swapped", "changed 40s")
}

// Run looks at every tick and at every signal, and ends with its context.
func TestWatcherRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := watch(t, false)
		ctx, cancel := context.WithCancel(t.Context())
		ticker := time.NewTicker(2 * time.Second)
		defer ticker.Stop()
		signals, done := make(chan os.Signal), make(chan struct{})
		go func() { defer close(done); w.w.Run(ctx, ticker.C, signals) }()
		w.renewal("1m")
		began := time.Now()
		time.Sleep(2 * time.Second)
		synctest.Wait()
		w.want("after one look")
		time.Sleep(2 * time.Second)
		synctest.Wait()
		w.want("after "+time.Since(began).String(), "changed 1m0s")
		w.renewal("30s")
		signals <- os.Interrupt
		synctest.Wait()
		w.want("at once", "changed 30s")
		cancel()
		<-done
	})
}

// What a running verifier cannot change is named.
func TestNeedsRestart(t *testing.T) {
	before := parsed(t, managed)
	if got := NeedsRestart(before, parsed(t, managed)); len(got) != 0 {
		t.Errorf("the same needs %v", got)
	}
	for _, c := range []struct {
		variable string
		want     []string
	}{
		{"CURFEW_LISTEN=:1", []string{"listen"}}, {"CURFEW_OPERATOR_LISTEN=:1", []string{"operator_listen"}}, {"CURFEW_PREFIX=/x/", []string{"prefix"}},
		{"CURFEW_DATA=d", []string{"data", "keys", "admin.socket"}}, {"CURFEW_KEYS=k", []string{"keys"}}, {"CURFEW_TEXTS=t", []string{"texts"}},
		{"CURFEW_COOKIE_RENEWAL=1m", []string{"cookie_renewal"}}, {"CURFEW_POLICY_CHECKS__RATE=1", []string{"policy_checks"}},
		{"CURFEW_ADMIN__SOCKET=off", []string{"admin.socket"}}, {"CURFEW_CONSOLE__ROLE_CLAIM=r", nil}, {"CURFEW_CONSOLE__ORIGIN=https://other.example", []string{"console"}},
		{"CURFEW_ENVIRONMENTS__CLINIC__SETTINGS__INACTIVITY_TIMEOUT=10m", nil}, {"CURFEW_SWITCHES__ALLOWCUSTOMSESSIONDURATION=true", nil},
		{"CURFEW_LIMITS__SESSION_TIMEOUT__MIN=30m", nil}, {"CURFEW_ADMIN__TOKENS__DEPLOY__FILE=f", nil}, {"CURFEW_AUDIT__RETENTION=24h", nil},
	} {
		after, err := read([]byte(managed), []string{c.variable})
		if err != nil {
			t.Fatal(err)
		}
		after.resolve("")
		if got := NeedsRestart(before, after); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s needs %v, want %v", c.variable, got, c.want)
		}
	}
}
