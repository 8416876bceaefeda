package adminapi

import "github.com/curfew-project/curfew/verifier/admin"

// Address is an address of the API, for tests that must not miss one.
type Address struct{ Method, Path string }

// Addresses are all of them.
func Addresses() []Address {
	var all []Address
	for _, r := range routes() {
		all = append(all, Address{r.method, r.path})
	}
	return all
}

// PeerActor is who a socket's peer is.
func PeerActor(known bool, uid, own int) (admin.Actor, bool) {
	return peer{uid: uid, known: known}.actor(own)
}

// Status is the HTTP status of a code.
func Status(code admin.Code) (int, bool) {
	return statusOf(code)
}
