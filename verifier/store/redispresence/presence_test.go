package redispresence_test

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/curfew-project/curfew/verifier/store/redisconn"
	"github.com/curfew-project/curfew/verifier/store/redispresence"
	"github.com/curfew-project/curfew/verifier/store/redistest"
)

func dial(t *testing.T, redis *redistest.Server) *redisconn.Conn {
	t.Helper()
	conn, err := redisconn.Open(t.Context(), redisconn.Options{Addresses: []string{redis.Address}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	return conn
}

func meet(t *testing.T, p *redispresence.Presence, self redispresence.Verifier) redispresence.Met {
	t.Helper()
	met, err := p.Meet(t.Context(), self)
	if err != nil {
		t.Fatal(err)
	}
	return met
}

// P7: a verifier that dies is told to the others until its work is finished; one that takes leave is not.
func TestP7_WhoHasDiedIsTold(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t)
	conn := dial(t, redis)
	one, two := redispresence.New(conn, "", "one"), redispresence.New(conn, "", "two")
	self := redispresence.Verifier{Host: "here", Current: "a", Keys: []string{"a"}}
	if met := meet(t, one, self); len(met.Others)+len(met.Gone) != 0 || met.Now == 0 {
		t.Errorf("the first meets %+v", met)
	}
	if met := meet(t, two, self); len(met.Others) != 1 || met.Others[0].Name != "one" || met.Others[0].Host != "here" || met.Others[0].Current != "a" {
		t.Errorf("the second meets %+v", met)
	}
	if met := meet(t, redispresence.New(conn, "other", "three"), self); len(met.Others) != 0 {
		t.Errorf("one of another prefix meets %+v", met)
	}
	now := meet(t, one, self).Now
	seen := now - redispresence.Life.Milliseconds() - 1
	redis.Do("ZADD", "{curfew:verifiers}seen", fmt.Sprint(seen), "two") // as if that had been its last word
	for range 2 {
		if met := meet(t, one, self); len(met.Others) != 0 || len(met.Gone) != 1 || met.Gone[0].Name != "two" || met.Gone[0].Seen != seen {
			t.Errorf("after the second has died, the first meets %+v", met)
		}
	}
	if err := one.Forget(t.Context(), "two"); err != nil {
		t.Fatal(err)
	}
	if err := one.Leave(t.Context()); err != nil {
		t.Fatal(err)
	}
	if met, err := two.Look(t.Context()); err != nil || len(met.Others)+len(met.Gone) != 0 {
		t.Errorf("when the first has taken leave: %+v, %v", met, err)
	}
}

// A task is one verifier's at a time, and another's when that one has died with it.
func TestATaskIsClaimedOnce(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t)
	conn := dial(t, redis)
	one, two := redispresence.New(conn, "", "one"), redispresence.New(conn, "", "two")
	done, ok, err := one.Claim(t.Context(), "sweep", time.Minute)
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	if _, ok, err := two.Claim(t.Context(), "sweep", time.Minute); ok || err != nil {
		t.Errorf("the other has it too: %t, %v", ok, err)
	}
	redis.Do("SET", "{curfew:verifiers}task:sweep", "two") // its time was over, and the other has it
	done()
	if got := redis.Do("GET", "{curfew:verifiers}task:sweep"); got != "two" {
		t.Errorf("who was late has released another's claim: %q", got)
	}
	redis.Do("DEL", "{curfew:verifiers}task:sweep")
	if done, ok, err = two.Claim(t.Context(), "sweep", time.Minute); !ok || err != nil {
		t.Errorf("nobody has it: %t, %v", ok, err)
	} else {
		done()
	}
	redis.Kill()
	if _, ok, err := one.Claim(t.Context(), "sweep", time.Minute); ok || !errors.Is(err, redisconn.ErrUnreachable) {
		t.Errorf("without redis: %t, %v", ok, err)
	}
}

// P6: each must have the key that any other makes tokens with; keys that are only known ahead, or still accepted, may differ.
func TestP6_KeysAreCompared(t *testing.T) {
	t.Parallel()
	of := func(current string, keys ...string) redispresence.Verifier {
		return redispresence.Verifier{Name: "name-of-" + current, Host: "host", Current: current, Keys: keys}
	}
	for name, test := range map[string]struct {
		self redispresence.Verifier
		why  string
	}{
		"the same":                 {of("a", "a"), ""},
		"a new one not used yet":   {of("a", "b", "a"), ""},
		"a new one that it lacks":  {of("b", "b", "a"), `this verifier makes tokens with key "b"`},
		"without the one in use":   {of("a", "a"), ""},
		"another's":                {of("c", "c"), `makes tokens with key "a", which this verifier does not have`},
		"only for its own":         {of("a", "x"), "makes tokens"},
		"nothing that can be read": {redispresence.Verifier{Name: "n"}, "makes tokens"},
	} {
		err := redispresence.Compare(test.self, []redispresence.Verifier{of("a", "a")})
		if (err == nil) != (test.why == "") || err != nil && (!errors.Is(err, redispresence.ErrKeys) || !strings.Contains(err.Error(), test.why)) {
			t.Errorf("%s: %v; want %q", name, err, test.why)
		}
	}
	if err := redispresence.Compare(of("a", "a"), nil); err != nil {
		t.Error(err)
	}
}

// A task of unknown length is held while it lasts, however short the lease; of a verifier that has died it is free after that.
func TestATaskIsHeld(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t)
	dying := dial(t, redis)
	one, two := redispresence.New(dying, "", "one"), redispresence.New(dial(t, redis), "", "two")
	const lease = time.Second
	done, ok, err := one.Hold(t.Context(), "settings", lease, time.Minute)
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	left := func() int64 {
		t.Helper()
		n, err := strconv.ParseInt(redis.Do("PTTL", "{curfew:verifiers}task:settings"), 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	for renewals, last := 0, left(); renewals < 5; {
		now := left()
		if now < 0 {
			t.Fatal("it was let go of while it lasted")
		}
		if now > last {
			renewals++
		}
		last = now
	}
	if _, ok, err := two.Hold(t.Context(), "settings", lease, time.Minute); ok || err != nil {
		t.Errorf("the other has it too: %t, %v", ok, err)
	}
	done()
	done, ok, err = one.Hold(t.Context(), "settings", lease, time.Minute)
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	dying.Close() // as a verifier that dies
	for until := time.Now().Add(time.Minute); ; {
		last, ok, err := two.Hold(t.Context(), "settings", lease, time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		if ok {
			last()
			break
		}
		if time.Now().After(until) {
			t.Fatal("what a dead verifier had is never free")
		}
	}
	done()
}
