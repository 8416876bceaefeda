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

// Follow starts a replica for each master of a cluster, and waits until all are in step.
func Follow(t testing.TB, masters []*Server, options ...string) []*Server {
	t.Helper()
	replicas := make([]*Server, len(masters))
	for i, master := range masters {
		replicas[i] = Start(t, append([]string{"--cluster-enabled", "yes", "--cluster-node-timeout", "15000", "--cluster-port", fmt.Sprint(freePort(t))}, options...)...)
		ok(t, replicas[i].Do("CLUSTER", "MEET", "127.0.0.1", fmt.Sprint(master.Port), busPort(master)))
	}
	for i, master := range masters {
		id := master.Do("CLUSTER", "MYID")
		needs.Until(t, "the replica to know its master", func() bool { return replicas[i].Do("CLUSTER", "REPLICATE", id) == "OK" })
		needs.Until(t, "the replica to be in step", func() bool { return inStep(master, replicas[i]) })
	}
	return replicas
}
