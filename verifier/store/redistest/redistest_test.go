package redistest

import (
	"strings"
	"testing"
)

func TestKilledAndRestartedKeepsWhatWasAcknowledged(t *testing.T) {
	t.Parallel()
	s := Start(t)
	ok(t, s.Do("SET", "k", "v"))
	s.Kill()
	if _, err := s.Try("GET", "k"); err == nil {
		t.Fatal("a killed server answers")
	}
	s.Restart()
	if got := s.Do("GET", "k"); got != "v" {
		t.Errorf("after a restart: %q", got)
	}
	s.RestartEmpty()
	if got := s.Do("GET", "k"); got != "" {
		t.Errorf("after a restart without its files: %q", got)
	}
}

func TestReplicaFollows(t *testing.T) {
	t.Parallel()
	s := Start(t)
	ok(t, s.Do("SET", "k", "v"))
	replica := s.Replica()
	if got := replica.Do("GET", "k"); got != "v" {
		t.Errorf("the replica has %q", got)
	}
	if got := replica.Do("SET", "k", "w"); !strings.HasPrefix(got, "-READONLY") {
		t.Errorf("a write to the replica: %q", got)
	}
}

func TestClusterHasEverySlot(t *testing.T) {
	t.Parallel()
	nodes := Cluster(t, 3)
	moved := 0
	for _, key := range []string{"a", "b", "c", "d", "e", "f", "g", "h"} {
		if strings.HasPrefix(nodes[0].Do("GET", key), "-MOVED") {
			moved++
		}
	}
	if moved == 0 || moved == 8 {
		t.Errorf("%d of 8 keys are elsewhere", moved)
	}
}
