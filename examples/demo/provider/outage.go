package provider

import "net/http"

// SetOutage begins or ends a simulated outage: applications get 503 from
// discovery, keys, token, userinfo and revocation. The pages for people go on.
func (p *Provider) SetOutage(down bool) { p.outage.Store(down) }

// duringOutage answers for an endpoint that applications call.
func (p *Provider) duringOutage(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !p.outage.Load() {
			next.ServeHTTP(w, r)
			return
		}
		p.history.add(instantOf(r.Context()).now, "An application asked something and got no answer, because of the outage.", false)
		http.Error(w, "This identity provider is simulating an outage.", http.StatusServiceUnavailable)
	})
}
