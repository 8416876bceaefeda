package dist

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
)

// Encodings are the compressed forms that are built, the best first, with the ending of their files.
var Encodings = [...]struct{ Name, Ending string }{{"br", ".br"}, {"zstd", ".zst"}, {"gzip", ".gz"}}

// asset is one file in all its forms.
type asset struct {
	kind    string // Content-Type
	plain   []byte
	sum     [sha256.Size]byte // of plain
	encoded map[string][]byte // by the encoding's name
}

func loadAsset(build fs.FS, name, kind string) (asset, error) {
	if !fs.ValidPath(name) {
		return asset{}, fmt.Errorf("%w: %s names no file", ErrDamaged, ManifestName)
	}
	read := func(name string) ([]byte, error) {
		data, err := fs.ReadFile(build, name)
		if errors.Is(err, fs.ErrNotExist) || (err == nil && len(data) == 0) {
			return nil, fmt.Errorf("%w: %s is missing", ErrDamaged, name)
		}
		return data, err
	}
	plain, err := read(name)
	if err != nil {
		return asset{}, err
	}
	a := newAsset(kind, plain)
	for _, encoding := range Encodings {
		if a.encoded[encoding.Name], err = read(name + encoding.Ending); err != nil {
			return asset{}, err
		}
	}
	return a, nil
}

func newAsset(kind string, plain []byte) asset {
	return asset{kind: kind, plain: plain, sum: sha256.Sum256(plain), encoded: map[string][]byte{}}
}

// choose returns the form that an Accept-Encoding header likes best, and its name, which is empty for the plain one.
func (a *asset) choose(accept string) (string, []byte) {
	quality := parseAccept(accept)
	best, name, data := quality.of("identity"), "", a.plain
	for _, encoding := range Encodings {
		form, ok := a.encoded[encoding.Name]
		// Among equals the first one wins, and every compressed form before the plain one.
		if q := quality.of(encoding.Name); ok && q > 0 && (q > best || (q == best && name == "")) {
			best, name, data = q, encoding.Name, form
		}
	}
	return name, data
}

// tag is the strong validator of a form (RFC 9110 section 8.8.3): every form has its own.
func (a *asset) tag(encoding string) string {
	tag := hex.EncodeToString(a.sum[:12])
	if encoding != "" {
		tag += "-" + encoding
	}
	return `"` + tag + `"`
}
