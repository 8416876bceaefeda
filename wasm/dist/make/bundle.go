package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/evanw/esbuild/pkg/api"

	"github.com/curfew-project/curfew/wasm/dist"
)

// names are what the loader must know of the module.
type names struct{ wasm, integrity string }

// bundle makes one classic script of the loader's modules, its style sheet and Go's wasm_exec.js.
func (t *toolchain) bundle(names names) ([]byte, error) {
	runtime, err := t.runtime()
	if err != nil {
		return nil, err
	}
	result := api.Build(api.BuildOptions{
		EntryPoints:       []string{filepath.Join(t.module, "wasm", "loader", "main.js")},
		Bundle:            true,
		Format:            api.FormatIIFE,
		Target:            target,
		MinifySyntax:      true,
		MinifyWhitespace:  true,
		MinifyIdentifiers: true,
		LegalComments:     api.LegalCommentsNone,
		Charset:           api.CharsetASCII, // whatever charset the page has
		Define: map[string]string{
			"CURFEW_WASM":      strconv.Quote(names.wasm),
			"CURFEW_INTEGRITY": strconv.Quote(names.integrity),
			"CURFEW_PREFIX":    strconv.Quote(dist.DefaultPrefix),
			"CURFEW_SITE":      strconv.Quote(dist.Placeholder),
		},
		Plugins: []api.Plugin{{Name: "curfew", Setup: func(build api.PluginBuild) {
			build.OnResolve(api.OnResolveOptions{Filter: `^go:wasm_exec$`}, func(args api.OnResolveArgs) (api.OnResolveResult, error) {
				return api.OnResolveResult{Path: args.Path, Namespace: "go"}, nil
			})
			build.OnLoad(api.OnLoadOptions{Filter: `.*`, Namespace: "go"}, func(api.OnLoadArgs) (api.OnLoadResult, error) {
				return api.OnLoadResult{Contents: &runtime, Loader: api.LoaderJS}, nil
			})
			build.OnLoad(api.OnLoadOptions{Filter: `\.css$`}, loadStyle)
		}}},
	})
	if err := problems("bundling the loader", result.Errors, result.Warnings); err != nil {
		return nil, err
	}
	script := append([]byte("/* Curfew (Apache-2.0). Contains wasm_exec.js, Copyright The Go Authors (BSD-3-Clause). */\n"), result.OutputFiles[0].Contents...)
	if n := bytes.Count(script, []byte(strconv.Quote(dist.DefaultPrefix))); n != 1 {
		return nil, fmt.Errorf("bundling the loader: the default prefix stands in it %d times, want once, so that it can be replaced", n)
	}
	if n := bytes.Count(script, []byte(strconv.Quote(dist.Placeholder))); n != 1 {
		return nil, fmt.Errorf("bundling the loader: the place for a site's settings stands in it %d times, want once, so that it can be replaced", n)
	}
	return script, nil
}

// bundleAPI makes the module api.js, which pages import that have requests to APIs signed.
func (t *toolchain) bundleAPI() ([]byte, error) {
	result := api.Build(api.BuildOptions{
		EntryPoints: []string{filepath.Join(t.module, "wasm", "loader", "signed.js")}, Bundle: true, Format: api.FormatESModule, Target: target,
		MinifySyntax: true, MinifyWhitespace: true, MinifyIdentifiers: true, LegalComments: api.LegalCommentsNone, Charset: api.CharsetASCII,
	})
	if err := problems("bundling "+dist.APIName, result.Errors, result.Warnings); err != nil {
		return nil, err
	}
	return append([]byte("/* Curfew (Apache-2.0) */\n"), result.OutputFiles[0].Contents...), nil
}

// target is the oldest JavaScript that the loader needs. Every browser with constructable style sheets, dialogs and the rest has it.
const target = api.ES2022

// unneeded is what wasm_exec.js has for the tests of Go itself and for programs with arguments and an environment, and its look at what
// it is given. No page needs it, and every byte counts.
var unneeded = []string{`			if (!(instance instanceof WebAssembly.Instance)) {
				throw new Error("Go.run: WebAssembly.Instance expected");
			}
`, `			const keys = Object.keys(this.env).sort();
			keys.forEach((key) => {
				argvPtrs.push(strPtr(` + "`${key}=${this.env[key]}`" + `));
			});
`, `			const wasmMinDataAddr = 4096 + 8192;
			if (offset >= wasmMinDataAddr) {
				throw new Error("total length of command line and environment variables exceeds limit");
			}
`, `			const testCallExport = (a, b) => {
				this._inst.exports.testExport0();
				return this._inst.exports.testExport(a, b);
			}
`, `				_gotest: {
					add: (a, b) => a + b,
					callExport: testCallExport,
				},
`, `					"debug": (value) => {
						console.log(value);
					},
`}

// runtime wraps wasm_exec.js so that it neither takes from the page's global object nor leaves anything there: what it finds
// as globalThis and fs is what the loader gives it, and it returns its Go class.
func (t *toolchain) runtime() (string, error) {
	source, err := os.ReadFile(t.wasmExec())
	if err != nil {
		return "", fmt.Errorf("reading wasm_exec.js: %w", err)
	}
	for _, part := range unneeded {
		if bytes.Count(source, []byte(part)) != 1 {
			return "", fmt.Errorf("reading wasm_exec.js: it does not have what is left out of it: %.40q", part)
		}
		source = bytes.Replace(source, []byte(part), nil, 1)
	}
	define := map[string]string{}
	for _, given := range []string{"fs", "process", "path", "crypto", "performance", "TextEncoder", "TextDecoder"} {
		define["globalThis."+given] = "true" // the loader gives it, so that the stand-in for it is left out
	}
	result := api.Transform(string(source), api.TransformOptions{Target: target, MinifySyntax: true, Define: define})
	if err := problems("reading wasm_exec.js", result.Errors, nil); err != nil {
		return "", err
	}
	return "export function load(globalThis, fs) {\n" + string(result.Code) + "\nreturn globalThis.Go;\n}\n", nil
}

// loadStyle makes a style sheet a string in the script.
func loadStyle(args api.OnLoadArgs) (api.OnLoadResult, error) {
	source, err := os.ReadFile(args.Path)
	if err != nil {
		return api.OnLoadResult{}, err
	}
	result := api.Transform(string(source), api.TransformOptions{Loader: api.LoaderCSS, MinifySyntax: true, MinifyWhitespace: true})
	if err := problems("reading "+filepath.Base(args.Path), result.Errors, result.Warnings); err != nil {
		return api.OnLoadResult{}, err
	}
	text := strings.TrimSpace(string(result.Code))
	return api.OnLoadResult{Contents: &text, Loader: api.LoaderText}, nil
}

func problems(what string, lists ...[]api.Message) error {
	var all []error
	for _, messages := range lists {
		for _, m := range messages {
			text := m.Text
			if m.Location != nil {
				text = fmt.Sprintf("%s:%d:%d: %s", m.Location.File, m.Location.Line, m.Location.Column, m.Text)
			}
			all = append(all, errors.New(text))
		}
	}
	if len(all) == 0 {
		return nil
	}
	return fmt.Errorf("%s: %w", what, errors.Join(all...))
}
