package storetest

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/curfew-project/curfew/shared/deadline"
	"github.com/curfew-project/curfew/shared/policy"
	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/verifier/session"
)

// model is what a store has to be, without any care for speed or durability.
type model struct {
	sessions map[session.ID]session.Session
	secrets  map[session.ID]session.Sealed
	last     map[session.User]int64
	marks    map[session.Key]lasting
}

// lasting is a mark.
type lasting struct{ at, until int64 }

func (m *model) put(s session.Session) {
	m.sessions[s.ID] = s
	if s.State.EndedAt != 0 {
		m.last[s.User] = max(m.last[s.User], s.State.EndedAt)
	}
}

func (m *model) list(keep func(session.Session) bool) []session.Session {
	var found []session.Session
	for _, s := range m.sessions {
		if keep(s) {
			found = append(found, s)
		}
	}
	slices.SortFunc(found, func(a, b session.Session) int { return cmp.Compare(a.State.Began, b.State.Began) })
	return found
}

// machine compares a store with the model, one operation after the other. Few IDs and few users make them meet often;
// the users' parts are such that gluing them together would mix them up.
type machine struct {
	model
	ctx    context.Context
	store  session.Store
	reopen func() session.Store // nil where the store does not outlive its Close
	now    int64
	began  int64 // every session begins at another instant, so that the order is one
}

func checkModel(t *testing.T, open Open) {
	rapid.Check(t, func(rt *rapid.T) {
		store := open(t)
		defer store.Close()
		run(rt, store, nil)
	})
}

func run(rt *rapid.T, store session.Store, reopen func() session.Store) {
	m := &machine{
		model: model{map[session.ID]session.Session{}, map[session.ID]session.Sealed{}, map[session.User]int64{}, map[session.Key]lasting{}},
		ctx:   context.Background(), store: store, reopen: reopen, now: start,
	}
	actions := map[string]func(*rapid.T){
		"create": m.create, "update": m.update, "seal": m.seal, "mark": m.mark,
		"expire": m.expire, "forget": m.forget, "wait": m.wait, "": m.compare,
	}
	if reopen != nil {
		actions["reopen"] = func(rt *rapid.T) {
			if err := m.store.Close(); err != nil {
				rt.Fatalf("Close: %v", err)
			}
			m.store = m.reopen()
		}
	}
	rt.Repeat(actions)
}

func (m *machine) id(rt *rapid.T) session.ID { return id(rapid.Uint64Range(0, 7).Draw(rt, "id")) }

func (m *machine) user(rt *rapid.T) session.User {
	return rapid.SampledFrom([]session.User{
		{Environment: "a", Issuer: "b", Subject: "c"}, {Environment: "a", Issuer: "b", Subject: "cc"},
		{Environment: "a", Issuer: "bc", Subject: "c"}, {Environment: "ab", Issuer: "c", Subject: "c"},
	}).Draw(rt, "user")
}

// sid is a provider session ID that equals a name now and then.
func (m *machine) sid(rt *rapid.T) string { return rapid.SampledFrom(sids).Draw(rt, "sid") }

var sids = []string{"", "p", "pp"}

func (m *machine) wait(rt *rapid.T) { m.now += rapid.Int64Range(0, 20*minute).Draw(rt, "wait") }

func (m *machine) create(rt *rapid.T) {
	m.began++
	s := sample(0, m.user(rt), m.now+m.began)
	s.ID = m.id(rt)
	s.Name = rapid.StringN(0, -1, 60).Draw(rt, "name")
	s.Seq = rapid.Uint64().Draw(rt, "seq")
	s.Provider = m.sid(rt)
	s.Client = rapid.SampledFrom(append(policy.Clients(), policy.Browser)).Draw(rt, "client")
	s.Check = session.Check{At: m.now / 1000 * 1000, Stay: rapid.Bool().Draw(rt, "stay")}
	if s.Check.Bypassed = rapid.Bool().Draw(rt, "bypassed"); !s.Check.Bypassed {
		s.Check.Next = s.Check.At + hour
	}
	if rapid.Bool().Draw(rt, "provider mode") {
		s.State.Settings.SessionTimeout = 0
		s.State.Settings.InactivityTimeout = time.Duration(rapid.IntRange(0, 1).Draw(rt, "half hours of inactivity")) * 30 * time.Minute
	}
	secrets := session.Sealed(rapid.StringN(0, -1, 200).Draw(rt, "secrets"))
	err := m.store.Create(m.ctx, s, secrets, m.now)
	if _, taken := m.sessions[s.ID]; taken {
		if !errors.Is(err, session.ErrExists) {
			rt.Fatalf("Create of a taken ID: %v", err)
		}
		return
	}
	if err != nil {
		rt.Fatalf("Create: %v", err)
	}
	m.put(s)
	m.secrets[s.ID] = secrets
}

// change draws something that happens to a session.
func (m *machine) change(rt *rapid.T) func(session.Session) (session.Session, error) {
	event := rapid.SampledFrom([]string{"report", "report", "tick", "settings", "end", "name", "provider", "checked", "silent", "nothing", "error", "identity", "client"}).Draw(rt, "event")
	now, refused, sid := m.now, errRefused, m.sid(rt)
	tight := settings()
	tight.InactivityTimeout = time.Duration(rapid.IntRange(0, 40).Draw(rt, "inactivity minutes")) * time.Minute
	tight.SessionTimeout = time.Duration(rapid.IntRange(0, 2).Draw(rt, "session hours")) * time.Hour
	silence := rapid.Int64Range(0, hour/1000).Draw(rt, "seconds of silence") * 1000
	back := rapid.Int64Range(0, hour).Draw(rt, "activity ago")
	return func(s session.Session) (session.Session, error) {
		switch event {
		case "report":
			s.Seq++
			return stepping(deadline.Report{At: now - back}, now)(s), nil
		case "tick":
			return stepping(deadline.Tick{}, now)(s), nil
		case "settings":
			return stepping(deadline.Change{Settings: tight}, now)(s), nil
		case "end":
			return stepping(deadline.End{Reason: wire.EndedByAdmin}, now)(s), nil
		case "name":
			s.Name, s.Provider = s.Provider, s.Name
			return s, nil
		case "provider":
			s.Provider = sid
			return s, nil
		case "checked":
			s.Check.At, s.Check.Next, s.Check.Bypassed, s.Check.Stay = now/1000*1000, now/1000*1000+hour, false, !s.Check.Stay
			return stepping(deadline.Confirmed{Lapses: now/1000*1000 + 2*hour}, now)(s), nil
		case "silent":
			return stepping(deadline.Unconfirmed{By: now + silence}, now)(s), nil
		case "error":
			s.Seq++
			return s, refused
		case "identity":
			s.Key[5]++
			return s, nil
		case "client":
			s.Client = otherThan(s.Client)
			return s, nil
		}
		return s, nil
	}
}

func otherThan(client policy.Client) policy.Client {
	if client == policy.Browser {
		return policy.Phone
	}
	return policy.Browser
}

var errRefused = errors.New("refused by decide")

func (m *machine) update(rt *rapid.T) {
	id, decide := m.id(rt), m.change(rt)
	got, ok, err := m.store.Update(m.ctx, id, m.now, decide)
	before, exists := m.sessions[id]
	if ok != exists {
		rt.Fatalf("Update: ok %t; want %t", ok, exists)
	}
	want, wantErr := before, error(nil)
	switch {
	case !exists:
	case before.State.EndedAt != 0:
		wantErr = session.ErrEnded
	default:
		after, refused := decide(before)
		switch {
		case refused != nil:
			wantErr = refused
		case after.Key != before.Key, after.Client != before.Client:
			wantErr = session.ErrIdentity
		default:
			want = after
			m.put(after)
		}
	}
	if !errors.Is(err, wantErr) {
		rt.Fatalf("Update: %v; want %v", err, wantErr)
	}
	if (wantErr == nil || wantErr == session.ErrEnded) && got != want {
		rt.Fatalf("Update returned\n%+v; want\n%+v", got, want)
	}
}

func (m *machine) seal(rt *rapid.T) {
	id, secrets := m.id(rt), session.Sealed(rapid.StringN(0, -1, 200).Draw(rt, "secrets"))
	ok, err := m.store.SetSecrets(m.ctx, id, secrets, m.now)
	s, exists := m.sessions[id]
	wantErr := error(nil)
	switch {
	case !exists:
	case s.State.EndedAt != 0:
		wantErr = session.ErrEnded
	default:
		m.secrets[id] = secrets
	}
	if ok != exists || !errors.Is(err, wantErr) {
		rt.Fatalf("SetSecrets: %t, %v; want %t, %v", ok, err, exists, wantErr)
	}
}

// A key is marked for so short a time, and sometimes none, that it expires between two waits.
func (m *machine) mark(rt *rapid.T) {
	of := key(rapid.SampledFrom(keys).Draw(rt, "key"))
	until := m.now + rapid.Int64Range(-minute, 10*minute).Draw(rt, "until")
	at, first, err := m.store.Mark(m.ctx, of, until, m.now)
	known, ok := m.marks[of]
	wantFirst := !ok || known.until <= m.now
	if wantFirst {
		known = lasting{m.now, until}
		m.marks[of] = known
	}
	if at != known.at || first != wantFirst || err != nil {
		rt.Fatalf("Mark: %d, %t, %v; want %d, %t", at, first, err, known.at, wantFirst)
	}
}

var keys = []string{"a", "b", "c"}

func (m *machine) expire(rt *rapid.T) {
	limit := rapid.IntRange(0, 5).Draw(rt, "limit")
	got, err := m.store.Expire(m.ctx, m.now, limit)
	if err != nil {
		rt.Fatalf("Expire: %v", err)
	}
	due := m.list(func(s session.Session) bool { return s.State.EndedAt == 0 && s.State.Ended(m.now) })
	if len(got) != min(limit, len(due)) {
		rt.Fatalf("Expire found %d sessions with limit %d; %d are due", len(got), limit, len(due))
	}
	for _, s := range got {
		want, known := m.sessions[s.ID]
		ends, reason := want.State.Ends()
		if !known || want.State.EndedAt != 0 || ends > m.now {
			rt.Fatalf("Expire returned %+v, which is not due", s)
		}
		if want.State.EndedAt, want.State.Reason = ends, reason; s != want {
			rt.Fatalf("Expire returned\n%+v; want\n%+v", s, want)
		}
		m.put(want)
	}
}

func (m *machine) forget(rt *rapid.T) {
	before := m.now - rapid.Int64Range(-minute, hour).Draw(rt, "ago")
	got, err := m.store.Forget(m.ctx, before, m.now)
	dropped := m.list(func(s session.Session) bool { return s.State.EndedAt != 0 && s.State.EndedAt < before })
	for _, s := range dropped {
		delete(m.sessions, s.ID)
		delete(m.secrets, s.ID)
	}
	if err != nil || got != len(dropped) {
		rt.Fatalf("Forget: %d, %v; want %d", got, err, len(dropped))
	}
}

// compare looks at everything that can be looked at.
func (m *machine) compare(rt *rapid.T) {
	for n := range uint64(8) {
		want, exists := m.sessions[id(n)]
		if got, ok, err := m.store.Get(m.ctx, id(n), m.now); err != nil || ok != exists || got != want {
			rt.Fatalf("Get: %+v, %t, %v; want\n%+v, %t", got, ok, err, want, exists)
		}
		if got, ok, err := m.store.Secrets(m.ctx, id(n), m.now); err != nil || ok != exists || got != m.secrets[id(n)] {
			rt.Fatalf("Secrets: %+v, %t, %v; want %+v, %t", got, ok, err, m.secrets[id(n)], exists)
		}
	}
	for _, name := range keys {
		want := m.marks[key(name)]
		ok := want.until > m.now
		if got, found, err := m.store.Marked(m.ctx, key(name), m.now); err != nil || found != ok || ok && got != want.at {
			rt.Fatalf("Marked: %d, %t, %v; want %+v, %t", got, found, err, want, ok)
		}
	}
	users := map[session.User]bool{user("nobody"): true}
	for of := range m.last {
		users[of] = true
	}
	m.compareScan(rt, "")
	realms := map[[2]string]bool{}
	alive := 0
	for _, s := range m.sessions {
		users[s.User] = true
		if s.State.EndedAt == 0 && !s.State.Ended(m.now) {
			alive++
		}
	}
	if got, err := m.store.Count(m.ctx, m.now); err != nil || got != alive {
		rt.Fatalf("Count: %d, %v; want %d", got, err, alive)
	}
	for of := range users {
		want, last := m.list(func(s session.Session) bool { return s.User == of }), m.last[of]
		if got, err := m.store.ByUser(m.ctx, of, m.now); err != nil || !slices.Equal(got, want) {
			rt.Fatalf("ByUser: %+v, %v; want %+v", got, err, want)
		}
		for _, s := range want {
			if ends, _ := s.State.Ends(); ends <= m.now {
				last = max(last, ends)
			}
		}
		if got, err := m.store.LastEnd(m.ctx, of, m.now); err != nil || got != last {
			rt.Fatalf("LastEnd: %d, %v; want %d", got, err, last)
		}
		realms[[2]string{of.Environment, of.Issuer}] = true
	}
	for of := range realms {
		m.compareScan(rt, of[0])
		for _, sid := range sids {
			want := m.list(func(s session.Session) bool {
				return sid != "" && s.Provider == sid && s.User.Environment == of[0] && s.User.Issuer == of[1]
			})
			if got, err := m.store.ByProvider(m.ctx, of[0], of[1], sid, m.now); err != nil || !slices.Equal(got, want) {
				rt.Fatalf("ByProvider of %q: %+v, %v; want %+v", sid, got, err, want)
			}
		}
	}
}
