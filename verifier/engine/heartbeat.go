package engine

import (
	"context"
	"errors"

	"github.com/curfew-project/curfew/shared/deadline"
	"github.com/curfew-project/curfew/shared/policy"
	"github.com/curfew-project/curfew/shared/proof"
	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/verifier/audit"
	"github.com/curfew-project/curfew/verifier/proofcheck"
	"github.com/curfew-project/curfew/verifier/session"
	"github.com/curfew-project/curfew/verifier/settings"
)

// Request is a request of the page that carries a proof about its session.
type Request struct {
	Cookie string
	Proofs []string // the values of the DPoP header fields
	Method string
	URL    string // the request's address as the browser knows it, without query and fragment
}

var errReplayed = errors.New("seq is not greater than the last accepted")

// Heartbeat judges one heartbeat and returns the reply and a fresh cookie (D1, D4). Every refusal is a *Refusal.
func (e *Engine) Heartbeat(ctx context.Context, env settings.Environment, r Request) (wire.Reply, string, error) {
	now := e.clock()
	known, proved, err := e.prove(ctx, env, r, now)
	if err != nil {
		return wire.Reply{}, "", err
	}
	if e.overdue(env, known, now) {
		if err := e.confirmFirst(ctx, env, known); err != nil {
			return wire.Reply{}, "", err
		}
		now = e.clock()
	}
	beat := proved.Claims.Heartbeat
	var before session.Session
	// A client that goes away must not leave an ending half done and unrecorded.
	s, ok, err := e.store.Update(context.WithoutCancel(ctx), known.ID, now, func(s session.Session) (session.Session, error) {
		before = s
		if beat.Seq <= s.Seq {
			return s, errReplayed
		}
		s.Seq = beat.Seq
		if wanted := env.For(s.Check.Bypassed, s.Client); s.State.Settings != wanted {
			s.State = deadline.Step(s.State, deadline.Change{Settings: wanted}, now)
		}
		s.State = deadline.Step(s.State, eventOf(beat, proved.Issued, now), now)
		return s, nil
	})
	switch {
	case errors.Is(err, session.ErrEnded):
		return wire.Reply{}, "", ended(s, now)
	case errors.Is(err, errReplayed):
		e.recordRefusal(env, before, now, wire.Replayed, "")
		return wire.Reply{}, "", e.again(before, now, wire.Replayed)
	case err != nil:
		return wire.Reply{}, "", unavailable(err)
	case !ok:
		return wire.Reply{}, "", refuse(wire.NoSession, "nobody knows this session any more")
	}
	if s.State.EndedAt != 0 {
		e.recordEnd(s)
		return wire.Reply{}, "", ended(s, now)
	}
	e.recordProgress(before, s, beat.Stay, proved.Issued, now)
	if e.checks != nil && due(env, s, now) {
		e.checks.Ask(env, s.ID, s.State.CheckBy)
	}
	return e.reply(env, s, now), e.cookie(env, s, now), nil
}

// eventOf is what a heartbeat tells the rule set. The client's clock decides nothing: activity lies Idle before the receipt,
// and no later than Age after the nonce was issued less Idle, so that a heartbeat held back by the network does not pass
// for fresh (P5, P6).
func eventOf(beat *proof.Heartbeat, issued, now int64) deadline.Event {
	at := min(now, issued+beat.Age) - beat.Idle
	if beat.Stay {
		return deadline.Stay{At: at}
	}
	return deadline.Report{At: at}
}

// prove finds the session that the cookie names and verifies that the request was made with its key.
func (e *Engine) prove(ctx context.Context, env settings.Environment, r Request, now int64) (session.Session, proofcheck.Proof, error) {
	s, _, err := e.find(ctx, env, r.Cookie, now)
	if err != nil {
		return s, proofcheck.Proof{}, err
	}
	p, err := e.proofFor(env, s, r, now)
	var refused *Refusal
	if errors.As(err, &refused) && refused.Refusal.Error == wire.UseNonce {
		refused.Seq = e.lastSeq(ctx, s, now)
	}
	return s, p, err
}

// lastSeq is the last sequence number that was accepted, here or at another verifier: a page that goes on from an older one would be
// refused for a replay.
func (e *Engine) lastSeq(ctx context.Context, s session.Session, now int64) uint64 {
	latest, ok, err := e.latest(ctx, s.ID, now)
	if err != nil || !ok {
		return s.Seq
	}
	return latest.Seq
}

// latest is the session as the store's own record has it. What Get finds may lag behind another verifier's in what a store does not tell
// everybody at once: Seq and State.Active. It may ask a network: it is not for every request.
func (e *Engine) latest(ctx context.Context, id session.ID, now int64) (s session.Session, ok bool, err error) {
	s, ok, err = e.store.Update(ctx, id, now, func(s session.Session) (session.Session, error) { return s, errOnlyLooking })
	if errors.Is(err, errOnlyLooking) || errors.Is(err, session.ErrEnded) {
		err = nil
	}
	return s, ok, err
}

// latestLiving is latest of a session that lives; the error is a *Refusal.
func (e *Engine) latestLiving(ctx context.Context, id session.ID, now int64) (session.Session, error) {
	s, ok, err := e.latest(ctx, id, now)
	switch {
	case err != nil:
		return session.Session{}, unavailable(err)
	case !ok:
		return session.Session{}, refuse(wire.NoSession, "nobody knows this session any more")
	case s.State.Ended(now):
		return session.Session{}, ended(s, now)
	}
	return s, nil
}

// errOnlyLooking makes Update judge by the record and leave it as it is.
var errOnlyLooking = errors.New("nothing is to be changed")

// proofFor verifies that a request was made with a session's key.
func (e *Engine) proofFor(env settings.Environment, s session.Session, r Request, now int64) (proofcheck.Proof, error) {
	none := proofcheck.Proof{}
	if len(r.Proofs) == 0 {
		return none, e.again(s, now, wire.UseNonce)
	}
	p, err := proofcheck.Check(r.Proofs, proofcheck.Expect{
		Method: r.Method, URL: r.URL, Heartbeat: true,
		Nonce: func(nonce string) (int64, error) { return e.nonces.Judge(scope(s), nonce, now) },
	})
	if err != nil {
		refusal := proofRefusal(err)
		if refusal.Refusal.Error == wire.UseNonce {
			return none, e.again(s, now, wire.UseNonce)
		}
		e.recordRefusal(env, s, now, refusal.Refusal.Error, refusal.Message)
		return none, refusal
	}
	if !sameKey(p.Thumbprint, s.Key) {
		// It does not end the session: that would be a way to sign others out.
		e.recordRefusal(env, s, now, wire.WrongKey, "")
		return none, refuse(wire.WrongKey, "the proof was made with another key")
	}
	if p.Claims.Heartbeat.SID != s.ID.String() {
		e.recordRefusal(env, s, now, wire.InvalidProof, "sid is not the cookie's session")
		return none, refuse(wire.InvalidProof, "sid is not the cookie's session")
	}
	return p, nil
}

func scope(s session.Session) string { return s.ID.String() }

// again asks for the proof once more and says all that it takes: the nonce, the session and its last sequence number.
func (e *Engine) again(s session.Session, now int64, code wire.Code) *Refusal {
	return &Refusal{wire.Refusal{
		Error: code, Now: now, Nonce: e.nonces.Issue(scope(s), now), SID: s.ID.String(), Key: s.Key.String(), Seq: s.Seq,
	}}
}

func (e *Engine) reply(env settings.Environment, s session.Session, now int64) wire.Reply {
	state := s.State
	return wire.Reply{
		Now: now, Phase: state.Phase(now), Warning: state.Warning(now), Reason: state.Reason, EndedAt: state.EndedAt,
		Began: state.Began, Active: state.Active, SessionFloor: state.SessionFloor, InactivityFloor: state.InactivityFloor,
		CheckBy:     state.CheckBy,
		Settings:    wireSettings(state.Settings),
		SessionEnds: state.SessionEnds(), InactivityEnds: state.InactivityEnds(),
		Seq: s.Seq, Nonce: e.nonces.Issue(scope(s), now), Interval: e.interval(s, now).Milliseconds(),
		User: userHandle(s.User),
	}
}

func wireSettings(s policy.Settings) wire.Settings {
	return wire.Settings{
		SessionTimeout: s.SessionTimeout.Milliseconds(), SessionWarning: s.SessionWarning.Milliseconds(),
		InactivityTimeout: s.InactivityTimeout.Milliseconds(), InactivityWarning: s.InactivityWarning.Milliseconds(),
		AnyActivityStays: s.AnyActivityStays,
	}
}

// recordProgress records what people did or were told: an extension, and a warning that became due since the last reply, which
// is when the proof's nonce was issued.
func (e *Engine) recordProgress(before, after session.Session, stayed bool, last, now int64) {
	tell := func(kind audit.Kind, detail string) {
		e.record(audit.Event{At: now, Kind: kind, Environment: after.User.Environment, Session: after.ID.String(),
			Subject: after.User.Subject, Detail: detail})
	}
	warning := before.State.Warning(now)
	if warning != wire.WarnNone && before.State.Warning(last) != warning {
		tell(audit.Warned, string(warning))
	}
	// Other settings may warn at once (A12).
	if next := after.State.Warning(now); next != wire.WarnNone && next != warning && after.State.Settings != before.State.Settings {
		tell(audit.Warned, string(next))
	}
	if stayed && after.State.Active > before.State.Active {
		tell(audit.Extended, "")
	}
}
