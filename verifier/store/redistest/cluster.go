package redistest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/curfew-project/curfew/wasm/needs"
)

// Cluster starts that many masters as one cluster without replicas, each with an equal share of the slots, and waits until all of them
// say that the cluster works.
func Cluster(t testing.TB, masters int, options ...string) []*Server {
	t.Helper()
	nodes := make([]*Server, masters)
	for i := range nodes {
		nodes[i] = Start(t, append([]string{"--cluster-enabled", "yes", "--cluster-node-timeout", "15000", "--cluster-port", fmt.Sprint(freePort(t))}, options...)...)
	}
	const slots = 1 << 14
	for i, node := range nodes {
		ok(t, node.Do("CLUSTER", "ADDSLOTSRANGE", fmt.Sprint(i*slots/masters), fmt.Sprint((i+1)*slots/masters-1)))
		ok(t, node.Do("CLUSTER", "SET-CONFIG-EPOCH", fmt.Sprint(i+1)))
	}
	for _, node := range nodes[1:] {
		ok(t, nodes[0].Do("CLUSTER", "MEET", "127.0.0.1", fmt.Sprint(node.Port), busPort(node)))
	}
	for _, node := range nodes {
		needs.Until(t, "the cluster to work", func() bool {
			info := node.Do("CLUSTER", "INFO")
			return strings.Contains(info, "cluster_state:ok") && strings.Contains(info, fmt.Sprintf("cluster_known_nodes:%d\r", masters))
		})
	}
	return nodes
}

func busPort(s *Server) string {
	for i, arg := range s.args {
		if arg == "--cluster-port" {
			return s.args[i+1]
		}
	}
	return ""
}

func ok(t testing.TB, answer string) {
	t.Helper()
	if answer != "OK" {
		t.Fatalf("redis answered %q; want OK", answer)
	}
}
