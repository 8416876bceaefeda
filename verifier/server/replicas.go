package server

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/curfew-project/curfew/verifier/admin"
	"github.com/curfew-project/curfew/verifier/config"
	"github.com/curfew-project/curfew/verifier/engine"
	"github.com/curfew-project/curfew/verifier/keyring"
	"github.com/curfew-project/curfew/verifier/session"
	"github.com/curfew-project/curfew/verifier/store/redis"
	"github.com/curfew-project/curfew/verifier/store/redisconn"
	"github.com/curfew-project/curfew/verifier/store/redisledger"
	"github.com/curfew-project/curfew/verifier/store/redispresence"
)

// replicas are the verifiers on one Redis, of which this is one: what each keeps in memory is kept true by what the others tell.
type replicas struct {
	*Server
	conn     *redisconn.Conn
	presence *redispresence.Presence
	engine   atomic.Pointer[engine.Engine] // once there is one
	changes  string
	wake     chan struct{} // another verifier has changed settings

	mu     sync.Mutex
	others int
	wrong  map[string]string // what is wrong with what, for readyz
}

const (
	// refreshEvery is how often settings are read although nobody has told of a change, and sessions that pages wait for are looked at.
	refreshEvery = 5 * time.Second
	// resubscribe is the pause after a subscription that failed.
	resubscribe = 500 * time.Millisecond
	// clocksDiffer is how far a verifier's clock may be from Redis's before an operator is told: deadlines are judged by the verifiers' own.
	clocksDiffer = 2 * time.Second
	// changingFor bounds how long one verifier may keep others from changing settings, changingLease how long one that has died in the midst
	// of it does, and turnWithin how long a verifier waits for its turn.
	changingFor, changingLease, turnWithin = 20 * time.Second, 3 * time.Second, 30 * time.Second
	turnPause                              = 50 * time.Millisecond
)

// redisOptions is how Redis is reached.
func redisOptions(r *config.Redis) redisconn.Options {
	options := redisconn.Options{Addresses: r.Addresses, Sentinel: r.Sentinel, SentinelUsername: r.SentinelUsername, SentinelPasswordFile: r.SentinelPasswordFile,
		Username: r.Username, PasswordFile: r.PasswordFile, Timeout: time.Duration(r.Timeout),
		Replicated: r.Durability == config.DurabilityRequired}
	if t := r.TLS; t != nil {
		options.TLS = &redisconn.TLS{CAFile: t.CAFile, CertFile: t.CertFile, KeyFile: t.KeyFile, ServerName: t.ServerName}
	}
	return options
}

// openRedis opens what is kept in Redis. It refuses to go on where the verifiers that run have other keys.
func (s *Server) openRedis(ctx context.Context, c *config.Redis) (err error) {
	var name [8]byte
	if _, err := io.ReadFull(s.o.Random, name[:]); err != nil {
		return err
	}
	r := &replicas{Server: s, changes: redisledger.Changes(c.Prefix), wake: make(chan struct{}, 1), wrong: map[string]string{}}
	// A connection of its own: the audit in bulk holds up no heartbeat.
	if r.conn, err = redisconn.Open(ctx, redisOptions(c)); err != nil {
		return err
	}
	r.presence = redispresence.New(r.conn, c.Prefix, hex.EncodeToString(name[:]))
	defer func() {
		if err != nil {
			r.conn.Close()
		}
	}()
	met, err := r.presence.Look(ctx)
	if err == nil {
		err = redispresence.Compare(r.self(), met.Others)
	}
	if err != nil {
		return err
	}
	s.store, err = redis.Open(ctx, redis.Options{Redis: redisOptions(c), Clock: s.o.Now, Random: s.o.Random, Logger: s.o.Log, Changed: r.hear, Prefix: c.Prefix,
		Lease: time.Duration(c.Lease), Durability: redis.Durability(c.Durability)})
	if err != nil {
		return err
	}
	sealing := LedgerOptions(s.ring, s.o.Log)
	s.ledger, err = redisledger.Open(ctx, r.conn, redisledger.Options{Prefix: c.Prefix, Seal: sealing.Seal, Sealed: sealing.Sealed, Refuse: r.refuse, Logger: s.o.Log})
	if err != nil {
		return errors.Join(err, s.store.Close())
	}
	if err := r.meet(ctx); err != nil {
		return errors.Join(err, s.ledger.Close(), s.store.Close())
	}
	s.replicas = r
	return nil
}

// EndStaysInRedis is EndStays for verifiers that keep the audit in Redis.
func EndStaysInRedis(ctx context.Context, r *config.Redis, now, rest *keyring.Ring) error {
	conn, err := redisconn.Open(ctx, redisOptions(r))
	if err != nil {
		return endStays("", "", err, now, rest)
	}
	defer conn.Close()
	text, seal, err := redisledger.SealedEnd(ctx, conn, r.Prefix)
	return endStays(text, seal, err, now, rest)
}

// self is this verifier as the others know it.
func (r *replicas) self() redispresence.Verifier {
	host, _ := os.Hostname()
	self := redispresence.Verifier{Host: host}
	for _, key := range r.ring.Keys() {
		self.Keys = append(self.Keys, key.ID)
		if key.Use == keyring.Current {
			self.Current = key.ID
		}
	}
	return self
}

// hear takes note of a session that another verifier has changed.
func (r *replicas) hear(s session.Session) {
	if e := r.engine.Load(); e != nil {
		e.Hear(s)
	}
}

// refuse says that an end of the audit is sealed with a key that another verifier has and this one has not: nobody has tampered with it then.
func (r *replicas) refuse(seal string) error {
	raw, err := base64.RawURLEncoding.DecodeString(seal)
	if err != nil || len(raw) < 4 || r.ring.MadeWith(seal) != "" {
		return nil
	}
	id := hex.EncodeToString(raw[:4])
	met, err := r.presence.Look(context.Background())
	if err != nil {
		return err
	}
	for _, other := range slices.Concat(met.Others, met.Gone) {
		if slices.Contains(other.Keys, id) {
			return fmt.Errorf("%w: the end of the audit is sealed with key %s of %s, which this verifier does not have", redispresence.ErrKeys, id, other.Host)
		}
	}
	return nil
}

// turn waits until no other verifier changes settings; it is admin.Config.Turn.
func (r *replicas) turn(ctx context.Context) (done func(), err error) {
	ctx, cancel := context.WithTimeout(ctx, turnWithin)
	defer cancel()
	for {
		done, ok, err := r.presence.Hold(ctx, "settings", changingLease, changingFor)
		if err != nil || ok {
			return done, err
		}
		if !rest(ctx, turnPause) {
			return nil, errors.New("another verifier is changing settings")
		}
	}
}

// rest waits for a while; false means that ctx ended.
func rest(ctx context.Context, length time.Duration) bool {
	timer := time.NewTimer(length)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// run keeps what this verifier has in memory true until ctx ends.
func (r *replicas) run(ctx context.Context) {
	var all sync.WaitGroup
	all.Go(func() { r.follow(ctx) })
	all.Go(func() {
		ticker := time.NewTicker(redispresence.MeetEvery)
		defer ticker.Stop()
		for {
			r.is("presence", r.meet(ctx))
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
			}
		}
	})
	all.Wait()
}

// follow reads the settings whenever another verifier has changed them, after every connection that was lost, and now and then.
func (r *replicas) follow(ctx context.Context) {
	for {
		heard, err := r.conn.Subscribe(ctx, []string{r.changes}, func(string, string) {
			select {
			case r.wake <- struct{}{}:
			default:
			}
		})
		if err == nil {
			err = r.listen(ctx, heard)
			heard.Close()
		}
		if ctx.Err() != nil {
			return
		}
		r.is("settings", err)
		if !rest(ctx, resubscribe) {
			return
		}
	}
}

// listen refreshes while a subscription hears; it returns why it does not any more.
func (r *replicas) listen(ctx context.Context, heard *redisconn.Subscription) error {
	ticker := time.NewTicker(refreshEvery)
	defer ticker.Stop()
	for {
		if err := r.refresh(ctx); err == nil {
			r.is("settings", nil)
		} else {
			r.is("settings", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-heard.Lost():
			return heard.Ping(ctx)
		case <-r.wake:
		case <-ticker.C:
			if err := heard.Ping(ctx); err != nil {
				return err
			}
			if err := r.Server.engine.Recheck(ctx); err != nil && ctx.Err() == nil {
				return err
			}
		}
	}
}

// refresh puts in force what others have set. Where Redis has come back without it, this verifier begins again with what its file says.
func (r *replicas) refresh(ctx context.Context) error {
	err := r.admin.Refresh(ctx)
	if errors.Is(err, admin.ErrLost) {
		r.o.Log.Error("settings_lost", "error", err, "meaning", "redis has come back without settings that it had acknowledged; those of the configuration file are in force")
		err = r.admin.Load(ctx, r.base(r.configuration()))
	}
	return err
}

// meet tells the others that this verifier runs, compares keys and clocks, and finishes what those have begun who are gone.
func (r *replicas) meet(ctx context.Context) error {
	self := r.self()
	met, err := r.presence.Meet(ctx, self)
	if err != nil {
		return err
	}
	r.mu.Lock()
	r.others = len(met.Others)
	r.mu.Unlock()
	r.is("keys", redispresence.Compare(self, met.Others))
	var clocks error
	if apart := time.Duration(r.o.Now().UnixMilli()-met.Now) * time.Millisecond; apart.Abs() > clocksDiffer {
		clocks = fmt.Errorf("this verifier's clock is %s ahead of redis's (behind where negative); deadlines are judged by it", apart.Round(time.Second))
	}
	r.is("clock", clocks)
	if r.admin == nil { // not yet
		return nil
	}
	for _, gone := range met.Gone {
		if err := r.finish(ctx, gone); err != nil {
			return err
		}
	}
	return nil
}

// finish completes the audit of a verifier that has died.
func (r *replicas) finish(ctx context.Context, gone redispresence.Verifier) error {
	done, ok, err := r.presence.Claim(ctx, "finish-"+gone.Name, 10*time.Minute)
	if err != nil || !ok {
		return err
	}
	defer done()
	if err := r.journal.Flush(ctx); err != nil {
		return err
	}
	const died = "recorded after its verifier had died"
	if err := r.recoverAudit(ctx, gone.Seen-lostWithin, gone.Seen+2*redispresence.MeetEvery.Milliseconds(), died); err != nil {
		return err
	}
	r.o.Log.Warn("verifier_gone", "host", gone.Host, "verifier", gone.Name, "seen", gone.Seen)
	return r.presence.Forget(ctx, gone.Name)
}

// is notes that something is wrong, or with nil that it is not any more, and tells the log when that has changed.
func (r *replicas) is(what string, err error) {
	if errors.Is(err, context.Canceled) {
		return
	}
	r.mu.Lock()
	before := r.wrong[what]
	if err == nil {
		delete(r.wrong, what)
	} else {
		r.wrong[what] = err.Error()
	}
	r.mu.Unlock()
	switch {
	case err != nil && before == "":
		r.o.Log.Error("replica_trouble", "with", what, "error", err)
	case err == nil && before != "":
		r.o.Log.Info("replica_trouble_over", "with", what)
	}
}

// tell writes how things stand for readyz.
func (r *replicas) tell(w io.Writer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	fmt.Fprintf(w, "verifiers: this one and %d more\n", r.others)
	for _, what := range []string{"presence", "keys", "clock", "settings"} {
		if wrong := r.wrong[what]; wrong != "" {
			fmt.Fprintf(w, "%s: %s\n", what, wrong)
		}
	}
}

// leave takes leave of the others, where nothing is left to be recorded, and closes the connection.
func (r *replicas) leave(recorded bool) error {
	defer r.conn.Close()
	if !recorded {
		return nil
	}
	return r.presence.Leave(context.Background())
}
