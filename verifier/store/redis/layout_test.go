package redis_test

import (
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/curfew-project/curfew/verifier/session"
	"github.com/curfew-project/curfew/verifier/store/redis"
	"github.com/curfew-project/curfew/verifier/store/redisconn"
	"github.com/curfew-project/curfew/verifier/store/redistest"
)

func TestOptionsAreRefusedByName(t *testing.T) {
	good := func() redis.Options {
		return redis.Options{Redis: redisconn.Options{Addresses: []string{"127.0.0.1:1"}}, Clock: time.Now, Random: rand.Reader}
	}
	for text, spoil := range map[string]func(*redis.Options){
		"Clock and Random are required": func(o *redis.Options) { o.Clock = nil },
		"Random are required":           func(o *redis.Options) { o.Random = nil },
		`prefix is "a:b"`:               func(o *redis.Options) { o.Prefix = "a:b" },
		`prefix is "{a}"`:               func(o *redis.Options) { o.Prefix = "{a}" },
		"lease is 1ms":                  func(o *redis.Options) { o.Lease = time.Millisecond },
		"lease is 1m0s":                 func(o *redis.Options) { o.Lease = time.Minute },
		"remember is 1":                 func(o *redis.Options) { o.Remember = 1 },
		`durability is "hope"`:          func(o *redis.Options) { o.Durability = "hope" },
	} {
		o := good()
		spoil(&o)
		if _, err := redis.Open(t.Context(), o); !errors.Is(err, redis.ErrOptions) || !strings.Contains(err.Error(), text) {
			t.Errorf("Open: %v; want ErrOptions that says %s", err, text)
		}
	}
}

// What a crash between two steps leaves behind harms nobody.
func TestInterruptedCreationsAndRemovals(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	o := options(server).WithPartitions(3)
	store := open(t, o)
	pointer := func(n int) string {
		id := numbered(n).ID
		return o.Prefix + ":i:" + string(id[:])
	}
	made := 0
	for n := 10; n < 30; n++ { // a pointer without a session, for some where the session belongs
		server.Do("SET", pointer(n), fmt.Sprint(n%3))
		if _, ok, err := store.Get(t.Context(), numbered(n).ID, start); ok || err != nil {
			t.Errorf("a pointer without a session: %t, %v", ok, err)
		}
		err := store.Create(t.Context(), numbered(n), "", start)
		if err != nil && !errors.Is(err, session.ErrExists) {
			t.Errorf("Create of an ID that has a pointer: %v", err)
		}
		if lives(t, store, n) != (err == nil) {
			t.Errorf("after Create, %v, the session is found: %t", err, err != nil)
		}
		if err == nil {
			made++
		}
	}
	if made == 0 || made == 20 {
		t.Errorf("%d of 20 pointers were where the session belongs", made)
	}
	if server.Do("SET", pointer(7), "99") != "OK" {
		t.Fatal("cannot set")
	}
	if _, _, err := store.Get(t.Context(), numbered(7).ID, start); !errors.Is(err, redis.ErrRecord) {
		t.Errorf("a pointer to no partition: %v", err)
	}
	create(t, store, 2) // a session without a pointer, as when Forget is interrupted
	update(t, store, 2, ending(start))
	server.Do("DEL", pointer(2))
	if n, err := store.Forget(t.Context(), start+1, start); n != 1 || err != nil {
		t.Errorf("Forget of a session without a pointer: %d, %v", n, err)
	}
	create(t, store, 1)
	if ttl := server.Do("TTL", pointer(1)); ttl != "-1" {
		t.Errorf("the pointer of a living session expires in %s s", ttl)
	}
}

// A damaged record is refused, and keeps no other session from its end.
func TestADamagedRecordIsRefusedAlone(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	o := options(server).WithPartitions(1)
	first := open(t, o)
	for n := range 3 {
		create(t, first, n)
	}
	id := numbered(1).ID
	name := "{" + o.Prefix + ":000}s:" + string(id[:])
	if server.Do("EXISTS", name) != "1" {
		t.Fatalf("no record %q", name)
	}
	server.Do("SETRANGE", name, "33", "\xff") // a format that is not known
	store := open(t, o)                       // one that remembers nothing
	if _, ok, err := store.Get(t.Context(), id, start); ok || !errors.Is(err, redis.ErrRecord) {
		t.Errorf("Get of a damaged record: %t, %v", ok, err)
	}
	if _, _, err := store.Update(t.Context(), id, start, acting(start)); !errors.Is(err, redis.ErrRecord) {
		t.Errorf("Update of a damaged record: %v", err)
	}
	if _, err := store.LastEnd(t.Context(), numbered(1).User, start); !errors.Is(err, redis.ErrRecord) {
		t.Errorf("LastEnd of a user with a damaged record: %v", err)
	}
	if ended, err := store.Expire(t.Context(), start+40*minute, 10); err != nil || len(ended) != 2 {
		t.Errorf("Expire beside a damaged record: %v, %v; want the other two", ended, err)
	}
	server.Do("DEL", name) // removed by hand: its index is tidied
	if ended, err := store.Expire(t.Context(), start+40*minute, 10); err != nil || len(ended) != 0 || server.Do("ZCARD", "{"+o.Prefix+":000}due") != "0" {
		t.Errorf("Expire after a record was removed by hand: %v, %v", ended, err)
	}
}

func TestAnotherLayoutIsRefused(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	o := options(server)
	open(t, o.WithPartitions(3))
	if _, err := redis.Open(t.Context(), o.WithPartitions(4)); !errors.Is(err, redis.ErrLayout) || !strings.Contains(err.Error(), "partitions 3") {
		t.Errorf("Open with other partitions: %v; want ErrLayout", err)
	}
	open(t, o.WithPartitions(3))
}
