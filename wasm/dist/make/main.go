// Command make builds what browsers download into wasm/dist/build: the agent, the loader, and their compressed forms. It does
// nothing when nothing that they are made of has changed. Run it anywhere inside the module:
//
//	go run ./wasm/dist/make
package main

import (
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/curfew-project/curfew/wasm/dist"
)

func main() {
	force := flag.Bool("force", false, "build even when nothing has changed")
	flag.Parse()
	if err := run(*force); err != nil {
		fmt.Fprintln(os.Stderr, "make:", err)
		os.Exit(1)
	}
}

func run(force bool) error {
	began := time.Now()
	tools, err := findToolchain()
	if err != nil {
		return err
	}
	inputs, err := tools.inputs()
	if err != nil {
		return err
	}
	out := filepath.Join(tools.module, "wasm", "dist", "build")
	if !force && upToDate(out, inputs) {
		fmt.Println("wasm: up to date")
		return nil
	}
	fmt.Println("wasm: compiling and compressing, about 20 seconds")

	compiled, err := tools.compile()
	if err != nil {
		return err
	}
	wasm, err := changeMemory(compiled, stripLines)
	if errors.Is(err, errTable) {
		fmt.Fprintf(os.Stderr, "make: %v: the agent is %s, and line numbers stay in it (35 KB)\n", err, tools.version)
		wasm, err = joinSegments(compiled)
	}
	if err != nil {
		return err
	}
	if counted, err := countAtStart(wasm); err == nil {
		wasm = counted
	} else {
		fmt.Fprintf(os.Stderr, "make: %v: the agent is %s, and a megabyte larger\n", err, tools.version)
	}
	names := names{wasm: dist.WasmNameFor(wasm), integrity: dist.Integrity(wasm)}
	loader, err := tools.bundle(names)
	if err != nil {
		return err
	}
	module, err := tools.bundleAPI()
	if err != nil {
		return err
	}
	b := build{dir: out}
	if err := b.add(names.wasm, wasm); err != nil {
		return err
	}
	if err := b.add(dist.LoaderName, loader); err != nil {
		return err
	}
	if err := b.add(dist.APIName, module); err != nil {
		return err
	}
	manifest := dist.Manifest{Inputs: inputs, Wasm: names.wasm, Integrity: names.integrity, Loader: hash(loader), API: hash(module), Go: tools.version}
	if err := b.finish(manifest); err != nil {
		return err
	}
	b.print(os.Stdout)
	fmt.Printf("wasm: built in %.0f s\n", time.Since(began).Seconds())
	return nil
}

// upToDate reports whether a complete build of these inputs is there.
func upToDate(dir, inputs string) bool {
	manifest, err := readManifest(dir)
	if err != nil || manifest.Inputs != inputs {
		return false
	}
	_, err = dist.LoadFS(os.DirFS(dir))
	return err == nil
}

func readManifest(dir string) (dist.Manifest, error) {
	var manifest dist.Manifest
	text, err := os.ReadFile(filepath.Join(dir, dist.ManifestName))
	if errors.Is(err, fs.ErrNotExist) {
		return manifest, dist.ErrNotBuilt
	}
	if err != nil {
		return manifest, err
	}
	return manifest, decode(text, &manifest)
}
