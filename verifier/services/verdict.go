package services

import (
	"net/http"

	"github.com/curfew-project/curfew/shared/wire"
	"github.com/curfew-project/curfew/verifier/api"
	"github.com/curfew-project/curfew/verifier/engine"
	"github.com/curfew-project/curfew/verifier/session"
	"github.com/curfew-project/curfew/verifier/settings"
)

// verdict judges a request that a service has received: one of a page by its cookie, one to an API by its access token and proof. It says
// why not: the service is going to tell the page, which may know.
func (s *Services) verdict(w http.ResponseWriter, r *http.Request, env settings.Environment, _ Client) {
	for _, name := range []string{wire.FieldCookie, wire.FieldOpen, wire.FieldToken, wire.FieldMethod, wire.FieldURL} {
		if _, ok := field(r, name); !ok {
			invalid(w, http.StatusBadRequest, "the form must have "+name+" once at most")
			return
		}
	}
	form := r.PostForm
	switch {
	case form.Has(wire.FieldCookie) == form.Has(wire.FieldToken):
		invalid(w, http.StatusBadRequest, "the form must have either cookie or access_token")
	case form.Has(wire.FieldCookie):
		judged, err := s.Engine.Judge(r.Context(), env, form.Get(wire.FieldCookie), form.Get(wire.FieldOpen) != "")
		v := s.of(judged.Session, err, false)
		v.Fresh, v.Lasts, v.Proved, v.Renewal = judged.Fresh, judged.Lasts, judged.Session.Seq, judged.Renewal
		api.WriteJSON(w, http.StatusOK, v)
	default:
		found, nonce, err := s.Engine.CheckAPI(r.Context(), env, engine.APIRequest{
			Token: form.Get(wire.FieldToken), Proofs: form[wire.FieldProof], Method: form.Get(wire.FieldMethod), URL: form.Get(wire.FieldURL),
		})
		v := s.of(found, err, true)
		if v.Allowed {
			v.Nonce = nonce
		}
		api.WriteJSON(w, http.StatusOK, v)
	}
}

// of is the verdict on a request of a session, or on one that was refused.
func (s *Services) of(found session.Session, err error, toAPI bool) wire.Verdict {
	if err != nil {
		refusal := api.AsRefusal(err)
		if !toAPI {
			s.API.SayWhere(&refusal, "")
		}
		return wire.Verdict{Refusal: &refusal, Status: api.Status(refusal.Error), Nonce: refusal.Nonce}
	}
	return wire.Verdict{Allowed: true, Issuer: found.User.Issuer, Subject: found.User.Subject, Name: found.Name, Session: found.ID.String()}
}
