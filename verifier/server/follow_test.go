package server

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/curfew-project/curfew/verifier/engine"
	"github.com/curfew-project/curfew/verifier/middleware"
	"github.com/curfew-project/curfew/verifier/session"
)

// P4: in the verifier's own process too, a request that is open for long ends with its session, and with nothing else.
func TestP4_OpenRequestsOfTheSameProcessEnd(t *testing.T) {
	s, _ := newServer(t, fmt.Sprintf(environments, discovery(t).URL))
	env, _ := s.live.ByID("here")
	begin := func(subject string) (session.Session, *http.Request) {
		t.Helper()
		found, cookie, err := s.engine.Begin(t.Context(), env, engine.SignIn{Key: session.Thumbprint{1}, Who: session.Identity{
			Issuer: "https://login.example", Subject: subject, AuthTime: time.Now().Unix()}})
		if err != nil {
			t.Fatal(err)
		}
		r := httptest.NewRequest("GET", "http://localhost:1/live", nil)
		r.Header.Set("Accept", "text/event-stream")
		r.AddCookie(&http.Cookie{Name: "curfew", Value: cookie})
		return found, r
	}
	one, first := begin("amara")
	_, second := begin("wren")
	opened := make(chan context.Context, 2)
	guard := middleware.Guard(s, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		opened <- r.Context()
		<-r.Context().Done()
	}))
	done := make(chan struct{}, 2)
	later, leave := context.WithCancel(second.Context())
	for _, r := range []*http.Request{first, second.WithContext(later)} {
		go func() { guard.ServeHTTP(httptest.NewRecorder(), r); done <- struct{}{} }()
	}
	a, b := <-opened, <-opened
	if user, _ := middleware.UserOf(a); user.Subject != "amara" {
		a, b = b, a
	}
	if _, err := s.engine.EndByAdmin(t.Context(), one, "ines"); err != nil {
		t.Fatal(err)
	}
	<-done
	if cause := context.Cause(a); !errors.Is(cause, middleware.ErrSessionEnded) {
		t.Errorf("ended because of %v", cause)
	}
	if b.Err() != nil {
		t.Errorf("another's ended too: %v", context.Cause(b))
	}
	leave()
	<-done
	if errors.Is(context.Cause(b), middleware.ErrSessionEnded) {
		t.Error("who goes away has not been signed out")
	}
}
