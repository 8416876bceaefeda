package main

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"text/tabwriter"

	"github.com/andybalholm/brotli"
	kgzip "github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/curfew-project/curfew/wasm/dist"
)

// build writes the files of one build. Every file appears whole, and the manifest, which makes them a build, comes last.
type build struct {
	dir   string
	files []sizes
	kept  map[string]bool
}

type sizes struct {
	name    string
	plain   int
	encoded []int
}

// add writes a file in all its forms. Forms that are there already are kept: the module's name is its hash.
func (b *build) add(name string, data []byte) error {
	row := sizes{name: name, plain: len(data)}
	old, err := os.ReadFile(filepath.Join(b.dir, name))
	same := err == nil && bytes.Equal(old, data)
	if err := b.write(name, data); err != nil {
		return err
	}
	for _, encoding := range dist.Encodings {
		file := name + encoding.Ending
		if same {
			if form, err := os.ReadFile(filepath.Join(b.dir, file)); err == nil && len(form) > 0 {
				b.keep(file)
				row.encoded = append(row.encoded, len(form))
				continue
			}
		}
		form, err := compress(encoding.Name, data)
		if err != nil {
			return fmt.Errorf("%s as %s: %w", name, encoding.Name, err)
		}
		if err := b.write(file, form); err != nil {
			return err
		}
		row.encoded = append(row.encoded, len(form))
	}
	b.files = append(b.files, row)
	return nil
}

// finish writes the manifest and removes what earlier builds left.
func (b *build) finish(manifest dist.Manifest) error {
	text, err := json.MarshalIndent(manifest, "", "\t")
	if err != nil {
		return err
	}
	if err := b.write(dist.ManifestName, append(text, '\n')); err != nil {
		return err
	}
	entries, err := os.ReadDir(b.dir)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if name := entry.Name(); !b.kept[name] && name != ".keep" {
			if err := os.RemoveAll(filepath.Join(b.dir, name)); err != nil {
				return err
			}
		}
	}
	return nil
}

func (b *build) keep(name string) {
	if b.kept == nil {
		b.kept = map[string]bool{}
	}
	b.kept[name] = true
}

func (b *build) write(name string, data []byte) error {
	b.keep(name)
	path := filepath.Join(b.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(path+".new", data, 0o644); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

func (b *build) print(to io.Writer) {
	table := tabwriter.NewWriter(to, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(table, "bytes\tplain\t")
	for _, encoding := range dist.Encodings {
		fmt.Fprint(table, encoding.Name, "\t")
	}
	fmt.Fprintln(table)
	total := sizes{name: "a page fetches", encoded: make([]int, len(dist.Encodings))}
	for _, row := range b.files {
		if row.name == dist.APIName {
			continue // only pages that import it
		}
		total.plain += row.plain
		for i, n := range row.encoded {
			total.encoded[i] += n
		}
	}
	for _, row := range append(b.files, total) {
		fmt.Fprintf(table, "%s\t%d\t", row.name, row.plain)
		for _, n := range row.encoded {
			fmt.Fprintf(table, "%d\t", n)
		}
		fmt.Fprintln(table)
	}
	_ = table.Flush()
}

// compress compresses as well as the format can, because it happens once and is downloaded often.
func compress(encoding string, data []byte) ([]byte, error) {
	var out bytes.Buffer
	var w io.WriteCloser
	var err error
	switch encoding {
	case "br":
		w = brotli.NewWriterOptions(&out, brotli.WriterOptions{Quality: brotli.BestCompression, LGWin: 24})
	case "zstd":
		// Browsers need not accept a larger window (RFC 9659).
		w, err = zstd.NewWriter(&out, zstd.WithEncoderLevel(zstd.SpeedBestCompression), zstd.WithWindowSize(8<<20), zstd.WithEncoderConcurrency(1))
	case "gzip":
		w, err = kgzip.NewWriterLevel(&out, gzip.BestCompression)
	default:
		err = fmt.Errorf("unknown encoding")
	}
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(data); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

func hash(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

func decode(text []byte, manifest *dist.Manifest) error { return json.Unmarshal(text, manifest) }
