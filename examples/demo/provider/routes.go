package provider

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"

	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

// maxBody bounds every request body.
const maxBody = 16 << 10

// routes lists all that the provider answers. What the library could do beyond
// it (introspection, device and JWT grants) is not reachable.
func (p *Provider) routes() http.Handler {
	library := http.StripPrefix(p.base, p.op)
	sameOrigin := http.NewCrossOriginProtection()
	mux := http.NewServeMux()
	handle := func(pattern, path string, h http.Handler) { mux.Handle(pattern+" "+p.base+path, h) }
	page := func(f http.HandlerFunc) http.Handler { return sameOrigin.Handler(f) }

	machine := p.duringOutage

	handle("GET", "/.well-known/openid-configuration", machine(http.HandlerFunc(p.discovery)))
	handle("GET", "/keys", machine(library))
	handle("GET", "/authorize", p.checkClient(library))
	handle("POST", "/authorize", p.checkClient(library))
	handle("POST", "/oauth/token", machine(checkTokenRequest(library)))
	handle("GET", "/userinfo", machine(library))
	handle("POST", "/userinfo", machine(library))
	handle("POST", "/revoke", machine(checkForm(library)))

	handle("GET", "/login", http.HandlerFunc(p.showForm))
	handle("POST", "/login", page(p.takePassword))
	handle("GET", "/end_session", http.HandlerFunc(p.endSession))
	handle("POST", "/end_session", http.HandlerFunc(p.endSession))
	handle("POST", "/sign-out", page(p.confirmedSignOut))
	handle("GET", "/signed-out", http.HandlerFunc(p.signedOut))
	if len(p.users) > 0 {
		p.adminRoutes(handle, page)
	}
	handle("GET", "/assets/provider.css", asset("provider.css"))
	handle("GET", "/assets/mark.svg", asset("mark.svg"))
	handle("GET", "/{$}", http.HandlerFunc(p.home))
	return p.withInstant(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Referrer-Policy", "no-referrer")
		w.Header().Set("Cache-Control", "no-store")
		mux.ServeHTTP(w, r)
	}))
}

func supportedClaims() []string {
	return []string{"sub", "iss", "aud", "exp", "iat", "auth_time", "nonce", "amr", "azp", "at_hash", "c_hash", "sid",
		"name", "preferred_username", "roles", "email", "email_verified"}
}

// discovery publishes what this package really does, which is less than what
// the library would announce.
func (p *Provider) discovery(w http.ResponseWriter, r *http.Request) {
	ctx := op.ContextWithIssuer(r.Context(), p.issuer)
	full := op.CreateDiscoveryConfig(ctx, p.op, p.op.Storage())
	methods := []oidc.AuthMethod{oidc.AuthMethodBasic, oidc.AuthMethodPost, oidc.AuthMethodNone}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "public, max-age=60")
	_ = json.NewEncoder(w).Encode(&oidc.DiscoveryConfiguration{ // a write error means the caller is gone
		Issuer:                                 full.Issuer,
		AuthorizationEndpoint:                  full.AuthorizationEndpoint,
		TokenEndpoint:                          full.TokenEndpoint,
		UserinfoEndpoint:                       full.UserinfoEndpoint,
		RevocationEndpoint:                     full.RevocationEndpoint,
		EndSessionEndpoint:                     full.EndSessionEndpoint,
		JwksURI:                                full.JwksURI,
		ScopesSupported:                        []string{oidc.ScopeOpenID, oidc.ScopeProfile, oidc.ScopeEmail, oidc.ScopeOfflineAccess},
		ResponseTypesSupported:                 []string{string(oidc.ResponseTypeCode)},
		ResponseModesSupported:                 []string{string(oidc.ResponseModeQuery)},
		GrantTypesSupported:                    []oidc.GrantType{oidc.GrantTypeCode, oidc.GrantTypeRefreshToken},
		SubjectTypesSupported:                  full.SubjectTypesSupported,
		IDTokenSigningAlgValuesSupported:       full.IDTokenSigningAlgValuesSupported,
		TokenEndpointAuthMethodsSupported:      methods,
		RevocationEndpointAuthMethodsSupported: methods,
		ClaimsSupported:                        full.ClaimsSupported,
		CodeChallengeMethodsSupported:          full.CodeChallengeMethodsSupported,
		BackChannelLogoutSupported:             true,
		BackChannelLogoutSessionSupported:      true,
	})
}

// checkClient answers with a page where the request names no known client or an
// address that is not registered for it, because nobody may be sent there. The
// comparison is byte for byte; the library's own would decode the address first.
func (p *Provider) checkClient(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := r.ParseForm(); err != nil {
			p.showProblem(w, http.StatusBadRequest, problemRequest)
			return
		}
		known, err := p.op.Storage().GetClientByClientID(r.Context(), r.Form.Get("client_id"))
		switch {
		case err != nil:
			p.showProblem(w, http.StatusBadRequest, problemClient)
		case !slices.Contains(known.RedirectURIs(), r.Form.Get("redirect_uri")) || len(r.Form["redirect_uri"]) != 1:
			p.showProblem(w, http.StatusBadRequest, problemRedirect)
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// checkTokenRequest lets the two grants through that are offered.
func checkTokenRequest(next http.Handler) http.Handler {
	return checkForm(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch oidc.GrantType(r.Form.Get("grant_type")) {
		case oidc.GrantTypeCode, oidc.GrantTypeRefreshToken:
			next.ServeHTTP(w, r)
		case "":
			writeError(w, http.StatusBadRequest, oidc.ErrInvalidRequest().WithDescription("grant_type is missing"))
		default:
			writeError(w, http.StatusBadRequest, oidc.ErrUnsupportedGrantType())
		}
	}))
}

// checkForm refuses bodies and Basic credentials that cannot be decoded. The
// library goes on with a nil request after such an error, and would panic.
func checkForm(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := r.ParseForm(); err != nil {
			status := http.StatusBadRequest
			if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
				status = http.StatusRequestEntityTooLarge
			}
			writeError(w, status, oidc.ErrInvalidRequest().WithDescription("the body cannot be read"))
			return
		}
		if id, secret, ok := r.BasicAuth(); ok {
			_, errID := url.QueryUnescape(id)
			_, errSecret := url.QueryUnescape(secret)
			if errID != nil || errSecret != nil {
				writeError(w, http.StatusUnauthorized, oidc.ErrInvalidClient().WithDescription("the credentials cannot be decoded"))
				return
			}
		}
		for name, values := range r.Form {
			if len(values) > 1 { // RFC 6749, section 3.2: no parameter twice
				writeError(w, http.StatusBadRequest, oidc.ErrInvalidRequest().WithDescription("%q is repeated", name))
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}

func writeError(w http.ResponseWriter, status int, e *oidc.Error) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(e) // a write error means the caller is gone
}
