package server

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/curfew-project/curfew/verifier/config"
	"github.com/curfew-project/curfew/wasm/dist"
)

// smallAgent is a build whose loader is nothing but what a verifier changes in it.
func smallAgent(t *testing.T) *dist.Dist {
	t.Helper()
	loader, wasm := []byte(`["/.curfew/","`+dist.Placeholder+`"]`), []byte("\x00asm")
	sum := sha256.Sum256(loader)
	manifest, err := json.Marshal(dist.Manifest{Wasm: dist.WasmNameFor(wasm), Integrity: dist.Integrity(wasm), Loader: hex.EncodeToString(sum[:]), API: hex.EncodeToString(sum[:])})
	if err != nil {
		t.Fatal(err)
	}
	build := fstest.MapFS{dist.ManifestName: {Data: manifest}}
	for name, data := range map[string][]byte{dist.LoaderName: loader, dist.APIName: loader, dist.WasmNameFor(wasm): wasm} {
		build[name] = &fstest.MapFile{Data: data}
		for _, encoding := range dist.Encodings {
			build[name+encoding.Ending] = &fstest.MapFile{Data: data}
		}
	}
	d, err := dist.LoadFS(build)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

const twoPages = `
prefix: /auth/
environments:
  - {id: here, origin: "http://localhost:1", provider: {issuer: "http://127.0.0.1:1", client_id: c},
     page: {name: "Nordlys </script>", logo: /logo.svg, frames: ["https://labs.example"], notify: true}}
  - {id: away, origin: "http://localhost:2", provider: {issuer: "http://127.0.0.1:1", client_id: c}}
`

// C7 A10 A14: each environment's loader has its own settings, at every address of the loader, and the languages' files are there.
func TestEachEnvironmentHasItsLoader(t *testing.T) {
	languages := filepath.Join(t.TempDir(), "languages")
	if err := os.MkdirAll(languages, 0o700); err != nil {
		t.Fatal(err)
	}
	c, err := config.Parse(fmt.Appendf(nil, "data: %q\ntexts: %q%s", filepath.Join(t.TempDir(), "data"), languages, twoPages))
	if err != nil {
		t.Fatal(err)
	}
	s, err := New(t.Context(), c, Options{Now: time.Now, Random: rand.Reader, Log: slog.New(slog.DiscardHandler), Agent: smallAgent(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	get := func(host, path string) *http.Response {
		r := httptest.NewRequest("GET", path, nil)
		r.Host = host
		w := httptest.NewRecorder()
		s.Public().ServeHTTP(w, r)
		return w.Result()
	}
	type site struct {
		Name, Logo string
		Languages  map[string]string
		Frames     []string
		Notify     bool
	}
	loader := func(host, path string) site {
		t.Helper()
		var parts [2]string
		if err := json.NewDecoder(get(host, path).Body).Decode(&parts); err != nil || parts[0] != "/auth/" {
			t.Fatalf("%s%s: %q, %v", host, path, parts, err)
		}
		var of site
		if err := json.Unmarshal([]byte(parts[1]), &of); err != nil {
			t.Fatalf("%s%s: %v in %s", host, path, err, parts[1])
		}
		if len(of.Languages) != 5 || of.Languages["en"] != "" {
			t.Errorf("%s%s: languages %v", host, path, of.Languages)
		}
		return of
	}
	for _, path := range []string{"/auth/agent.js", "/app/WebResources/ClientGlobalContext.js.aspx"} {
		if of := loader("localhost:1", path); of.Name != "Nordlys </script>" || of.Logo != "/logo.svg" || !of.Notify || strings.Join(of.Frames, " ") != "https://labs.example" {
			t.Errorf("here, %s: %+v", path, of)
		}
		for _, host := range []string{"localhost:2", "localhost:3"} {
			if of := loader(host, path); of.Name != "" || of.Logo != "" || of.Notify || of.Frames != nil {
				t.Errorf("%s, %s: %+v", host, path, of)
			}
		}
	}
	for tag, name := range loader("localhost:1", "/auth/agent.js").Languages {
		answer := get("localhost:1", "/auth/"+name)
		text, _ := io.ReadAll(answer.Body)
		if answer.StatusCode != 200 || !strings.Contains(string(text), `"language":"`+tag+`"`) {
			t.Errorf("%s: %d %.80s", name, answer.StatusCode, text)
		}
	}
	if got := get("localhost:1", "/auth/texts.en.0000000000000000.json"); got.StatusCode != http.StatusNotFound {
		t.Errorf("another version of the texts: %d", got.StatusCode)
	}
}

// C7: a verifier does not start with a language that is not complete.
func TestC7_ABadLanguageStopsTheStart(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "nl.json"), []byte(`{"language":"nl","direction":"ltr"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	data := filepath.Join(t.TempDir(), "data")
	c, err := config.Parse(fmt.Appendf(nil, "data: %q\ntexts: %q%s", data, dir, twoPages))
	if err != nil {
		t.Fatal(err)
	}
	s, err := New(t.Context(), c, Options{Now: time.Now, Random: rand.Reader, Log: slog.New(slog.DiscardHandler), Agent: smallAgent(t)})
	if err == nil {
		s.Close()
		t.Fatal("it started")
	}
	if !strings.Contains(err.Error(), "nl.json: missing: ") {
		t.Errorf("the error is %v", err)
	}
	if _, err := os.Stat(data); err == nil {
		t.Error("it made its data before it read its texts")
	}
}
