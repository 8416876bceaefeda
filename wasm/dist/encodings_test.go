package dist_test

import (
	"bytes"
	"io"
	"net/http"
	"testing"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// fetch returns the body as it was sent.
func fetch(t *testing.T, url, encoding string) []byte {
	t.Helper()
	request, err := http.NewRequest("GET", url, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Accept-Encoding", encoding)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	if got := response.Header.Get("Content-Encoding"); got != encoding {
		t.Fatalf("%s came as %q, want %q", url, got, encoding)
	}
	return data
}

func decompress(t testing.TB, encoding string, data []byte) []byte {
	t.Helper()
	var from io.Reader
	var err error
	switch encoding {
	case "br":
		from = brotli.NewReader(bytes.NewReader(data))
	case "zstd":
		// What browsers accept at most (RFC 9659).
		from, err = zstd.NewReader(bytes.NewReader(data), zstd.WithDecoderMaxWindow(8<<20))
	case "gzip":
		from, err = gzip.NewReader(bytes.NewReader(data))
	}
	if err != nil {
		t.Fatal(err)
	}
	plain, err := io.ReadAll(from)
	if err != nil {
		t.Fatalf("%s: %v", encoding, err)
	}
	return plain
}
