//go:build linux

package main

import (
	"fmt"
	mathrand "math/rand/v2"
	"os"
	"os/exec"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/curfew-project/curfew/verifier/store/redistest"
	"github.com/curfew-project/curfew/wasm/needs"
)

// network is a network of its own, as the kernel keeps several: nothing is in it but its own loopback and what is put there. It has no
// name, so it is gone with whoever is in it, however that ends. nil is the computer's own.
type network struct{ file *os.File }

func newNetwork(t *testing.T) *network {
	t.Helper()
	n := &network{}
	made := make(chan error)
	go func() {
		runtime.LockOSThread() // for good: the thread ends with this goroutine, and nobody else comes to be in its network
		err := unix.Unshare(unix.CLONE_NEWNET)
		if err == nil {
			n.file, err = os.Open("/proc/thread-self/ns/net")
		}
		made <- err
	}()
	if err := <-made; err != nil {
		needs.Lack(t, fmt.Errorf("a network namespace cannot be made: %w", err), "run this test as root, with CAP_NET_ADMIN and CAP_SYS_ADMIN")
	}
	t.Cleanup(func() { n.file.Close() })
	n.run(t, "link", "set", "lo", "up")
	return n
}

// do does something in this network: sockets and processes that it makes are in there, and stay. Goroutines that it starts are not.
func (n *network) do(something func()) {
	if n == nil {
		something()
		return
	}
	runtime.LockOSThread()
	home, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		panic(err)
	}
	defer home.Close()
	if err := unix.Setns(int(n.file.Fd()), unix.CLONE_NEWNET); err != nil {
		panic(err)
	}
	something() // a test that ends in there takes the thread with it, because that stays locked
	if err := unix.Setns(int(home.Fd()), unix.CLONE_NEWNET); err != nil {
		panic(err)
	}
	runtime.UnlockOSThread()
}

// run runs ip(8) in this network.
func (n *network) run(t testing.TB, args ...string) {
	t.Helper()
	n.runWith(t, nil, args...)
}

// runWith is run with an open file, which is /proc/self/fd/3 for it.
func (n *network) runWith(t testing.TB, third *os.File, args ...string) {
	t.Helper()
	command := exec.Command(needs.Program(t, "install iproute2, or run make tools", "ip", "/usr/sbin/ip"), args...)
	if third != nil {
		command.ExtraFiles = []*os.File{third}
	}
	n.do(func() {
		if text, err := command.CombinedOutput(); err != nil {
			t.Fatalf("ip %v: %v: %s", args, err, text)
		}
	})
}

// link is what a cable is called at both ends, and farAddress where the far one is.
const link, farAddress = "cable", "10.0.0.2"

// joined are two networks with a cable between them.
func joined(t *testing.T) (near, far *network) {
	near, far = newNetwork(t), newNetwork(t)
	near.runWith(t, far.file, "link", "add", link, "type", "veth", "peer", "name", link, "netns", "/proc/self/fd/3")
	for n, address := range map[*network]string{near: "10.0.0.1/30", far: farAddress + "/30"} {
		n.run(t, "address", "add", address, "dev", link)
		n.run(t, "link", "set", link, "up")
	}
	return near, far
}

// redisFarAway is a Redis on another network than the verifier's, with a cable between them.
func redisFarAway(t *testing.T) *redisWorld {
	w := &redisWorld{}
	w.around, w.far = joined(t)
	w.far.do(func() { w.server = redistest.Start(t, "--bind", "*", "--protected-mode", "no") })
	w.config = fmt.Sprintf("store: {redis: {addresses: [\"%s:%d\"], timeout: 1s, lease: 1s}}\n", farAddress, w.server.Port)
	return w
}

// partitioned takes the cable off at Redis's end: what is sent is lost, and neither end is told.
func partitioned(l *load, _ *mathrand.Rand) (time.Time, func() error, error) {
	hit := time.Now()
	l.redis.far.run(l.t, "link", "set", link, "down")
	err := l.suffer(12)
	return hit, func() error { l.redis.far.run(l.t, "link", "set", link, "up"); return nil }, err
}
