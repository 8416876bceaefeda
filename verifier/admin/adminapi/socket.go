package adminapi

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"strconv"
	"syscall"

	"github.com/curfew-project/curfew/verifier/admin"
)

// maxSocketPath is the longest path that a socket can have on every system (Linux allows 107 bytes, others 103).
const maxSocketPath = 103

// ErrInUse is in the tree of the error of ListenSocket when somebody answers at the path already.
var ErrInUse = errors.New("another process answers there")

// ListenSocket listens on a unix socket that only its owner, and root, may use. A socket that was left behind is replaced; one where
// somebody answers, and anything that is no socket, is not.
func ListenSocket(path string) (net.Listener, error) { return ListenUnix(path, 0o600) }

// ListenUnix is ListenSocket for a socket that others may use too, by its mode.
func ListenUnix(path string, mode fs.FileMode) (net.Listener, error) {
	if len(path) > maxSocketPath {
		return nil, fmt.Errorf("socket %s: the path has %d bytes; allowed: up to %d", path, len(path), maxSocketPath)
	}
	if err := removeStale(path); err != nil {
		return nil, fmt.Errorf("socket %s: %w", path, err)
	}
	config := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) error { return ownerOnly(raw) }}
	listener, err := config.Listen(context.Background(), "unix", path)
	if err != nil {
		return nil, fmt.Errorf("socket %s: %w", path, err)
	}
	if err := os.Chmod(path, mode); err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	return listener, nil
}

// removeStale removes a socket where nobody answers.
func removeStale(path string) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case info.Mode().Type() != fs.ModeSocket:
		return errors.New("there is something else that is no socket; remove it, or choose another path")
	}
	connection, err := net.Dial("unix", path)
	switch {
	case err == nil:
		connection.Close()
		return ErrInUse
	case !errors.Is(err, syscall.ECONNREFUSED):
		return err
	}
	return os.Remove(path)
}

type peerKey struct{}

// peer is who is at the other end of a socket.
type peer struct {
	uid   int
	known bool // the system tells
}

// ConnContext is for the http.Server of a socket's listener: it notes who is at the other end.
func ConnContext(ctx context.Context, connection net.Conn) context.Context {
	local, ok := connection.(*net.UnixConn)
	if !ok {
		return ctx
	}
	who, err := peerOf(local)
	if err != nil {
		return ctx
	}
	return context.WithValue(ctx, peerKey{}, who)
}

// SocketActor says who made a request over a socket. That is root or the user that the verifier runs as, who may do everything; ok is
// false for anybody else, and for a request that came another way.
func SocketActor(r *http.Request) (who admin.Actor, ok bool) {
	from, ok := r.Context().Value(peerKey{}).(peer)
	if !ok {
		return admin.Actor{}, false
	}
	return from.actor(os.Geteuid())
}

// actor is who is at the other end, when the verifier runs as own.
func (p peer) actor(own int) (who admin.Actor, ok bool) {
	switch {
	case !p.known:
		return admin.Actor{Name: "local user (socket)", All: true}, true // the socket's mode lets nobody else in
	case p.uid != 0 && p.uid != own:
		return admin.Actor{}, false
	}
	return admin.Actor{Name: "uid " + strconv.Itoa(p.uid) + " (socket)", All: true}, true
}
