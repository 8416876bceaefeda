//go:build !unix

package keyring

import (
	"io/fs"
	"os"
)

func sameOwner(*os.File, string) error { return nil }

func ownedByUs(fs.FileInfo, string) error { return nil }

func syncFolder(string) error { return nil }

func lockFolder(string) (unlock func(), err error) { return func() {}, nil }
