package redis

import (
	"encoding/binary"
	"fmt"

	"github.com/curfew-project/curfew/verifier/session"
)

// layout names the keys. Everything of one user is in one partition, whose keys are in one slot of a cluster by what stands in braces,
// so that one script changes a session, its user's list, the last end and every index in one step. Only a session's pointer, which says
// in which partition it is, is elsewhere.
type layout struct {
	prefix     string
	partitions int
}

// partition is the number of a partition.
type partition uint16

func (l layout) in(p partition) string { return fmt.Sprintf("{%s:%03x}", l.prefix, p) }

// keys are a partition's names, made once.
type keys struct{ record, secrets, user, provider, mark, due, ended, marks, channel string }

func (l layout) keys(p partition) keys {
	tag := l.in(p)
	return keys{
		record: tag + "s:", secrets: tag + "x:", user: tag + "u:", provider: tag + "p:", mark: tag + "m:",
		due: tag + "due", ended: tag + "ended", marks: tag + "marks", channel: tag + "changes",
	}
}

func (l layout) pointer(id session.ID) string { return l.prefix + ":i:" + string(id[:]) }

// replicas is the register of the verifiers that answer from memory.
func (l layout) replicas() string { return "{" + l.prefix + "}replicas" }

func (l layout) acks(of incarnation) string { return "{" + l.prefix + "}acks:" + string(of[:]) }
func (l layout) meta() string               { return "{" + l.prefix + "}meta" }
func (l layout) probe() string              { return "{" + l.prefix + "}probe" }

// of picks the partition of a digest.
func (l layout) of(digest session.Key) partition {
	return partition(binary.BigEndian.Uint64(digest[24:]) % uint64(l.partitions))
}

func userKey(u session.User) session.Key {
	return session.NewKey("user", u.Environment, u.Issuer, u.Subject)
}

func (l layout) ofUser(u session.User) partition { return l.of(userKey(u)) }

// digestSize of a digest name users and providers' sessions: what a key finds is compared with what was asked for.
const digestSize = 16

func (k keys) recordOf(id session.ID) string  { return k.record + string(id[:]) }
func (k keys) secretsOf(id session.ID) string { return k.secrets + string(id[:]) }

func (k keys) userOf(u session.User) string {
	digest := userKey(u)
	return k.user + string(digest[:digestSize])
}

// providerOf is empty for a session without a provider's session ID.
func (k keys) providerOf(u session.User, sid string) string {
	if sid == "" {
		return ""
	}
	digest := session.NewKey("provider", u.Environment, u.Issuer, sid)
	return k.provider + string(digest[:digestSize])
}
