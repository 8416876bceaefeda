package policy

// Client is the kind of client a session was begun in (A9). It is a closed type.
type Client string

// Browser is every client that no matcher recognises. The timeouts are always enforced in it.
const Browser Client = ""

// The kinds of clients in which an operator may choose not to enforce the timeouts.
const (
	OutlookAddIn      Client = "outlook_add_in"
	Phone             Client = "phone"
	Tablet            Client = "tablet"
	DesktopAgentShell Client = "desktop_agent_shell" // with an embedded WPF browser; its Internet Explorer mode is a Browser
	LiveChat          Client = "live_chat"
	CanvasApp         Client = "canvas_app"
)

// Clients lists the kinds that matchers recognise, in the order in which people are shown them.
func Clients() []Client {
	return []Client{OutlookAddIn, Phone, Tablet, DesktopAgentShell, LiveChat, CanvasApp}
}

// Valid reports whether c is Browser or one of Clients.
func (c Client) Valid() bool {
	if c == Browser {
		return true
	}
	for _, known := range Clients() {
		if c == known {
			return true
		}
	}
	return false
}
