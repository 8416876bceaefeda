// Package dist holds what browsers download: the loader (agent.js), the agent (agent.<hash>.wasm) and the module api.js, each also compressed at build
// time, embedded into the binary. `make wasm` builds it (package make); nothing of it is in the repository.
package dist

import (
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
)

//go:embed all:build
var built embed.FS

// ErrNotBuilt says that the binary was compiled without the agent.
var ErrNotBuilt = errors.New("the agent is not built: run `make wasm` (or `go run ./wasm/dist/make`), then compile again")

// ErrDamaged says that what is embedded does not belong together: a build was interrupted, or files were changed.
var ErrDamaged = errors.New("the built agent is damaged: run `make wasm` again, then compile again")

// Names of the built files.
const (
	LoaderName   = "agent.js"
	APIName      = "api.js" // the module for signed requests to APIs; only pages that import it fetch it
	ManifestName = "manifest.json"
)

// Manifest is what the build says about itself.
type Manifest struct {
	Inputs    string `json:"inputs"`    // hash of all that was built from
	Wasm      string `json:"wasm"`      // agent.<hash>.wasm
	Integrity string `json:"integrity"` // of the module, as Subresource Integrity writes it: sha256-...
	Loader    string `json:"loader"`    // SHA-256 of agent.js, in hex
	API       string `json:"api"`       // SHA-256 of api.js, in hex
	Go        string `json:"go"`        // version of the compiler
}

// Dist is a complete build. It is safe for concurrent use.
type Dist struct {
	manifest Manifest
	loader   asset
	api      asset
	wasm     asset
	sites    sites
}

// Load returns what is embedded. It fails with ErrNotBuilt and ErrDamaged.
func Load() (*Dist, error) {
	build, err := fs.Sub(built, "build")
	if err != nil {
		return nil, err
	}
	return LoadFS(build)
}

// LoadFS is Load for a build directory elsewhere.
func LoadFS(build fs.FS) (*Dist, error) {
	text, err := fs.ReadFile(build, ManifestName)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNotBuilt
	}
	if err != nil {
		return nil, err
	}
	d := &Dist{}
	if err := json.Unmarshal(text, &d.manifest); err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrDamaged, ManifestName, err)
	}
	if d.loader, err = loadAsset(build, LoaderName, "text/javascript; charset=utf-8"); err != nil {
		return nil, err
	}
	if d.api, err = loadAsset(build, APIName, "text/javascript; charset=utf-8"); err != nil {
		return nil, err
	}
	if d.wasm, err = loadAsset(build, d.manifest.Wasm, "application/wasm"); err != nil {
		return nil, err
	}
	if got := hex.EncodeToString(d.loader.sum[:]); got != d.manifest.Loader {
		return nil, fmt.Errorf("%w: %s has the hash %s, want %s", ErrDamaged, LoaderName, got, d.manifest.Loader)
	}
	if got := hex.EncodeToString(d.api.sum[:]); got != d.manifest.API {
		return nil, fmt.Errorf("%w: %s has the hash %s, want %s", ErrDamaged, APIName, got, d.manifest.API)
	}
	if got := Integrity(d.wasm.plain); got != d.manifest.Integrity {
		return nil, fmt.Errorf("%w: %s has the hash %s, want %s", ErrDamaged, d.manifest.Wasm, got, d.manifest.Integrity)
	}
	return d, nil
}

// Loader is agent.js. The caller must not change it.
func (d *Dist) Loader() []byte { return d.loader.plain }

// API is api.js. The caller must not change it.
func (d *Dist) API() []byte { return d.api.plain }

// Wasm is the module. The caller must not change it.
func (d *Dist) Wasm() []byte { return d.wasm.plain }

// WasmName is the module's file name, agent.<hash>.wasm.
func (d *Dist) WasmName() string { return d.manifest.Wasm }

// Integrity is the value of an integrity attribute for bytes (Subresource Integrity): sha256- and the hash in base64. The loader
// checks the module against it; of the hashes that a browser has, this one is several times faster than the longer ones.
func Integrity(data []byte) string {
	sum := sha256.Sum256(data)
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}

// WasmNameFor is the module's file name for its bytes.
func WasmNameFor(data []byte) string {
	sum := sha256.Sum256(data)
	return "agent." + hex.EncodeToString(sum[:8]) + ".wasm"
}
