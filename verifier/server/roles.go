package server

import (
	"encoding/base64"
	"encoding/json"
	"strings"
)

// maxRoles bounds how many roles of a person are looked at.
const maxRoles = 1000

// rolesOf reads a person's roles from an ID token that was verified when it came. claim is the name of a claim, or where there is none
// of that name, names with dots between them that lead into it. A claim is one text or a list of texts; anything else is no role.
func rolesOf(idToken, claim string) []string {
	_, rest, _ := strings.Cut(idToken, ".")
	payload, _, ok := strings.Cut(rest, ".")
	if !ok || claim == "" {
		return nil
	}
	text, err := base64.RawURLEncoding.DecodeString(payload)
	if err != nil {
		return nil
	}
	var claims map[string]any
	if json.Unmarshal(text, &claims) != nil {
		return nil
	}
	value, there := claims[claim]
	if !there {
		value = leading(claims, claim)
	}
	switch value := value.(type) {
	case string:
		return []string{value}
	case []any:
		var roles []string
		for _, one := range value[:min(len(value), maxRoles)] {
			if role, ok := one.(string); ok {
				roles = append(roles, role)
			}
		}
		return roles
	}
	return nil
}

// leading is what names with dots between them lead to, or nil.
func leading(in map[string]any, way string) any {
	name, deeper, more := strings.Cut(way, ".")
	if !more {
		return in[name]
	}
	inner, ok := in[name].(map[string]any)
	if !ok {
		return nil
	}
	return leading(inner, deeper)
}
