package texts

import (
	"compress/gzip"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/curfew-project/curfew/agent/warning"
)

func get(t testing.TB, c *Catalog, method, name, accept string) *http.Response {
	t.Helper()
	r := httptest.NewRequest(method, "/.curfew/"+name, nil)
	if accept != "" {
		r.Header.Set("Accept-Encoding", accept)
	}
	w := httptest.NewRecorder()
	c.ServeHTTP(w, r)
	return w.Result()
}

// C7: each language's file has all that the agent says and nothing else, and may be kept for good.
func TestC7_FilesForTheAgent(t *testing.T) {
	c := load(t, "")
	total := 0
	for _, l := range c.Languages()[1:] {
		name := c.Names()[strings.ToLower(l.Tag())]
		plain := get(t, c, "GET", name, "")
		for key, want := range map[string]string{"Content-Type": "application/json", "X-Content-Type-Options": "nosniff", "Cross-Origin-Resource-Policy": "same-origin",
			"Cache-Control": "public, max-age=31536000, immutable", "Vary": "Accept-Encoding", "Content-Encoding": ""} {
			if got := plain.Header.Get(key); got != want || plain.StatusCode != 200 {
				t.Errorf("%s: %d, %s is %q, want %q", name, plain.StatusCode, key, got, want)
			}
		}
		text, err := io.ReadAll(plain.Body)
		if err != nil {
			t.Fatal(err)
		}
		var fields map[string]string
		if err := json.Unmarshal(text, &fields); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for _, key := range warning.Keys() {
			if fields[string(key)] == "" || fields[string(key)] != l.Text(Key(key)) {
				t.Errorf("%s: %s is %q", name, key, fields[string(key)])
			}
		}
		if want := len(warning.Keys()) + 2; len(fields) != want || fields["language"] != l.Tag() || fields["direction"] != l.Direction() {
			t.Errorf("%s has %d fields, want %d, language %s, direction %s", name, len(fields), want, fields["language"], fields["direction"])
		}

		packed := get(t, c, "GET", name, "br, gzip;q=0.8")
		z, err := gzip.NewReader(packed.Body)
		if err != nil || packed.Header.Get("Content-Encoding") != "gzip" {
			t.Fatalf("%s as gzip: %v, %v", name, err, packed.Header)
		}
		if unpacked, err := io.ReadAll(z); err != nil || string(unpacked) != string(text) {
			t.Errorf("%s: gzip has something else: %v", name, err)
		}
		head := get(t, c, "HEAD", name, "gzip")
		if body, _ := io.ReadAll(head.Body); len(body) > 0 || head.Header.Get("Content-Length") != packed.Header.Get("Content-Length") {
			t.Errorf("%s: HEAD has %d bytes and says %s", name, len(body), head.Header.Get("Content-Length"))
		}
		total += len(text)
	}
	if total == 0 {
		t.Error("nothing was served")
	}
}

func TestOtherNamesAreNotFound(t *testing.T) {
	c := load(t, "")
	for _, name := range []string{"texts.en.json", "texts.en.0000000000000000.json", "texts.xx.0000000000000000.json", "en.json", "../en.json", ""} {
		if got := get(t, c, "GET", name, ""); got.StatusCode != http.StatusNotFound || got.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%q gets %d, %s", name, got.StatusCode, got.Header.Get("Cache-Control"))
		}
	}
	if got := get(t, c, "POST", c.Names()["da"], ""); got.StatusCode != http.StatusMethodNotAllowed || got.Header.Get("Allow") != "GET, HEAD" {
		t.Errorf("POST gets %d", got.StatusCode)
	}
}

func TestAcceptsGzip(t *testing.T) {
	for accept, want := range map[string]bool{"": false, "gzip": true, "GZIP": true, "br, gzip": true, "br,gzip; q=0.5": true, "gzip;q=0": false, "gzip;q=0.000": false,
		"gzip;q=x": false, "br": false, "xgzip": false} {
		if got := acceptsGzip([]string{accept}); got != want {
			t.Errorf("Accept-Encoding %q: %t, want %t", accept, got, want)
		}
	}
}

// What may be kept for good has another name when it is another.
func TestNamesFollowTheTexts(t *testing.T) {
	dir := write(t, map[string]string{"en.json": variant(t, map[string]string{"offline": "No connection."})})
	a, b := load(t, "").Names(), load(t, dir).Names()
	if a["en"] != "" || b["en"] == "" || a["fr"] != b["fr"] {
		t.Errorf("names %v and %v; the agent has English already, unless it is another", a, b)
	}
	dir = write(t, map[string]string{"en.json": variant(t, map[string]string{"offline": "No connection.", "page.button.start": "Home"})})
	if c := load(t, dir).Names(); c["en"] != b["en"] {
		t.Error("a page's text is in the file for the agent")
	}
	dir = write(t, map[string]string{"en.json": variant(t, map[string]string{"offline": "No connection at all."})})
	if c := load(t, dir).Names(); c["en"] == b["en"] {
		t.Error("another text has the same name")
	}
}
