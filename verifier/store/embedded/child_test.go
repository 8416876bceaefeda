package embedded_test

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// Some tests need a process of their own: to be killed, to meet the limits of a system, to be nobody. The test binary runs
// itself again with this variable naming the part to play.
const role = "CURFEW_STORE_TEST_ROLE"

func TestMain(m *testing.M) {
	play, known := map[string]func(dir string) error{
		"load": playLoad, "full": playFull, "full while opening": playFullWhileOpening, "closing while full": playClosingWhileFull,
		"activity while full": playActivityWhileFull, "nobody": playNobody,
		"secrets while full": playSecretsWhileFull, "nothing while full": playNothingWhileFull, "full while upgrading": playFullWhileUpgrading,
	}[os.Getenv(role)]
	if !known {
		os.Exit(m.Run())
	}
	if err := play(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func child(t *testing.T, part, dir string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), self, dir)
	command.Env = append(os.Environ(), role+"="+part)
	return command
}

// plays runs a part to its end and reports what it found wrong.
func plays(t *testing.T, part, dir string) {
	t.Helper()
	if out, err := child(t, part, dir).CombinedOutput(); err != nil {
		t.Fatalf("as %q: %v\n%s", part, err, strings.TrimSpace(string(out)))
	}
}
