package adminapi

import (
	"net"
	"syscall"
)

// peerOf asks the system who opened the other end of a connection (unix(7), SO_PEERCRED).
func peerOf(connection *net.UnixConn) (peer, error) {
	raw, err := connection.SyscallConn()
	if err != nil {
		return peer{}, err
	}
	var credentials *syscall.Ucred
	var failed error
	err = raw.Control(func(fd uintptr) {
		credentials, failed = syscall.GetsockoptUcred(int(fd), syscall.SOL_SOCKET, syscall.SO_PEERCRED)
	})
	if err != nil {
		return peer{}, err
	}
	if failed != nil {
		return peer{}, failed
	}
	return peer{uid: int(credentials.Uid), known: true}, nil
}

// ownerOnly gives a socket its mode before it has a path, so that it is never there with another one.
func ownerOnly(raw syscall.RawConn) error {
	var failed error
	if err := raw.Control(func(fd uintptr) { failed = syscall.Fchmod(int(fd), 0o600) }); err != nil {
		return err
	}
	return failed
}
