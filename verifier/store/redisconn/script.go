package redisconn

import (
	"context"
	"crypto/sha1"
	"encoding/hex"

	"github.com/redis/rueidis"
)

// Script is a Lua script that Redis runs as one step. All its keys must be of one slot and given as keys.
type Script struct{ text, sha string }

// NewScript names the script by its SHA-1, as EVALSHA does.
func NewScript(text string) *Script {
	sum := sha1.Sum([]byte(text))
	return &Script{text: text, sha: hex.EncodeToString(sum[:])}
}

// Call is one run of a script.
type Call struct {
	Script     *Script
	Keys, Args []string
}

func (c *Conn) bySHA(call Call) rueidis.Completed {
	return c.B().Evalsha().Sha1(call.Script.sha).Numkeys(int64(len(call.Keys))).Key(call.Keys...).Arg(call.Args...).Build()
}

func (c *Conn) byText(call Call) rueidis.Completed {
	return c.B().Eval().Script(call.Script.text).Numkeys(int64(len(call.Keys))).Key(call.Keys...).Arg(call.Args...).Build()
}

// unknown says that the node does not have the script: it was never there, or was restarted. The script did not run then.
func unknown(result rueidis.RedisResult) bool {
	err, ok := rueidis.IsRedisErr(result.Error())
	return ok && err.IsNoScript()
}

// Run runs a script within the timeout: in one round trip, or two where the node does not have it yet.
func (c *Conn) Run(ctx context.Context, script *Script, keys, args []string) rueidis.RedisResult {
	call := Call{script, keys, args}
	result := c.Do(ctx, c.bySHA(call))
	if unknown(result) {
		return c.Do(ctx, c.byText(call))
	}
	return result
}

// RunMulti runs scripts together, each on the node that has its keys.
func (c *Conn) RunMulti(ctx context.Context, calls []Call) []rueidis.RedisResult {
	commands := make([]rueidis.Completed, len(calls))
	for i, call := range calls {
		commands[i] = c.bySHA(call)
	}
	results := c.DoMulti(ctx, commands...)
	for i, result := range results {
		if unknown(result) { // at most once for each script and node, unless they come together
			results[i] = c.Do(ctx, c.byText(calls[i]))
		}
	}
	return results
}
