//go:build js && wasm

// Package page is the page as the loader (wasm/loader) hands it over: the activity that the loader's listeners saw, the events
// that must wake the agent, navigation, the cover, and the way to say that the agent failed. Raw events never come here (they
// would each cost a call into WebAssembly); the loader keeps the two clock readings of the last one.
package page

import (
	"errors"
	"fmt"
	"strings"

	"github.com/hack-pad/safejs"

	"github.com/curfew-project/curfew/agent/activity"
	"github.com/curfew-project/curfew/agent/browser/jsvalue"
	"github.com/curfew-project/curfew/agent/warning"
	"github.com/curfew-project/curfew/shared/wire"
)

// Modes that the loader starts the agent in: what kind of page this is.
const (
	Guard    = "guard"     // a page of the application
	SignIn   = "sign-in"   // Curfew's own pages
	SignOut  = "sign-out"  //
	Resume   = "resume"    //
	SignedIn = "signed-in" // the end of a sign-in in a window of its own
	Frame    = "frame"     // in a frame of another origin's page, which it tells of activity; it has no session of its own (A10)
)

// Codes of failures, as the loader explains them to the person and on the console.
const (
	FailedStorage = "storage" // IndexedDB is missing, blocked or broken
	FailedCrypto  = "crypto"  // WebCrypto is missing
	FailedAgent   = "agent"   // anything else
)

// Port implements agent.Page and agent.Clock.
type Port struct {
	Mode     string
	Prefix   string // of Curfew's addresses on this origin, such as /.curfew/
	Nonce    string // SignIn: for the first proof
	ReturnTo string // SignIn and Resume: where the person wanted to go
	Stay     bool   // SignIn: the person wants to stay signed in
	Site     string // what the operator set for this origin, as JSON; not read yet
	Wakes    chan struct{}
	Seen     chan struct{}
	Gaps     chan struct{}

	port        safejs.Value
	activity    safejs.Value
	date        safejs.Value
	performance safejs.Value
	location    safejs.Value
	document    safejs.Value
	life        []func(kind string)
	choose      func(warning.Choice) bool
	armed       bool
	last        activity.Stamp
}

// Bounds of what the loader hands over, in bytes.
const (
	maxText = 8 << 10  // also of an address
	maxSite = 64 << 10 // more than the longest that the verifier's configuration allows
)

// Take takes the port from the loader, which keeps it for nobody else. It can be called once.
func Take() (*Port, error) {
	global := safejs.Global()
	curfew, err := jsvalue.Object(global, "curfew")
	if err != nil {
		return nil, err
	}
	p := &Port{Wakes: make(chan struct{}, 1), Seen: make(chan struct{}, 1), Gaps: make(chan struct{}, 1)}
	if p.port, err = jsvalue.Object(curfew, "port"); err != nil {
		return nil, err
	}
	if err := curfew.Delete("port"); err != nil {
		return nil, err
	}
	for _, text := range [...]struct {
		name string
		to   *string
		max  int
	}{{"mode", &p.Mode, maxText}, {"prefix", &p.Prefix, maxText}, {"nonce", &p.Nonce, maxText}, {"returnTo", &p.ReturnTo, maxText}, {"site", &p.Site, maxSite}} {
		if *text.to, err = jsvalue.Text(p.port, text.name, text.max); err != nil {
			return nil, err
		}
	}
	if p.Stay, err = jsvalue.Bool(p.port, "stay"); err != nil {
		return nil, err
	}
	for _, object := range [...]struct {
		from safejs.Value
		name string
		to   *safejs.Value
	}{
		{p.port, "activity", &p.activity},
		{global, "Date", &p.date},
		{global, "performance", &p.performance},
		{global, "location", &p.location},
		{global, "document", &p.document},
	} {
		if *object.to, err = jsvalue.Object(object.from, object.name); err != nil {
			return nil, err
		}
	}
	for name, events := range map[string]chan struct{}{"wake": p.Wakes, "seen": p.Seen, "gap": p.Gaps} {
		if err := p.on(name, func([]safejs.Value) any {
			select {
			case events <- struct{}{}:
			default: // one is pending already
			}
			return nil
		}); err != nil {
			return nil, err
		}
	}
	if err := errors.Join(p.on("life", p.lives), p.on("choose", p.chosen)); err != nil {
		return nil, err
	}
	_, err = p.port.Call("begin")
	return p, err
}

// on sets what the loader calls.
func (p *Port) on(name string, then func(args []safejs.Value) any) error {
	called, err := safejs.FuncOf(func(_ safejs.Value, args []safejs.Value) any { return then(args) })
	if err != nil {
		return err
	}
	return p.port.Set(name, called)
}

// Now reads both clocks.
func (p *Port) Now() activity.Stamp {
	wall, err := jsvalue.CallMillis(p.date, "now")
	if err == nil {
		var mono int64
		if mono, err = jsvalue.CallMillis(p.performance, "now"); err == nil {
			p.last = activity.Stamp{Wall: wall, Mono: mono}
		}
	}
	if err != nil {
		p.Fail(FailedAgent, fmt.Errorf("reading the clock: %w", err))
	}
	return p.last
}

// LastActivity is when the loader's listeners last saw human activity.
func (p *Port) LastActivity() activity.Stamp {
	wall, err := jsvalue.Millis(p.activity, "wall")
	if err == nil {
		var mono int64
		if mono, err = jsvalue.Millis(p.activity, "mono"); err == nil {
			return activity.Stamp{Wall: wall, Mono: mono}
		}
	}
	p.Fail(FailedAgent, fmt.Errorf("reading the last activity: %w", err))
	return activity.Stamp{}
}

// Expect tells the loader when the agent means to wake and when the session ends.
func (p *Port) Expect(wake, ends int64) {
	if !p.armed {
		p.armed = true
		p.call("armed")
	}
	p.call("expect", wake, ends)
}

// Leave goes to an address. Only http and https addresses are gone to, so that no answer can run a script. Curfew's own pages
// are replaced, so that Back does not lead to them.
func (p *Port) Leave(url string) {
	if err := p.leave(url); err != nil {
		p.Fail(FailedAgent, fmt.Errorf("leaving the page: %w", err))
	}
}

func (p *Port) leave(url string) error {
	class, err := jsvalue.Object(safejs.Global(), "URL")
	if err != nil {
		return err
	}
	base, err := jsvalue.Text(p.location, "href", maxText)
	if err != nil {
		return err
	}
	address, err := class.New(url, base)
	if err != nil {
		return err
	}
	protocol, err := jsvalue.Text(address, "protocol", maxText)
	if err != nil {
		return err
	}
	if protocol != "https:" && protocol != "http:" {
		return errors.New("not a web address: " + protocol)
	}
	method := "assign"
	if p.Mode != Guard {
		method = "replace"
	}
	_, err = p.location.Call(method, url)
	return err
}

// Here is the path, query and fragment of the page's address, as far as the verifier takes it as an address to come back to.
func (p *Port) Here() string {
	here := ""
	for _, part := range [...]string{"pathname", "search", "hash"} {
		text, err := jsvalue.Text(p.location, part, maxText)
		// Browsers keep a backslash in query and fragment; elsewhere it reads as a slash.
		text = strings.ReplaceAll(text, `\`, "%5C")
		if err != nil || len(here)+len(text) > wire.MaxReturnTo {
			break // the rest is too long; what stands is a shorter address of the same page
		}
		here += text
	}
	if here == "" {
		return "/"
	}
	return here
}

// SignInAddress is the address of the page that signs the person in and then goes on to returnTo.
func (p *Port) SignInAddress(returnTo string, anew bool) string {
	address := p.Prefix + "sign-in?"
	if anew {
		address += "again=1&"
	}
	encode, err := jsvalue.Object(safejs.Global(), "encodeURIComponent")
	if err == nil {
		var encoded safejs.Value
		if encoded, err = encode.Invoke(returnTo); err == nil {
			if text, err := encoded.String(); err == nil {
				return address + "return_to=" + text
			}
		}
	}
	return address
}

// Entrust hands something to the loader that it is to end when the agent has failed, and so cannot: "stream", with a method close, or
// "release", a function. Each call replaces the last one of that name.
func (p *Port) Entrust(name string, value safejs.Value) { _ = p.port.Set(name, value) }

// Fail covers the page for good and explains the error to the person and on the console (D5).
func (p *Port) Fail(code string, err error) { p.call("fail", code, err.Error()) }

func (p *Port) call(method string, args ...any) {
	// What the loader offers does not throw; if it did, there would be nobody left to tell.
	_, _ = p.port.Call(method, args...)
}
