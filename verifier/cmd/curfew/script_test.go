package main

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/curfew-project/curfew/examples/demo/provider"
	"github.com/curfew-project/curfew/shared/deadline"
	"github.com/curfew-project/curfew/shared/policy"
	"github.com/curfew-project/curfew/verifier/server"
	"github.com/curfew-project/curfew/verifier/session"
	"github.com/curfew-project/curfew/verifier/store/embedded"
)

// scriptCommands are what the scripts can say besides running commands.
func scriptCommands() map[string]func(ts *testscript.TestScript, neg bool, args []string) {
	return map[string]func(*testscript.TestScript, bool, []string){
		"provider":   startProvider,
		"fill":       fillFile,
		"serving":    awaitServing,
		"until-said": awaitSaid,
		"signed-in":  signedIn,
		"tamper":     tamper,
	}
}

// startProvider runs an identity provider until the script ends. ISSUER is its address.
func startProvider(ts *testscript.TestScript, _ bool, _ []string) {
	server := httptest.NewUnstartedServer(nil)
	issuer := "http://" + server.Listener.Addr().String()
	p, err := provider.New(provider.Config{
		Issuer: issuer, Now: time.Now,
		Clients: []provider.Client{{ID: "records", RedirectURIs: []string{"http://localhost:8999/.curfew/callback"}}},
		Users:   []provider.User{{Name: "amara", Password: "only for this test"}},
	})
	ts.Check(err)
	server.Config.Handler = p
	server.Start()
	ts.Defer(server.Close)
	ts.Setenv("ISSUER", issuer)
}

// fillFile puts the script's variables into a file, where it has them as ${NAME}.
func fillFile(ts *testscript.TestScript, _ bool, args []string) {
	for _, name := range args {
		text := os.Expand(ts.ReadFile(name), ts.Getenv)
		ts.Check(os.WriteFile(ts.MkAbs(name), []byte(text), 0o600))
	}
}

// awaitServing waits until a verifier says in its log, a file, that it serves. OPERATOR is its operator's listener.
func awaitServing(ts *testscript.TestScript, _ bool, args []string) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for look := time.NewTicker(20 * time.Millisecond); ; {
		text, err := os.ReadFile(ts.MkAbs(args[0]))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			ts.Fatalf("%v", err)
		}
		for _, line := range strings.Split(string(text), "\n") {
			if strings.HasPrefix(line, "Error:") {
				ts.Fatalf("the verifier does not serve:\n%s", text)
			}
			var said struct {
				Msg      string `json:"msg"`
				Operator string `json:"operator_listen"`
			}
			if json.Unmarshal([]byte(line), &said) == nil && said.Msg == "serving" {
				ts.Setenv("OPERATOR", said.Operator)
				return
			}
		}
		select {
		case <-ctx.Done():
			ts.Fatalf("no verifier serves:\n%s", text)
		case <-look.C:
		}
	}
}

// awaitSaid waits until a verifier's log, a file, has an event.
func awaitSaid(ts *testscript.TestScript, _ bool, args []string) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for look := time.NewTicker(20 * time.Millisecond); ; {
		text := ts.ReadFile(args[0])
		if strings.Contains(text, `"msg":"`+args[1]+`"`) {
			return
		}
		select {
		case <-ctx.Done():
			ts.Fatalf("nobody said %s:\n%s", args[1], text)
		case <-look.C:
		}
	}
}

// signedIn puts living sessions of some subjects into the data of a verifier that does not run: DATA ENVIRONMENT SUBJECT…
func signedIn(ts *testscript.TestScript, _ bool, args []string) {
	data, environment := ts.MkAbs(args[0]), args[1]
	ts.Check(os.MkdirAll(data, 0o700))
	store, err := embedded.Open(context.Background(), filepath.Join(data, "sessions.db"), embedded.Options{})
	ts.Check(err)
	now := time.Now().UnixMilli()
	for i, subject := range args[2:] {
		id, err := session.NewID(bytes.NewReader([]byte(fmt.Sprintf("%-16s", environment[:1]+subject+fmt.Sprint(i)))))
		ts.Check(err)
		ts.Check(store.Create(context.Background(), session.Session{
			ID: id, User: session.User{Environment: environment, Issuer: ts.Getenv("ISSUER"), Subject: subject}, Name: "Name of " + subject,
			Key: session.Thumbprint{byte(i)}, AuthTime: now / 1000, Check: session.Check{At: now / 1000 * 1000, Next: now/1000*1000 + time.Hour.Milliseconds()},
			State: deadline.Begin(policy.Defaults(), now),
		}, "", now))
		ts.Setenv("SESSION_"+subject, id.String())
	}
	ts.Check(store.Close())
}

// tamper changes the ledger in the data of a verifier that does not run, as somebody can who may write the file: DATA SQL.
func tamper(ts *testscript.TestScript, _ bool, args []string) {
	db, err := sql.Open("sqlite", filepath.Join(ts.MkAbs(args[0]), server.LedgerFile))
	ts.Check(err)
	_, err = db.Exec("DROP TRIGGER entries_stay; " + args[1])
	ts.Check(errors.Join(err, db.Close()))
}
