package oidctest

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"
)

// shared is the process of Node.js that all providers of a test binary live in. It takes half a second to start, a provider in it a
// hundredth, so it is worth being the one thing that tests share.
var shared = sync.OnceValues(launch)

// patience is how long the process may take for one command. It is only there so that a defect does not hang a test.
const patience = 2 * time.Minute

// missingError is that something is not installed.
type missingError struct{ what string }

func (e missingError) Error() string { return e.what }

type process struct {
	stdin  io.WriteCloser
	stderr *log

	mu      sync.Mutex
	last    int // the last number given to a command or a provider
	waiting map[int]chan reply
	ended   error // why the process takes no more commands
}

type reply struct {
	ID    int             `json:"id"`
	Value json.RawMessage `json:"value"`
	Error string          `json:"error"`
}

func launch() (*process, error) {
	dir, err := folder()
	if err != nil {
		return nil, err
	}
	node, err := exec.LookPath("node")
	if err != nil {
		return nil, missingError{"Node.js is not installed"}
	}
	if err := installed(dir); err != nil {
		return nil, err
	}
	cmd := exec.Command(node, filepath.Join(dir, "server", "main.mjs"))
	p := &process{stderr: &log{}, waiting: map[int]chan reply{}}
	cmd.Stderr = p.stderr
	if p.stdin, err = cmd.StdinPipe(); err != nil {
		return nil, err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting %s: %w", node, err)
	}
	go func() {
		err := p.read(stdout)
		p.end(errors.Join(err, cmd.Wait()))
	}()
	return p, nil
}

// folder finds this package's folder from the working directory, which is that of the package under test.
func folder() (string, error) {
	start, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for dir := start; ; dir = filepath.Dir(dir) {
		found := filepath.Join(dir, "verifier", "login", "oidctest")
		if _, err := os.Stat(filepath.Join(found, "server", "main.mjs")); err == nil {
			return found, nil
		}
		if dir == filepath.Dir(dir) {
			return "", fmt.Errorf("no verifier/login/oidctest in or above %s", start)
		}
	}
}

// installed checks that the module is there in the version that package.json pins.
func installed(dir string) error {
	var wanted struct{ Dependencies map[string]string }
	if err := readJSON(filepath.Join(dir, "package.json"), &wanted); err != nil {
		return err
	}
	for name, version := range wanted.Dependencies {
		var found struct{ Version string }
		if err := readJSON(filepath.Join(dir, "node_modules", name, "package.json"), &found); err != nil || found.Version != version {
			return missingError{fmt.Sprintf("npm module %s %s is not installed", name, version)}
		}
	}
	return nil
}

func readJSON(name string, value any) error {
	text, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	return json.Unmarshal(text, value)
}

func (p *process) nextID() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.last++
	return p.last
}

// call has a provider do something and waits until it has. Calls may overlap.
func (p *process) call(provider int, op string, args map[string]any) (json.RawMessage, error) {
	id, answered := p.nextID(), make(chan reply, 1)
	line, err := json.Marshal(map[string]any{"id": id, "provider": provider, "op": op, "args": args})
	if err != nil {
		return nil, err
	}
	if err := p.send(id, append(line, '\n'), answered); err != nil {
		return nil, err
	}
	timeout := time.NewTimer(patience)
	defer timeout.Stop()
	select {
	case r := <-answered:
		if r.Error != "" {
			return nil, errors.New(r.Error)
		}
		return r.Value, nil
	case <-timeout.C:
		return nil, fmt.Errorf("no answer within %v", patience)
	}
}

func (p *process) send(id int, line []byte, answered chan reply) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended != nil {
		return p.ended
	}
	p.waiting[id] = answered
	if _, err := p.stdin.Write(line); err != nil {
		delete(p.waiting, id)
		return fmt.Errorf("the provider's process: %w", err)
	}
	return nil
}

func (p *process) read(stdout io.Reader) error {
	for lines := bufio.NewReader(stdout); ; {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return err
		}
		var r reply
		if err := json.Unmarshal(line, &r); err != nil {
			return fmt.Errorf("answered %q: %w", line, err)
		}
		p.mu.Lock()
		answered := p.waiting[r.ID]
		delete(p.waiting, r.ID)
		p.mu.Unlock()
		if answered != nil {
			answered <- r
		}
	}
}

func (p *process) end(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ended = fmt.Errorf("the provider's process has ended: %w\n%s", err, p.stderr.Since(0))
	for _, answered := range p.waiting {
		answered <- reply{Error: p.ended.Error()}
	}
	clear(p.waiting)
}

// log keeps what the process wrote to standard error.
type log struct {
	mu   sync.Mutex
	text []byte
}

func (l *log) Write(text []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text = append(l.text, text...)
	return len(text), nil
}

func (l *log) Len() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.text)
}

func (l *log) Since(start int) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return string(l.text[start:])
}
