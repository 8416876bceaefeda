package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/curfew-project/curfew/wasm/needs"
)

// service is a verifier in a process of its own, with a supervisor that listens to it.
type service struct {
	*testing.T
	dir   string
	boss  *net.UnixConn
	cmd   *exec.Cmd
	log   *bytes.Buffer // read it after the process has ended
	ended chan error
}

const serviceConfig = `
listen: unix:%[1]s/public.sock
operator_listen: unix:%[1]s/operator.sock
operator_tls: {cert_file: %[1]s/op.pem, key_file: %[1]s/op.key}
data: %[1]s/data
admin: {socket: "off"}
stop_timeout: 30s
environments:
  - {id: records, origin: "http://localhost:8999", provider: {issuer: "http://127.0.0.1:1", client_id: c}}
`

func startService(t *testing.T) *service {
	t.Helper()
	dir, err := os.MkdirTemp("", "curfew") // short: sockets have short paths
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	s := &service{T: t, dir: dir, log: &bytes.Buffer{}, ended: make(chan error, 1)}
	s.certificate("first.example")
	if err := os.WriteFile(s.at("curfew.yaml"), fmt.Appendf(nil, serviceConfig, dir), 0o600); err != nil {
		t.Fatal(err)
	}
	if s.boss, err = net.ListenUnixgram("unixgram", &net.UnixAddr{Name: s.at("notify"), Net: "unixgram"}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.boss.Close() })
	s.cmd = exec.Command("curfew", "serve", "--config", s.at("curfew.yaml"))
	s.cmd.Env = append(os.Environ(), "NOTIFY_SOCKET="+s.at("notify"), "WATCHDOG_USEC=400000")
	s.cmd.Stderr = s.log
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { s.ended <- s.cmd.Wait() }()
	t.Cleanup(func() { s.cmd.Process.Kill() })
	s.hears("READY=1")
	return s
}

func (s *service) at(name string) string { return filepath.Join(s.dir, name) }

// hears waits until the supervisor is told something.
func (s *service) hears(what string) {
	s.Helper()
	text := make([]byte, 4096)
	s.boss.SetReadDeadline(time.Now().Add(time.Minute))
	for {
		n, err := s.boss.Read(text)
		if err != nil {
			s.Fatalf("the supervisor does not hear %s: %v", what, err)
		}
		for _, line := range strings.Split(string(text[:n]), "\n") {
			if line == what {
				return
			}
		}
	}
}

func (s *service) signal(which syscall.Signal) {
	s.Helper()
	if err := s.cmd.Process.Signal(which); err != nil {
		s.Fatal(err)
	}
}

// certificate puts one in the place that the configuration names.
func (s *service) certificate(name string) {
	s.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		s.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: time.Unix(0, 0), NotAfter: time.Unix(4102444800, 0)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		s.Fatal(err)
	}
	raw, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		s.Fatal(err)
	}
	s.write("op.pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	s.write("op.key", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw}))
}

func (s *service) write(name string, text []byte) {
	s.Helper()
	if err := os.WriteFile(s.at(name), text, 0o600); err != nil {
		s.Fatal(err)
	}
}

// ask asks on a new connection of the operator's listener; name is whose certificate it shows.
func (s *service) ask(path string) (status int, text, name string, err error) {
	transport := &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, // the test looks at it itself
		DialContext: func(context.Context, string, string) (net.Conn, error) {
			return net.Dial("unix", s.at("operator.sock"))
		}}
	answer, err := (&http.Client{Transport: transport, Timeout: time.Minute}).Get("https://operator" + path)
	if err != nil {
		return 0, "", "", err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	return answer.StatusCode, string(body), answer.TLS.PeerCertificates[0].Subject.CommonName, err
}

// C6: systemd is told when the verifier is ready, alive, reloads and stops; certificates are exchanged while it runs, and one that does not
// fit is refused.
func TestC6_AServiceUnderASupervisor(t *testing.T) {
	t.Parallel()
	s := startService(t)
	s.hears("WATCHDOG=1")
	if status, text, name, err := s.ask("/readyz"); status != 200 || name != "first.example" || err != nil {
		t.Fatalf("readyz: %d %q from %q, %v", status, text, name, err)
	}
	s.certificate("second.example")
	s.signal(syscall.SIGHUP)
	s.hears("RELOADING=1")
	s.hears("READY=1")
	if _, _, name, err := s.ask("/healthz"); name != "second.example" || err != nil {
		t.Errorf("after a reload the certificate is of %q, %v", name, err)
	}
	s.write("op.key", []byte("none"))
	s.signal(syscall.SIGHUP)
	s.hears("RELOADING=1")
	s.hears("READY=1")
	status, text, name, err := s.ask("/metrics")
	if status != 200 || name != "second.example" || err != nil {
		t.Errorf("with a key that does not fit: %d from %q, %v", status, name, err)
	}
	for _, want := range []string{`curfew_tls_certificate_expiry_timestamp_seconds{listener="operator"} 4.1024448e+09`, `curfew_config_last_load_successful 0`} {
		if !strings.Contains(text, want) {
			t.Errorf("the metrics do not have %s", want)
		}
	}
	s.signal(syscall.SIGTERM)
	s.hears("STOPPING=1")
	if err := <-s.ended; err != nil {
		t.Errorf("it ended with %v:\n%s", err, s.log)
	}
}

// slow is a request that is under way until finish: the verifier waits for its body.
func (s *service) slow() net.Conn {
	s.Helper()
	connection, err := net.Dial("unix", s.at("public.sock"))
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() { connection.Close() })
	io.WriteString(connection, "POST /.curfew/heartbeat HTTP/1.1\r\nHost: localhost:8999\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n")
	connection.SetReadDeadline(time.Now().Add(time.Minute))
	text := make([]byte, 25)
	if _, err := io.ReadFull(connection, text); err != nil || string(text) != "HTTP/1.1 100 Continue\r\n\r\n" {
		s.Fatalf("%q, %v", text, err)
	}
	return connection
}

// P7: who is told to stop is ready no more at once, takes nothing on, and finishes what is under way.
func TestP7_AGracefulStop(t *testing.T) {
	t.Parallel()
	s := startService(t)
	under := s.slow()
	s.signal(syscall.SIGTERM)
	s.hears("STOPPING=1")
	if status, text, _, err := s.ask("/readyz"); status != 503 || text != "stopping\n" || err != nil {
		t.Errorf("readyz: %d %q, %v", status, text, err)
	}
	needs.Until(t, "nothing more is taken on", func() bool {
		connection, err := net.Dial("unix", s.at("public.sock"))
		if err == nil {
			connection.Close()
		}
		return err != nil
	})
	io.WriteString(under, "x")
	answer, err := io.ReadAll(under)
	if err != nil || !strings.HasPrefix(string(answer), "HTTP/1.1 400") || !strings.Contains(string(answer), "a heartbeat has no body") {
		t.Errorf("the request under way: %q, %v", answer, err)
	}
	if err := <-s.ended; err != nil {
		t.Errorf("it ended with %v:\n%s", err, s.log)
	}
}

// A second signal waits for nothing, and the exit status says that something was cut off.
func TestP7_ASecondSignalStopsAtOnce(t *testing.T) {
	t.Parallel()
	s := startService(t)
	s.slow()
	s.signal(syscall.SIGTERM)
	s.hears("STOPPING=1")
	s.signal(syscall.SIGTERM)
	err := <-s.ended
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 1 || !strings.Contains(s.log.String(), "requests under way were cut off") || !strings.Contains(s.log.String(), `"msg":"stopped"`) {
		t.Errorf("it ended with %v:\n%s", err, s.log)
	}
}
