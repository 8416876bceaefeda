package curfew_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/curfew-project/curfew/"

// allowed says which of the project's packages each may import, besides itself. "x/..." is x and all below it. The first
// rule whose package matches counts; a package without a rule fails the test.
var allowed = []struct {
	packages string
	imports  []string
}{
	{".", nil},
	{"shared/...", []string{"shared/..."}},

	{"agent/agenttest", []string{"shared/...", "agent", "agent/activity", "agent/cancel", "agent/tabs", "agent/warning"}},
	{"agent/browser/...", []string{"shared/...", "agent/..."}},
	{"agent/activity", []string{"shared/..."}},
	{"agent/cancel", nil},
	{"agent/tabs", []string{"shared/...", "agent/activity"}},
	{"agent/warning", []string{"shared/..."}},
	{"agent", []string{"shared/...", "agent/activity", "agent/cancel", "agent/tabs", "agent/warning"}},

	{"wasm", []string{"shared/...", "agent", "agent/activity", "agent/cancel", "agent/tabs", "agent/warning", "agent/browser/..."}},
	{"wasm/host/...", []string{"wasm/host/..."}},
	{"wasm/simbrowser/...", []string{"shared/...", "wasm/host"}},
	{"wasm/sim/...", []string{"shared/...", "agent/...", "verifier/...", "wasm/host", "wasm/simbrowser"}},
	{"wasm/needs", nil},
	{"wasm/chrome", []string{"wasm/needs"}},
	{"wasm/chrome/axe", []string{"wasm/chrome", "wasm/npm"}},
	{"wasm/firefox", []string{"wasm/needs"}},
	{"wasm/npm", []string{"wasm/needs"}},
	{"wasm/dist", nil},
	{"wasm/dist/figure", nil},
	{"wasm/dist/make", []string{"wasm/dist"}},

	{"verifier/forwarded", nil},
	{"verifier/ratelimit", nil},
	{"verifier/keyring", []string{"shared/..."}},
	{"verifier/texts", nil},
	{"verifier/pages", []string{"verifier/texts"}},
	{"verifier/settings", []string{"shared/...", "verifier/audit"}},
	{"verifier/audit", []string{"shared/..."}},
	{"verifier/provider", []string{"shared/...", "verifier/session"}},
	{"verifier/session", []string{"shared/..."}},
	{"verifier/proofcheck/prooftest", []string{"shared/..."}},
	{"verifier/proofcheck", []string{"shared/...", "verifier/keyring"}},
	{"verifier/store/sqlitefile", nil},
	{"verifier/store/redisconn", nil},
	{"verifier/store/redistest", []string{"wasm/needs"}},
	{"verifier/store/...", []string{"shared/...", "verifier/session", "verifier/settings", "verifier/audit", "verifier/store/storetest", "verifier/store/sqlitefile", "verifier/store/redisconn"}},
	{"verifier/engine", []string{"shared/...", "verifier/session", "verifier/settings", "verifier/audit", "verifier/proofcheck", "verifier/keyring", "verifier/steer"}},
	{"verifier/steer", nil},
	{"verifier/loadtest", []string{"shared/..."}},
	{"verifier/capacity", nil},
	{"verifier/shed", []string{"shared/...", "verifier/api", "verifier/steer"}},
	{"verifier/admin/adminapi", []string{"shared/...", "verifier/admin", "verifier/audit", "verifier/settings", "verifier/session"}},
	{"verifier/admin/admintest", []string{"verifier/admin"}},
	{"verifier/admin", []string{"shared/...", "verifier/engine", "verifier/audit", "verifier/settings", "verifier/session"}},
	{"verifier/console", []string{"shared/...", "verifier/admin", "verifier/audit", "verifier/settings", "verifier/session", "verifier/middleware"}},
	{"verifier/api/apitest", []string{"shared/...", "verifier/proofcheck/prooftest"}},
	{"verifier/api", []string{"shared/...", "verifier/engine", "verifier/session", "verifier/settings", "verifier/steer"}},
	{"verifier/forwardauth", []string{"shared/...", "verifier/api", "verifier/engine", "verifier/session", "verifier/settings"}},
	{"verifier/login/oidctest", []string{"wasm/needs"}},
	{"verifier/login", []string{"shared/...", "verifier/engine", "verifier/provider", "verifier/settings", "verifier/session", "verifier/api", "verifier/pages", "verifier/texts", "verifier/keyring"}},
	{"verifier/services", []string{"shared/...", "verifier/api", "verifier/engine", "verifier/session", "verifier/settings"}},
	{"verifier/middleware", []string{"shared/..."}},
	{"verifier/config", []string{"shared/...", "verifier/settings"}},
	{"verifier/policycheck", []string{"shared/...", "verifier/engine", "verifier/provider", "verifier/session", "verifier/settings"}},
	{"verifier/metrics", []string{"shared/...", "verifier/audit", "verifier/policycheck", "verifier/provider"}},
	{"verifier/storybook", []string{"shared/...", "agent/warning", "verifier/api", "verifier/pages", "verifier/texts", "wasm/dist"}},
	{"verifier/server", []string{"shared/...", "verifier/...", "wasm/dist"}},
	{"verifier/cmd/...", []string{"shared/...", "verifier/...", "wasm/dist"}},

	{"examples/proxied/proxiedtest", []string{"shared/...", "verifier/...", "wasm/needs", "wasm/chrome", "examples/..."}},
	{"examples/...", []string{"shared/...", "verifier/...", "wasm/dist", "examples/..."}},
}

// nobody may import these, whatever a rule says; of an example, only its own parts may. What all examples share is for all of them.
var nobody = []string{"verifier/cmd/...", "wasm/sim/..."}

func matches(pattern, pkg string) bool {
	if base, ok := strings.CutSuffix(pattern, "/..."); ok {
		return pkg == base || strings.HasPrefix(pkg, base+"/")
	}
	return pkg == pattern
}

// imports reads the imports of every file that is no test, whatever its build tags.
func imports(t *testing.T) map[string][]string {
	t.Helper()
	found := map[string][]string{}
	err := filepath.WalkDir(".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && (entry.Name() == "testdata" || entry.Name() == "node_modules" || len(entry.Name()) > 1 && entry.Name()[0] == '.') {
			return fs.SkipDir
		}
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		pkg := path.Dir(filepath.ToSlash(name))
		found[pkg] = append(found[pkg], paths(file.Imports)...)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(found) < 20 {
		t.Fatalf("only %d packages found", len(found))
	}
	return found
}

func paths(specs []*ast.ImportSpec) []string {
	var all []string
	for _, spec := range specs {
		if text, err := strconv.Unquote(spec.Path.Value); err == nil {
			all = append(all, text)
		}
	}
	return all
}

func TestWhoMayImportWhom(t *testing.T) {
	for pkg, list := range imports(t) {
		rule := slices.IndexFunc(allowed, func(r struct {
			packages string
			imports  []string
		}) bool {
			return matches(r.packages, pkg)
		})
		if rule < 0 {
			t.Errorf("%s has no rule in the table above: decide who it may import", pkg)
			continue
		}
		for _, imported := range list {
			if imported == "github.com/hack-pad/safejs" && !matches("agent/browser/...", pkg) {
				t.Errorf("%s imports safejs, which belongs in agent/browser", pkg)
			}
			own, ok := strings.CutPrefix(imported, module)
			if !ok || own == pkg {
				continue
			}
			if !slices.ContainsFunc(allowed[rule].imports, func(pattern string) bool { return matches(pattern, own) }) {
				t.Errorf("%s must not import %s", pkg, own)
			}
			for _, pattern := range nobody {
				if matches(pattern, own) && !matches(pattern, pkg) {
					t.Errorf("%s must not import %s: nobody may", pkg, own)
				}
			}
			if matches("examples/...", own) && own != "examples/demo/provider" && !matches("examples/inprocess/...", own) && !matches("examples/proxied/...", own) && strings.SplitN(own, "/", 3)[1] != strings.SplitN(pkg+"//", "/", 3)[1] {
				t.Errorf("%s must not import %s: it is another's example", pkg, own)
			}
		}
	}
}

// tooHeavy are packages that would be in every page and are not needed there.
var tooHeavy = []string{"encoding/json", "regexp", "net/http", "net/url", "crypto/...", "golang.org/x/text/...", "github.com/golang-jwt/jwt/..."}

func TestThePageStaysLight(t *testing.T) {
	for _, build := range []struct{ os, arch, packages string }{
		{"", "", "./shared/..."},
		{"js", "wasm", "./wasm"},
	} {
		cmd := exec.Command("go", "list", "-deps", build.packages)
		if build.os != "" {
			cmd.Env = append(cmd.Environ(), "GOOS="+build.os, "GOARCH="+build.arch)
		}
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%v: %v", cmd, err)
		}
		for _, pkg := range strings.Fields(string(out)) {
			for _, pattern := range tooHeavy {
				if matches(pattern, pkg) && !strings.HasPrefix(pkg, "crypto/internal") {
					t.Errorf("%s pulls in %s", build.packages, pkg)
				}
			}
		}
	}
}

// Time is an input: below the edge nobody reads a clock, draws a random number or reads the environment.
func TestNobodyReadsTheClockBelowTheEdge(t *testing.T) {
	forbidden := map[string][]string{"time": {"Now", "Since", "Until"}, "os": {"Getenv", "LookupEnv"}}
	for _, root := range []string{"shared", "agent", "verifier/engine", "verifier/session", "verifier/proofcheck", "verifier/store",
		"verifier/api", "verifier/login", "verifier/keyring", "verifier/provider", "verifier/settings", "verifier/audit", "verifier/config", "verifier/middleware", "verifier/services", "verifier/server",
		"verifier/policycheck", "verifier/metrics", "verifier/admin", "verifier/steer", "verifier/shed", "verifier/console", "verifier/store/ledger", "verifier/forwarded", "verifier/ratelimit"} {
		err := filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") || strings.Contains(name, "storetest") || strings.Contains(name, "prooftest") || strings.Contains(name, "oidctest") || strings.Contains(name, "apitest") || strings.Contains(name, "redistest") {
				return err
			}
			set := token.NewFileSet()
			file, err := parser.ParseFile(set, name, nil, 0)
			if err != nil {
				return err
			}
			for _, imported := range paths(file.Imports) {
				if imported == "math/rand" || imported == "math/rand/v2" || imported == "crypto/rand" {
					t.Errorf("%s imports %s: take random bytes as an input", name, imported)
				}
			}
			ast.Inspect(file, func(n ast.Node) bool {
				if call, ok := n.(*ast.SelectorExpr); ok {
					if pkg, ok := call.X.(*ast.Ident); ok && slices.Contains(forbidden[pkg.Name], call.Sel.Name) {
						t.Errorf("%s: %s.%s: take it as an input", set.Position(call.Pos()), pkg.Name, call.Sel.Name)
					}
				}
				return true
			})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}
