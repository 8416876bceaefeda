// Package redistest runs real redis-server processes for tests: each in a fresh folder, on a port of loopback that was free and on a
// unix socket, with every write on disk before it is acknowledged. A test can kill, stop, empty, fill, cut off and replicate them. Only
// tests import it.
package redistest

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/curfew-project/curfew/wasm/needs"
)

// Server is one redis-server. Its methods are for the goroutine of the test.
type Server struct {
	Port    int
	Address string // host:port; with TLS it is the one that speaks TLS
	Socket  string // path of the unix socket, without TLS always
	Dir     string

	t    testing.TB
	args []string

	mu  sync.Mutex
	run *running
}

type running struct {
	command *exec.Cmd
	ended   chan struct{}
}

// Start starts a server with more options, each as on redis-server's command line ("--maxmemory", "100mb"); later ones win. It ends with
// the test.
func Start(t testing.TB, options ...string) *Server {
	t.Helper()
	dir := folder(t)
	s := &Server{t: t, Dir: dir, Socket: filepath.Join(dir, "s")}
	t.Cleanup(func() { s.Kill() })
	for range 20 { // another process may take the port between finding and using it
		s.Port = freePort(t)
		s.Address = fmt.Sprintf("127.0.0.1:%d", s.Port)
		s.args = append([]string{"--port", fmt.Sprint(s.Port), "--bind", "127.0.0.1", "--unixsocket", s.Socket, "--dir", dir,
			"--appendonly", "yes", "--appendfsync", "always", "--save", "", "--maxmemory-policy", "noeviction",
			"--daemonize", "no", "--logfile", filepath.Join(dir, "log"), "--repl-diskless-sync-delay", "0"}, options...)
		if slices.Contains(options, "--tls-port") {
			s.Port, s.Address = 0, ""
		}
		if s.start() {
			return s
		}
	}
	t.Fatalf("redis-server does not start:\n%s", s.Log())
	return nil
}

// folder is in memory where the system has such a place: what a killed process wrote is there all the same, and is written quickly.
func folder(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "redis")
	if err != nil {
		return needs.Folder(t, "redis")
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func freePort(t testing.TB) int {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port
}

func (s *Server) start() bool {
	s.t.Helper()
	program := needs.Program(s.t, "install redis-server, or run make tools", "redis-server", "valkey-server")
	os.Remove(s.Socket)
	command := exec.Command(program, s.args...)
	command.Dir = s.Dir
	if err := command.Start(); err != nil {
		s.t.Fatal(err)
	}
	r := &running{command, make(chan struct{})}
	go func() {
		command.Wait()
		close(r.ended)
	}()
	s.mu.Lock()
	s.run = r
	s.mu.Unlock()
	up := true
	needs.Until(s.t, "redis-server to answer", func() bool {
		select {
		case <-r.ended:
			up = false
			return true
		default:
		}
		conn, err := net.Dial("unix", s.Socket)
		if err != nil {
			return false
		}
		defer conn.Close()
		fmt.Fprint(conn, "PING\r\n")
		var answer [64]byte
		n, _ := conn.Read(answer[:])
		text := string(answer[:n])
		return n > 0 && !strings.HasPrefix(text, "-LOADING")
	})
	return up
}

// Log is what the server wrote into its log.
func (s *Server) Log() string {
	text, _ := os.ReadFile(filepath.Join(s.Dir, "log"))
	return string(text)
}

func (s *Server) signal(signal os.Signal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.run != nil {
		s.run.command.Process.Signal(signal)
	}
}

// Kill is kill -9, and returns when the process is gone.
func (s *Server) Kill() {
	s.mu.Lock()
	r := s.run
	s.run = nil
	s.mu.Unlock()
	if r != nil {
		r.command.Process.Kill()
		<-r.ended
	}
}

// Restart starts a killed server again, at the same addresses, with what its disk has.
func (s *Server) Restart() {
	s.t.Helper()
	s.Kill()
	for range 50 { // the port may still be taken by a socket that is closing
		if s.start() {
			return
		}
	}
	s.t.Fatalf("redis-server does not start again:\n%s", s.Log())
}

// RestartEmpty starts it again with nothing on its disk.
func (s *Server) RestartEmpty() {
	s.t.Helper()
	s.Kill()
	for _, name := range []string{"appendonlydir", "dump.rdb"} {
		if err := os.RemoveAll(filepath.Join(s.Dir, name)); err != nil {
			s.t.Fatal(err)
		}
	}
	s.Restart()
}

// Pause stops the process without ending it (SIGSTOP): connections stay, and nothing is answered.
func (s *Server) Pause() { s.signal(syscall.SIGSTOP) }

// Resume lets a paused server go on.
func (s *Server) Resume() { s.signal(syscall.SIGCONT) }

// Replica starts a server that replicates this one, and waits until it is in step.
func (s *Server) Replica(options ...string) *Server {
	s.t.Helper()
	replica := Start(s.t, append([]string{"--replicaof", fmt.Sprintf("127.0.0.1 %d", s.Port)}, options...)...)
	needs.Until(s.t, "the replica to be in step", func() bool {
		return inStep(s, replica)
	})
	return replica
}

// inStep reports whether a master counts a replica and sends it what is written: both only after a word of the replica's own, which names an
// offset. So that there is one, the master has something to send: a write that needs no key.
func inStep(master, replica *Server) bool {
	master.Do("FUNCTION", "FLUSH")
	line := fmt.Sprintf("port=%d,state=online,offset=", replica.Port)
	seen := master.Do("INFO", "replication")
	return strings.Contains(replica.Do("INFO", "replication"), "master_link_status:up") &&
		strings.Contains(seen, line) && !strings.Contains(seen, line+"0,") && !strings.Contains(seen, "min_slaves_good_slaves:0")
}
