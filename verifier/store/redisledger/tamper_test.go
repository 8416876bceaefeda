package redisledger_test

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"strings"
	"testing"

	"github.com/curfew-project/curfew/verifier/audit"
	"github.com/curfew-project/curfew/verifier/store/redisledger"
	"github.com/curfew-project/curfew/verifier/store/redistest"
)

// C5: who can write in Redis and has no key cannot cut off, add or alter unnoticed, whatever the verifiers write and seal afterwards.
func TestC5_TamperingIsFoundAndNamed(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t)
	conn := dial(t, redis.Address)
	const entries, state = ":ledger}entries", ":ledger}state"
	alter := func(prefix, id, from, to string) { // everything from there on is put back, one with another text
		all := conn.Do(t.Context(), conn.B().Xrange().Key("{"+prefix+entries).Start(id).End("+").Build())
		kept, err := all.AsXRange()
		if err != nil {
			t.Fatal(err)
		}
		for _, one := range kept {
			redis.Do("XDEL", "{"+prefix+entries, one.ID)
		}
		if before := strings.Split(redis.Do("XREVRANGE", "{"+prefix+entries, "+", "-", "COUNT", "1"), "\n"); before[0] != "" {
			redis.Do("XSETID", "{"+prefix+entries, before[0])
		}
		for i, one := range kept {
			text := one.FieldValues["e"]
			if i == 0 {
				text = strings.Replace(text, from, to, 1)
			}
			if got := redis.Do("XADD", "{"+prefix+entries, one.ID, "e", text); got != one.ID {
				t.Fatalf("putting back %s: %s", one.ID, got)
			}
		}
	}
	cut := func(prefix string) { redis.Do("XDEL", "{"+prefix+entries, "8-0", "9-0", "10-0") }
	for name, test := range map[string]struct {
		do  func(prefix string)
		seq int64
	}{
		"cut off": {cut, 8},
		"noted otherwise": {func(p string) {
			redis.Do("HSET", "{"+p+state, "end", redis.Do("HGET", "{"+p+state, "end"), "seal", "x")
		}, 11},
		"end unreadable":      {func(p string) { redis.Do("HSET", "{"+p+state, "end", "{") }, 1},
		"end taken away":      {func(p string) { redis.Do("HDEL", "{"+p+state, "end", "seal") }, 1},
		"all cut off":         {func(p string) { redis.Do("DEL", "{"+p+entries) }, 1},
		"added behind":        {func(p string) { redis.Do("XADD", "{"+p+entries, "11-0", "e", "{}") }, 11},
		"added far behind":    {func(p string) { redis.Do("XADD", "{"+p+entries, "77-0", "e", "{}") }, 11},
		"made unreadable":     {func(p string) { alter(p, "7-0", "\x01", "\x02") }, 7},
		"removed in between":  {func(p string) { redis.Do("XDEL", "{"+p+entries, "5-0") }, 5},
		"altered":             {func(p string) { alter(p, "4-0", "ada", "eve") }, 4},
		"last altered":        {func(p string) { alter(p, "10-0", "ada", "eve") }, 10},
		"an older end put in": {nil, 10},
	} {
		t.Run(name, func(t *testing.T) {
			prefix := strings.ReplaceAll(name, " ", "-")
			store := open(t, conn, sealing("key", prefix))
			if err := store.Audit().Append(t.Context(), events("ada", 9)); err != nil {
				t.Fatal(err)
			}
			old := [2]string{redis.Do("HGET", "{"+prefix+state, "end"), redis.Do("HGET", "{"+prefix+state, "seal")}
			if err := store.Audit().Append(t.Context(), events("ada", 1)); err != nil {
				t.Fatal(err)
			}
			if test.do == nil {
				redis.Do("HSET", "{"+prefix+state, "end", old[0], "seal", old[1])
			} else {
				test.do(prefix)
			}
			broken(t, store, test.seq) // it is found while the ledger is open
			if n, err := audit.Export(t.Context(), store.Audit(), io.Discard); !errors.Is(err, audit.ErrBroken) && err != nil || n > 10 {
				t.Errorf("Export of a chain that is broken: %d entries, %v", n, err)
			}
			var log bytes.Buffer
			options := sealing("key", prefix)
			options.Logger = slog.New(slog.NewTextHandler(&log, nil))
			again := open(t, conn, options)
			broken(t, again, test.seq)
			for range 3 {
				if err := again.Audit().Append(t.Context(), events("bob", 2)); err != nil {
					t.Fatalf("Append to a chain that is broken: %v", err)
				}
			}
			broken(t, again, test.seq)
			if err := store.Audit().Append(t.Context(), events("bob", 1)); err != nil {
				t.Fatal(err)
			}
			broken(t, store, test.seq)
		})
	}
}

// broken fails unless the chain is broken at an entry.
func broken(t *testing.T, store *redisledger.Store, seq int64) {
	t.Helper()
	var at *audit.Broken
	if _, err := audit.Verify(t.Context(), store.Audit(), nil); !errors.As(err, &at) || at.Seq != seq {
		t.Errorf("Verify: %v; want the chain broken at entry %d", err, seq)
	}
}

// Rotation: what an earlier key has sealed is accepted and sealed with the new key; then the earlier one can be dropped.
func TestC5_TheSealOutlivesItsKey(t *testing.T) {
	t.Parallel()
	conn := dial(t, redistest.Start(t).Address)
	old, next := sealing("old", "keys"), sealing("new", "keys")
	if err := open(t, conn, old).Audit().Append(t.Context(), events("ada", 3)); err != nil {
		t.Fatal(err)
	}
	both := next
	both.Sealed = func(text, seal string) bool { return next.Sealed(text, seal) || old.Sealed(text, seal) }
	open(t, conn, both)
	verified(t, open(t, conn, next))
	text, seal, err := redisledger.SealedEnd(t.Context(), conn, "keys")
	if err != nil || !next.Sealed(text, seal) || old.Sealed(text, seal) {
		t.Errorf("the end is %q, sealed %q, %v", text, seal, err)
	}
}

// C1: what no verifier can have written is said, and not read as something else.
func TestC1_DamageShowsWhenItIsRead(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t)
	conn := dial(t, redis.Address)
	for name, command := range map[string][]string{
		"no document":       {"HDEL", "revisions", "2:crm"},
		"another's":         {"HSET", "revisions", "2:crm", `{"environment":"clinic","version":2}`},
		"unknown field":     {"HSET", "revisions", "2:crm", `{"environment":"crm","version":2,"nonsense":1}`},
		"version no number": {"HSET", "state", "v:crm", "two"},
		"all evicted":       {"DEL", "revisions"},
	} {
		prefix := strings.ReplaceAll(name, " ", "-")
		store := open(t, conn, sealing("key", prefix))
		for version := int64(1); version <= 2; version++ {
			appendRevision(t, store, version)
		}
		command[1] = "{" + prefix + ":ledger}" + command[1]
		redis.Do(command...)
		if _, err := store.Settings().Latest(t.Context()); !errors.Is(err, redisledger.ErrCorrupt) {
			t.Errorf("%s: Latest: %v; want ErrCorrupt", name, err)
		}
		if _, err := redisledger.Open(t.Context(), conn, sealing("key", prefix)); !errors.Is(err, redisledger.ErrCorrupt) {
			t.Errorf("%s: Open: %v; want ErrCorrupt", name, err)
		}
	}
}
