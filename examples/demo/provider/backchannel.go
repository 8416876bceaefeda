package provider

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	jose "github.com/go-jose/go-jose/v4"
)

const (
	// LogoutTokenLifetime is how long a logout token is valid.
	LogoutTokenLifetime = 2 * time.Minute
	// NotifyTimeout bounds how long the clients of ended sign-ins are told, all
	// of them together.
	NotifyTimeout = 3 * time.Second
	// maxNotices bounds how many are told at once.
	maxNotices = 8
)

// logoutEvent is the member of events that makes a token a logout token.
const logoutEvent = "http://schemas.openid.net/event/backchannel-logout"

// logoutToken has the claims of OpenID Connect Back-Channel Logout 1.0, section
// 2.4. It never has a nonce: without one it cannot be taken for an ID token.
type logoutToken struct {
	Issuer   string                    `json:"iss"`
	Subject  string                    `json:"sub"`
	Audience string                    `json:"aud"`
	IssuedAt int64                     `json:"iat"` // seconds since the Unix epoch, as Expires
	Expires  int64                     `json:"exp"`
	ID       string                    `json:"jti"`
	Session  string                    `json:"sid"`
	Events   map[string]map[string]any `json:"events"`
}

func (p *Provider) logoutToken(over ended, clientID string, now time.Time) (string, error) {
	id, err := p.state.secret()
	if err != nil {
		return "", err
	}
	claims, err := json.Marshal(logoutToken{
		Issuer: p.issuer, Subject: over.subject, Audience: clientID, ID: id, Session: over.sid,
		IssuedAt: now.Unix(), Expires: now.Add(LogoutTokenLifetime).Unix(),
		Events: map[string]map[string]any{logoutEvent: {}},
	})
	if err != nil {
		return "", err
	}
	signed, err := p.signer.Sign(claims)
	if err != nil {
		return "", err
	}
	return signed.CompactSerialize()
}

func newLogoutSigner(key signingKey) (jose.Signer, error) {
	return jose.NewSigner(
		jose.SigningKey{Algorithm: key.SignatureAlgorithm(), Key: jose.JSONWebKey{Key: key.private, KeyID: key.id}},
		(&jose.SignerOptions{}).WithType("logout+jwt"))
}

// notify sends a logout token to every client of the sign-ins that has an
// address for it, and counts how many took theirs and how many did not. It
// tries once and for NotifyTimeout at most; a client that was not told finds
// out with its next refresh. It goes on when ctx ends: the browser that signed
// out may have left.
func (p *Provider) notify(ctx context.Context, over []ended) (told, missed int) {
	now := instantOf(ctx).now
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), p.patience)
	defer cancel()
	var (
		mu    sync.Mutex
		group sync.WaitGroup
		slots = make(chan struct{}, maxNotices)
	)
	for _, o := range over {
		for _, clientID := range o.clients {
			address := p.clients[clientID].BackchannelLogoutURI
			if address == "" {
				continue
			}
			slots <- struct{}{} // freed in time, because every sending is bounded
			group.Go(func() {
				defer func() { <-slots }()
				err := p.tell(ctx, o, clientID, address, now)
				mu.Lock()
				defer mu.Unlock()
				if err != nil {
					missed++
					p.log.Warn("a client was not told of a sign-out", "client", clientID, "address", address, "error", err)
					return
				}
				told++
			})
		}
	}
	group.Wait()
	return told, missed
}

func (p *Provider) tell(ctx context.Context, over ended, clientID, address string, now time.Time) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	token, err := p.logoutToken(over, clientID, now)
	if err != nil {
		return err
	}
	form := url.Values{"logout_token": {token}}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, address, strings.NewReader(form.Encode()))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	response, err := p.sender.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode/100 != 2 { // section 2.8: 200, and some say 204
		return fmt.Errorf("provider: the client answered %s", response.Status)
	}
	return nil
}

// newSender makes the client for logout tokens: no proxy, no redirects and no
// connections that are kept, because sign-outs are rare.
func newSender() *http.Client {
	return &http.Client{
		Transport:     &http.Transport{DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}
