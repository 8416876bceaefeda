package server

import (
	"crypto/sha256"
	"fmt"
	"time"

	"github.com/curfew-project/curfew/verifier/audit"
	"github.com/curfew-project/curfew/verifier/config"
	"github.com/curfew-project/curfew/verifier/login"
	"github.com/curfew-project/curfew/verifier/provider"
	"github.com/curfew-project/curfew/verifier/settings"
)

func providerConfig(e config.Environment, env settings.Environment, secret string) provider.Config {
	c := provider.Config{
		Issuer: e.Provider.Issuer, ClientID: e.Provider.ClientID, ClientSecret: secret, Scopes: e.Provider.Scopes,
		// Where nobody is asked again, no refresh token needs to be kept.
		Offline: !env.Check.Bypass, Consent: e.Provider.Consent, ClockSkew: env.ClockSkew,
		StayClaim: e.Provider.StaySignedIn.Claim, StayValue: e.Provider.StaySignedIn.Value,
	}
	if e.HandIn != nil {
		c.HandInAudience = e.HandIn.ClientID
	}
	return c
}

// tellState tells the operator that a provider has gone or come back (A7).
func tellState(environment, issuer string, state provider.State, o Options, record audit.Recorder) {
	e := audit.Event{At: state.Since, Kind: audit.ProviderUp, Environment: environment}
	if state.Up {
		o.Log.Info("provider_reachable", "environment", environment, "issuer", issuer)
	} else {
		e.Kind, e.Detail = audit.ProviderDown, string(state.Kind)+" ("+string(state.Cause)+")"
		o.Log.Error("provider_"+string(state.Kind), "environment", environment, "issuer", issuer, "cause", string(state.Cause), "detail", state.Detail)
	}
	record(e)
}

// stateText says how a provider fares.
func stateText(state provider.State) string {
	since := time.UnixMilli(state.Since).UTC().Format(time.DateTime) + " UTC"
	switch {
	case state.Since == 0:
		return "not asked yet"
	case state.Up:
		return "reachable since " + since
	}
	return fmt.Sprintf("%s since %s (%s)", state.Kind, since, state.Cause)
}

// signInOptions are how people sign in to an environment.
func signInOptions(e config.Environment) (login.Options, error) {
	options := login.Options{AskStay: e.Provider.StaySignedIn.Ask}
	if e.HandIn == nil {
		return options, nil
	}
	secret, err := e.HandIn.Secret()
	if err != nil {
		return login.Options{}, fmt.Errorf("environment %s: %w", e.ID, err)
	}
	options.Application = &login.Application{SecretHash: sha256.Sum256([]byte(secret)), SignIn: e.HandIn.SignIn, ClientID: e.HandIn.ClientID}
	return options, nil
}
