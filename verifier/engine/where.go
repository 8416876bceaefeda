package engine

// Where is where a session began, as far as the server can tell: for its user, and for administrators who look at it (B6). It is kept
// encrypted beside the session and forgotten with it.
type Where struct {
	UserAgent string `json:"user_agent,omitempty"` // at most MaxUserAgent bytes
	Address   string `json:"address,omitempty"`    // the network address, without the port
}

// MaxUserAgent is how much of a user agent is kept.
const MaxUserAgent = 512

// clip bounds what is kept.
func (w Where) clip() Where {
	w.UserAgent, w.Address = w.UserAgent[:min(len(w.UserAgent), MaxUserAgent)], w.Address[:min(len(w.Address), 64)]
	return w
}
