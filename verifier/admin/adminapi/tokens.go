package adminapi

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"slices"
	"strings"

	"github.com/curfew-project/curfew/verifier/admin"
)

// Token is a bearer token that somebody administers with. The verifier keeps only its hash.
type Token struct {
	Name       string // for the history and the audit
	SecretHash [sha256.Size]byte
	// Environments are what it may administer; nil: everything. An empty list is nothing.
	Environments []string
}

// Tokens authenticate requests. Names may repeat, while one secret is exchanged for another.
type Tokens []Token

// Authenticate says who a request's bearer token belongs to (RFC 6750 section 2.1); ok is false when it has none or a wrong one. It takes the
// same time whichever token it is.
func (t Tokens) Authenticate(r *http.Request) (who admin.Actor, ok bool) {
	given := r.Header.Values("Authorization")
	if len(given) != 1 {
		return admin.Actor{}, false
	}
	scheme, secret, _ := strings.Cut(given[0], " ")
	if !strings.EqualFold(scheme, "Bearer") || secret == "" {
		return admin.Actor{}, false
	}
	hash := sha256.Sum256([]byte(secret))
	found := -1
	for i := range t {
		found = subtle.ConstantTimeSelect(subtle.ConstantTimeCompare(hash[:], t[i].SecretHash[:]), i, found)
	}
	if found < 0 {
		return admin.Actor{}, false
	}
	token := t[found]
	return admin.Actor{Name: token.Name + " (token)", All: token.Environments == nil, Environments: slices.Clone(token.Environments)}, true
}
