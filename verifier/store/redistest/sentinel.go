package redistest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/curfew-project/curfew/wasm/needs"
)

// SentinelMaster is the name under which Sentinel knows the master.
const SentinelMaster = "curfew"

// Sentinel starts one Sentinel that watches a master, decides alone and quickly, and waits until it knows the master's replicas. Its
// Address is for clients.
func Sentinel(t testing.TB, master *Server, replicas int) *Server {
	t.Helper()
	dir := folder(t)
	s := &Server{t: t, Dir: dir, Socket: filepath.Join(dir, "s"), Port: freePort(t)}
	s.Address = fmt.Sprintf("127.0.0.1:%d", s.Port)
	t.Cleanup(func() { s.Kill() })
	file := filepath.Join(dir, "sentinel.conf")
	text := fmt.Sprintf("sentinel monitor %[1]s 127.0.0.1 %[2]d 1\nsentinel down-after-milliseconds %[1]s 1000\nsentinel failover-timeout %[1]s 5000\n", SentinelMaster, master.Port)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	s.args = []string{file, "--sentinel", "--port", fmt.Sprint(s.Port), "--bind", "127.0.0.1", "--unixsocket", s.Socket, "--dir", dir, "--daemonize", "no", "--logfile", filepath.Join(dir, "log")}
	if !s.start() {
		t.Fatalf("Sentinel does not start:\n%s", s.Log())
	}
	needs.Until(t, "Sentinel to know the replicas", func() bool {
		return strings.Contains(s.Do("INFO", "sentinel"), fmt.Sprintf("status=ok,address=127.0.0.1:%d,slaves=%d", master.Port, replicas))
	})
	return s
}
