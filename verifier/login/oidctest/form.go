package oidctest

import (
	"html"
	"net/url"
	"regexp"
)

// form is the form in a page of the provider.
type form struct {
	action   string
	fields   url.Values
	password bool   // it asks for one
	alert    string // what the page says went wrong
}

// readForm reads the only form of a page. It knows no more HTML than the provider's few pages have.
func readForm(page string) (*form, bool) {
	tag := regexp.MustCompile(`<form[^>]*>`).FindString(page)
	if tag == "" {
		return nil, false
	}
	f := &form{action: attribute(tag, "action"), fields: url.Values{}}
	for _, input := range regexp.MustCompile(`<input[^>]*>`).FindAllString(page, -1) {
		f.fields.Set(attribute(input, "name"), attribute(input, "value"))
		f.password = f.password || attribute(input, "type") == "password"
	}
	if alert := regexp.MustCompile(`role="alert">([^<]*)<`).FindStringSubmatch(page); alert != nil {
		f.alert = html.UnescapeString(alert[1])
	}
	return f, true
}

func attribute(tag, name string) string {
	found := regexp.MustCompile(` ` + name + `="([^"]*)"`).FindStringSubmatch(tag)
	if found == nil {
		return ""
	}
	return html.UnescapeString(found[1])
}
