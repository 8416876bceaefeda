package embedded

import (
	"slices"
	"time"
	"unique"

	"github.com/curfew-project/curfew/shared/deadline"
	"github.com/curfew-project/curfew/shared/policy"
	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/verifier/session"
)

// record is a session as memory keeps it: 203 bytes, which Go makes 208, and one string. What many sessions have in common
// is interned. Everything but id, row, realm and client is guarded by the lock of the record's shard; next and prev by that
// of its user's stripe, and text by both: who writes it has both locks.
type record struct {
	id       session.ID
	key      session.Thumbprint
	authTime int64
	seq      uint64

	began, active, endedAt        int64
	sessionFloor, inactivityFloor int64

	settings unique.Handle[policy.Settings]
	realm    unique.Handle[realm]
	text     string // subject, name and provider, one after the other: one allocation and two lengths instead of three strings

	row     int64   // the primary key in SQLite, so that no update searches an index
	due     int64   // what the heap orders by: not after the first deadline of a living session, the end of an ended one
	next    *record // the next session of the same user
	prev    *record
	pending *batch // the batch in which a change that must be durable waits or is being written, or nil

	place int32 // in the heap

	checkAt, checkNext, checkBy, lapses uint32 // seconds since the epoch: Validate lets nothing else come here

	subjectLen uint16
	nameLen    uint16
	reason     uint8 // one more than the index in wire.Reasons, 0 for none
	flags      flags
	client     uint8 // one more than the index in policy.Clients, 0 for a browser
}

type flags uint8

const (
	hidden flags = 1 << iota // created, but not durable: nobody sees it yet
	dirty                    // activity is not written yet; the record is in the lazy list
	gone                     // forgotten
	stay                     // session.Check.Stay; Bypassed is checkNext == 0
	moved                    // has a provider session ID that the file does not have yet; the record is in the store's moving set
)

// realm is the part of a session.User that many users share.
type realm struct{ environment, issuer string }

func newRecord(s session.Session, row int64) *record {
	r := &record{
		id: s.ID, key: s.Key, began: s.State.Began, row: row,
		realm: unique.Make(realm{s.User.Environment, s.User.Issuer}), client: clientCode(s.Client),
	}
	r.setText(s)
	return r
}

func (r *record) setText(s session.Session) {
	r.text = s.User.Subject + s.Name + s.Provider
	r.subjectLen, r.nameLen = uint16(len(s.User.Subject)), uint16(len(s.Name))
}

func (r *record) subject() string { return r.text[:r.subjectLen] }
func (r *record) name() string    { return r.text[r.subjectLen : r.subjectLen+r.nameLen] }

func (r *record) provider() string { return r.text[r.subjectLen+r.nameLen:] }

func (r *record) is(f flags) bool { return r.flags&f != 0 }

func (r *record) belongsTo(u session.User) bool {
	in := r.realm.Value()
	return r.subject() == u.Subject && in.environment == u.Environment && in.issuer == u.Issuer
}

// user shares its strings with the record.
func (r *record) user() session.User {
	in := r.realm.Value()
	return session.User{Environment: in.environment, Issuer: in.issuer, Subject: r.subject()}
}

// ends is the session's first deadline, or its end.
func (r *record) ends() (int64, wire.Reason) {
	return r.state(nil).Ends()
}

// state gives the state. Without reasons, that of an ended session has none.
func (r *record) state(reasons []wire.Reason) deadline.State {
	state := deadline.State{
		Settings: r.settings.Value(), Began: r.began, Active: r.active,
		SessionFloor: r.sessionFloor, InactivityFloor: r.inactivityFloor,
		CheckBy: fromSeconds(r.checkBy), Lapses: fromSeconds(r.lapses), EndedAt: r.endedAt,
	}
	if r.reason != 0 && reasons != nil {
		state.Reason = reasons[r.reason-1]
	}
	return state
}

// session gives the session without allocating.
func (r *record) session(reasons []wire.Reason) session.Session {
	return session.Session{
		ID: r.id, User: r.user(), Name: r.name(),
		Key: r.key, AuthTime: r.authTime, Provider: r.provider(), Client: clientOf(r.client),
		Check: session.Check{
			At: fromSeconds(r.checkAt), Next: fromSeconds(r.checkNext), Bypassed: r.checkNext == 0, Stay: r.is(stay),
		},
		Seq: r.seq, State: r.state(reasons),
	}
}

// set takes over everything that may change but name and provider. s must be valid.
func (r *record) set(s session.Session, reasons []wire.Reason) {
	if r.settings == (unique.Handle[policy.Settings]{}) || r.settings.Value() != s.State.Settings {
		r.settings = unique.Make(s.State.Settings)
	}
	r.authTime, r.seq, r.active = s.AuthTime, s.Seq, s.State.Active
	r.sessionFloor, r.inactivityFloor = s.State.SessionFloor, s.State.InactivityFloor
	r.endedAt, r.reason = s.State.EndedAt, reasonCode(s.State.Reason, reasons)
	r.checkAt, r.checkNext, r.checkBy, r.lapses = toSeconds(s.Check.At), toSeconds(s.Check.Next), toSeconds(s.State.CheckBy), toSeconds(s.State.Lapses)
	if r.flags &^= stay; s.Check.Stay {
		r.flags |= stay
	}
}

func reasonCode(reason wire.Reason, reasons []wire.Reason) uint8 {
	if reason == "" {
		return 0
	}
	for i, known := range reasons {
		if known == reason {
			return uint8(i + 1)
		}
	}
	return 0 // Validate lets no other reason come here
}

func clientCode(client policy.Client) uint8 {
	return uint8(slices.Index(policy.Clients(), client) + 1) // a browser is not in the list
}

func clientOf(code uint8) policy.Client {
	if code == 0 {
		return policy.Browser
	}
	return policy.Clients()[code-1]
}

// onlyActivity reports whether two versions of a session differ in nothing but Seq and State.Active.
func onlyActivity(before, after session.Session) bool {
	before.Seq, before.State.Active = after.Seq, after.State.Active
	return before == after
}

func sameIdentity(before, after session.Session) bool {
	return before.ID == after.ID && before.User == after.User && before.Key == after.Key && before.Client == after.Client &&
		before.State.Began == after.State.Began
}

func fromSeconds(s uint32) int64 { return int64(s) * 1000 }
func toSeconds(ms int64) uint32  { return uint32(ms / 1000) }

func millis(d time.Duration) int64  { return d.Milliseconds() }
func length(ms int64) time.Duration { return time.Duration(ms) * time.Millisecond }
