package dist_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/curfew-project/curfew/wasm/dist"
)

// script stands in for the loader: like it, it has the default prefix once, in quotes.
const script = `start("/.curfew/", "agent")`

const apiModule = `export const fetch = 1`

var plainSite = dist.Site{Prefix: dist.DefaultPrefix}

// files is a small build. Its compressed forms are marks, because nothing here decompresses them.
func files() fstest.MapFS {
	wasm := []byte("\x00asm the module")
	sum, module := sha256.Sum256([]byte(script)), sha256.Sum256([]byte(apiModule))
	manifest, err := json.Marshal(dist.Manifest{Wasm: dist.WasmNameFor(wasm), Integrity: dist.Integrity(wasm),
		Loader: hex.EncodeToString(sum[:]), API: hex.EncodeToString(module[:])})
	if err != nil {
		panic(err)
	}
	build := fstest.MapFS{dist.ManifestName: {Data: manifest}}
	for name, data := range map[string][]byte{dist.LoaderName: []byte(script), dist.APIName: []byte(apiModule), dist.WasmNameFor(wasm): wasm} {
		build[name] = &fstest.MapFile{Data: data}
		for _, encoding := range dist.Encodings {
			build[name+encoding.Ending] = &fstest.MapFile{Data: []byte(encoding.Name + " of " + name)}
		}
	}
	return build
}

func load(t *testing.T) *dist.Dist {
	t.Helper()
	d, err := dist.LoadFS(files())
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestLoadSaysWhatIsWrong(t *testing.T) {
	if _, err := dist.LoadFS(fstest.MapFS{".keep": {}}); !errors.Is(err, dist.ErrNotBuilt) {
		t.Errorf("an empty build: %v, want ErrNotBuilt", err)
	}
	good := files()
	for name := range good {
		if name == dist.ManifestName {
			continue
		}
		for what, change := range map[string]func(fstest.MapFS){
			"missing": func(b fstest.MapFS) { delete(b, name) },
			"empty":   func(b fstest.MapFS) { b[name] = &fstest.MapFile{} },
		} {
			build := files()
			change(build)
			if _, err := dist.LoadFS(build); !errors.Is(err, dist.ErrDamaged) {
				t.Errorf("%s is %s: %v, want ErrDamaged", name, what, err)
			}
		}
	}
	for _, manifest := range []string{"", "{", `{"wasm":"../../secret"}`, `{"wasm":"agent.js"}`} {
		build := files()
		build[dist.ManifestName] = &fstest.MapFile{Data: []byte(manifest)}
		if _, err := dist.LoadFS(build); !errors.Is(err, dist.ErrDamaged) {
			t.Errorf("manifest %q: %v, want ErrDamaged", manifest, err)
		}
	}
	for _, name := range []string{dist.LoaderName, dist.APIName, dist.WasmNameFor([]byte("\x00asm the module"))} {
		build := files()
		build[name] = &fstest.MapFile{Data: append(bytes.Clone(good[name].Data), '!')}
		if _, err := dist.LoadFS(build); !errors.Is(err, dist.ErrDamaged) {
			t.Errorf("%s changed: %v, want ErrDamaged", name, err)
		}
	}
}

func get(t *testing.T, d *dist.Dist, method, path string, header ...string) *http.Response {
	t.Helper()
	r := httptest.NewRequest(method, path, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	if path == "/.curfew/agent.js" {
		d.ServeLoader(w, r, plainSite)
	} else {
		d.ServeWasm(w, r)
	}
	return w.Result()
}

// RFC 9110 section 12.5.3.
func TestEncodingIsNegotiated(t *testing.T) {
	d := load(t)
	for accept, want := range map[string]string{
		"":                            "",
		"gzip, deflate, br, zstd":     "br",
		"gzip":                        "gzip",
		"x-gzip":                      "gzip",
		"GZIP":                        "gzip",
		"br;q=0.2, gzip;q=0.9":        "gzip",
		"br;q=0, gzip;q=0":            "",
		"gzip;q=0.5, identity":        "",
		"*":                           "br",
		"br;q=0, *":                   "zstd",
		"*;q=0":                       "",
		"identity;q=0, gzip":          "gzip",
		"br ; q=1.000 , zstd;q=0.999": "br",
		"br;q=nonsense, gzip":         "gzip",
		"br;q=2":                      "",
		"brotli, deflate":             "",
	} {
		response := get(t, d, "GET", "/.curfew/agent.js", "Accept-Encoding", accept)
		if got := response.Header.Get("Content-Encoding"); got != want {
			t.Errorf("Accept-Encoding %q gets %q, want %q", accept, got, want)
		}
		body, _ := io.ReadAll(response.Body)
		expected := want + " of agent.js"
		if want == "" {
			expected = script
		}
		if string(body) != expected {
			t.Errorf("Accept-Encoding %q gets the body %q, want %q", accept, body, expected)
		}
		if response.Header.Get("Vary") != "Accept-Encoding" {
			t.Errorf("Accept-Encoding %q: Vary is missing", accept)
		}
	}
}

func TestHeaders(t *testing.T) {
	d := load(t)
	for path, want := range map[string]map[string]string{
		"/.curfew/agent.js":        {"Content-Type": "text/javascript; charset=utf-8", "Cache-Control": "no-cache"},
		"/.curfew/" + d.WasmName(): {"Content-Type": "application/wasm", "Cache-Control": "public, max-age=31536000, immutable"},
	} {
		response := get(t, d, "GET", path)
		for name, value := range want {
			if got := response.Header.Get(name); got != value {
				t.Errorf("%s: %s is %q, want %q", path, name, got, value)
			}
		}
		if response.Header.Get("X-Content-Type-Options") != "nosniff" || response.Header.Get("ETag") == "" {
			t.Errorf("%s: headers %v", path, response.Header)
		}
		head := get(t, d, "HEAD", path)
		if body, _ := io.ReadAll(head.Body); len(body) > 0 || head.Header.Get("Content-Length") != response.Header.Get("Content-Length") {
			t.Errorf("%s: HEAD has %d bytes and says %s", path, len(body), head.Header.Get("Content-Length"))
		}
		if got := get(t, d, "POST", path); got.StatusCode != http.StatusMethodNotAllowed || got.Header.Get("Allow") != "GET, HEAD" {
			t.Errorf("%s: POST gets %d", path, got.StatusCode)
		}
	}
}

// RFC 9110 section 13.1.2.
func TestUnchangedIsNotSentAgain(t *testing.T) {
	d := load(t)
	tags := map[string]bool{}
	for _, accept := range []string{"", "br", "gzip", "zstd"} {
		tag := get(t, d, "GET", "/.curfew/agent.js", "Accept-Encoding", accept).Header.Get("ETag")
		if tags[tag] {
			t.Errorf("two forms have the tag %s", tag)
		}
		tags[tag] = true
		for _, match := range []string{tag, "W/" + tag, `"other", ` + tag, "*"} {
			response := get(t, d, "GET", "/.curfew/agent.js", "Accept-Encoding", accept, "If-None-Match", match)
			if body, _ := io.ReadAll(response.Body); response.StatusCode != http.StatusNotModified || len(body) > 0 {
				t.Errorf("If-None-Match %s gets %d and %d bytes", match, response.StatusCode, len(body))
			}
		}
	}
	if got := get(t, d, "GET", "/.curfew/agent.js", "If-None-Match", `"other"`); got.StatusCode != http.StatusOK {
		t.Errorf("another tag gets %d", got.StatusCode)
	}
}

// A page that an older verifier served must not get a module that does not belong to it.
func TestOtherVersionsAreNotFound(t *testing.T) {
	d := load(t)
	for _, path := range []string{"/.curfew/agent.0123456789abcdef.wasm", "/.curfew/agent.wasm", "/.curfew/"} {
		if got := get(t, d, "GET", path); got.StatusCode != http.StatusNotFound || got.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s gets %d, %s", path, got.StatusCode, got.Header.Get("Cache-Control"))
		}
	}
}

// A10: under another prefix the loader says so, also where it is served by a name outside of it.
func TestPrefixIsReplaced(t *testing.T) {
	d := load(t)
	for prefix, want := range map[string]string{
		"/auth/":               `start("/auth/", "agent")`,
		`/x"+alert(1)+"/`:      `start("/x+alert(1)+/", "agent")`, // never code, whatever the setting says
		"/</script><script>x/": `start("//scriptscriptx/", "agent")`,
	} {
		for _, accept := range []string{"", "gzip", "br"} {
			if got := loader(t, d, dist.Site{Prefix: prefix}, accept); got != want {
				t.Errorf("prefix %s gives %q; want %q", prefix, got, want)
			}
		}
	}
}

// typical is a site as most are: with a name, a logo and five languages besides English.
func typical() dist.Site {
	site := dist.Site{Name: "Nordlys Hospital", Logo: "/static/logo.svg", Languages: map[string]string{}}
	for _, tag := range []string{"ar", "da", "de", "es", "fr"} {
		sum := sha256.Sum256([]byte(tag))
		site.Languages[tag] = "texts." + tag + "." + hex.EncodeToString(sum[:4]) + ".json"
	}
	return site
}

// Every compressed form of what was really built decompresses to it, and all that a page fetches stays inside its budget
// (design: 1.10 times a safejs program of the same flags, 539,574 bytes, and 8 KiB for the loader).
func TestBuild(t *testing.T) {
	d, err := dist.Load()
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { d.ServeWasm(w, r) }))
	defer server.Close()
	total := 0
	for _, encoding := range dist.Encodings {
		data := fetch(t, server.URL+"/"+d.WasmName(), encoding.Name)
		if got := decompress(t, encoding.Name, data); !bytes.Equal(got, d.Wasm()) {
			t.Errorf("the module as %s decompresses to something else", encoding.Name)
		}
		if encoding.Name == "br" {
			total += len(data)
		}
	}
	script := loader(t, d, typical(), "")
	for _, encoding := range []string{"br", "gzip"} {
		if got := loader(t, d, typical(), encoding); got != script {
			t.Errorf("the loader as %s decompresses to something else", encoding)
		}
	}
	r := httptest.NewRequest("GET", "/.curfew/agent.js", nil)
	r.Header.Set("Accept-Encoding", "br")
	w := httptest.NewRecorder()
	d.ServeLoader(w, r, typical())
	if sent := w.Body.Len(); sent > 8<<10 {
		t.Errorf("the loader of a typical site has %d bytes, allowed %d", sent, 8<<10)
	}
	if total += w.Body.Len(); total > 539_574*110/100 {
		t.Errorf("a page fetches %d bytes, allowed %d", total, 539_574*110/100)
	}
	for _, encoding := range dist.Encodings {
		r := httptest.NewRequest("GET", "/.curfew/api.js", nil)
		r.Header.Set("Accept-Encoding", encoding.Name)
		w := httptest.NewRecorder()
		d.ServeAPI(w, r)
		if kind := w.Result().Header.Get("Content-Type"); kind != "text/javascript; charset=utf-8" || w.Result().Header.Get("Content-Encoding") != encoding.Name {
			t.Errorf("api.js as %s: %v", encoding.Name, w.Result().Header)
		}
		if got := decompress(t, encoding.Name, w.Body.Bytes()); !bytes.Equal(got, d.API()) || len(got) == 0 {
			t.Errorf("api.js as %s decompresses to something else", encoding.Name)
		}
	}
	if n := bytes.Count(d.Loader(), []byte(`"`+dist.DefaultPrefix+`"`)); n != 1 {
		t.Errorf("the default prefix stands in the loader %d times, want once", n)
	}
	if n := bytes.Count(d.Loader(), []byte(`"`+dist.Placeholder+`"`)); n != 1 {
		t.Errorf("the place for a site's settings stands in the loader %d times, want once", n)
	}
	if strings.Contains(script, dist.Placeholder) {
		t.Error("the place for a site's settings is in what a page gets")
	}
}

// What is not for a site is served as it was built, in all its forms.
func TestBuiltLoader(t *testing.T) {
	d := load(t)
	for _, encoding := range dist.Encodings {
		if got := get(t, d, "GET", "/.curfew/agent.js", "Accept-Encoding", encoding.Name).Header.Get("Content-Encoding"); got != encoding.Name {
			t.Errorf("%s gets %q", encoding.Name, got)
		}
	}
}
