package redis_test

import (
	"testing"
	"time"

	"github.com/curfew-project/curfew/verifier/store/redis"
	"github.com/curfew-project/curfew/verifier/store/redistest"
)

// P1: a verifier is waited for by its own lease, however brief that of the one that waits is.
func TestP1_LeasesMayDiffer(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	proxy := redistest.NewProxy(t, server)
	o := options(server)
	o.Lease = 4 * time.Second
	long := o
	long.Redis.Addresses = []string{proxy.Address}
	deaf := open(t, long)
	o.Lease = 500 * time.Millisecond
	other := open(t, o)
	created(t, other, 1)
	remembers(t, server, deaf, 1)
	proxy.Deafen()
	eventually(t, other, 1, ending(start+1))
	if deaf.Remembers(numbered(1).ID, start+2) {
		t.Error("an ending was acknowledged while another verifier answers from memory")
	}
}

// P1: what a verifier remembers that the register has lost is not used any more when an ending is acknowledged: here a replica was promoted
// that had not heard of it, and the master that had is gone.
func TestP1_ARegisterThatLostAName(t *testing.T) {
	t.Parallel()
	master := redistest.Start(t)
	replica := master.Replica()
	o := options(master)
	o.Durability, o.Lease = redis.DurabilityOperator, 3*time.Second
	seed := open(t, o)
	created(t, seed, 1)
	seed.Close() // nobody is in the register
	inStep(t, master, replica)
	replica.Do("REPLICAOF", "NO", "ONE")
	forgotten := open(t, o)
	remembers(t, master, forgotten, 1)
	master.Pause()
	defer master.Resume()
	o.Redis.Addresses = []string{replica.Address}
	other := open(t, o)
	eventually(t, other, 1, ending(start+1))
	if forgotten.Remembers(numbered(1).ID, start+2) {
		t.Error("an ending was acknowledged while a verifier that the register has lost answers from memory")
	}
}
