package embedded_test

import (
	"encoding/binary"
	"fmt"
	"time"

	"github.com/curfew-project/curfew/shared/deadline"
	"github.com/curfew-project/curfew/shared/policy"
	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/verifier/session"
)

const start = int64(1_800_000_000_000)

func subject(n int) string { return fmt.Sprintf("subject-%09d", n) }

// numbered is the n-th session; every user has one.
func numbered(n int) session.Session {
	settings := policy.Defaults()
	settings.InactivityTimeout = 30 * time.Minute
	s := session.Session{
		User:  session.User{Environment: "crm", Issuer: "https://login.example", Subject: subject(n)},
		Check: session.Check{At: start, Next: start + 3_600_000}, Provider: fmt.Sprintf("sid-%d", n),
		State: deadline.Begin(settings, start),
	}
	binary.BigEndian.PutUint64(s.ID[8:], uint64(n))
	return s
}

func ending(at int64) func(session.Session) (session.Session, error) {
	return func(s session.Session) (session.Session, error) {
		s.State = deadline.Step(s.State, deadline.End{Reason: wire.SignedOut}, at)
		return s, nil
	}
}

func acting(at int64) func(session.Session) (session.Session, error) {
	return func(s session.Session) (session.Session, error) {
		s.Seq++
		s.State = deadline.Step(s.State, deadline.Report{At: at}, at)
		return s, nil
	}
}

func moving(sid string) func(session.Session) (session.Session, error) {
	return func(s session.Session) (session.Session, error) {
		s.Provider = sid
		return s, nil
	}
}
