package redisconn

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/redis/rueidis"
)

// ErrUnreplicated is the kind of error for a write that a master has and that no replica has acknowledged in time.
var ErrUnreplicated = errors.New("no replica has confirmed a write")

// Replicas reports whether the masters have been seen to have replicas, which may take a master's place: it stays true. With Sentinel
// it is true from the beginning.
func (c *Conn) Replicas() bool { return c.replicas.Load() }

// FindReplicas asks the masters for theirs.
func (c *Conn) FindReplicas(ctx context.Context) error {
	if c.Replicas() {
		return nil
	}
	return c.Each(ctx, func(_ string, do func(rueidis.Completed) rueidis.RedisResult) error {
		text, err := do(c.B().Info().Section("replication").Build()).ToString()
		if err != nil {
			return c.Problem("INFO", err)
		}
		if strings.Contains(text, "connected_slaves:") && !strings.Contains(text, "connected_slaves:0\r") {
			c.replicas.Store(true)
		}
		return nil
	})
}

// RunKept is Run for what must not be lost: with Options.Replicated and where there are replicas, one of them has confirmed to have it.
// ErrUnreplicated is in the tree of the error when none has in time; what the script did is in the master then.
func (c *Conn) RunKept(ctx context.Context, script *Script, keys, args []string) rueidis.RedisResult {
	return c.RunMultiKept(ctx, []Call{{script, keys, args}})[0]
}

// RunMultiKept is RunKept for several.
func (c *Conn) RunMultiKept(ctx context.Context, calls []Call) []rueidis.RedisResult {
	if !c.replicated || !c.Replicas() {
		return c.RunMulti(ctx, calls)
	}
	together := map[uint16][]int{} // by slot: what shares a connection goes to one node
	for i, call := range calls {
		slot := uint16(0)
		if c.Cluster() {
			slot = Slot(call.Keys[0])
		}
		together[slot] = append(together[slot], i)
	}
	results := make([]rueidis.RedisResult, len(calls))
	var all sync.WaitGroup
	for _, which := range together {
		all.Go(func() { c.keep(ctx, calls, which, results) })
	}
	all.Wait()
	return results
}

// keep runs some calls on a connection of its own and waits there, so that both are answered by the same server.
func (c *Conn) keep(ctx context.Context, calls []Call, which []int, results []rueidis.RedisResult) {
	client, release := c.client.Dedicate()
	defer release()
	err := c.runAndWait(ctx, client, which, results, func(i int) rueidis.Completed { return c.bySHA(calls[i]) })
	var again []int
	for _, i := range which {
		if unknown(results[i]) {
			again = append(again, i)
		}
	}
	if len(again) > 0 { // this wait is for what went before on the connection, too
		err = c.runAndWait(ctx, client, again, results, func(i int) rueidis.Completed { return c.byText(calls[i]) })
	}
	for _, i := range which {
		if err != nil && results[i].Error() == nil {
			results[i] = rueidis.NewErrorResult(err)
		}
	}
}

func (c *Conn) runAndWait(ctx context.Context, client rueidis.DedicatedClient, which []int, results []rueidis.RedisResult, command func(int) rueidis.Completed) error {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	commands := make([]rueidis.Completed, 0, len(which)+1)
	for _, i := range which {
		commands = append(commands, command(i))
	}
	commands = append(commands, client.B().Wait().Numreplicas(1).Timeout(c.timeout.Milliseconds()*3/4).Build())
	answers := client.DoMulti(ctx, commands...)
	for n, i := range which {
		results[i] = answers[n]
	}
	confirmed, err := answers[len(which)].AsInt64()
	if err == nil && confirmed < 1 {
		err = fmt.Errorf("%d replicas confirmed within %s; needed: 1", confirmed, c.timeout*3/4)
	}
	if err != nil {
		return &Error{"WAIT", c.where, ErrUnreplicated, err}
	}
	return nil
}
