package systemd

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/curfew-project/curfew/verifier/config"
	"github.com/curfew-project/curfew/wasm/needs"
)

const advice = "install the package systemd"

// unit is the unit's file with a program that is here, because systemd-analyze looks for it.
func unit(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("curfew.service")
	if err != nil {
		t.Fatal(err)
	}
	const program = "/usr/local/bin/curfew"
	if !strings.Contains(string(text), "ExecStart="+program+" serve") {
		t.Fatalf("the unit does not start %s", program)
	}
	path := filepath.Join(t.TempDir(), "curfew.service")
	if err := os.WriteFile(path, []byte(strings.ReplaceAll(string(text), "="+program, "=/bin/true")), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// The unit is one that systemd takes as it is meant: a misspelt key would be a warning only.
func TestTheUnitIsCorrect(t *testing.T) {
	out, err := exec.Command(needs.Program(t, advice, "systemd-analyze"), "verify", "--man=no", unit(t)).CombinedOutput()
	if err != nil || strings.Contains(string(out), "curfew.service") {
		t.Errorf("%v: %s", err, out)
	}
}

// What systemd thinks of its sandbox: 0 is closed, 10 open; a service without one has 9.6.
func TestTheUnitIsConfined(t *testing.T) {
	out, err := exec.Command(needs.Program(t, advice, "systemd-analyze"), "security", "--offline=true", unit(t)).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	found := regexp.MustCompile(`exposure level for curfew.service: ([0-9.]+)`).FindSubmatch(out)
	if found == nil {
		t.Fatalf("it says nothing of the exposure: %s", out)
	}
	if level, err := strconv.ParseFloat(string(found[1]), 64); err != nil || level > 1.5 {
		t.Errorf("the exposure is %s; want 1.5 or less", found[1])
	}
}

// The configuration is one that check-config takes, with its data and its secret where the unit puts them.
func TestTheConfigurationFitsTheUnit(t *testing.T) {
	c, err := config.Load("curfew.yaml")
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile("curfew.service")
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"StateDirectory=" + filepath.Base(c.Data), "LoadCredential=" + filepath.Base(c.Environments[0].Provider.ClientSecretFile) + ":"} {
		if !strings.Contains(string(text), "\n"+line) {
			t.Errorf("the unit has no %s", line)
		}
	}
	if c.Data != "/var/lib/curfew" || filepath.Dir(c.Environments[0].Provider.ClientSecretFile) != "/run/credentials/curfew.service" {
		t.Errorf("data %s, secret %s", c.Data, c.Environments[0].Provider.ClientSecretFile)
	}
}
