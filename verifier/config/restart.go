package config

import "reflect"

// NeedsRestart names the keys that differ between two configurations and that a running verifier cannot change. It goes on with the old
// values of those.
func NeedsRestart(old, new Config) []string {
	var all []string
	for _, part := range []struct {
		key      string
		old, new any
	}{
		{"listen", old.Listen, new.Listen},
		{"operator_listen", old.OperatorListen, new.OperatorListen},
		{"tls", old.TLS == nil, new.TLS == nil}, // which files they are can change
		{"operator_tls", old.OperatorTLS == nil, new.OperatorTLS == nil},
		{"max_connections", old.MaxConnections, new.MaxConnections},
		{"stop_timeout", old.StopTimeout, new.StopTimeout},
		{"prefix", old.Prefix, new.Prefix},
		{"data", old.Data, new.Data},
		{"keys", old.Keys, new.Keys},
		{"store", old.Store, new.Store},
		{"texts", old.Texts, new.Texts},
		{"cookie_renewal", old.CookieRenewal, new.CookieRenewal},
		{"policy_checks", old.PolicyChecks, new.PolicyChecks},
		{"admin.socket", old.Admin.Socket, new.Admin.Socket},
		{"relay", old.Relay, new.Relay},
		{"console", withoutRoles(old.Console), withoutRoles(new.Console)},
	} {
		if !reflect.DeepEqual(part.old, part.new) {
			all = append(all, part.key)
		}
	}
	return all
}

// withoutRoles is a console without who may use it, which can change at any time.
func withoutRoles(c *Console) *Console {
	if c == nil {
		return nil
	}
	without := *c
	without.RoleClaim, without.Administrators, without.EnvironmentAdministrators = "", nil, nil
	return &without
}
