//go:build linux

package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/verifier/admin"
	"github.com/curfew-project/curfew/verifier/proofcheck/prooftest"
)

// tally is a row of the table.
type tally struct {
	acknowledged atomic.Int64 // sign-ins, heartbeats, endings and settings
	lost         atomic.Int64 // of them
	through      atomic.Int64 // requests that were let through and must not have been
	signedOut    atomic.Int64 // sessions that were refused as over and must not have been
	refused      atomic.Int64 // requests that were refused or had no answer while the fault lasted
	checked      atomic.Int64 // requests of which the verdict was judged

	mu       sync.Mutex
	recovery []time.Duration
	wrong    []string
}

func (r *tally) is(what *atomic.Int64, format string, args ...any) {
	what.Add(1)
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.wrong) < 20 {
		r.wrong = append(r.wrong, fmt.Sprintf(format, args...))
	}
}

// load is browsers and an administrator at work, and their own record of what was acknowledged.
type load struct {
	*faulty
	*tally
	redis *redisWorld   // nil: everything is in files
	leap  time.Duration // how far the verifier's clock was set forward: deadlines come sooner by so much

	users atomic.Int64
	mu    sync.Mutex
	all   []*visit
	name  string // the environment's, as acknowledged last
	asked string // and as asked for last

	// A replica that takes Redis's place may lack a sign-in that was acknowledged between these, and whoever has it signs in again: README says
	// so, and it is counted. Zero: nothing may be lacking.
	fromUnsure, toUnsure time.Time
	unsure               map[*visit]bool

	stop func()
}

func newLoad(w *faulty) *load {
	return &load{faulty: w, tally: &tally{}, unsure: map[*visit]bool{}, stop: func() {}}
}

const faultWorkers = 4

// begin lets them work until end is called.
func (l *load) begin() {
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	for worker := range faultWorkers {
		all.Go(func() { l.work(ctx, worker) })
	}
	all.Go(func() { l.decide(ctx) })
	l.stop = func() { cancel(); all.Wait() }
}

// rest is how fast they are: a load and not a siege.
func rest(ctx context.Context) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(5 * time.Millisecond):
		return true
	}
}

// work signs in, uses the session, and leaves it in one of three ways, again and again.
func (l *load) work(ctx context.Context, worker int) {
	for n := worker; rest(ctx); n++ {
		environment := "long"
		if n%4 == 3 {
			environment = "brief"
		}
		v := &visit{t: l.t, http: l.http, origin: faultOrigins[environment], subject: faultUser(int(l.users.Add(1))), maker: prooftest.New(l.t)}
		if err := v.signIn(faultPassword, faultRenewal); err != nil {
			l.refused.Add(1)
			continue
		}
		l.acknowledged.Add(1)
		l.mu.Lock()
		l.all = append(l.all, v)
		l.mu.Unlock()
		for range 4 {
			if !rest(ctx) {
				return
			}
			l.use(v)
		}
		var err error
		switch n % 3 {
		case 0:
			err = v.signOut()
		case 1:
			sid := v.session()
			if sid == "" {
				continue
			}
			err = v.leave(func() error { return l.admin.EndSession(ctx, sid) })
		default:
			continue // it is left alone: it must still be there
		}
		if err != nil {
			l.refused.Add(1)
			continue
		}
		l.acknowledged.Add(1)
		l.judge(v, -1)
	}
}

// use sends a heartbeat and shows the newest and the oldest cookie.
func (l *load) use(v *visit) {
	if err := v.heartbeat(faultRenewal); err == nil {
		l.acknowledged.Add(1)
	} else {
		l.refused.Add(1)
		l.mourn(v, err)
	}
	l.judge(v, -1)
	l.judge(v, 0)
}

// judge shows a cookie and looks at the verdict. It reports whether there was one.
func (l *load) judge(v *visit, which int) bool {
	through, wrong, err := v.check(which)
	switch {
	case wrong != "":
		l.is(&l.through, "%s of %s was let through %s", v.session(), v.subject, wrong)
	case !through:
		l.mourn(v, err)
	}
	if through || over(err) || isStale(err) {
		l.checked.Add(1)
		return true
	}
	return false
}

func isStale(err error) bool {
	r, ok := err.(*refused)
	return ok && r.Refusal.Error == wire.StaleCookie
}

// mourn counts a session that is said to be over and must not be.
func (l *load) mourn(v *visit, err error) {
	if !over(err) {
		return
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	soon := !v.ends.IsZero() && !time.Now().Before(v.ends.Add(-time.Second-l.leap))
	if v.ends.IsZero() && v.origin == faultOrigins["brief"] {
		soon = true // no deadline was told before
	}
	if !v.leaving && !soon && !l.mayLack(v) {
		l.is(&l.signedOut, "%s of %s is over: %v", v.sid, v.subject, err)
	}
}

// mayLack reports whether the verifier may say of a session that there is none, because of when it was signed in. Its lock is held.
func (l *load) mayLack(v *visit) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.fromUnsure.IsZero() || v.signed.Before(l.fromUnsure) || !l.toUnsure.IsZero() && v.signed.After(l.toUnsure) {
		return l.unsure[v] // in an earlier round
	}
	l.unsure[v] = true
	return true
}

// decide renames an environment, again and again.
func (l *load) decide(ctx context.Context) {
	for n := 0; rest(ctx); n++ {
		now, err := l.admin.Environment(ctx, "long")
		if err != nil {
			l.refused.Add(1)
			continue
		}
		name := fmt.Sprintf("name %d", rand.Uint64())
		l.mu.Lock()
		l.asked = name
		l.mu.Unlock()
		if _, err := l.admin.Change(ctx, "long", now.Version, admin.Edit{Name: &name}, false); err != nil {
			l.refused.Add(1)
			continue
		}
		l.acknowledged.Add(1)
		l.mu.Lock()
		l.name = name
		l.mu.Unlock()
		for range 20 {
			if !rest(ctx) {
				return
			}
		}
	}
}

// until lets the load go on until so much more was acknowledged.
func (l *load) until(more int64) error {
	return l.wait(&l.acknowledged, l.acknowledged.Load()+more, "acknowledged")
}

// suffer lets the load go on until so much was refused.
func (l *load) suffer(more int64) error { return l.wait(&l.refused, l.refused.Load()+more, "refused") }

func (l *load) wait(what *atomic.Int64, enough int64, named string) error {
	for deadline := time.Now().Add(time.Minute); what.Load() < enough; time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			return fmt.Errorf("%d of %d operations were %s within a minute; the verifier says\n%s", what.Load(), enough, named, l.said())
		}
	}
	return nil
}

// recovered waits until a session that was begun before a fault goes on after it, or somebody signs in again, and notes how long that took.
func (l *load) recovered(since time.Time) error {
	for deadline := since.Add(time.Minute); ; time.Sleep(2 * time.Millisecond) {
		v := &visit{t: l.t, http: l.http, origin: faultOrigins["long"], subject: faultUser(int(l.users.Add(1))), maker: prooftest.New(l.t)}
		err := v.signIn(faultPassword, faultRenewal)
		if err == nil {
			if err = v.heartbeat(faultRenewal); err == nil {
				l.tally.mu.Lock()
				l.recovery = append(l.recovery, time.Since(since))
				l.tally.mu.Unlock()
				l.acknowledged.Add(2)
				l.mu.Lock()
				l.all = append(l.all, v)
				l.mu.Unlock()
				return nil
			}
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("no recovery within a minute: %w; the verifier says\n%s", err, l.said())
		}
	}
}

// keepVisits bounds how many sessions of earlier rounds are looked at again: what has ended must stay ended over many restarts.
const keepVisits = 40

// verify holds the verifier to the record, after a fault that hit it at an instant and was over at another. Nobody works meanwhile.
func (l *load) verify(hit, healed time.Time) error {
	for _, v := range l.all {
		v.mu.Lock()
		left, leaving, seqs, ends, cookies := v.left, v.leaving, v.seqs, v.ends, len(v.cookies)
		v.mu.Unlock()
		for which := range cookies {
			if !l.judge(v, which) {
				return fmt.Errorf("no verdict about %s of %s; the verifier says\n%s", v.session(), v.subject, l.said())
			}
		}
		asked, err := v.nonce()
		switch {
		case err == nil && !left.IsZero():
			l.is(&l.lost, "the ending of %s was acknowledged, and it lives", v.sid)
			l.is(&l.through, "%s lives after its end (P4)", v.sid)
		case err == nil && !leaving:
			sure := uint64(0)
			for _, one := range seqs {
				if one.at.Before(hit.Add(-time.Second)) {
					sure = one.seq
				}
			}
			if asked.Seq < sure {
				l.is(&l.lost, "%s was at %d more than a second before, and is at %d (P7): %v", v.sid, sure, asked.Seq, ages(seqs, hit))
			}
			if n := len(seqs); n > 0 && seqs[n-1].at.Before(healed) {
				v.mu.Lock()
				v.seqs = []accepted{{asked.Seq, time.Now()}} // what of it is there now is kept from now on
				v.mu.Unlock()
			}
		case err != nil && over(err) && !leaving && (ends.IsZero() && v.origin == faultOrigins["long"] || time.Now().Before(ends.Add(-time.Second-l.leap))):
			v.mu.Lock()
			lacks := l.mayLack(v)
			v.mu.Unlock()
			if !lacks {
				l.is(&l.lost, "the sign-in of %s was acknowledged: %v (P7)", v.subject, err)
				l.mourn(v, err)
			}
		case err != nil && !over(err):
			return fmt.Errorf("%s of %s: %w", v.sid, v.subject, err)
		}
	}
	now, err := l.admin.Environment(context.Background(), "long")
	if err != nil {
		return err
	}
	if l.asked != "" { // somebody has asked for one that is to be there
		if now.Name != l.name && now.Name != l.asked {
			l.is(&l.lost, "the name %q was acknowledged, and it is %q (P7)", l.name, now.Name)
		}
		l.name, l.asked = now.Name, now.Name
	}
	if drop := len(l.all) - keepVisits; drop > 0 {
		l.all = slices.Clone(l.all[drop:])
	}
	return nil
}

// ages are how long before an instant heartbeats were acknowledged.
func ages(seqs []accepted, hit time.Time) (all []string) {
	for _, one := range seqs {
		all = append(all, fmt.Sprintf("%d %s", one.seq, hit.Sub(one.at).Round(time.Millisecond)))
	}
	return all
}
