package keyring

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// LoadFile reads a ring from a file with one secret a line in base64, the current one first; empty lines and lines that
// begin with # are skipped. Where there is no file it makes one with a fresh secret from random, readable by its owner only.
// A file that others can read is refused.
func LoadFile(path string, random io.Reader) (*Ring, error) {
	text, err := readOwn(path)
	if errors.Is(err, fs.ErrNotExist) {
		text, err = createFile(path, random)
	}
	if err != nil {
		return nil, err
	}
	var secrets [][]byte
	for number, line := range strings.Split(string(text), "\n") {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		secret, err := readSecret(path, number, line)
		if err != nil {
			return nil, err
		}
		secrets = append(secrets, secret)
	}
	ring, err := New(secrets...)
	if err != nil {
		return nil, fmt.Errorf("key file %s: %w", path, err)
	}
	return ring, nil
}

// readOwn reads a file that only its owner can read.
func readOwn(path string) ([]byte, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	if info, err := os.Stat(path); err != nil {
		return nil, err
	} else if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("key file %s has mode %#o: others can read it; run chmod 600 %s", path, info.Mode().Perm(), path)
	}
	return text, nil
}

// readSecret reads a line, whose number counts from 0.
func readSecret(path string, number int, line string) ([]byte, error) {
	secret, err := base64.StdEncoding.Strict().DecodeString(line)
	if err != nil || len(secret) != SecretSize {
		return nil, fmt.Errorf("key file %s, line %d: not %d bytes in base64", path, number+1, SecretSize)
	}
	return secret, nil
}

// createFile writes the whole file under another name and links it into place, so that two verifiers that start at once
// agree on one secret and a crash leaves no half of a file.
func createFile(path string, random io.Reader) ([]byte, error) {
	secret, err := NewSecret(random)
	if err != nil {
		return nil, err
	}
	var text bytes.Buffer
	text.WriteString("# Curfew's master secrets, one a line; the first is the current one.\n")
	text.WriteString(base64.StdEncoding.EncodeToString(secret) + "\n")
	temporary, err := os.CreateTemp(filepath.Dir(path), ".curfew-keys-*") // mode 0600
	if err != nil {
		return nil, err
	}
	defer os.Remove(temporary.Name())
	_, err = temporary.Write(text.Bytes())
	err = errors.Join(err, temporary.Sync(), temporary.Close())
	if err != nil {
		return nil, err
	}
	if err := os.Link(temporary.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	return readOwn(path)
}
