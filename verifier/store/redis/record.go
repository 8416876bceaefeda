package redis

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/curfew-project/curfew/shared/policy"
	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/verifier/session"
)

// A record is a session as Redis keeps it: a head of fixed places, then the rest, then its texts. All numbers are big-endian.
//
//	 0  version   8   counts the writes of this record, from 1
//	 8  writer    8   random for each write, so that no two writes of any history have the same stamp
//	16  flags     1
//	17  seq       8
//	25  active    8   up to here it is what activity changes
//	33  format    1
//	34  key      32
//	66  id       16
//	82  began, session floor, inactivity floor, ended at, auth time: 8 each
//	122 check at, check next, check by, lapses: 4 each, in seconds
//	138 four settings: 8 each, in milliseconds
//	170 lengths of the texts: 1, 2, 1, 2, 1, 1, 1
//	179 environment, issuer, subject, name, provider, client, reason
const (
	stampSize = 16
	flagsAt   = 16
	headSize  = 33 // what a heartbeat writes
	formatAt  = 33
	lengthsAt = 170
	textAt    = 179

	format = 1
)

const (
	flagEnded     = 1 << iota // scripts look at this bit: an ended session stays ended whatever a verifier believes
	flagConfirmed             // every verifier has heard of the end
	flagStay
	flagAnyActivity
	flagsKnown = 1<<iota - 1
)

// stamp tells one write of a record from every other.
type stamp struct{ version, writer uint64 }

func (s stamp) append(b []byte) []byte {
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(b, s.version), s.writer)
}

// stored is a session with what the store needs to know besides.
type stored struct {
	session.Session
	stamp     stamp
	confirmed bool
}

// ErrRecord is in the tree of the error for a record that is damaged or of a later version of Curfew.
var ErrRecord = errors.New("session record cannot be read")

// head is what activity changes.
func (r stored) head(b []byte) []byte {
	b = r.stamp.append(b)
	b = append(b, r.flags())
	b = binary.BigEndian.AppendUint64(b, r.Seq)
	return binary.BigEndian.AppendUint64(b, uint64(r.State.Active))
}

func (r stored) flags() (f byte) {
	if r.confirmed {
		f |= flagConfirmed
	}
	if r.State.EndedAt != 0 {
		f |= flagEnded
	}
	if r.Check.Stay {
		f |= flagStay
	}
	if r.State.Settings.AnyActivityStays {
		f |= flagAnyActivity
	}
	return f
}

// encode writes a session that validates.
func (r stored) encode() string {
	order := binary.BigEndian
	texts := [...]string{r.User.Environment, r.User.Issuer, r.User.Subject, r.Name, r.Provider, string(r.Client), string(r.State.Reason)}
	size := textAt
	for _, text := range texts {
		size += len(text)
	}
	b := r.head(make([]byte, 0, size))
	b = append(b, format)
	b = append(b, r.Key[:]...)
	b = append(b, r.ID[:]...)
	for _, n := range [...]int64{r.State.Began, r.State.SessionFloor, r.State.InactivityFloor, r.State.EndedAt, r.AuthTime} {
		b = order.AppendUint64(b, uint64(n))
	}
	for _, at := range [...]int64{r.Check.At, r.Check.Next, r.State.CheckBy, r.State.Lapses} {
		b = order.AppendUint32(b, uint32(at/1000))
	}
	of := r.State.Settings
	for _, d := range [...]time.Duration{of.SessionTimeout, of.SessionWarning, of.InactivityTimeout, of.InactivityWarning} {
		b = order.AppendUint64(b, uint64(d.Milliseconds()))
	}
	for i, text := range texts {
		if i == 1 || i == 3 {
			b = append(b, byte(len(text)>>8))
		}
		b = append(b, byte(len(text)))
	}
	for _, text := range texts {
		b = append(b, text...)
	}
	return string(b)
}

// decode reads what encode wrote and nothing else: what it accepts encodes as the same bytes. Texts share raw's memory.
func decode(raw string) (stored, error) {
	if len(raw) < textAt {
		return stored{}, fmt.Errorf("%w: it has %d bytes; needed: %d and more", ErrRecord, len(raw), textAt)
	}
	if raw[formatAt] != format {
		return stored{}, fmt.Errorf("%w: its format is %d; this version of Curfew reads %d", ErrRecord, raw[formatAt], format)
	}
	u64 := func(at int) uint64 { return binary.BigEndian.Uint64([]byte(raw[at : at+8])) }
	i64 := func(at int) int64 { return int64(u64(at)) }
	seconds := func(at int) int64 { return int64(binary.BigEndian.Uint32([]byte(raw[at:at+4]))) * 1000 }
	const widest = int64(1<<63-1) / int64(time.Millisecond)
	length := func(at int) (time.Duration, bool) {
		n := i64(at)
		return time.Duration(n) * time.Millisecond, n <= widest && n >= -widest
	}
	flags := raw[flagsAt]
	r := stored{stamp: stamp{u64(0), u64(8)}, confirmed: flags&flagConfirmed != 0}
	r.Seq, r.State.Active = u64(17), i64(25)
	copy(r.Key[:], raw[34:])
	copy(r.ID[:], raw[66:])
	r.State.Began, r.State.SessionFloor, r.State.InactivityFloor, r.State.EndedAt, r.AuthTime = i64(82), i64(90), i64(98), i64(106), i64(114)
	r.Check.At, r.Check.Next, r.State.CheckBy, r.State.Lapses = seconds(122), seconds(126), seconds(130), seconds(134)
	r.Check.Bypassed, r.Check.Stay = r.Check.Next == 0, flags&flagStay != 0
	of := &r.State.Settings
	good := true
	for i, d := range [...]*time.Duration{&of.SessionTimeout, &of.SessionWarning, &of.InactivityTimeout, &of.InactivityWarning} {
		var fits bool
		*d, fits = length(138 + 8*i)
		good = good && fits
	}
	of.AnyActivityStays = flags&flagAnyActivity != 0

	var client, reason string
	at, from := lengthsAt, textAt
	for i, text := range [...]*string{&r.User.Environment, &r.User.Issuer, &r.User.Subject, &r.Name, &r.Provider, &client, &reason} {
		n := int(raw[at])
		if at++; i == 1 || i == 3 {
			n = n<<8 | int(raw[at])
			at++
		}
		if n > len(raw)-from {
			return stored{}, fmt.Errorf("%w: its texts are cut short", ErrRecord)
		}
		*text = raw[from : from+n]
		from += n
	}
	r.Client, r.State.Reason = policy.Client(client), wire.Reason(reason)
	if !good || from != len(raw) || flags > flagsKnown || (flags&flagEnded != 0) != (r.State.EndedAt != 0) || r.confirmed && r.State.EndedAt == 0 {
		return stored{}, fmt.Errorf("%w: its parts contradict each other", ErrRecord)
	}
	if err := r.Validate(); err != nil {
		return stored{}, fmt.Errorf("%w: %w", ErrRecord, err)
	}
	return r, nil
}

// onlyActivity reports whether two versions of a session differ in nothing but a higher Seq and a later State.Active, which move no
// deadline to an earlier instant.
func onlyActivity(before, after session.Session) bool {
	later := after.State.Active >= before.State.Active
	before.Seq, before.State.Active = after.Seq, after.State.Active
	return later && before == after
}

func sameIdentity(before, after session.Session) bool {
	return before.ID == after.ID && before.User == after.User && before.Key == after.Key && before.Client == after.Client &&
		before.State.Began == after.State.Began
}
