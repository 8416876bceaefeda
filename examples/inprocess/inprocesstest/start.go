// Package inprocesstest starts an example on two free ports for a test.
package inprocesstest

import (
	"context"
	"crypto/rand"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/curfew-project/curfew/examples/inprocess"
)

// Start starts an example and stops it at the end of the test. The test's clock and log are its; around, if there is one, is put
// around the application.
func Start(t testing.TB, now func() time.Time, log *slog.Logger, around func(http.Handler) http.Handler, start func(inprocess.Options) (inprocess.Example, error)) {
	t.Helper()
	app, login := listen(t), listen(t)
	e, err := start(inprocess.Options{
		AppPort: inprocess.PortOf(app), LoginPort: inprocess.PortOf(login), Data: t.TempDir(), Now: now, Random: rand.Reader, Log: log,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Verifier.Close() })
	if around != nil {
		e.App = around(e.App)
	}
	serve(t, app, e.App)
	serve(t, login, e.Login)
	ctx, stop := context.WithCancel(context.Background())
	t.Cleanup(stop)
	go e.Verifier.Run(ctx)
}

func listen(t testing.TB) net.Listener {
	t.Helper()
	l, err := inprocess.Listen(0)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func serve(t testing.TB, l net.Listener, handler http.Handler) {
	server := httptest.NewUnstartedServer(handler)
	server.Listener.Close()
	server.Listener = l
	server.Start()
	t.Cleanup(server.Close)
}
