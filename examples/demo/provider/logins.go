package provider

import (
	"errors"
	"slices"
	"time"
)

var errEndedLogin = errors.New("provider: the sign-in is over")

// login is one sign-in of a person, known by its sid claim, with the clients
// that were given tokens of it. It outlives the browser's session, because
// refresh tokens do.
type login struct {
	account *account
	clients []string // their IDs
	used    time.Time
}

// ended is a sign-in that is over, and who has to be told.
type ended struct {
	sid, subject string
	clients      []string
}

// addLogin wants mu held.
func (s *state) addLogin(sid string, who *account, now time.Time) {
	if found, ok := s.logins[sid]; ok {
		found.used = now
		return
	}
	makeRoom(s.logins, maxSessions, func(l *login) bool { return now.Sub(l.used) >= RefreshLifetime })
	s.logins[sid] = &login{account: who, used: now}
}

// join notes that a client gets tokens of a sign-in, so that it is told of the
// end. It wants mu held and refuses a sign-in that ended while its code or its
// refresh token was on the way.
func (s *state) join(sid, clientID string, now time.Time) error {
	found, ok := s.logins[sid]
	if !ok {
		return errEndedLogin
	}
	found.used = now
	if !slices.Contains(found.clients, clientID) {
		found.clients = append(found.clients, clientID)
	}
	return nil
}

// endSession ends the browser's session and the sign-in of that sid, which may
// be an older one of the same browser.
func (s *state) endSession(cookie, sid string) []ended {
	s.mu.Lock()
	defer s.mu.Unlock()
	sids := map[string]bool{}
	if sid != "" {
		sids[sid] = true
	}
	if found, ok := s.sessions[digestOf(cookie)]; ok {
		sids[found.sid] = true
	}
	return s.end(func(sid string, _ *account) bool { return sids[sid] })
}

// endAccount ends every sign-in of an account.
func (s *state) endAccount(name string) (over []ended, known bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	who, known := s.accounts[foldName(name)]
	if !known {
		return nil, false
	}
	return s.end(func(_ string, a *account) bool { return a == who }), true
}

// end wants mu held. It takes all away that came from the sign-ins that match:
// browser sessions, codes on their way, refresh tokens and access tokens.
func (s *state) end(match func(sid string, who *account) bool) []ended {
	for key, v := range s.sessions {
		if match(v.sid, v.account) {
			delete(s.sessions, key)
		}
	}
	for id, q := range s.requests {
		if q.account != nil && match(q.sid, q.account) {
			delete(s.requests, id)
		}
	}
	for _, f := range s.refresh {
		if match(f.sid, f.account) {
			s.revokeFamily(f)
		}
	}
	for id, t := range s.tokens {
		if match(t.sid, t.account) {
			delete(s.tokens, id)
		}
	}
	var over []ended
	for sid, l := range s.logins {
		if match(sid, l.account) {
			over = append(over, ended{sid, l.account.subject, l.clients})
			delete(s.logins, sid)
		}
	}
	return over
}

// browsers counts the browsers in which an account is signed in, and says when
// its password was last entered in one of them.
func (s *state) browsers(who *account, now time.Time) (count int, last time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, v := range s.sessions {
		if v.account == who && now.Sub(v.authTime) < SessionLifetime {
			count++
			if v.authTime.After(last) {
				last = v.authTime
			}
		}
	}
	return count, last
}
