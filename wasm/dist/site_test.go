package dist_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http/httptest"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/curfew-project/curfew/wasm/dist"
)

// loader is what a site's page gets, decompressed. A compressed form that is accepted must be sent.
func loader(t testing.TB, d *dist.Dist, site dist.Site, accept string) string {
	t.Helper()
	r := httptest.NewRequest("GET", "/WebResources/ClientGlobalContext.js.aspx", nil)
	r.Header.Set("Accept-Encoding", accept)
	w := httptest.NewRecorder()
	d.ServeLoader(w, r, site)
	if got := w.Header().Get("Content-Encoding"); got != accept {
		t.Fatalf("Accept-Encoding %q gets %q", accept, got)
	}
	if accept == "" {
		return w.Body.String()
	}
	return string(decompress(t, accept, w.Body.Bytes()))
}

// withPlace is a build whose loader has the place for settings.
func withPlace(t testing.TB) *dist.Dist {
	t.Helper()
	const script = `start("/.curfew/","curfew:site")`
	build := files()
	sum := sha256.Sum256([]byte(script))
	var manifest dist.Manifest
	if err := json.Unmarshal(build[dist.ManifestName].Data, &manifest); err != nil {
		t.Fatal(err)
	}
	manifest.Loader = hex.EncodeToString(sum[:])
	text, err := json.Marshal(manifest)
	if err != nil {
		t.Fatal(err)
	}
	build[dist.ManifestName] = &fstest.MapFile{Data: text}
	build[dist.LoaderName] = &fstest.MapFile{Data: []byte(script)}
	d, err := dist.LoadFS(build)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

var call = regexp.MustCompile(`^start\("([^"]*)",("(?:[^"\\]|\\u[0-9a-f]{4})*")\)$`)

// C7 A10 A14: the loader knows the operator's settings, and no setting can be code: whatever it is, the loader gets it back as it was,
// from a literal without a character that means something to a script, a tag or an attribute.
func TestSettingsStandInTheLoader(t *testing.T) {
	d := withPlace(t)
	hostile := "\"\\'`<>&/$\u2028\u2029\u00e6\U0001f600\n\x00</script><!--"
	for name, site := range map[string]dist.Site{
		"nothing": {},
		"prefix":  {Prefix: "/auth/"},
		"all": {Prefix: "/auth/", Name: "Nordlys Hospital", Logo: "/logo.svg", Notify: true,
			Languages: map[string]string{"en": "texts.en.0.json", "ar": "texts.ar.1.json"}, Frames: []string{"https://a.example", "https://b.example"}},
		"hostile":                  {Name: hostile, Logo: hostile, Languages: map[string]string{hostile: hostile}, Frames: []string{hostile}},
		"prefix in a setting":      {Prefix: "/auth/", Name: `"/.curfew/"`},
		"placeholder in a setting": {Prefix: "/curfew:site/", Name: `"curfew:site"`},
	} {
		for _, accept := range []string{"", "br", "gzip"} {
			script := loader(t, d, site, accept)
			parts := call.FindStringSubmatch(script)
			if parts == nil {
				t.Fatalf("%s, %s: the loader is %s", name, accept, script)
			}
			if want := site.Prefix; parts[1] != want && !(want == "" && parts[1] == dist.DefaultPrefix) {
				t.Errorf("%s: the prefix is %s", name, parts[1])
			}
			if strings.ContainsAny(parts[2][1:len(parts[2])-1], "\"'`<>&") {
				t.Errorf("%s: %s has a character that must be escaped", name, parts[2])
			}
			// The literal is one of JSON too, so that its value can be read here.
			var value string
			if err := json.Unmarshal([]byte(parts[2]), &value); err != nil {
				t.Fatalf("%s: %v in %s", name, err, parts[2])
			}
			var got struct {
				Name, Logo string
				Languages  map[string]string
				Frames     []string
				Notify     bool
			}
			if err := json.Unmarshal([]byte(value), &got); err != nil {
				t.Fatalf("%s: %v in %s", name, err, value)
			}
			back := dist.Site{Prefix: site.Prefix, Name: got.Name, Logo: got.Logo, Languages: got.Languages, Frames: got.Frames, Notify: got.Notify}
			if !reflect.DeepEqual(back, site) {
				t.Errorf("%s: the loader reads %+v, want %+v", name, back, site)
			}
			if (name == "nothing" || name == "prefix") && value != "{}" {
				t.Errorf("%s: the settings are %s, want {}", name, value)
			}
		}
	}
}

// Each site has its own loader and its own validator, and gets the same one again.
func TestSitesDoNotMix(t *testing.T) {
	d := withPlace(t)
	seen := map[string]int{}
	tag := func(site dist.Site) string {
		w := httptest.NewRecorder()
		d.ServeLoader(w, httptest.NewRequest("GET", "/.curfew/agent.js", nil), site)
		return w.Header().Get("ETag")
	}
	all := []dist.Site{{}, {Prefix: "/a/"}, {Name: "a"}, {Name: "b"}, {Prefix: "/a/", Name: "a"}, {Logo: "a"}, {Frames: []string{"a"}}, {Notify: true},
		{Languages: map[string]string{"a": "b"}}, {Languages: map[string]string{"b": "a"}}}
	for i, site := range all {
		got := tag(site)
		if before, ok := seen[got]; ok {
			t.Errorf("%+v and %+v have the same loader", all[before], site)
		}
		seen[got] = i
		if again := tag(site); again != got {
			t.Errorf("%+v has the tag %s, then %s", site, got, again)
		}
	}
	if tag(dist.Site{}) != tag(plainSite) {
		t.Error("without a prefix it is not the default one")
	}
}
