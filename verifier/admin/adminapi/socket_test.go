package adminapi_test

import (
	"crypto/sha256"
	"errors"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/curfew-project/curfew/verifier/admin"
	"github.com/curfew-project/curfew/verifier/admin/adminapi"
)

// C6: whoever may open the socket administers everything, and is named in the history.
func TestC6_TheSocketsPeerIsTheActor(t *testing.T) {
	w := newWorld(t)
	path := filepath.Join(t.TempDir(), "curfew.sock")
	listener, err := adminapi.ListenSocket(path)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	server := &http.Server{Handler: adminapi.New(w.admin, adminapi.SocketActor, nil, slog.New(slog.DiscardHandler)), ConnContext: adminapi.ConnContext}
	go server.Serve(listener)
	defer server.Close()
	client := adminapi.DialSocket(path)
	name := "Records"
	if _, err := client.Change(t.Context(), "clinic", 1, admin.Edit{Name: &name}, false); err != nil {
		t.Fatal(err)
	}
	env, err := client.Environment(t.Context(), "clinic")
	want := "uid " + strconv.Itoa(os.Getuid()) + " (socket)"
	if runtime.GOOS != "linux" {
		want = "local user (socket)"
	}
	if err != nil || env.ChangedBy != want {
		t.Errorf("%+v, %v", env, err)
	}
	// The same over TCP is nobody's.
	tcp := httptest.NewUnstartedServer(adminapi.New(w.admin, adminapi.SocketActor, nil, slog.New(slog.DiscardHandler)))
	tcp.Config.ConnContext = adminapi.ConnContext
	tcp.Start()
	defer tcp.Close()
	over, err := adminapi.Dial(tcp.URL, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	var refused *admin.Error
	if _, err := over.Environments(t.Context()); !errors.As(err, &refused) || refused.Code != adminapi.Unauthorized {
		t.Errorf("over TCP: %v", err)
	}
}

// Only root and the verifier's own user get in, even where the socket's mode was loosened.
func TestC6_TheSocketIsForItsOwnerOnly(t *testing.T) {
	for _, try := range []struct {
		known    bool
		uid, own int
		ok       bool
		name     string
	}{
		{true, 0, 990, true, "uid 0 (socket)"},
		{true, 990, 990, true, "uid 990 (socket)"},
		{true, 991, 990, false, ""},
		{true, 65534, 0, false, ""},
		{false, 0, 990, true, "local user (socket)"},
	} {
		if who, ok := adminapi.PeerActor(try.known, try.uid, try.own); ok != try.ok || who.Name != try.name || who.All != try.ok {
			t.Errorf("%+v: %+v, %t", try, who, ok)
		}
	}
}

func TestListenSocketReplacesOnlyWhatWasLeftBehind(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "curfew.sock")
	left, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := adminapi.ListenSocket(path); !errors.Is(err, adminapi.ErrInUse) || !strings.Contains(err.Error(), path) {
		t.Errorf("while somebody answers: %v", err)
	}
	left.SetUnlinkOnClose(false)
	left.Close()
	if _, err := os.Lstat(path); err != nil {
		t.Fatalf("nothing was left behind: %v", err)
	}
	again, err := adminapi.ListenSocket(path)
	if err != nil {
		t.Fatal(err)
	}
	again.Close()
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a socket stays when its listener is closed: %v", err)
	}

	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := adminapi.ListenSocket(file); err == nil || !strings.Contains(err.Error(), "no socket") {
		t.Errorf("over a file: %v", err)
	}
	if text, err := os.ReadFile(file); err != nil || string(text) != "mine" {
		t.Errorf("%q, %v", text, err)
	}
	if _, err := adminapi.ListenSocket(filepath.Join(dir, strings.Repeat("x", 100))); err == nil || !strings.Contains(err.Error(), "allowed: up to 103") {
		t.Errorf("a long path: %v", err)
	}
	if _, err := adminapi.ListenSocket(filepath.Join(dir, "none", "x")); err == nil {
		t.Error("a folder that is not there")
	}
}

func TestTokens(t *testing.T) {
	tokens := adminapi.Tokens{
		{Name: "deploy", SecretHash: sha256.Sum256([]byte("one"))},
		{Name: "clinic", SecretHash: sha256.Sum256([]byte("two")), Environments: []string{"clinic"}},
		{Name: "nothing", SecretHash: sha256.Sum256([]byte("three")), Environments: []string{}},
	}
	for given, want := range map[string]string{
		"Bearer one": "deploy (token)", "bearer two": "clinic (token)", "Bearer three": "nothing (token)",
		"": "", "Bearer": "", "Bearer ": "", "Bearer  one": "", "Bearer one ": "", "Bearer four": "", "one": "", "Basic one": "", "DPoP one": "",
	} {
		r := httptest.NewRequest("GET", "/", nil)
		if given != "" {
			r.Header.Set("Authorization", given)
		}
		who, ok := tokens.Authenticate(r)
		if who.Name != want || ok != (want != "") {
			t.Errorf("%q: %+v, %t", given, who, ok)
		}
		if who.All != (want == "deploy (token)") || who.May("clinic") != (want == "deploy (token)" || want == "clinic (token)") || who.May("bank") != who.All {
			t.Errorf("%q: %+v", given, who)
		}
	}
	twice := httptest.NewRequest("GET", "/", nil)
	twice.Header["Authorization"] = []string{"Bearer one", "Bearer one"}
	if _, ok := tokens.Authenticate(twice); ok {
		t.Error("two tokens at once")
	}
	if _, ok := (adminapi.Tokens)(nil).Authenticate(httptest.NewRequest("GET", "/", nil)); ok {
		t.Error("no tokens at all")
	}
}
