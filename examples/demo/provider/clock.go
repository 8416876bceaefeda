package provider

import (
	"context"
	"net/http"
	"time"
)

// instant is the one reading of the clock for a request.
type instant struct {
	now time.Time
	// skew is how far the process's clock is ahead of the provider's. The OIDC
	// library reads the process's clock by itself; its clock-skew setting, fed
	// with this, makes every token carry the provider's time all the same.
	skew time.Duration
}

type instantKey struct{}

// withInstant reads the clock and hands the reading down through the context.
func (p *Provider) withInstant(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		now := p.now()
		at := instant{now: now, skew: time.Since(now)}
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), instantKey{}, at)))
	})
}

// instantOf panics outside of withInstant: that is a mistake in this package.
func instantOf(ctx context.Context) instant {
	return ctx.Value(instantKey{}).(instant)
}
