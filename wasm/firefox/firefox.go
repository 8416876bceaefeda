// Package firefox starts a real, headless Firefox for tests and drives it by WebDriver BiDi (https://www.w3.org/TR/webdriver-bidi/). Its
// functions are those of wasm/chrome. Firefox sets its own preferences for automation, which turn off its updates and reports, show every
// window as focused, and allow pop-ups; throttling and the back/forward cache stay on.
package firefox

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/curfew-project/curfew/wasm/needs"
)

// starting is how long Firefox may take to start, and patience how long a test may use it.
const (
	starting = time.Minute
	patience = 10 * time.Minute
)

// Pref is a preference of about:config; the value is a string, an int or a bool.
type Pref struct {
	Name  string
	Value any
}

// Browser is a running Firefox.
type Browser struct {
	*connection
	cmd    *exec.Cmd
	ended  chan struct{}
	output *output
}

// New starts a browser with a fresh profile and these preferences, and ends it at the end of the test. Every command to it fails when
// patience is over, so that a page that hangs fails its own test.
func New(t testing.TB, prefs ...Pref) *Browser {
	t.Helper()
	path := needs.Program(t, "install Debian's firefox-esr", "firefox-esr", "firefox")
	// The profile is the home too: Firefox refuses to run in the home of somebody else.
	home := needs.Folder(t, "curfew-firefox-")
	profile := filepath.Join(home, "profile")
	if err := writeProfile(profile, prefs); err != nil {
		t.Fatal(err)
	}
	b := &Browser{ended: make(chan struct{}), output: &output{address: make(chan string, 1)}}
	b.cmd = exec.Command(path, "--headless", "--no-remote", "--remote-debugging-port=0", "--profile", profile, "about:blank")
	b.cmd.Env = append(b.cmd.Environ(), "HOME="+home, "XDG_CACHE_HOME="+home, "XDG_CONFIG_HOME="+home, "XDG_RUNTIME_DIR="+home,
		"MOZ_HEADLESS=1", "MOZ_CRASHREPORTER_DISABLE=1", "MOZ_HEADLESS_WIDTH=1280", "MOZ_HEADLESS_HEIGHT=800")
	b.cmd.WaitDelay = 5 * time.Second
	b.cmd.Stderr, b.cmd.Stdout = b.output, io.Discard
	if err := b.cmd.Start(); err != nil {
		t.Fatalf("starting %s: %v", path, err)
	}
	go func() {
		defer close(b.ended)
		_ = b.cmd.Wait()
	}()
	t.Cleanup(b.end)
	if err := b.connect(); err != nil {
		t.Fatalf("starting %s: %v\n%s", path, err, b.output.text())
	}
	return b
}

func (b *Browser) connect() error {
	var address string
	select {
	case address = <-b.output.address:
	case <-b.ended:
		return errors.New("it ended at once")
	case <-time.After(starting):
		return fmt.Errorf("no address within %s", starting)
	}
	var err error
	if b.connection, err = dial(address + "/session"); err != nil {
		return err
	}
	_, err = call[any](b.connection, "session.new", object{"capabilities": object{}})
	return err
}

// end asks the browser to close, and ends it when it does not.
func (b *Browser) end() {
	if b.connection != nil {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		_, _ = b.send(ctx, "browser.close", object{})
		cancel()
		select {
		case <-b.ended:
		case <-time.After(5 * time.Second):
		}
		b.hangUp()
	}
	_ = b.cmd.Process.Kill()
	<-b.ended
}

func writeProfile(dir string, prefs []Pref) error {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	var text strings.Builder
	for _, p := range prefs {
		value := fmt.Sprint(p.Value)
		switch p.Value.(type) {
		case string:
			value = strconv.Quote(value)
		case int, bool:
		default:
			return fmt.Errorf("preference %s: %T is no string, int or bool", p.Name, p.Value)
		}
		fmt.Fprintf(&text, "user_pref(%q, %s);\n", p.Name, value)
	}
	return os.WriteFile(filepath.Join(dir, "user.js"), []byte(text.String()), 0o600)
}

// output keeps what the browser writes, and finds the address in it.
type output struct {
	mu      sync.Mutex
	all     strings.Builder
	told    bool
	address chan string
}

const announcement = "WebDriver BiDi listening on "

func (o *output) Write(data []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.all.Write(data)
	if o.told {
		return len(data), nil
	}
	for lines := bufio.NewReader(strings.NewReader(o.all.String())); ; {
		line, err := lines.ReadString('\n')
		if err != nil {
			return len(data), nil
		}
		if address, ok := strings.CutPrefix(strings.TrimSpace(line), announcement); ok {
			o.told = true
			o.address <- address
		}
	}
}

func (o *output) text() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.all.String()
}
