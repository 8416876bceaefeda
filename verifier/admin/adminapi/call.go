package adminapi

import (
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/curfew-project/curfew/verifier/admin"
	"github.com/curfew-project/curfew/verifier/settings"
)

// MaxBody is the longest body of a request, in bytes: room for the longest list of matchers, with every byte escaped.
const MaxBody = 256 << 10

// call is one request.
type call struct {
	admin *admin.Admin
	actor admin.Actor
	now   func() time.Time
	w     http.ResponseWriter
	r     *http.Request
}

// answer answers with what an operation gave.
func (c *call) answer(value any, err error) error {
	if err != nil {
		return err
	}
	answer(c.w, http.StatusOK, value)
	return nil
}

// environment is the environment in the address. What holds for all environments has an address of its own.
func (c *call) environment() (string, error) {
	id := c.r.PathValue("id")
	if settings.CheckID(id) != "" {
		return "", refusal(admin.NotFound, "there is no environment %q", clip(id))
	}
	return id, nil
}

func clip(text string) string { return text[:min(len(text), 100)] }

// body reads the request's JSON strictly: one value, no key that is not known.
func (c *call) body(into any) error {
	if kind, _, err := mime.ParseMediaType(c.r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		return refusal(WrongType, "Content-Type is %q; allowed: application/json", clip(c.r.Header.Get("Content-Type")))
	}
	decoder := json.NewDecoder(http.MaxBytesReader(c.w, c.r.Body, MaxBody))
	decoder.DisallowUnknownFields()
	err := decoder.Decode(into)
	if err == nil {
		if _, err = decoder.Token(); err == io.EOF {
			return nil
		}
		if err == nil || !tooLong(err) {
			return refusal(BadRequest, "the body goes on after its JSON")
		}
	}
	var kind *json.UnmarshalTypeError
	switch {
	case tooLong(err):
		return refusal(TooLarge, "the body is too long; allowed: up to %d bytes", MaxBody)
	case errors.As(err, &kind):
		return refusal(BadRequest, "%s is a JSON %s; allowed: %s", orBody(kind.Field), kind.Value, jsonType(kind.Type))
	case err == io.EOF:
		return refusal(BadRequest, "the body is empty; it must be a JSON object")
	}
	if field, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
		return refusal(BadRequest, "%s is not known; allowed: %s", clip(field), strings.Join(fieldsOf(reflect.TypeOf(into).Elem()), ", "))
	}
	return refusal(BadRequest, "the body is not the JSON that is wanted: %s", clip(strings.TrimPrefix(err.Error(), "json: ")))
}

func tooLong(err error) bool {
	var long *http.MaxBytesError
	return errors.As(err, &long)
}

func orBody(field string) string {
	if field == "" {
		return "the body"
	}
	return field
}

// jsonType is what JSON calls a type.
func jsonType(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.String:
		return "a string"
	case reflect.Slice, reflect.Array:
		return "an array"
	case reflect.Struct, reflect.Map:
		return "an object"
	}
	return "a number"
}

// fieldsOf are the keys of a JSON object, at its top.
func fieldsOf(t reflect.Type) []string {
	var names []string
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		names = append(names, name)
	}
	return names
}

// version is the version that a change was made from: in If-Match as an entity tag (RFC 9110 section 13.1.1), or in the query.
func (c *call) version(q *query) (int64, error) {
	tag := c.r.Header.Get("If-Match")
	if tag == "" {
		if !q.has("version") {
			return 0, refusal(VersionNeeded, `say which version was changed: the header If-Match: "7", or ?version=7`)
		}
		return q.number("version", 0), nil
	}
	text, quoted := strings.CutPrefix(tag, `"`)
	text, closed := strings.CutSuffix(text, `"`)
	version, err := strconv.ParseInt(text, 10, 64)
	if !quoted || !closed || err != nil || version < 0 {
		return 0, refusal(BadRequest, `If-Match is %q; allowed: a version in quotation marks, such as "7"`, clip(tag))
	}
	if q.has("version") && q.number("version", 0) != version {
		return 0, refusal(BadRequest, "If-Match and version differ; allowed: one of them")
	}
	return version, nil
}

// tag tells the version of what is answered.
func (c *call) tag(version int64) {
	c.w.Header().Set("ETag", strconv.Quote(strconv.FormatInt(version, 10)))
}
