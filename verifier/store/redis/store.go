// Package redis keeps sessions in Redis 7 or Valkey: for several verifiers on the same sessions, none of which has any of its own. What
// is decided is decided by one script on one node, by compare and set. Requests are answered from memory while that is provably right
// (hearing.go), and else by asking; where Redis does not answer, nothing is let through.
package redis

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"regexp"
	"sync"
	"sync/atomic"
	"time"

	"github.com/curfew-project/curfew/verifier/session"
	"github.com/curfew-project/curfew/verifier/store/redisconn"
)

// Options say where Redis is and what is kept there. Redis, Clock and Random are required.
type Options struct {
	Redis redisconn.Options

	// Clock gives the instant with Go's monotonic reading (time.Now): by it, and by nothing that a session is judged by, a verifier knows
	// how long it may answer from memory.
	Clock func() time.Time
	// Random gives the names by which verifiers tell each other apart (crypto/rand.Reader). One goroutine at a time reads it.
	Random io.Reader
	// Logger gets losses and recoveries. nil means none.
	Logger *slog.Logger
	// Changed is told of sessions that another verifier has changed or ended, for whoever follows them in a browser; not of activity.
	// It is called by the goroutine that reads from Redis, may be told twice, and must not block. nil: nobody.
	Changed func(session.Session)

	// Prefix begins the name of every key and channel: 1 to 64 of a-z, 0-9, "_" and "-". Empty means DefaultPrefix. Who shares a Redis
	// and a prefix shares the sessions.
	Prefix string
	// Lease is how long a verifier may answer from memory without having proved again that it hears every change, and so
	// the longest that an ending waits for a verifier that has vanished: 200ms to 10s. 0 means DefaultLease. Verifiers may differ in it:
	// each is waited for by its own.
	Lease time.Duration
	// Remember is how many living sessions are kept in memory, about half a kilobyte each: 64 and more. 0 means DefaultRemember.
	Remember int
	// Durability says what is demanded of Redis. Empty means DurabilityRequired.
	Durability Durability

	// partitions is for tests: what a deployment has is in Redis and never changes.
	partitions int
}

const (
	DefaultPrefix   = "curfew"
	DefaultLease    = time.Second
	DefaultRemember = 100_000

	defaultPartitions = 256

	leastLease, mostLease = 200 * time.Millisecond, 10 * time.Second
)

// Durability is what the store demands of Redis before it acknowledges anything (P7). It is a closed type.
type Durability string

const (
	// DurabilityRequired demands appendonly yes and appendfsync always, on every master: what is acknowledged survives kill -9 and
	// power loss of Redis. Of a master with replicas it demands min-replicas-to-write 1 or more and min-replicas-max-lag of MostLag or
	// less, and endings, other changes and marks are acknowledged when a replica has them, too.
	DurabilityRequired Durability = "required"
	// DurabilityOperator takes what the operator has set: a crash of Redis or a failover may lose acknowledged endings of its last second or more. What
	// is lost must be signed in again, except that an ended session may come back to life. It is said in the log.
	DurabilityOperator Durability = "operator"
)

// Valid reports whether d is one of the above.
func (d Durability) Valid() bool { return d == DurabilityRequired || d == DurabilityOperator }

// ErrOptions is in the tree of every error about options.
var ErrOptions = errors.New("redis session store")

// Store is a session.Store. Its methods may be called by any number of goroutines. Besides what the contract says, an error is a
// *redisconn.Error where Redis is the cause, and ErrUnconfirmed is in its tree where another verifier or a replica is.
//
// Get may show activity that is older than what another verifier has acknowledged; the deadlines that it gives are then earlier than
// they are, so it is asked anew from a deadline on, and never wrong about whether a session lives.
type Store struct {
	conn       *redisconn.Conn
	where      string
	layout     layout
	keys       []keys
	byChannel  map[string]partition
	clock      func() time.Time
	random     io.Reader
	logger     *slog.Logger
	changed    func(session.Session)
	lease      time.Duration
	durability Durability

	cache    *cache
	locks    locks
	hearing  atomic.Pointer[hearing]
	deaf     atomic.Pointer[deaf]
	told     told
	register register
	sights   sights
	acks     acks
	later    later
	doubts   doubts

	unreported unreported
	firstWrite uint64 // random, so that no two verifiers' writes have the same number
	writes     atomic.Uint64

	warned                            sync.Once
	closed                            atomic.Bool
	stop                              context.CancelFunc
	listened, acknowledging, ranLater chan struct{}
}

var _ session.Store = (*Store)(nil)

var goodPrefix = regexp.MustCompile(`^[a-z0-9_-]{1,64}$`)

func (o *Options) complete() error {
	if o.Clock == nil || o.Random == nil {
		return fmt.Errorf("%w: Clock and Random are required", ErrOptions)
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Prefix == "" {
		o.Prefix = DefaultPrefix
	}
	if o.Lease == 0 {
		o.Lease = DefaultLease
	}
	if o.Remember == 0 {
		o.Remember = DefaultRemember
	}
	if o.Durability == "" {
		o.Durability = DurabilityRequired
	}
	if o.partitions == 0 {
		o.partitions = defaultPartitions
	}
	switch {
	case !goodPrefix.MatchString(o.Prefix):
		return fmt.Errorf("%w: prefix is %q; allowed: 1 to 64 of a-z, 0-9, _ and -", ErrOptions, o.Prefix)
	case o.Lease < leastLease || o.Lease > mostLease:
		return fmt.Errorf("%w: lease is %s; allowed: %s to %s", ErrOptions, o.Lease, leastLease, mostLease)
	case o.Remember < 64:
		return fmt.Errorf("%w: remember is %d; allowed: 64 and more", ErrOptions, o.Remember)
	case !o.Durability.Valid():
		return fmt.Errorf("%w: durability is %q; allowed: %q, %q", ErrOptions, o.Durability, DurabilityRequired, DurabilityOperator)
	}
	return nil
}

// Open connects, proves that Redis can keep sessions, and begins to hear changes. Its errors are of ErrOptions, redisconn.ErrOptions
// or *redisconn.Error, or ctx's.
func Open(ctx context.Context, options Options) (*Store, error) {
	if err := options.complete(); err != nil {
		return nil, err
	}
	var first [8]byte
	if _, err := io.ReadFull(options.Random, first[:]); err != nil {
		return nil, err
	}
	options.Redis.Replicated = options.Durability == DurabilityRequired
	conn, err := redisconn.Open(ctx, options.Redis)
	if err != nil {
		return nil, err
	}
	if address := options.Redis.Unencrypted(); address != "" {
		options.Logger.Warn("redis_not_encrypted", "address", address,
			"meaning", "passwords, sessions and endings go over the network as they are: set tls, or make sure that nobody else is on the way")
	}
	running, stop := context.WithCancel(context.Background())
	s := &Store{
		conn: conn, where: options.Redis.Addresses[0], layout: layout{options.Prefix, options.partitions}, byChannel: map[string]partition{},
		clock: options.Clock, random: options.Random, logger: options.Logger, changed: options.Changed, lease: options.Lease, durability: options.Durability,
		cache: newCache(options.Remember, options.partitions), told: told{waiting: map[uint64]*telling{}},
		acks: acks{to: map[[2]incarnation][]byte{}, wake: make(chan struct{}, 1)}, later: later{make(chan redisconn.Call, 1024)},
		stop: stop, listened: make(chan struct{}), acknowledging: make(chan struct{}), ranLater: make(chan struct{}),
	}
	s.register.store, s.firstWrite = s, binary.BigEndian.Uint64(first[:])
	for p := range partition(options.partitions) {
		s.keys = append(s.keys, s.layout.keys(p))
		s.byChannel[s.keys[p].channel] = p
	}
	if err := s.begin(ctx, running); err != nil {
		stop()
		conn.Close()
		return nil, err
	}
	return s, nil
}

func (s *Store) begin(ctx, running context.Context) error {
	if err := s.suits(ctx); err != nil {
		return err
	}
	if err := s.claim(ctx); err != nil {
		return err
	}
	heard := make(chan error, 1)
	go s.listen(running, heard)
	select {
	case err := <-heard:
		if err != nil {
			return err
		}
	case <-ctx.Done():
		return ctx.Err()
	}
	go s.acknowledge(running)
	go s.runLater(running)
	return nil
}

// usable is nil while the store may be used.
func (s *Store) usable(ctx context.Context) error {
	if s.closed.Load() {
		return session.ErrClosed
	}
	return ctx.Err()
}

// fault is an error as it goes up. What fails because the store is being closed says so.
func (s *Store) fault(ctx context.Context, what string, err error) error {
	switch {
	case err == nil:
		return nil
	case s.closed.Load():
		return session.ErrClosed
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, redisconn.ErrUnreplicated):
		return &redisconn.Error{What: what, Where: s.where, Kind: ErrUnconfirmed, Err: err}
	}
	return s.conn.Problem(what, err)
}

// Close implements session.Store. What was acknowledged is in Redis already.
func (s *Store) Close() error {
	if s.closed.Swap(true) {
		return session.ErrClosed
	}
	s.stop()
	<-s.listened
	<-s.acknowledging
	<-s.ranLater
	s.conn.Close()
	return nil
}
