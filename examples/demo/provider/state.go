package provider

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
)

// Bounds of what the provider keeps, so that no caller can fill the memory.
const (
	maxRequests = 10_000
	maxSessions = 10_000
	maxFamilies = 10_000
	maxTokens   = 50_000
	maxNames    = 10_000
)

// digest stands in for a secret in the maps: what is kept cannot be presented.
type digest [sha256.Size]byte

func digestOf(secret string) digest { return sha256.Sum256([]byte(secret)) }

// account is a User as the provider keeps it.
type account struct {
	User
	subject  string
	disabled bool
}

// session is the provider's own session with a browser (its SSO cookie).
type session struct {
	sid      string // the sid claim; stays when the same user signs in again
	account  *account
	authTime time.Time // when the password was entered
}

// state is everything in memory. All of its fields are guarded by mu, except
// random, which is guarded by randMu.
type state struct {
	mu       sync.Mutex
	accounts map[string]*account // by folded name
	attempts map[string]attempts // by folded name, known or not
	requests map[string]*request // by ID
	codes    map[digest]code
	sessions map[digest]*session
	logins   map[string]*login // by sid
	refresh  map[digest]*family
	tokens   map[string]accessToken // by token ID

	randMu sync.Mutex
	random io.Reader
}

func newState(issuer string, users []User, random io.Reader) *state {
	s := &state{
		accounts: map[string]*account{},
		attempts: map[string]attempts{},
		requests: map[string]*request{},
		codes:    map[digest]code{},
		sessions: map[digest]*session{},
		logins:   map[string]*login{},
		refresh:  map[digest]*family{},
		tokens:   map[string]accessToken{},
		random:   random,
	}
	for _, u := range users {
		// The subject does not change when the process restarts, so that a relying
		// party can still tell that it is the same user. It has no colon, which the
		// OIDC library uses as a separator.
		sum := sha256.Sum256([]byte(issuer + "\x00" + foldName(u.Name)))
		s.accounts[foldName(u.Name)] = &account{User: u, subject: hex.EncodeToString(sum[:12])}
	}
	return s
}

// secret returns 192 random bits as text.
func (s *state) secret() (string, error) {
	var b [24]byte
	s.randMu.Lock()
	defer s.randMu.Unlock()
	if _, err := io.ReadFull(s.random, b[:]); err != nil {
		return "", fmt.Errorf("provider: read randomness: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(b[:]), nil
}

func (s *state) setDisabled(name string, disabled bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, ok := s.accounts[foldName(name)]
	if ok {
		a.disabled = disabled
	}
	return ok
}

func (s *state) accountByName(name string) *account {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.accounts[foldName(name)]
}

func (s *state) isDisabled(who *account) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return who.disabled
}

func (s *state) accountBySubject(subject string) *account {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range s.accounts {
		if a.subject == subject {
			return a
		}
	}
	return nil
}

// sessionByCookie returns a copy of the living session, or false. A session of
// a disabled account does not count.
func (s *state) sessionByCookie(cookie string, now time.Time) (session, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := digestOf(cookie)
	found, ok := s.sessions[key]
	if !ok || cookie == "" {
		return session{}, false
	}
	if now.Sub(found.authTime) >= SessionLifetime {
		delete(s.sessions, key)
		return session{}, false
	}
	if found.account.disabled {
		return session{}, false
	}
	return *found, true
}

// beginSession replaces the browser's session, if it had one, by a new one with
// a new cookie value. The sid is kept for the same account.
func (s *state) beginSession(oldCookie string, who *account, now time.Time) (session, string, error) {
	cookie, err := s.secret()
	if err != nil {
		return session{}, "", err
	}
	sid, err := s.secret()
	if err != nil {
		return session{}, "", err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if old, ok := s.sessions[digestOf(oldCookie)]; ok {
		if old.account == who {
			sid = old.sid
		}
		delete(s.sessions, digestOf(oldCookie))
	}
	makeRoom(s.sessions, maxSessions, func(v *session) bool { return now.Sub(v.authTime) >= SessionLifetime })
	fresh := &session{sid: sid, account: who, authTime: now}
	s.sessions[digestOf(cookie)] = fresh
	s.addLogin(sid, who, now)
	return *fresh, cookie, nil
}

// makeRoom drops what is stale once a map is full, and then arbitrary entries:
// a demo may forget, but must not grow without bound.
func makeRoom[K comparable, V any](m map[K]V, limit int, stale func(V) bool) {
	if len(m) < limit {
		return
	}
	for k, v := range m {
		if stale(v) {
			delete(m, k)
		}
	}
	for k := range m {
		if len(m) < limit {
			return
		}
		delete(m, k)
	}
}

func foldName(name string) string { return strings.ToLower(strings.TrimSpace(name)) }
