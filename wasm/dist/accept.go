package dist

import (
	"strconv"
	"strings"
)

// accepted is what an Accept-Encoding header says of each coding, from 0 to 1 (RFC 9110 section 12.5.3).
type accepted map[string]float64

func parseAccept(header string) accepted {
	said := accepted{}
	for _, item := range strings.Split(header, ",") {
		coding, parameters, _ := strings.Cut(item, ";")
		coding = strings.ToLower(strings.TrimSpace(coding))
		if coding == "" {
			continue
		}
		if coding == "x-gzip" {
			coding = "gzip"
		}
		said[coding] = weight(parameters)
	}
	return said
}

// weight reads ;q=0.8. A weight that cannot be read is the sender's mistake; the coding is then not used.
func weight(parameters string) float64 {
	for _, parameter := range strings.Split(parameters, ";") {
		name, value, _ := strings.Cut(parameter, "=")
		if strings.ToLower(strings.TrimSpace(name)) != "q" {
			continue
		}
		q, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
		if err != nil || !(q >= 0 && q <= 1) {
			return 0
		}
		return q
	}
	return 1
}

// of is the weight of a coding. What is not mentioned has that of *, and without one: the plain form may always be sent, and the
// others never. The plain form is sent even where it is forbidden, because there must be some answer.
func (a accepted) of(coding string) float64 {
	if q, ok := a[coding]; ok {
		return q
	}
	if q, ok := a["*"]; ok && coding != "identity" {
		return q
	}
	if coding == "identity" {
		return 0.0001 // allowed, and less wanted than anything that is named
	}
	return 0
}
