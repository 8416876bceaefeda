package texts

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"net/http"
	"path"
	"strconv"
	"strings"
)

// file is one language as browsers fetch it. The hash is short, because every page carries it: it only tells versions of one file apart.
type file struct {
	hash  string
	plain []byte
	gzip  []byte
}

// newFile has the texts of the agent and the loader, and not those of the pages, which no script needs.
func newFile(l *Language) (file, error) {
	fields := map[Key]string{"language": l.name, "direction": l.direction}
	maps.Copy(fields, l.texts)
	maps.DeleteFunc(fields, func(key Key, _ string) bool { return strings.HasPrefix(string(key), pagePrefix) })
	var plain bytes.Buffer
	out := json.NewEncoder(&plain)
	out.SetEscapeHTML(false)
	if err := out.Encode(fields); err != nil {
		return file{}, err
	}
	var packed bytes.Buffer
	z, err := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	if err != nil {
		return file{}, err
	}
	if _, err := z.Write(plain.Bytes()); err != nil {
		return file{}, err
	}
	if err := z.Close(); err != nil {
		return file{}, err
	}
	sum := sha256.Sum256(plain.Bytes())
	return file{hash: hex.EncodeToString(sum[:4]), plain: plain.Bytes(), gzip: packed.Bytes()}, nil
}

// Names maps the lower-case tag of each language to the name of its file. The embedded English has none, because the agent has it
// already. The caller may change the map.
func (c *Catalog) Names() map[string]string { return maps.Clone(c.names) }

// ServeHTTP answers GET and HEAD for a language's file, by the name that ends the address, and anything else with 404: a name has the
// hash of what is in the file, so that browsers may keep it for good.
func (c *Catalog) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	f, ok := c.files[path.Base(r.URL.Path)]
	if !ok {
		h.Set("Cache-Control", "no-store")
		http.Error(w, "no such version of these texts; reload the page", http.StatusNotFound)
		return
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		h.Set("Allow", "GET, HEAD")
		http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
		return
	}
	h.Set("Content-Type", "application/json")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	h.Set("Vary", "Accept-Encoding")
	data := f.plain
	if acceptsGzip(r.Header.Values("Accept-Encoding")) {
		h.Set("Content-Encoding", "gzip")
		data = f.gzip
	}
	h.Set("Content-Length", strconv.Itoa(len(data)))
	if r.Method == http.MethodGet {
		_, _ = w.Write(data) // a client that went away is no concern here
	}
}

// acceptsGzip reads as much of Accept-Encoding as browsers use (RFC 9110 section 12.5.3).
func acceptsGzip(values []string) bool {
	for _, item := range strings.Split(strings.Join(values, ","), ",") {
		coding, parameters, _ := strings.Cut(item, ";")
		if !strings.EqualFold(strings.TrimSpace(coding), "gzip") {
			continue
		}
		weight, ok := strings.CutPrefix(strings.ToLower(strings.ReplaceAll(parameters, " ", "")), "q=")
		q, err := strconv.ParseFloat(weight, 64)
		return !ok || err == nil && q > 0
	}
	return false
}
