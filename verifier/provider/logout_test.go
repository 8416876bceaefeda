package provider

func (s *scripted) logoutClaims(change func(map[string]any)) map[string]any {
	claims := map[string]any{
		"iss": s.URL, "aud": "curfew", "iat": s.clock.in(0), "jti": "jti-1", "sub": "amara", "sid": "provider-session",
		"events": map[string]any{logoutEvent: map[string]any{}},
	}
	if change != nil {
		change(claims)
	}
	return claims
}

func (s *scripted) logoutToken(change func(map[string]any)) string {
	return s.key.signTyp(s.t, "logout+jwt", s.logoutClaims(change))
}
