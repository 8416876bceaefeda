package provider

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"golang.org/x/oauth2"
)

func (w *world) endSessionAddress(values url.Values) string {
	return w.issuer + "/end_session?" + values.Encode()
}

// B4: signing out at the provider ends its session, so that the next sign-in
// asks for the password.
func TestEndSession(t *testing.T) {
	w := newWorld(t, "/idp")
	w.oauth.Scopes = append(w.oauth.Scopes, "offline_access")
	b, a := w.newBrowser(), w.begin()
	token, _, before := w.finish(a, b.enter(b.get(a.address), "alice", aliceKey))
	raw := token.Extra("id_token").(string)
	w.advance(3 * time.Hour) // the hint may have expired (section 2)

	p := b.get(w.endSessionAddress(url.Values{"id_token_hint": {raw}, "post_logout_redirect_uri": {afterward}, "state": {"st&1"}}))
	if p.left == nil || p.left.String() != afterward+"?state=st%261" {
		t.Fatalf("got %d %v, want %s with state", p.status, p.left, afterward)
	}
	if _, err := w.oauth.TokenSource(t.Context(), &oauth2.Token{RefreshToken: token.RefreshToken}).Token(); err == nil {
		t.Error("the refresh token of the ended session still works")
	}
	a = w.begin()
	p = b.get(a.address)
	if !p.hasForm() {
		t.Fatalf("no password form after sign-out: %d %v", p.status, p.left)
	}
	if _, _, after := w.finish(a, b.enter(p, "alice", aliceKey)); after.AuthTime <= before.AuthTime || after.SID == before.SID {
		t.Errorf("after sign-out: auth_time %d, sid %q; before: %d, %q", after.AuthTime, after.SID, before.AuthTime, before.SID)
	}
}

func TestEndSessionRefusals(t *testing.T) {
	w := newWorld(t, "")
	b, a := w.newBrowser(), w.begin()
	token, _, _ := w.finish(a, b.enter(b.get(a.address), "alice", aliceKey))
	raw := token.Extra("id_token").(string)
	tests := map[string]url.Values{
		"address not registered":     {"id_token_hint": {raw}, "post_logout_redirect_uri": {"http://localhost:9/evil"}},
		"forged hint":                {"id_token_hint": {raw[:len(raw)-8] + "AAAAAAAA"}, "post_logout_redirect_uri": {afterward}},
		"address of another client":  {"client_id": {"other"}, "post_logout_redirect_uri": {afterward}},
		"client differs from hint":   {"client_id": {"other"}, "id_token_hint": {raw}, "post_logout_redirect_uri": {afterward}},
		"unknown client":             {"client_id": {"nobody"}, "post_logout_redirect_uri": {afterward}},
		"address without any client": {"post_logout_redirect_uri": {afterward}},
	}
	for name, values := range tests {
		t.Run(name, func(t *testing.T) {
			if p := b.get(w.endSessionAddress(values)); p.status != http.StatusBadRequest || p.left != nil {
				t.Errorf("got %d %v, want a page with status 400", p.status, p.left)
			}
			a := w.begin(oauth2.SetAuthURLParam("prompt", "none"))
			w.finish(a, b.get(a.address)) // still signed in
		})
	}
}

// Without proof that the request comes from the user's own application, the
// person is asked; a link alone signs nobody out.
func TestEndSessionAsksFirst(t *testing.T) {
	w := newWorld(t, "/idp")
	other, oa := w.newBrowser(), w.begin()
	bobs, _, _ := w.finish(oa, other.enter(other.get(oa.address), "bob", bobKey))
	tests := map[string]url.Values{
		"no hint":              {"client_id": {"clinic"}, "post_logout_redirect_uri": {afterward}, "state": {"s"}},
		"hint of another user": {"id_token_hint": {bobs.Extra("id_token").(string)}, "post_logout_redirect_uri": {afterward}, "state": {"s"}},
	}
	for name, values := range tests {
		t.Run(name, func(t *testing.T) {
			b, a := w.newBrowser(), w.begin()
			w.finish(a, b.enter(b.get(a.address), "alice", aliceKey))
			p := b.get(w.endSessionAddress(values))
			if p.left != nil || !strings.Contains(p.body, "You are signed in as Alice Example") {
				t.Fatalf("got %d %v: %s", p.status, p.left, p.body)
			}
			if q := b.submit(p, url.Values{"csrf": {"guess"}}); q.status != http.StatusForbidden {
				t.Errorf("a guessed token was taken: %d %v", q.status, q.left)
			}
			if q := b.submit(p, url.Values{"post_logout_redirect_uri": {"http://localhost:9/evil"}}); q.status != http.StatusBadRequest {
				t.Errorf("a changed address was taken: %d %v", q.status, q.left)
			}
			a = w.begin(oauth2.SetAuthURLParam("prompt", "none"))
			w.finish(a, b.get(a.address)) // still signed in
			if q := b.submit(p, nil); q.left == nil || q.left.String() != afterward+"?state=s" {
				t.Fatalf("confirmed: got %d %v", q.status, q.left)
			}
			if q := b.get(w.begin().address); !q.hasForm() {
				t.Errorf("still signed in after confirming: %d %v", q.status, q.left)
			}
		})
	}
}

func TestEndSessionWithoutSession(t *testing.T) {
	w := newWorld(t, "")
	p := w.newBrowser().get(w.issuer + "/end_session")
	if p.status != http.StatusOK || !strings.Contains(p.body, "You are signed out") {
		t.Errorf("got %d: %s", p.status, p.body)
	}
}

func TestHomeSignsOut(t *testing.T) {
	w := newWorld(t, "/idp")
	b, a := w.newBrowser(), w.begin()
	w.finish(a, b.enter(b.get(a.address), "alice", aliceKey))
	p := b.get(w.issuer + "/")
	if !strings.Contains(p.body, "signed in as Alice Example") {
		t.Fatalf("home page: %s", p.body)
	}
	if p = b.submit(p, nil); !strings.Contains(p.body, "You are signed out") {
		t.Errorf("got %d: %s", p.status, p.body)
	}
	if p = b.get(w.issuer + "/"); !strings.Contains(p.body, "You are not signed in") {
		t.Errorf("home page afterwards: %s", p.body)
	}
}
