//go:build unix

package keyring

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

const asNobody = "CURFEW_KEYRING_AS_NOBODY"

// A process that is not root runs in a copy of the test: who is root reads everything.
func TestMain(m *testing.M) {
	path := os.Getenv(asNobody)
	if path == "" {
		os.Exit(m.Run())
	}
	const nobody = 65534
	err := errors.Join(syscall.Setgroups(nil), syscall.Setgid(nobody), syscall.Setuid(nobody))
	if err == nil {
		var info os.FileInfo
		if info, err = os.Stat(path); err == nil {
			err = ownedByUs(info, path)
		}
	}
	fmt.Print(err)
}

func TestKeyFileBelongsToWhoReadsIt(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can give files away; whose a file is that this user made is tested everywhere else")
	}
	dir, err := os.MkdirTemp("", "keys")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "keys")
	if _, err := LoadFile(path, rand.Reader, rotated); err != nil {
		t.Fatal(err)
	}
	const nobody, somebody = 65534, 65533
	for owner, want := range map[int]string{nobody: "<nil>", 0: "<nil>", somebody: "belongs to user 65533; allowed: 65534, who runs this, or root"} {
		if err := os.Chown(path, owner, owner); err != nil {
			t.Fatal(err)
		}
		child := exec.Command(os.Args[0])
		child.Env = append(os.Environ(), asNobody+"="+path)
		if said, err := child.CombinedOutput(); err != nil || !strings.HasSuffix(string(said), want) {
			t.Errorf("of user %d: %s, %v; want %s", owner, said, err, want)
		}
		if _, err := LoadFile(path, rand.Reader, rotated); err != nil {
			t.Errorf("root cannot read what is of user %d: %v", owner, err)
		}
	}
}
